//! The judge of requests: every request to an emulator is checked against AWS's models and documented limits.
//! `tests/tools/judge` is the judge itself. It judges no answers.

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::json;

use super::{Connection, Judge, start};
use crate::{
    front::{CLOUDWATCH, cbor},
    program,
    proxy::Message,
};

/// The judge of requests, which needs the Python that has moto.
pub(crate) static REQUESTS: Judge = Judge {
    process: LazyLock::new(|| start(&program("PROVISIONER_MOTO", "python3"), "judge")),
    heading: "AWS would refuse these requests",
};

impl Connection {
    /// Passes a request to the judge.
    pub(crate) fn judge(&self, request: &Message) {
        let body = String::from_utf8_lossy(request.body());
        let mut line = json!({
            "method": request.method(),
            "path": request.path(),
            "headers": request.headers().map(|(name, value)| (name.to_lowercase(), value)).collect::<BTreeMap<_, _>>(),
            "body": body,
        });
        if request.path().starts_with(CLOUDWATCH) {
            line["members"] = cbor::decoded(request.body());
            line["body"] = "".into();
        }
        // The judge knows requests again that it has judged: nothing that differs without a meaning.
        if let Some(headers) = line["headers"].as_object_mut() {
            headers.retain(|name, _| !name.starts_with("amz-sdk-") && !IRRELEVANT.contains(&name.as_str()));
            headers.insert("authorization".to_owned(), scope(request).into());
        }
        self.send(&line.to_string());
    }
}

/// Headers that no operation has as a member, and that differ between equal requests.
const IRRELEVANT: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "user-agent",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-decoded-content-length",
    "x-amz-security-token",
    "x-amz-user-agent",
];

/// The part of a signature that names region and service.
fn scope(request: &Message) -> String {
    let authorization = request.header("authorization").unwrap_or_default();
    authorization.split(',').next().unwrap_or_default().to_owned()
}
