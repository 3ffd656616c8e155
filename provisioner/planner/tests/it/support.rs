//! The fixture of the testkit under a short name.

pub(crate) use provisioner_testkit::fixture::*;
