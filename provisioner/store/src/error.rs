//! Errors of the store, each with its location and a hint.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use provisioner_files::WriteError;
use provisioner_model::{Hint, printable};

use crate::{Holder, objects::ObjectError};

/// The result of a call to a store.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// An error of the store. `Display` is one sentence without the source; the caller prints the chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file could not be read or written.
    #[error("could not {operation} {}", path.display())]
    Io {
        /// The attempted operation: `read` or `write`.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// A file's text is not what was written there.
    #[error("{} is damaged at line {line}, column {column}", path.display())]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// Line of the error, from 1.
        line: usize,
        /// Column of the error, from 1.
        column: usize,
        /// A version from which to go on, where one is kept.
        good: Option<PathBuf>,
        /// Error of the JSON parser.
        source: serde_json::Error,
    },
    /// A file was changed after it was written.
    #[error("{} is not as Provisioner wrote it: its checksum does not match", place(path, *line))]
    Checksum {
        /// Path of the file.
        path: PathBuf,
        /// Line of a journal, from 1.
        line: Option<usize>,
        /// A version from which to go on, where one is kept.
        good: Option<PathBuf>,
    },
    /// The state is gone, and other files of it are there.
    #[error("{} is missing, and its journal or earlier versions are there", path.display())]
    Missing {
        /// Path of the state.
        path: PathBuf,
    },
    /// Somebody has put an earlier version in the place of the state.
    #[error("{} has serial {there}, and a version with serial {newest} is kept", path.display())]
    Outdated {
        /// Path of the state.
        path: PathBuf,
        /// Serial of the state.
        there: u64,
        /// The highest serial of the versions.
        newest: u64,
    },
    /// The serial cannot grow any more.
    #[error("the state would get serial {0}, which is more than a file may have")]
    Serial(u64),
    /// A symbolic link in the place of a file that this program writes.
    #[error("{} is a symbolic link", path.display())]
    Link {
        /// Path of the link.
        path: PathBuf,
    },
    /// The state was written by another version of Provisioner.
    #[error("{} has format {found}, and this version of Provisioner reads format {known}", path.display())]
    Format {
        /// Path of the file.
        path: PathBuf,
        /// Format version in the file.
        found: u64,
        /// The format that this version writes.
        known: u32,
    },
    /// The journal belongs to a state that is not there.
    #[error("{} line {line} goes onto {found}, but the state there is {there}", path.display())]
    Astray {
        /// Path of the journal.
        path: PathBuf,
        /// Line of the error, from 1.
        line: usize,
        /// Lineage and serial that it names.
        found: String,
        /// Lineage and serial of the state.
        there: String,
    },
    /// The state belongs to another environment or another history.
    #[error("{} is {there}, not {expected}", path.display())]
    Foreign {
        /// Path of the file.
        path: PathBuf,
        /// The value in the file.
        there: String,
        /// The value that was expected.
        expected: String,
    },
    /// The state has moved on since it was read.
    #[error("the state in {} already has serial {there}: serial {ours} would overwrite it", path.display())]
    Overtaken {
        /// Path of the file.
        path: PathBuf,
        /// Serial of the stored state.
        there: u64,
        /// The serial that was to be written.
        ours: u64,
    },
    /// Another process holds the lock.
    #[error("the state in {} is locked by {}", path.display(), holder.as_ref().map_or_else(|| "another process".to_owned(), ToString::to_string))]
    Locked {
        /// Path of the state's folder.
        path: PathBuf,
        /// Holder of the lock, if the lock file names one.
        holder: Option<Holder>,
    },
    /// The folder is on a file system without locks that other machines see.
    #[error("{} cannot be locked for other machines: {why}", path.display())]
    WithoutLocks {
        /// Path of the state's folder.
        path: PathBuf,
        /// The mount.
        why: String,
    },
    /// The lock file is another one than the process locked.
    #[error("{} was removed or replaced while this process held it", path.display())]
    LockReplaced {
        /// Path of the lock file.
        path: PathBuf,
    },
    /// Another program holds the second lock.
    #[error("{} has a lock of another program: {}", path.display(), printable(info))]
    TableLocked {
        /// Address of the lock.
        path: PathBuf,
        /// The description of its holder.
        info: String,
    },
    /// Another process holds the lease.
    #[error("the state in {} is leased by {holder}, who renewed the lease {} s ago", path.display(), silent.as_secs())]
    Leased {
        /// Address of the lease.
        path: PathBuf,
        /// Holder of the lease.
        holder: Box<Holder>,
        /// Time since the holder renewed it.
        silent: Duration,
    },
    /// The lease is not what was written there, so that nobody knows who holds it.
    #[error("the lease {} cannot be read", path.display())]
    LeaseDamaged {
        /// Address of the lease.
        path: PathBuf,
        /// Error of the JSON parser.
        source: serde_json::Error,
    },
    /// An object of an object storage could not be read or written.
    #[error("could not {operation} {address}")]
    Object {
        /// The attempted operation: `read`, `list`, `write` or `remove`.
        operation: &'static str,
        /// Address of the object.
        address: String,
        /// Error of the object storage.
        source: ObjectError,
    },
    /// Another process may write now.
    #[error("this process no longer holds the lease {}: {why}", path.display())]
    LeaseLost {
        /// Address of the lease, or of the part of the journal that belongs to it.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A value could not be put into JSON.
    #[error("could not encode {what}")]
    Encode {
        /// Name of the document.
        what: &'static str,
        /// Error of the JSON serialiser.
        source: serde_json::Error,
    },
}

