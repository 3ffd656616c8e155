//! What people ask of a running stack, beyond its resources.

pub(crate) mod failure;
pub mod running;
