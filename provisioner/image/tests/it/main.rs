//! A small program is built, made an image, and pushed to a registry that does what a script says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests: what goes wrong is said by the panic"
)]

mod build;
mod push;
mod script;

use std::path::{Path, PathBuf};

use provisioner_image::{Architecture, Cargo, ImageSource};

/// The architecture of this machine.
const HERE: Architecture = if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X8664 };

/// A program in `folder/app`, and how it is built.
#[expect(clippy::disallowed_methods, reason = "files of the test's own, and where Cargo is")]
fn program(folder: &Path) -> ImageSource {
    let app = folder.join("app");
    std::fs::create_dir_all(app.join("src")).unwrap();
    let manifest = "[workspace]\n[package]\nname = \"tiny\"\nversion = \"1.2.3+x\"\nedition = \"2024\"\n\
                    repository = \"https://example.com/tiny\"\n[profile.release]\nstrip = true\n";
    std::fs::write(app.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(app.join("Cargo.lock"), "version = 4\n[[package]]\nname = \"tiny\"\nversion = \"1.2.3+x\"\n")
        .unwrap();
    std::fs::write(app.join("src/main.rs"), MAIN).unwrap();
    let home = std::env::var_os("CARGO_HOME").map_or_else(|| PathBuf::from("/nowhere"), PathBuf::from);
    ImageSource {
        app,
        also: vec![folder.join("rust-toolchain.toml")],
        architecture: HERE,
        layout: folder.join("build/image").join(HERE.name()),
        cargo: Cargo {
            program: std::env::var_os("CARGO").unwrap_or("cargo".into()),
            home,
            target: folder.join("target"),
        },
    }
}

/// It names its own file, so that a path would show.
const MAIN: &str =
    "fn main() { let at = std::panic::Location::caller(); println!(\"{} {at}\", file!()); panic!(\"here\") }\n";
