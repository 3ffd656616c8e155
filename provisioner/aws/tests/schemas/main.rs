//! Resources against AWS's published schemas, and as a CloudFormation template, without an emulator.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod known_bad;
mod mapping;
mod template;
