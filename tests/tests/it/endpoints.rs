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

#[test]
#[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
fn endpoint_of_a_profile_that_is_not_a_url_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let service =
        |url: &str| format!("[profile mine]\nservices = here\n\n[services here]\nsts =\n  endpoint_url = {url}\n");
    let all = |url: &str| format!("[profile mine]\nendpoint_url = {url}\n");
    for (text, name, value) in [
        (all(""), "`endpoint_url`", ""),
        (all("127.0.0.1:4566"), "`endpoint_url`", "127.0.0.1:4566"),
        (all("http://"), "`endpoint_url`", "http://"),
        (service("localhost"), "`endpoint_url` for STS", "localhost"),
    ] {
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        command.current_dir(root).args(["plan", "dev"]).env("AWS_CONFIG_FILE", &config).env("AWS_PROFILE", "mine");
        command.env_remove("AWS_ENDPOINT_URL").env("AWS_EC2_METADATA_DISABLED", "true");
        let err = ran(command.output().unwrap()).ended(1).err.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected = format!("{name} of the AWS profile `mine` is not a URL: `{value}`");
        assert!(err.contains(&expected), "{expected} is not in {err}");
        assert!(err.contains(&format!("correct `endpoint_url` in {}", config.display())), "{err}");
    }
}
