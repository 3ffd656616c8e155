//! One test binary: linking the SDK once is enough.

mod engine;
mod types;
