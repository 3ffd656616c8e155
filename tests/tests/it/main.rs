//! One test binary: linking the SDK once is enough.

mod cbor;
mod engine;
mod types;
