//! The push, in the order that a registry requires: blobs, the image, its attached documents, and the tag last. A
//! client that sees the tag sees everything.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Layout, digest,
    error::RegistryError,
    manifest::{Descriptor, INDEX, Index, MANIFEST, Manifest},
    registry::ContainerRegistry,
};

/// The result of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Blobs that were sent.
    pub sent: usize,
    /// Blobs that were there.
    pub there: usize,
    /// The way in which the documents are attached.
    pub attached: Attached,
}

/// The way in which documents are attached to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attached {
    /// They refer to it, and the registry lists them.
    Referrers,
    /// The tag names an index of the image and its documents: the registry knows no referrers.
    Index,
}

impl ContainerRegistry {
    /// Pushes an image with its attached documents. Blobs that the registry has already are not sent again.
    pub async fn push(&self, layout: &Layout) -> Result<Pushed, RegistryError> {
        let mut pushed = Pushed { sent: 0, there: 0, attached: Attached::Referrers };
        let image = layout.image();
        self.blobs(layout, image, &mut pushed).await?;
        self.put_manifest(&image.digest, MANIFEST, &layout.bytes(image)?).await?;
        let Some(listed) = self.referrers(&image.digest).await? else {
            pushed.attached = Attached::Index;
            let index = index(layout)?;
            if self.names_ours(layout, &digest(&index)).await? {
                return Ok(pushed);
            }
            for attachment in layout.attachments() {
                self.blobs(layout, attachment, &mut pushed).await?;
                self.put_manifest(&attachment.digest, MANIFEST, &layout.bytes(attachment)?).await?;
            }
            self.tag(layout, INDEX, &index).await?;
            return Ok(pushed);
        };
        // One document of each kind: a build of another revision with the same image adds none.
        let listed: Option<Index> = serde_json::from_slice(&listed).ok();
        let kinds: BTreeSet<String> =
            listed.into_iter().flat_map(|index| index.manifests).filter_map(|one| one.artifact_type).collect();
        let missing = |one: &&Descriptor| one.artifact_type.as_ref().is_none_or(|kind| !kinds.contains(kind));
        for attachment in layout.attachments().iter().filter(missing) {
            self.blobs(layout, attachment, &mut pushed).await?;
            self.put_manifest(&attachment.digest, MANIFEST, &layout.bytes(attachment)?).await?;
        }
        if !self.names_ours(layout, layout.digest()).await? {
            self.tag(layout, MANIFEST, &layout.bytes(image)?).await?;
        }
        Ok(pushed)
    }

    /// The blobs that a manifest of the layout names.
    async fn blobs(&self, layout: &Layout, of: &Descriptor, pushed: &mut Pushed) -> Result<(), RegistryError> {
        let manifest: Manifest = layout.json(of)?;
        for blob in manifest.layers.iter().chain([&manifest.config]) {
            if self.has_blob(&blob.digest).await? {
                pushed.there += 1;
            } else {
                tracing::debug!(digest = blob.digest, bytes = blob.size, "sending a blob");
                self.put_blob(&blob.digest, &layout.bytes(blob)?).await?;
                pushed.sent += 1;
            }
        }
        Ok(())
    }

    /// Returns whether the tag names our image already, itself or within an index; an error where it names another.
    async fn names_ours(&self, layout: &Layout, wanted: &str) -> Result<bool, RegistryError> {
        let Some(bytes) = self.manifest(layout.tag()).await? else { return Ok(false) };
        let there = digest(&bytes);
        let index: Option<Index> = serde_json::from_slice(&bytes).ok();
        let within = |index: Index| index.manifests.iter().any(|one| one.digest == layout.digest());
        if there == wanted || there == layout.digest() || index.is_some_and(within) {
            return Ok(true);
        }
        Err(RegistryError::TagTaken {
            repository: self.repository(),
            tag: layout.tag().to_owned(),
            there,
            wanted: wanted.to_owned(),
        })
    }

    /// Sets the tag. If tags are immutable, another push may have set it first: with the same image, that is a success.
    async fn tag(&self, layout: &Layout, kind: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        match self.put_manifest(layout.tag(), kind, bytes).await {
            Err(error @ RegistryError::Refused { status: 400..=499, .. }) => {
                if self.names_ours(layout, &digest(bytes)).await? { Ok(()) } else { Err(error) }
            }
            done => done,
        }
    }
}

/// The image and its documents as one index, without what only the layout needs to know.
fn index(layout: &Layout) -> Result<Vec<u8>, RegistryError> {
    let plain = |one: &Descriptor| Descriptor { annotations: BTreeMap::new(), ..one.clone() };
    let index = Index {
        schema_version: 2,
        media_type: INDEX.to_owned(),
        manifests: layout.manifests().map(plain).collect(),
        annotations: BTreeMap::new(),
    };
    serde_json::to_vec(&index).map_err(|error| RegistryError::Image(error.into()))
}
