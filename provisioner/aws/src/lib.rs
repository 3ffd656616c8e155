//! AWS for Provisioner: one file per resource type, on the official SDK.
//!
//! What every file shares is in [`cloud`] (clients and the readers' cache), [`error`] (codes become kinds) and
//! [`tags`]. Nothing here knows of plans, order, retries or printing.

pub mod cloud;
pub mod error;
pub mod tags;
pub mod value;

#[cfg(feature = "ec2")]
pub mod ec2;

pub use cloud::{Aws, Identity, Reader, Writer};

use provisioner_model::erased::Registry;

/// Every resource type of this crate that the chosen features build.
pub fn registry() -> Registry {
    let types = Registry::default();
    #[cfg(feature = "ec2")]
    let types = ec2::register(types);
    types
}
