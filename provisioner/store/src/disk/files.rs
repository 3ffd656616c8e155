//! Files and folders, with errors that name them.

use std::{fs, io::ErrorKind, path::Path};

use provisioner_files::sync_folder;

use crate::error::{Result, StoreError};

/// Creates a folder and those above it, durably.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folder(parent)?;
    }
    match fs::create_dir(folder) {
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made.map_err(|source| StoreError::Io { operation: "make", path: folder.to_owned(), source })?,
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok(sync_folder(parent.unwrap_or(Path::new(".")))?)
}

/// Refuses to write through a symbolic link, which whoever may write to the folder can point at any file.
pub(super) fn refuse_link(path: &Path) -> Result<()> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    if is_link { Err(StoreError::Link { path: path.to_owned() }) } else { Ok(()) }
}

/// Returns the names of a folder's files that end so, without the end.
pub(super) fn names(folder: &Path, end: &str) -> Result<Vec<String>> {
    let io = |source| StoreError::Io { operation: "read", path: folder.to_owned(), source };
    let files = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        files => files.map_err(io)?,
    };
    let mut names = vec![];
    for file in files {
        let name = file.map_err(io)?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(end)).map(str::to_owned));
    }
    Ok(names)
}

pub(super) fn read_file(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(StoreError::Io { operation: "read", path: path.to_owned(), source }),
    }
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(StoreError::Io { operation: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
