//! One test binary: linking the SDK once is enough.

mod engine;
mod network;
mod types;
