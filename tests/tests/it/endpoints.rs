//! Endpoints that are not URLs: an error with the variable, and not the SDK's panic.

use std::{path::Path, process::Command};

use crate::sandbox::ran;

#[test]
fn endpoint_that_is_not_a_url_is_an_error() {
    for (variable, value) in
        [("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL", "127.0.0.1:4566"), ("AWS_ENDPOINT_URL_STS", "http://")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        command.current_dir(root).args(["plan", "dev"]).env(variable, value).env("AWS_EC2_METADATA_DISABLED", "true");
        let err = ran(command.output().unwrap()).ended(1).err;
        let expected = format!("{variable} is not a URL: `{value}`");
        assert!(err.contains(&expected) && err.contains("hint: expected `http://HOST`"), "{err}");
    }
}
