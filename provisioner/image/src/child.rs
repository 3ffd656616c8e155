//! Programs that a build starts: Cargo runs build scripts and macros of every dependency, which must not get the
//! credentials that Provisioner runs with.

use std::{ffi::OsStr, process::Command};

/// Variables whose values are credentials, or a token for credentials.
const CREDENTIALS: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
];

/// A program that gets this process's environment without credentials.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in CREDENTIALS {
        command.env_remove(name);
    }
    command
}
