//! Why there is no image, or why it is not where it should be.

use std::{io, path::PathBuf};

use provisioner_files::WriteError;

use crate::Architecture;

/// What is wrong with a binary.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// No ELF file.
    #[error("the binary is no 64-bit ELF file")]
    NoElf(#[source] object::read::Error),
    /// For a processor that no image is made for.
    #[error("the binary is for a processor that no image is made for (ELF machine {machine})")]
    Processor {
        /// ELF's number.
        machine: u16,
    },
    /// For another processor.
    #[error("the binary is for {is}, and {wanted} is wanted")]
    Other {
        /// What it is for.
        is: Architecture,
        /// What it is to be for.
        wanted: Architecture,
    },
    /// It needs what the image does not have.
    #[error("the binary is linked dynamically, and the image has nothing but the binary: it needs {}", named(needs))]
    Dynamic {
        /// The shared objects.
        needs: Vec<String>,
    },
}

fn named(needs: &[String]) -> String {
    if needs.is_empty() { "a dynamic loader".to_owned() } else { needs.join(", ") }
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A file or folder.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A manifest of Cargo's does not say what it must.
    #[error("{}: {why}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A program could not be started.
    #[error("could not start `{program}`")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The app did not build.
    #[error("the app in {} does not build: `{command}` ended with {code}", path.display())]
    Build {
        /// Its folder.
        path: PathBuf,
        /// What was run.
        command: String,
        /// How it ended.
        code: String,
    },
    /// The binary cannot be the image's.
    #[error("{} cannot be put into an image", path.display())]
    Binary {
        /// The file.
        path: PathBuf,
        /// Why.
        source: BinaryError,
    },
    /// The layout is not what was written there.
    #[error("the image in {} is damaged: {why}", path.display())]
    Damaged {
        /// The layout's folder.
        path: PathBuf,
        /// What is wrong.
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
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Binary { source: BinaryError::Dynamic { .. }, .. } => Some(
                "a dependency links a shared library: build it from source, or leave it out; the C library itself is \
                 linked statically"
                    .to_owned(),
            ),
            Self::Damaged { .. } => Some("remove the folder and build the image again".to_owned()),
            Self::Start { program, .. } if program == "cargo" => Some("install Rust: https://rustup.rs".to_owned()),
            Self::Build { .. } => Some("what cargo says is above".to_owned()),
            _ => None,
        }
    }

    pub(crate) fn io(doing: &'static str, path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }
}

/// Why an image is not in the registry. It never holds credentials.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The repository's name is none.
    #[error("`{0}` is no repository: it is a host, a slash and a name")]
    Repository(String),
    /// The client could not be made.
    #[error("could not prepare the connection to {host}")]
    Client {
        /// The registry.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// No answer, after several attempts.
    #[error("{host} does not answer to {doing}")]
    NoAnswer {
        /// The registry.
        host: String,
        /// What was asked.
        doing: String,
        /// Why.
        source: reqwest::Error,
    },
    /// An answer that says no.
    #[error("{host} answered {status} to {doing}{}", why.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Refused {
        /// The registry.
        host: String,
        /// What was asked.
        doing: String,
        /// The status.
        status: u16,
        /// The registry's own words.
        why: Option<String>,
    },
    /// An answer without what it must have.
    #[error("{host} answered to {doing} without {missing}")]
    Missing {
        /// The registry.
        host: String,
        /// What was asked.
        doing: String,
        /// What is not there.
        missing: &'static str,
    },
    /// The registry says that it has stored something else.
    #[error("{host} stored {there} instead of {sent}")]
    Changed {
        /// The registry.
        host: String,
        /// What was sent.
        sent: String,
        /// What it says is there.
        there: String,
    },
    /// The tag names another image.
    #[error("the tag `{tag}` in {repository} names another image already: {there}, not {wanted}")]
    TagTaken {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// What it names.
        there: String,
        /// What it was to name.
        wanted: String,
    },
    /// The image itself.
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
