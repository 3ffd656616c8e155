//! Errors of building and pushing an image.

use std::{io, path::PathBuf};

use provisioner_files::WriteError;

use crate::Architecture;

/// An unsuitable property of a binary.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// The file is not an ELF file.
    #[error("the binary is not a 64-bit ELF file")]
    NoElf(#[source] object::read::Error),
    /// For a processor that no image is made for.
    #[error("the binary is for a processor that no image is made for (ELF machine {machine})")]
    Processor {
        /// Machine number of the ELF header.
        machine: u16,
    },
    /// The binary is for another processor.
    #[error("expected a binary for {wanted}, found one for {is}")]
    Other {
        /// Processor of the binary.
        is: Architecture,
        /// Processor that the image requires.
        wanted: Architecture,
    },
    /// It needs what the image does not have.
    #[error("the binary is linked dynamically, and the image has nothing but the binary: it needs {}", named(needs))]
    Dynamic {
        /// Names of the required shared objects.
        needs: Vec<String>,
    },
}

fn named(needs: &[String]) -> String {
    if needs.is_empty() { "a dynamic loader".to_owned() } else { needs.join(", ") }
}

/// An error of building or reading an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file or folder.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// The attempted operation: `read` or `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A Cargo manifest lacks a required value.
    #[error("{}: {why}", path.display())]
    Manifest {
        /// Path of the file.
        path: PathBuf,
        /// Description of the error.
        why: String,
    },
    /// A program could not be started.
    #[error("could not start `{program}`")]
    Start {
        /// Name of the program.
        program: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The app did not build.
    #[error("the app in {} does not build: `{command}` ended with {code}", path.display())]
    Build {
        /// The app's folder.
        path: PathBuf,
        /// Command line of the program.
        command: String,
        /// Exit code or signal of the program.
        code: String,
    },
    /// The binary cannot be the image's.
    #[error("{} cannot be put into an image", path.display())]
    Binary {
        /// Path of the binary.
        path: PathBuf,
        /// The unsuitable property.
        source: BinaryError,
    },
    /// The layout is not what was written there.
    #[error("the image in {} is damaged: {why}", path.display())]
    Damaged {
        /// Folder of the OCI layout.
        path: PathBuf,
        /// Description of the error.
        why: String,
    },
    /// A list of components could not be made.
    #[error("could not make the list of the app's components: {0}")]
    Sbom(String),
    /// JSON could not be written.
    #[error("could not encode this as JSON")]
    Json(#[from] serde_json::Error),
}

impl From<WriteError> for ImageError {
    fn from(error: WriteError) -> Self {
        Self::Io { doing: "write", path: error.path, source: error.source }
    }
}

impl ImageError {
    pub(crate) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// An error of a registry. It never contains credentials.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The repository's name is none.
    #[error("`{0}` is not a repository: expected HOST/NAME")]
    Repository(String),
    /// The client could not be made.
    #[error("could not prepare the connection to {host}")]
    Client {
        /// Host of the registry.
        host: String,
        /// Error of the HTTP client.
        source: reqwest::Error,
    },
    /// No answer, after several attempts.
    #[error("{host} does not answer to {doing}")]
    NoAnswer {
        /// Host of the registry.
        host: String,
        /// Description of the request.
        doing: String,
        /// Error of the HTTP client.
        source: reqwest::Error,
    },
    /// The registry refused the request.
    #[error("{host} answered {status} to {doing}{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Refused {
        /// Host of the registry.
        host: String,
        /// Description of the request.
        doing: String,
        /// HTTP status of the response.
        status: u16,
        /// The registry's own words.
        why: Option<String>,
    },
    /// An answer without what it must have.
    #[error("{host} answered to {doing} without {missing}")]
    Missing {
        /// Host of the registry.
        host: String,
        /// Description of the request.
        doing: String,
        /// The part that the response lacks.
        missing: &'static str,
    },
    /// The registry stored different content.
    #[error("{host} stored {there} instead of {sent}")]
    Changed {
        /// Host of the registry.
        host: String,
        /// Digest that was sent.
        sent: String,
        /// Digest that the registry returned.
        there: String,
    },
    /// The tag names another image.
    #[error("the tag `{tag}` in {repository} names another image already: {there}, not {wanted}")]
    TagTaken {
        /// Name of the repository.
        repository: String,
        /// The tag in question.
        tag: String,
        /// Digest that the tag names.
        there: String,
        /// Digest that the tag should name.
        wanted: String,
    },
    /// The local image could not be read.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl RegistryError {
    /// Returns whether the registry is unwilling, and not just out of reach.
    pub fn denied(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. })
    }

    /// Returns whether it may go better later.
    pub fn passing(&self) -> bool {
        matches!(self, Self::NoAnswer { .. } | Self::Refused { status: 429 | 500.., .. })
    }
}
