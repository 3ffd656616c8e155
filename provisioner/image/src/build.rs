//! Builds the layout from the app's folder, and checks whether it is out of date.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Architecture, Layout,
    binary::check,
    cargo::{App, Cargo},
    digest,
    error::ImageError,
    hex, inputs,
    layer::{app as app_layer, base},
    manifest::{attachment, image},
    progress::Progress,
    provenance::{self, ImageProvenance},
    sbom,
};

/// The sources of an image and the folder of its layout.
#[derive(Clone, Debug)]
pub struct ImageSource {
    /// The folder of the app's `Cargo.toml`.
    pub app: PathBuf,
    /// Files outside of that folder which the build depends on, whether they are there or not.
    pub also: Vec<PathBuf>,
    /// The processor that it is for.
    pub architecture: Architecture,
    /// Folder of the OCI layout.
    pub layout: PathBuf,
    /// Settings for running Cargo.
    pub cargo: Cargo,
}

/// The status of an image relative to the app's source.
#[derive(Clone, Debug)]
pub enum BuildStatus {
    /// There is no image.
    Missing,
    /// The image matches the current source.
    Current(Layout),
    /// The source has changed since the build.
    OutOfDate(Layout),
}

impl BuildStatus {
    /// Returns the image, if there is one.
    pub fn layout(&self) -> Option<&Layout> {
        match self {
            Self::Missing => None,
            Self::Current(layout) | Self::OutOfDate(layout) => Some(layout),
        }
    }
}

impl ImageSource {
    /// Returns the status of the existing image, without a build.
    pub fn build_status(&self) -> Result<BuildStatus, ImageError> {
        Ok(match Layout::open(&self.layout)? {
            None => BuildStatus::Missing,
            Some(layout) if layout.inputs() == self.inputs()? => BuildStatus::Current(layout),
            Some(layout) => BuildStatus::OutOfDate(layout),
        })
    }

    /// Builds the app and its image, regardless of the status. Cargo shows its progress on stderr.
    pub fn build(&self) -> Result<Layout, ImageError> {
        self.make(None)
    }

    /// The same, with Cargo's progress reported instead of shown: Cargo draws none where stderr is no terminal.
    pub fn build_reporting(&self, mut report: impl FnMut(Progress)) -> Result<Layout, ImageError> {
        self.make(Some(&mut report))
    }

    fn make(&self, report: Option<&mut dyn FnMut(Progress)>) -> Result<Layout, ImageError> {
        // The digest is computed before the build: a change during the build makes the image out of date.
        let inputs = self.inputs()?;
        let app = App::read(&self.app)?;
        let path = self.cargo.build(&self.app, &app, self.architecture, report)?;
        let binary = fs::read(&path).map_err(ImageError::io("read", &path))?;
        check(&binary, self.architecture).map_err(|source| ImageError::Binary { path: path.clone(), source })?;

        let layers = vec![base().map_err(made)?, app_layer(&binary).map_err(made)?];
        let image = image(layers, self.architecture, &app.labels)?;
        let tag = format!("{}-{:.12}", tag_part(&app.labels.version), hex(&image.descriptor.digest));

        let lock_path = self.app.join("Cargo.lock");
        let lock = fs::read_to_string(&lock_path).map_err(ImageError::io("read", &lock_path))?;
        let components = sbom::document(&app.name, &lock).map_err(|why| ImageError::Sbom(why.to_string()))?;
        let statement = provenance::statement(&ImageProvenance {
            name: &app.name,
            image: &image.descriptor.digest,
            architecture: self.architecture,
            source: app.labels.source.as_deref(),
            revision: provenance::revision(&self.app),
            lock: &digest(lock.as_bytes()),
            binary: &digest(&binary),
        })?;
        let attachments = [
            attachment(sbom::KIND, components, &image.descriptor)?,
            attachment(provenance::KIND, statement, &image.descriptor)?,
        ];
        Layout::write(&self.layout, &image, &attachments, &tag, &inputs)
    }

    fn inputs(&self) -> Result<String, ImageError> {
        // The base layer is generated here, so a change to it changes the image.
        let base = base().map_err(made)?;
        inputs::of(&self.app, &self.also, self.architecture, &digest(&base.bytes))
    }
}

/// Converts an error of an in-memory write, which has no file.
fn made(source: std::io::Error) -> ImageError {
    ImageError::Io { doing: "make", path: Path::new("a layer").to_owned(), source }
}

/// A tag has letters, digits and `_.-`; a version may have a `+`.
fn tag_part(version: &str) -> String {
    version.replace(|letter: char| !(letter.is_ascii_alphanumeric() || ".-".contains(letter)), "_")
}
