//! One test binary: linking the SDK once is enough.

mod engine;
mod rooms;
mod types;
mod wiring;
