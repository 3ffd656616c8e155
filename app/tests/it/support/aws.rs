//! Two of AWS's endpoints over plain HTTP: Secrets Manager's three calls that the app makes, and a task's metadata.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

type Values = Arc<Mutex<BTreeMap<String, String>>>;

/// A running endpoint; ends with the test's runtime.
pub(crate) struct Aws {
    pub(crate) url: String,
    pub(crate) secrets: Values,
}

impl Aws {
    pub(crate) async fn start(metadata: Value) -> Self {
        let secrets = Values::default();
        let router = Router::new()
            .route("/", post(call))
            .route("/v4/task-1", get(move || async move { Json(metadata) }))
            .with_state(Arc::clone(&secrets));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, secrets }
    }

    pub(crate) fn set(&self, id: &str, value: &str) {
        self.secrets.lock().unwrap().insert(id.to_owned(), value.to_owned());
    }

    pub(crate) fn get(&self, id: &str) -> Option<String> {
        self.secrets.lock().unwrap().get(id).cloned()
    }

    /// The variables of a task whose endpoints these are.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_REGION", "us-east-1".into()),
        ]
    }
}

async fn call(State(secrets): State<Values>, headers: HeaderMap, body: axum::body::Bytes) -> Response {
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let target = headers["x-amz-target"].to_str().unwrap().to_owned();
    let id = asked["SecretId"].as_str().or(asked["Name"].as_str()).unwrap_or_default().to_owned();
    let mut secrets = secrets.lock().unwrap();
    let known = secrets.contains_key(&id);
    match target.as_str() {
        "secretsmanager.CreateSecret" => {}
        _ if !known => {
            let error = json!({ "__type": "ResourceNotFoundException", "Message": "no such secret" });
            return (StatusCode::BAD_REQUEST, [("content-type", "application/x-amz-json-1.1")], error.to_string())
                .into_response();
        }
        "secretsmanager.GetSecretValue" => {
            let answer = json!({ "ARN": id, "Name": id, "SecretString": secrets[&id], "VersionId": "1" });
            return ([("content-type", "application/x-amz-json-1.1")], answer.to_string()).into_response();
        }
        "secretsmanager.PutSecretValue" => {}
        other => panic!("the app called {other}"),
    }
    secrets.insert(id.clone(), asked["SecretString"].as_str().unwrap().to_owned());
    ([("content-type", "application/x-amz-json-1.1")], json!({ "ARN": id, "Name": id }).to_string()).into_response()
}
