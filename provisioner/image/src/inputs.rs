//! The digest of an image's inputs, which detects an out-of-date image without a build.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{Architecture, digest, error::ImageError};

/// Folders with build results and with the checkout's own data.
const IGNORED_FOLDERS: [&str; 2] = ["target", ".git"];

/// The digest of the app's folder, of `also` (files that may not be there), and of what this program adds.
pub(crate) fn of(app: &Path, also: &[PathBuf], architecture: Architecture, base: &str) -> Result<String, ImageError> {
    let mut files = BTreeMap::new();
    walk(app, "", &mut files)?;
    let mut list = format!("{architecture}\n{base}\n");
    for (name, path) in &files {
        let bytes = fs::read(path).map_err(ImageError::io("read", path))?;
        list.push_str(&format!("{} {name}\n", digest(&bytes)));
    }
    for path in also.iter().filter(|path| path.is_file()) {
        list.push_str(&digest(&fs::read(path).map_err(ImageError::io("read", path))?));
        list.push('\n');
    }
    Ok(digest(list.as_bytes()))
}

/// Every file below `folder`, by its path in it with slashes.
fn walk(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> Result<(), ImageError> {
    for entry in fs::read_dir(folder).map_err(ImageError::io("read", folder))? {
        let entry = entry.map_err(ImageError::io("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        // Follows links, as the compiler does.
        let kind = fs::metadata(&path).map_err(ImageError::io("read", &path))?;
        if kind.is_file() {
            files.insert(format!("{prefix}{name}"), path);
        } else if kind.is_dir() && !(prefix.is_empty() && IGNORED_FOLDERS.contains(&name.as_str())) {
            walk(&path, &format!("{prefix}{name}/"), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of the test's own")]
mod tests {
    use super::*;

    #[test]
    fn any_file_counts_but_what_a_build_leaves() {
        let folder = tempfile::tempdir().unwrap();
        let app = folder.path();
        fs::create_dir_all(app.join("src")).unwrap();
        fs::create_dir_all(app.join("target/release")).unwrap();
        fs::write(app.join("src/main.rs"), "fn main() {}").unwrap();
        let also = [app.join("none")];
        let now = || of(app, &also, Architecture::X8664, "sha256:base").unwrap();
        let first = now();
        fs::write(app.join("target/release/app"), "binary").unwrap();
        assert_eq!(now(), first);
        fs::write(app.join("src/main.rs"), "fn main() { }").unwrap();
        assert_ne!(now(), first);
        fs::write(app.join("src/main.rs"), "fn main() {}").unwrap();
        assert_eq!(now(), first);
        fs::rename(app.join("src/main.rs"), app.join("src/other.rs")).unwrap();
        assert_ne!(now(), first);
        assert_ne!(of(app, &also, Architecture::Arm64, "sha256:base").unwrap(), now());
        assert_ne!(of(app, &also, Architecture::X8664, "sha256:other").unwrap(), now());
    }
}