fn place(path: &Path, line: Option<usize>) -> String {
    let path = path.display();
    line.map_or_else(|| path.to_string(), |line| format!("line {line} of {path}"))
}

impl StoreError {
    /// Returns the error with a version of the state that is kept, if the file that it is about can be replaced by one.
    pub(crate) fn with_kept_version(mut self, kept: Option<PathBuf>) -> Self {
        if let Self::Damaged { good, .. } | Self::Checksum { good, .. } = &mut self {
            *good = kept;
        }
        self
    }

    /// Returns whether the file that the error is about cannot be read as it is.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Checksum { .. } | Self::Missing { .. })
    }
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        Self::Io { operation: "write", path: error.path, source: error.source }
    }
}

impl Hint for StoreError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => Some(
                "check that this user may read and write the folder `state`, and that its disk has room".to_owned(),
            ),
            Self::Object { source, .. } => Some(match source.code() {
                Some("NoSuchBucket") => {
                    "`provisioner bootstrap ENV` creates the bucket; or correct `bucket` and `region` in `[state]`".to_owned()
                }
                Some("ResourceNotFoundException") => {
                    "`lock_table` in `[state]` names a table that does not exist: `provisioner bootstrap ENV` creates it"
                        .to_owned()
                }
                Some("AccessDenied") => "the credentials need s3:ListBucket for the bucket, and s3:GetObject, s3:PutObject and \
                                         s3:DeleteObject for its objects; with a KMS key, kms:Decrypt and \
                                         kms:GenerateDataKey for the key"
                    .to_owned(),
                _ => "check the network connection, and that the credentials may read and write the bucket".to_owned(),
            }),
            Self::LeaseLost { .. } => Some(
                "another run may have continued this one's work: run `provisioner plan ENV` to see what is left"
                    .to_owned(),
            ),
            Self::WithoutLocks { .. } => Some(
                "keep the state in S3 (`[state]` in the environment file), or mount the folder without that option".to_owned(),
            ),
            Self::LockReplaced { .. } => Some(
                "another run may write the state now; keep other programs out of the folder `state`, then run `provisioner \
                 plan ENV` to see what is left"
                    .to_owned(),
            ),
            Self::Encode { .. } => Some("this is a bug in Provisioner: please report it".to_owned()),
            Self::Damaged { good: Some(good), .. } | Self::Checksum { good: Some(good), .. } => Some(format!(
                "`provisioner state repair ENV` restores the newest version that can be read; the newest that is kept is {}",
                good.display()
            )),
            Self::Damaged { .. } | Self::Checksum { .. } | Self::Missing { .. } => {
                Some("`provisioner state repair ENV` shows what can be read, and keeps it".to_owned())
            }
            Self::Outdated { .. } => Some(
                "`provisioner state import ENV FILE` makes an earlier version the state, with a serial above all others"
                    .to_owned(),
            ),
            Self::Serial(_) => Some("export the state, correct its serial, and import it".to_owned()),
            Self::Link { .. } => Some("remove the link: nobody but this program writes that file".to_owned()),
            Self::Format { found, known, .. } if *found > u64::from(*known) => {
                Some("a newer Provisioner wrote it: use that version or a later one".to_owned())
            }
            Self::Format { .. } => {
                Some("no released version wrote this format: restore the file from a backup".to_owned())
            }
            Self::Astray { .. } => Some("the journal belongs to a later state: restore that state file".to_owned()),
            Self::Foreign { .. } => {
                Some("the file was copied from elsewhere: restore this environment's file".to_owned())
            }
            Self::Overtaken { .. } => Some("another run has changed the state: plan again".to_owned()),
            Self::LeaseDamaged { .. } => Some("`provisioner unlock ENV` replaces it; make sure that no run is in progress".to_owned()),
            Self::TableLocked { .. } => Some(
                "wait until that program is done; if it is gone, remove its lock with it, or delete the item".to_owned(),
            ),
            Self::Leased { .. } => Some(
                "wait until it is done; a lease ends a minute after its holder stops renewing it, and `provisioner unlock \
                 ENV` ends it at once"
                    .to_owned(),
            ),
            Self::Locked { .. } => {
                Some("wait until it is done; the lock ends with its process, so you never have to remove it".to_owned())
            }
        }
    }
}
