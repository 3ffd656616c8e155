//! Writing a file so that a reader, or a crash, sees the old text or the new one and nothing between.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
};

use crate::error::{Result, StoreError};

/// Replaces the file at `path`, and returns once that would survive a loss of power. Its folder must be there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let io = |source| StoreError::Io { doing: "write", path: path.to_owned(), source };
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-").suffix(".tmp");
    #[cfg(unix)]
    {
        // As any other new file: the umask decides.
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(folder).map_err(io)?;
    file.write_all(bytes).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|e| io(e.error))?;
    sync_folder(folder)
}

/// Makes what happened to a folder's names durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    // Elsewhere a folder cannot be opened, and its names are durable with the file.
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| StoreError::Io { doing: "write", path: folder.to_owned(), source })?;
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::Io { doing: "remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}
