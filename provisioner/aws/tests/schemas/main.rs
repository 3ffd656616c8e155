//! Resources against AWS's published schemas, and as a CloudFormation template, without an emulator.

mod known_bad;
mod mapping;
mod template;
