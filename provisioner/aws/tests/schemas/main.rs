//! Resources against AWS's published schemas, without an emulator.

mod known_bad;
mod mapping;
