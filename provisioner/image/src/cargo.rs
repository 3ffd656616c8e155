//! Building the app with Cargo: static, and without a trace of where it was built.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;

use crate::{Architecture, Labels, error::ImageError};

/// Settings for running Cargo.
#[derive(Clone, Debug)]
pub struct Cargo {
    /// The program to run, by default `cargo`.
    pub program: OsString,
    /// Folder of the dependencies' sources: `CARGO_HOME`.
    pub home: PathBuf,
    /// Build folder: `CARGO_TARGET_DIR`.
    pub target: PathBuf,
}

/// Name and version from the app's manifest.
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) labels: Labels,
}

impl App {
    pub(crate) fn read(folder: &Path) -> Result<Self, ImageError> {
        #[derive(Deserialize)]
        struct Manifest {
            package: Package,
        }
        #[derive(Deserialize)]
        struct Package {
            name: String,
            version: String,
            repository: Option<String>,
        }
        let path = folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).map_err(ImageError::io("read", &path))?;
        let manifest: Manifest =
            toml::from_str(&text).map_err(|error| ImageError::Manifest { path, why: error.message().to_owned() })?;
        let Package { name, version, repository } = manifest.package;
        Ok(Self { name, labels: Labels { source: repository, version } })
    }
}

impl Cargo {
    /// Builds the app, and answers with its binary.
    pub(crate) fn build(&self, folder: &Path, app: &App, architecture: Architecture) -> Result<PathBuf, ImageError> {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        fs::create_dir_all(&self.target).map_err(ImageError::io("make", &self.target))?;
        let (folder, home, target) = (real(folder), real(&self.home), real(&self.target));
        let mut flags = OsString::from("-Ctarget-feature=+crt-static");
        // The last one that fits counts: the target folder may lie within the app's.
        for (from, to) in [(&home, "/cargo"), (&folder, "/app"), (&target, "/target")] {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(from);
            flags.push(format!("={to}"));
        }
        let mut command = Command::new(&self.program);
        command.args(["build", "--release", "--locked", "--target", architecture.target(), "--manifest-path"]);
        command.arg(folder.join("Cargo.toml")).current_dir(&folder).stdin(Stdio::null());
        // Data goes to standard output, talk to standard error.
        command.stdout(Stdio::null());
        command.env("CARGO_TARGET_DIR", &target).env("CARGO_ENCODED_RUSTFLAGS", flags);
        // What is written in C may hold when it was compiled (an allocator does), which a compiler takes from this.
        command.env("SOURCE_DATE_EPOCH", "0");
        // What a program around us was built with is none of the app's business.
        for name in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_INCREMENTAL"] {
            command.env_remove(name);
        }
        let program = self.program.to_string_lossy().into_owned();
        let ended = command.status().map_err(|source| ImageError::Start { program: program.clone(), source })?;
        if !ended.success() {
            let command = format!("{program} build --release --locked --target {}", architecture.target());
            return Err(ImageError::Build { path: folder, command, code: ended.to_string() });
        }
        Ok(target.join(architecture.target()).join("release").join(&app.name))
    }
}
