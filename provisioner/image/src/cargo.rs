//! Building the app with Cargo: static, and without a trace of where it was built.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use serde::Deserialize;

use crate::{
    Architecture, Labels, child,
    error::ImageError,
    progress::{self, Progress},
};

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
    /// Builds the app and returns the path of its binary. Cargo itself shows its progress on a terminal; with `report`,
    /// it is quiet and its progress is reported.
    pub(crate) fn build(
        &self,
        folder: &Path,
        app: &App,
        architecture: Architecture,
        report: Option<&mut dyn FnMut(Progress)>,
    ) -> Result<PathBuf, ImageError> {
        let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        fs::create_dir_all(&self.target).map_err(ImageError::io("make", &self.target))?;
        let (folder, home, target) = (real(folder), real(&self.home), real(&self.target));
        let mut flags = OsString::from("-Ctarget-feature=+crt-static");
        // The last match counts: the target folder may be inside the app's folder.
        for (from, to) in [(&home, "/cargo"), (&folder, "/app"), (&target, "/target")] {
            flags.push("\u{1f}--remap-path-prefix=");
            flags.push(from);
            flags.push(format!("={to}"));
        }
        let cargo = |what: &[&str]| {
            let mut command = child::command(&self.program);
            command.args(what).args(["--locked", "--target", architecture.target(), "--manifest-path"]);
            command.arg(folder.join("Cargo.toml")).current_dir(&folder).stdin(Stdio::null());
            // Results go to stdout; progress and errors go to stderr.
            command.stdout(Stdio::null());
            command.env("CARGO_TARGET_DIR", &target).env("CARGO_ENCODED_RUSTFLAGS", &flags);
            // C code may embed the time of its compilation (an allocator does); compilers take it from this variable.
            command.env("SOURCE_DATE_EPOCH", "0");
            // The flags of a surrounding build must not change the app's.
            for name in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_INCREMENTAL"] {
                command.env_remove(name);
            }
            command
        };
        let program = || self.program.to_string_lossy().into_owned();
        let start = |source| ImageError::Start { program: program(), source };
        let failed = |what: &str, code: ExitStatus| ImageError::Build {
            path: folder.clone(),
            command: format!("{} {what} --locked --target {}", program(), architecture.target()),
            code: code.to_string(),
        };
        let status = match report {
            None => cargo(&["build", "--release"]).status(),
            Some(report) => {
                // This downloads the dependencies. Cargo shows the progress on stderr.
                let tree = cargo(&["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::inherit())
                    .output()
                    .map_err(start)?;
                if !tree.status.success() {
                    return Err(failed("tree", tree.status));
                }
                let total = progress::crates(&String::from_utf8_lossy(&tree.stdout));
                let build = ["build", "--release", "--quiet", "--message-format=json-render-diagnostics"];
                progress::watch(&mut cargo(&build), total, report)
            }
        };
        let status = status.map_err(start)?;
        if !status.success() {
            return Err(failed("build --release", status));
        }
        Ok(target.join(architecture.target()).join("release").join(&app.name))
    }
}
