//! The bundled program, built with the tests so that they find it; or the same as `PROVISIONER_TESTS_VARIANT` says that
//! somebody changed it: see [`Variant`]. `canaries FILE` is a program with the secrets of a file.

use std::process::ExitCode;

use provisioner_tests::{canary, variant::Variant};

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "how a test says which program it runs")]
    let variant = std::env::var("PROVISIONER_TESTS_VARIANT").ok();
    if let Some(file) = variant.as_deref().and_then(|variant| variant.strip_prefix("canaries ")) {
        return provisioner_cli::main(canary::program(file.into()).named("provisioner"));
    }
    match variant.as_deref().and_then(Variant::parse) {
        Some(variant) => provisioner_cli::main(variant.program().named("provisioner")),
        None => provisioner_cli::bundled(),
    }
}
