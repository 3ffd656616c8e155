//! The OCI layout on disk: `oci-layout`, `index.json`, `blobs/sha256/…`. skopeo and others read it as it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use provisioner_files::write_atomically;
use serde::de::DeserializeOwned;

use crate::{
    Architecture, digest,
    error::ImageError,
    hex,
    manifest::{Config, Descriptor, Document, INDEX, Index, Manifest},
};

/// The annotation that names an image within a layout: skopeo asks for it.
const NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation with the digest of all that the image was made from.
const INPUTS: &str = "provisioner.inputs";

/// An image on disk, with what is attached to it.
#[derive(Clone, Debug)]
pub struct Layout {
    folder: PathBuf,
    image: Descriptor,
    attachments: Vec<Descriptor>,
    inputs: String,
}

impl Layout {
    /// Opens the layout in `folder`; `None` if there is none.
    pub fn open(folder: &Path) -> Result<Option<Self>, ImageError> {
        let path = folder.join("index.json");
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(ImageError::io("read", &path))?,
        };
        let damaged = |why: String| ImageError::Damaged { path: folder.to_owned(), why };
        let index: Index = serde_json::from_slice(&text).map_err(|error| damaged(format!("index.json: {error}")))?;
        let (attachments, mut images): (Vec<_>, Vec<_>) =
            index.manifests.into_iter().partition(|one| one.artifact_type.is_some());
        let (Some(image), None) = (images.pop(), images.pop()) else {
            return Err(damaged("index.json does not list one image".to_owned()));
        };
        let inputs = index.annotations.get(INPUTS).cloned().unwrap_or_default();
        let layout = Self { folder: folder.to_owned(), image, attachments, inputs };
        // Referenced blobs must exist, so that a push does not fail halfway.
        for descriptor in layout.manifests() {
            let manifest: Manifest = layout.json(descriptor)?;
            for part in std::iter::once(&manifest.config).chain(&manifest.layers) {
                let path = layout.path(&part.digest);
                let size = fs::metadata(&path).map_err(ImageError::io("read", &path))?.len();
                if size != part.size {
                    return Err(damaged(format!("{} has {size} bytes, not {}", part.digest, part.size)));
                }
            }
        }
        Ok(Some(layout))
    }

    /// Replaces the layout on disk: first its blobs, then the documents that reference them.
    pub(crate) fn write(
        folder: &Path,
        image: &Document,
        attachments: &[Document],
        tag: &str,
        inputs: &str,
    ) -> Result<Self, ImageError> {
        let blobs = folder.join("blobs").join("sha256");
        fs::create_dir_all(&blobs).map_err(ImageError::io("make", &blobs))?;
        write_atomically(&folder.join("oci-layout"), b"{\"imageLayoutVersion\":\"1.0.0\"}")?;
        let documents = || std::iter::once(image).chain(attachments);
        let mut kept = BTreeSet::new();
        for bytes in documents().flat_map(|document| document.blobs.iter().chain([&document.bytes])) {
            let name = hex(&digest(bytes)).to_owned();
            let path = blobs.join(&name);
            if fs::metadata(&path).map_or(true, |there| there.len() != bytes.len() as u64) {
                write_atomically(&path, bytes)?;
            }
            kept.insert(name);
        }
        let named =
            Descriptor { annotations: BTreeMap::from([(NAME.to_owned(), tag.to_owned())]), ..image.descriptor.clone() };
        let index = Index {
            schema_version: 2,
            media_type: INDEX.to_owned(),
            manifests: std::iter::once(named).chain(attachments.iter().map(|one| one.descriptor.clone())).collect(),
            annotations: BTreeMap::from([(INPUTS.to_owned(), inputs.to_owned())]),
        };
        write_atomically(&folder.join("index.json"), &serde_json::to_vec_pretty(&index)?)?;
        sweep(&blobs, &kept)?;
        let attachments = attachments.iter().map(|one| one.descriptor.clone()).collect();
        let image = index.manifests.into_iter().next().unwrap_or_else(|| image.descriptor.clone());
        Ok(Self { folder: folder.to_owned(), image, attachments, inputs: inputs.to_owned() })
    }

    /// Returns the folder of the layout.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The digest of the image's manifest: what tasks name.
    pub fn digest(&self) -> &str {
        &self.image.digest
    }

    /// The tag that it gets in a registry.
    pub fn tag(&self) -> &str {
        self.image.annotations.get(NAME).map_or("", String::as_str)
    }

    /// The processor that it is for.
    pub fn architecture(&self) -> Option<Architecture> {
        let platform = self.image.platform.as_ref()?;
        [Architecture::X8664, Architecture::Arm64].into_iter().find(|one| one.oci() == platform.architecture)
    }

    /// The digest of all that it was made from.
    pub fn inputs(&self) -> &str {
        &self.inputs
    }

    /// The image's layers, the one that changes least first.
    pub fn layers(&self) -> Result<Vec<Descriptor>, ImageError> {
        Ok(self.json::<Manifest>(&self.image)?.layers)
    }

    /// Returns the image's labels by key.
    pub fn labels(&self) -> Result<BTreeMap<String, String>, ImageError> {
        let manifest: Manifest = self.json(&self.image)?;
        Ok(self.json::<Config>(&manifest.config)?.run.labels)
    }

    /// The documents attached to the image, by kind.
    pub fn attached(&self) -> Result<BTreeMap<String, serde_json::Value>, ImageError> {
        let mut attached = BTreeMap::new();
        for descriptor in &self.attachments {
            let manifest: Manifest = self.json(descriptor)?;
            if let Some(document) = manifest.layers.first() {
                attached.insert(document.media_type.clone(), self.json(document)?);
            }
        }
        Ok(attached)
    }

    pub(crate) fn image(&self) -> &Descriptor {
        &self.image
    }

    pub(crate) fn attachments(&self) -> &[Descriptor] {
        &self.attachments
    }

    pub(crate) fn manifests(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.image).chain(&self.attachments)
    }

    pub(crate) fn json<T: DeserializeOwned>(&self, descriptor: &Descriptor) -> Result<T, ImageError> {
        serde_json::from_slice(&self.bytes(descriptor)?).map_err(|error| ImageError::Damaged {
            path: self.folder.clone(),
            why: format!("{}: {error}", descriptor.digest),
        })
    }

    /// Reads the bytes of a descriptor, and checks their digest.
    pub(crate) fn bytes(&self, descriptor: &Descriptor) -> Result<Vec<u8>, ImageError> {
        let path = self.path(&descriptor.digest);
        let bytes = fs::read(&path).map_err(ImageError::io("read", &path))?;
        if digest(&bytes) == descriptor.digest {
            return Ok(bytes);
        }
        let why = format!("{} holds something else", descriptor.digest);
        Err(ImageError::Damaged { path: self.folder.clone(), why })
    }

    fn path(&self, digest: &str) -> PathBuf {
        // A digest is hexadecimal; anything else could be a path out of the folder.
        let name = hex(digest).replace(|letter: char| !letter.is_ascii_hexdigit(), "_");
        self.folder.join("blobs").join("sha256").join(name)
    }
}

/// The layout with this image, among those in the folders of `root`.
pub fn find(root: &Path, digest: &str) -> Result<Option<Layout>, ImageError> {
    let folders = match fs::read_dir(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        folders => folders.map_err(ImageError::io("read", root))?,
    };
    for folder in folders {
        let folder = folder.map_err(ImageError::io("read", root))?.path();
        if let Some(layout) = Layout::open(&folder)?.filter(|layout| layout.digest() == digest) {
            return Ok(Some(layout));
        }
    }
    Ok(None)
}

/// Removes the blobs of earlier images.
fn sweep(blobs: &Path, kept: &BTreeSet<String>) -> Result<(), ImageError> {
    for file in fs::read_dir(blobs).map_err(ImageError::io("read", blobs))? {
        let file = file.map_err(ImageError::io("read", blobs))?;
        let ours = file.file_name().to_str().is_some_and(|name| kept.contains(name));
        if !ours {
            fs::remove_file(file.path()).map_err(ImageError::io("remove", &file.path()))?;
        }
    }
    Ok(())
}
