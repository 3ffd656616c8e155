//! The app's image, made without a Docker daemon: a release binary becomes an OCI layout on disk, and the layout is
//! pushed to a registry.
//!
//! [`ImageSource`] says what an image is made from and whether the one there is out of date, [`Layout`] is what is on disk,
//! [`ContainerRegistry`] is where it goes. The same inputs give the same digest: see docs/decisions/0009-the-image.md.

mod archive;
mod binary;
mod build;
mod cargo;
mod child;
mod error;
mod inputs;
mod layer;
mod layout;
mod manifest;
mod progress;
mod provenance;
mod push;
mod registry;
mod sbom;
pub mod tls;

pub use binary::Architecture;
pub use build::{BuildStatus, ImageSource};
pub use cargo::Cargo;
pub use error::{BinaryError, ImageError, RegistryError};
pub use layout::{Layout, find};
pub use manifest::{Descriptor, Labels};
pub use progress::Progress;
pub use push::{Attached, Pushed};
pub use registry::{ContainerRegistry, Credentials};

/// ID of the app's user and group, which does not exist on the host.
pub const USER: u32 = 10_000;
/// The port that the image exposes.
pub const PORT: u16 = 8080;

/// `sha256:…` of some bytes.
fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

/// A digest without the name of its algorithm.
fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}
