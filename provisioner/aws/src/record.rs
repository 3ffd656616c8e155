//! The recording of calls, for a comparison of AWS with an emulator: one line of JSON for each attempt. It is off unless
//! the command line turns it on.
//!
//! A recording has the shape of requests and answers, not their content: `shape.rs` says why no secret can be in it, and
//! `bodies.rs` reads the protocols. It has no header but the request ID, and nothing of a request's path.

mod bodies;
mod cbor;
mod shape;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use serde::Serialize;

use self::{bodies::Protocol, shape::Shape};
use crate::calls::ApiCall;

/// Name of the file in the folder of a recording.
const FILE: &str = "calls.jsonl";

/// A file to which each attempt of a call is appended. Clones share it.
#[derive(Clone, Debug)]
pub struct CallRecording(Arc<OpenRecording>);

#[derive(Debug)]
struct OpenRecording {
    file: Mutex<File>,
    opened: Instant,
}

/// The request of the attempt in flight. The SDK gives the request away when it is sent, so that this is kept of it.
#[derive(Clone, Debug)]
pub(crate) struct SentRequest {
    protocol: Protocol,
    shape: Shape,
}

impl Storable for SentRequest {
    type Storer = StoreReplace<Self>;
}

impl SentRequest {
    /// Reads a request before it is sent.
    pub(crate) fn new(request: &HttpRequest) -> Self {
        let protocol = Protocol::of_request(request.headers().get("content-type"));
        Self { protocol, shape: bodies::request(protocol, request.body().bytes()) }
    }
}

/// A line of the recording.
#[derive(Serialize)]
struct RecordedAttempt<'a> {
    /// Milliseconds from the start of the recording to the request.
    at: u64,
    operation: &'a str,
    attempt: u32,
    milliseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    request: &'a Shape,
    answer: Shape,
}

impl CallRecording {
    /// Creates the folder if it is missing, and opens the file in it. Only this user can read a new file.
    pub fn open(folder: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = Mutex::new(options.open(folder.join(FILE))?);
        Ok(Self(Arc::new(OpenRecording { file, opened: Instant::now() })))
    }

    /// Appends an attempt. A failure is logged: the call itself has succeeded.
    pub(crate) fn add(&self, call: &ApiCall, sent: &SentRequest, response: Option<&HttpResponse>) {
        let body = response.and_then(|response| response.body().bytes());
        let answer = bodies::answer(sent.protocol, body);
        let line = RecordedAttempt {
            at: milliseconds(call.sent.saturating_duration_since(self.0.opened)),
            operation: &call.operation,
            attempt: call.attempt,
            milliseconds: milliseconds(call.time),
            status: call.status,
            error: answer.error.filter(|_| call.status.is_none_or(|status| status >= 400)),
            request_id: call.request_id.as_deref(),
            request: &sent.shape,
            answer: answer.shape,
        };
        if let Err(error) = self.write(&line) {
            tracing::error!(%error, "a call is missing in the recording");
        }
    }

    fn write(&self, line: &RecordedAttempt<'_>) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.0.file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    #[cfg(feature = "iam")]
    use provisioner_model::resource::Cloud as _;
    use serde_json::Value;

    use super::*;
    #[cfg(feature = "iam")]
    use crate::cloud::Aws;

    fn call(status: Option<u16>) -> ApiCall {
        let time = Duration::from_millis(7);
        let operation = "secretsmanager:CreateSecret".to_owned();
        ApiCall { operation, sent: Instant::now(), time, attempt: 2, status, request_id: Some("11-22".to_owned()) }
    }

    fn request(content_type: &'static str, body: &'static str) -> HttpRequest {
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.headers_mut().insert("content-type", content_type);
        request.headers_mut().insert("authorization", "AWS4-HMAC-SHA256 Signature=Canary0123456789");
        request
    }

    fn lines(folder: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(folder.join(FILE)).unwrap();
        assert!(!text.contains("Canary"), "{text}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn attempt_is_one_line_without_values_and_headers() {
        let folder = tempfile::tempdir().unwrap();
        let recording = CallRecording::open(&folder.path().join("new")).unwrap();
        let body = r#"{"Name":"CanaryName","SecretString":"Canary0123456789"}"#;
        let sent = SentRequest::new(&request("application/x-amz-json-1.1", body));
        let answer = SdkBody::from(r#"{"__type":"com.amazonaws#ResourceExistsException","message":"Canary"}"#);
        let mut response = HttpResponse::new(400.try_into().unwrap(), answer);
        response.headers_mut().insert("set-cookie", "Canary0123456789");
        recording.add(&call(Some(400)), &sent, Some(&response));
        recording.add(&call(None), &sent, None);
        let lines = lines(&folder.path().join("new"));
        assert_eq!(lines[0]["operation"], "secretsmanager:CreateSecret");
        assert_eq!((&lines[0]["attempt"], &lines[0]["milliseconds"]), (&2.into(), &7.into()));
        assert_eq!(lines[0]["error"], "ResourceExistsException");
        assert_eq!(lines[0]["request_id"], "11-22");
        assert_eq!(lines[0]["request"]["SecretString"], serde_json::json!({ "types": ["text"] }));
        assert_eq!(lines[1]["status"], Value::Null);
        assert_eq!(lines[1]["answer"], serde_json::json!({}));
    }

    #[cfg(feature = "iam")]
    #[tokio::test]
    async fn attempts_of_clients_are_recorded_once_a_recording_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let aws = Aws::at("http://127.0.0.1:9", "us-east-1", "test", "CanarySecretKey");
        let call =
            || aws.writer().iam().create_role().role_name("Canary0123456789").assume_role_policy_document("Canary");
        call().send().await.unwrap_err();
        aws.record_calls(CallRecording::open(folder.path()).unwrap());
        call().send().await.unwrap_err();
        let lines = lines(folder.path());
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["operation"], "iam:CreateRole");
        assert_eq!(lines[0]["attempt"], 1);
        assert_eq!(lines[0]["request"]["RoleName"], serde_json::json!({ "types": ["text"] }));
    }
}
