//! A registry in memory: it keeps what it is given, with immutable tags, and fails as often as a test wants.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

#[derive(Default)]
pub(crate) struct RegistryContents {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    pub(crate) manifests: BTreeMap<String, Bytes>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Requests and their authorization headers.
    pub(crate) asked: Vec<(String, String)>,
    /// `true` if it knows referrers.
    pub(crate) referrers: bool,
    /// Status and number of the requests that fail.
    pub(crate) fail: (u16, usize),
}

pub(crate) struct Script {
    pub(crate) kept: Arc<Mutex<RegistryContents>>,
    pub(crate) host: String,
}

impl Script {
    pub(crate) async fn start(kept: RegistryContents) -> Self {
        let kept = Arc::new(Mutex::new(kept));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let app = Router::new().fallback(answer).with_state(kept.clone());
        #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { kept, host }
    }

    pub(crate) fn count(&self, method: &str) -> usize {
        self.kept.lock().unwrap().asked.iter().filter(|(asked, _)| asked.starts_with(method)).count()
    }
}

fn says(status: StatusCode, code: &str) -> Response {
    (status, json!({ "errors": [{ "code": code, "message": "so says the script" }] }).to_string()).into_response()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let digits = |text: String, byte: &u8| text + &format!("{byte:02x}");
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), digits)
}

async fn answer(State(kept): State<Arc<Mutex<RegistryContents>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut kept = kept.lock().unwrap();
    let authorization = parts.headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
    kept.asked.push((format!("{} {}", parts.method, parts.uri), authorization.unwrap_or_default()));
    if kept.fail.1 > 0 {
        kept.fail.1 -= 1;
        return says(StatusCode::from_u16(kept.fail.0).unwrap(), "NOT_NOW");
    }
    let path = parts.uri.path().strip_prefix("/v2/app/").unwrap_or_default();
    let (kind, name) = path.split_once('/').unwrap_or_default();
    match (&parts.method, kind) {
        (&Method::HEAD, "blobs") if kept.blobs.contains_key(name) => StatusCode::OK.into_response(),
        (&Method::POST, "blobs") => {
            (StatusCode::ACCEPTED, [("location", "/v2/app/blobs/uploads/1?a=b")]).into_response()
        }
        (&Method::PUT, "blobs") => {
            let digest = parts.uri.query().unwrap().split("digest=").nth(1).unwrap().replace("%3A", ":");
            if sha256(&body) != digest {
                return says(StatusCode::BAD_REQUEST, "DIGEST_INVALID");
            }
            kept.blobs.insert(digest, body);
            StatusCode::CREATED.into_response()
        }
        (&Method::GET, "manifests") => {
            let digest = kept.tags.get(name).map_or(name, String::as_str);
            kept.manifests
                .get(digest)
                .cloned()
                .map_or_else(|| says(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"), IntoResponse::into_response)
        }
        (&Method::PUT, "manifests") => {
            let digest = sha256(&body);
            if !name.starts_with("sha256:") {
                if kept.tags.contains_key(name) {
                    return says(StatusCode::BAD_REQUEST, "TAG_INVALID");
                }
                kept.tags.insert(name.to_owned(), digest.clone());
            }
            kept.manifests.insert(digest.clone(), body);
            // As ECR: without a location.
            (StatusCode::CREATED, [("docker-content-digest", digest)]).into_response()
        }
        (&Method::GET, "referrers") if kept.referrers => {
            let manifests: Vec<Value> = kept.manifests.values().filter_map(|bytes| {
                let value: Value = serde_json::from_slice(bytes).unwrap();
                (value["subject"]["digest"] == name).then(|| json!({
                    "mediaType": value["mediaType"], "digest": sha256(bytes), "size": bytes.len(), "artifactType": value["artifactType"],
                }))
            }).collect();
            json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests }).to_string().into_response()
        }
        _ => says(StatusCode::NOT_FOUND, "UNKNOWN"),
    }
}
