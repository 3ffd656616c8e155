//! The app's image, as the commands need it: its source, its build, and its digest for the stack's facts.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use provisioner_image::{Architecture, BuildStatus, Cargo, ImageError, ImageSource, Layout, Progress};
use provisioner_model::Diagnostic;

use crate::{artifacts::Artifacts, environment::Folder, render::progress::seconds, terminal::Terminal};

/// The name under which a stack finds the image's digest in its facts.
pub(crate) const FACT: &str = "image";

/// Pause between two lines about a running build.
const REPORT_INTERVAL: Duration = Duration::from_secs(15);

/// Returns the processor of an environment's image; `None` without an image.
pub(crate) type Wants<E> = Box<dyn Fn(&E) -> Option<Architecture> + Send + Sync>;

/// The image as it is on this machine, with a notice where it is missing or out of date.
pub(crate) fn artifacts(source: &ImageSource) -> Result<Artifacts, ImageError> {
    let build_status = source.build_status()?;
    let notice = match &build_status {
        BuildStatus::Current(_) => None,
        BuildStatus::Missing => Some("not built yet: `apply` or `image build` builds it"),
        BuildStatus::OutOfDate(_) => {
            Some("out of date because its source has changed: `apply` rebuilds it, `plan` does not")
        }
    };
    let digest = build_status.layout().map(|layout| layout.digest().to_owned());
    Ok(Artifacts {
        digests: BTreeMap::from([(FACT.to_owned(), digest)]),
        notices: notice.map(|what| Diagnostic::warning(format!("{FACT}: {what}"))).into_iter().collect(),
    })
}

/// Returns the source of the image in `folder/app`; `None` without that folder.
pub(crate) fn source(folder: &Folder, architecture: Architecture) -> Option<ImageSource> {
    let root = folder.path();
    let app = root.join("app");
    if !app.join("Cargo.toml").is_file() {
        return None;
    }
    let cargo = Cargo { program: "cargo".into(), home: cargo_home(), target: cargo_target(root) };
    let layout = layouts(root).join(architecture.name());
    Some(ImageSource { app, also: vec![root.join("rust-toolchain.toml")], architecture, layout, cargo })
}

/// The folder of the layouts.
pub(crate) fn layouts(root: &Path) -> PathBuf {
    root.join("build").join("image")
}

/// Builds the image where it is missing or out of date, and returns it.
pub(crate) fn build_if_outdated(source: &ImageSource, terminal: &Terminal) -> Result<Layout, ImageError> {
    let why = match source.build_status()? {
        BuildStatus::Current(layout) => return Ok(layout),
        BuildStatus::Missing => "it has not been built. The first build compiles all dependencies, which takes minutes",
        BuildStatus::OutOfDate(_) => "its source has changed",
    };
    terminal.say(&format!("Building the app's image for {}: {why}.", source.architecture));
    let layout = build(source, terminal)?;
    terminal.say(&format!("The image is {} ({}).", layout.digest(), size(total(&layout)?)));
    Ok(layout)
}

/// Builds the image. On a terminal Cargo draws a progress bar; elsewhere a line appears now and then, so that the build
/// does not look stuck.
fn build(source: &ImageSource, terminal: &Terminal) -> Result<Layout, ImageError> {
    if terminal.live {
        return source.build();
    }
    let mut next = REPORT_INTERVAL;
    source.build_reporting(|progress| {
        if progress.elapsed >= next {
            next = progress.elapsed + REPORT_INTERVAL;
            terminal.say(&progress_line(progress));
        }
    })
}

fn progress_line(Progress { compiled, total, elapsed }: Progress) -> String {
    let time = seconds(elapsed);
    if compiled + 1 < total {
        return format!("Compiling the app: {compiled} of {total} crates after {time}");
    }
    format!("Compiling the app: all dependencies are compiled, optimising and linking the program ({time} so far)")
}

/// Returns the compressed size of an image's layers in bytes.
pub(crate) fn total(layout: &Layout) -> Result<u64, ImageError> {
    Ok(layout.layers()?.iter().map(|layer| layer.size).sum())
}

/// Bytes as people read them.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn cargo_home() -> PathBuf {
    let home = || variable("HOME").map(|home| home.join(".cargo"));
    variable("CARGO_HOME").or_else(home).unwrap_or_else(|| PathBuf::from(".cargo"))
}

/// Returns a separate build folder: a shared one would be rebuilt for each set of compiler flags.
fn cargo_target(root: &Path) -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| root.join("build").join("target"), |target| target.join("image"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_names_the_last_stage() {
        let at = |compiled| progress_line(Progress { compiled, total: 257, elapsed: Duration::from_secs(75) });
        assert_eq!(at(143), "Compiling the app: 143 of 257 crates after 1 min 15 s");
        assert!(at(256).contains("linking"), "{}", at(256));
    }

    #[test]
    fn sizes_are_readable() {
        for (bytes, text) in [(0, "0 B"), (1023, "1023 B"), (204_800, "200 KiB"), (5_767_168, "5.5 MiB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
