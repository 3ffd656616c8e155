//! The image's digest and the revision of the task definition. Both come from the platform's metadata endpoint. A task
//! definition can set any variable, so the app trusts none of them.
//!
//! Both come from the platform's own metadata endpoint. A task definition can set any variable, so none is believed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::OnceCell;
use utoipa::ToSchema;

use crate::http;

const TIMEOUT: Duration = Duration::from_secs(2);

/// The version of the running app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Version {
    /// Always the name `app`
    pub name: &'static str,
    /// Version of the app's crate.
    pub version: &'static str,
    /// Digest of the image, if the platform reports it.
    #[schema(pattern = "^sha256:[0-9a-f]{64}$")]
    pub image: Option<String>,
    /// Family and revision of the task definition, if the platform reports them.
    pub task_definition: Option<String>,
}

/// ECS's metadata of the requesting container.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    #[serde(default)]
    image: String,
    #[serde(default, rename = "ImageID")]
    image_id: String,
    #[serde(default)]
    labels: std::collections::BTreeMap<String, String>,
}

/// Asks once, and remembers the answer.
pub struct Lookup {
    uri: Option<String>,
    known: OnceCell<ContainerVersion>,
}

impl Lookup {
    /// With the metadata endpoint's address, where there is one.
    pub fn new(uri: Option<String>) -> Self {
        Self { uri, known: OnceCell::new() }
    }

    /// Returns the version. If the endpoint does not answer, the image is omitted, and the next call asks again.
    pub async fn get(&self) -> Version {
        let unknown = Version { name: "app", version: env!("CARGO_PKG_VERSION"), image: None, task_definition: None };
        let Some(uri) = &self.uri else { return unknown };
        let asked = self.known.get_or_try_init(|| async { ask(uri).await.ok_or(()) }).await;
        asked.map_or(unknown.clone(), |known| Version {
            image: known.image.clone(),
            task_definition: known.task_definition.clone(),
            ..unknown
        })
    }
}

async fn ask(uri: &str) -> Option<ContainerVersion> {
    let body = tokio::time::timeout(TIMEOUT, http::get(uri)).await.ok()??;
    let container: Container = serde_json::from_slice(&body).ok()?;
    Some(ContainerVersion { image: container.digest(), task_definition: container.revision() })
}

struct ContainerVersion {
    image: Option<String>,
    task_definition: Option<String>,
}

impl Container {
    /// Of `repository@sha256:…`; where the image has no digest in its name, the image's own id.
    fn digest(&self) -> Option<String> {
        let named = self.image.rsplit_once('@').map(|(_, digest)| digest);
        named.into_iter().chain([self.image_id.as_str()]).find(|text| is_digest(text)).map(str::to_owned)
    }

    fn revision(&self) -> Option<String> {
        let label = |what: &str| self.labels.get(&format!("com.amazonaws.ecs.task-definition-{what}"));
        Some(format!("{}:{}", label("family")?, label("version")?))
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_in_the_name_comes_first() {
        let (name, id) = ("a".repeat(64), "b".repeat(64));
        let container = |image: &str, id: &str| Container {
            image: image.to_owned(),
            image_id: id.to_owned(),
            labels: std::collections::BTreeMap::default(),
        };
        let id = format!("sha256:{id}");
        assert_eq!(container(&format!("host:1/app@sha256:{name}"), &id).digest(), Some(format!("sha256:{name}")));
        assert_eq!(container("app:latest", &id).digest(), Some(id));
        assert_eq!(container("app:latest", "").digest(), None);
        assert_eq!(container("app@latest", "").revision(), None);
    }
}
