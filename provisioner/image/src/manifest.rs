//! The JSON documents of the OCI image format. Structures, not maps: the order of their keys is part of the digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Architecture, PORT, USER, digest, layer::Layer};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The creation time in the image, which is constant so that it does not affect the digest.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// An OCI descriptor: a reference to a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Of what kind they are.
    pub media_type: String,
    /// Digest of the form `sha256:…`.
    pub digest: String,
    /// Size of the blob in bytes.
    pub size: u64,
    /// Media type of an attached document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Platform of the image, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Additional information by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(crate) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest(bytes),
            size: bytes.len() as u64,
            artifact_type: None,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }
}

/// The platform of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`, `arm64`; `unknown` of what does not run.
    pub architecture: String,
    /// Operating system, always `linux`.
    pub os: String,
}

impl Platform {
    pub(crate) fn linux(architecture: Architecture) -> Self {
        Self { architecture: architecture.oci().to_owned(), os: "linux".to_owned() }
    }
    /// The platform of an attached document, which no client runs.
    pub(crate) fn none() -> Self {
        Self { architecture: "unknown".to_owned(), os: "unknown".to_owned() }
    }
}

/// The manifest of an image or of an attached document.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u8,
    pub(crate) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
}

/// An index of several manifests.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    pub(crate) media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The labels of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// URL of the source repository.
    pub source: Option<String>,
    /// Version from the app's manifest.
    pub version: String,
}

impl Labels {
    fn map(&self) -> BTreeMap<String, String> {
        let source = self.source.iter().map(|source| ("org.opencontainers.image.source".to_owned(), source.clone()));
        let version = ("org.opencontainers.image.version".to_owned(), self.version.clone());
        source.chain([version]).collect()
    }
}

/// The runtime configuration of an image.
#[derive(Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) architecture: String,
    pub(crate) os: String,
    created: String,
    #[serde(rename = "config")]
    pub(crate) run: Run,
    rootfs: RootFs,
    history: Vec<History>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Run {
    user: String,
    exposed_ports: BTreeMap<String, Value>,
    entrypoint: Vec<String>,
    working_dir: String,
    pub(crate) labels: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct RootFs {
    #[serde(rename = "type")]
    kind: String,
    diff_ids: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct History {
    created: String,
    created_by: String,
}

/// A document and the blobs that it names.
pub(crate) struct Document {
    /// Descriptor of the document.
    pub(crate) descriptor: Descriptor,
    /// The document as JSON text.
    pub(crate) bytes: Vec<u8>,
    /// Blobs that the document references.
    pub(crate) blobs: Vec<Vec<u8>>,
}

/// The image: its manifest, configuration and layers. It depends on nothing but its arguments.
pub(crate) fn image(
    layers: Vec<Layer>,
    architecture: Architecture,
    labels: &Labels,
) -> Result<Document, serde_json::Error> {
    let platform = Platform::linux(architecture);
    let config = Config {
        architecture: platform.architecture.clone(),
        os: platform.os.clone(),
        created: CREATED.to_owned(),
        run: Run {
            user: format!("{USER}:{USER}"),
            exposed_ports: BTreeMap::from([(format!("{PORT}/tcp"), json!({}))]),
            entrypoint: vec!["/app".to_owned()],
            working_dir: "/".to_owned(),
            labels: labels.map(),
        },
        rootfs: RootFs {
            kind: "layers".to_owned(),
            diff_ids: layers.iter().map(|layer| layer.diff_id.clone()).collect(),
        },
        history: layers
            .iter()
            .map(|layer| History { created: CREATED.to_owned(), created_by: layer.what.to_owned() })
            .collect(),
    };
    let config = serde_json::to_vec(&config)?;
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        artifact_type: None,
        config: Descriptor::of(CONFIG, &config),
        layers: layers.iter().map(|layer| Descriptor::of(LAYER, &layer.bytes)).collect(),
        subject: None,
    };
    let bytes = serde_json::to_vec(&manifest)?;
    let descriptor = Descriptor { platform: Some(platform), ..Descriptor::of(MANIFEST, &bytes) };
    let blobs = std::iter::once(config).chain(layers.into_iter().map(|layer| layer.bytes)).collect();
    Ok(Document { descriptor, bytes, blobs })
}

/// A document about an image, attached to it.
pub(crate) fn attachment(kind: &str, text: Vec<u8>, subject: &Descriptor) -> Result<Document, serde_json::Error> {
    let empty = b"{}".to_vec();
    let subject = Descriptor { platform: None, annotations: BTreeMap::new(), ..subject.clone() };
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        artifact_type: Some(kind.to_owned()),
        config: Descriptor::of(EMPTY, &empty),
        layers: vec![Descriptor::of(kind, &text)],
        subject: Some(subject),
    };
    let bytes = serde_json::to_vec(&manifest)?;
    let descriptor = Descriptor {
        artifact_type: Some(kind.to_owned()),
        platform: Some(Platform::none()),
        ..Descriptor::of(MANIFEST, &bytes)
    };
    Ok(Document { descriptor, bytes, blobs: vec![empty, text] })
}
