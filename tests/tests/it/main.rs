//! One test binary: linking the SDK once is enough.

mod engine;
mod network;
mod reference;
mod rooms;
mod sandbox;
mod types;
mod wiring;
