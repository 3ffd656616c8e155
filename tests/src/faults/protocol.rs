//! Operation names of requests, and errors in the form of each protocol: EC2's query, the other services' query, JSON,
//! CBOR, the XML of S3 and of Route 53, and JSON by path.

use serde_json::json;

use crate::{
    front::{CLOUDWATCH, cbor},
    proxy::Message,
};

/// An error that a service answers with.
pub(crate) struct Failure {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Ec2,
    Query,
    Json,
    Cbor,
    S3,
    RestXml,
    RestJson,
}

pub(crate) fn protocol(request: &Message) -> Protocol {
    match request.service() {
        "ec2" => Protocol::Ec2,
        "s3" => Protocol::S3,
        "route53" => Protocol::RestXml,
        _ if request.header("smithy-protocol") == Some("rpc-v2-cbor") => Protocol::Cbor,
        _ if !request.target().is_empty() => Protocol::Json,
        _ if request.field("Action").is_some() => Protocol::Query,
        _ => Protocol::RestJson,
    }
}

/// Returns service and operation, such as `ec2:CreateSubnet`. The operation has its name in the API; a request by path
/// of a service that is not listed here has its method and path instead.
pub(crate) fn operation(request: &Message) -> String {
    let service = match request.service() {
        // CloudWatch signs with the name of its endpoint.
        "monitoring" => "cloudwatch",
        service => service,
    };
    let name = match protocol(request) {
        Protocol::Ec2 | Protocol::Query => request.field("Action").unwrap_or_default(),
        Protocol::Json => request.target().to_owned(),
        Protocol::Cbor => request.path().strip_prefix(CLOUDWATCH).unwrap_or_default().to_owned(),
        Protocol::S3 => of_bucket(request),
        Protocol::RestXml => of_route53(request),
        Protocol::RestJson => format!("{} {}", request.method(), request.path()),
    };
    format!("{service}:{name}")
}

/// Returns a member of the request, at its top or, in the form of query parameters, at any depth.
pub(crate) fn member(request: &Message, name: &str) -> Option<String> {
    let from_json = || {
        let body: serde_json::Value = serde_json::from_slice(request.body()).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    };
    request.field(name).or_else(from_json)
}

/// Returns a text with the members of the request that it names.
pub(crate) fn filled(text: &str, request: &Message) -> String {
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| match part.split_once('}') {
        Some((name, rest)) => all + &member(request, name).unwrap_or_default() + rest,
        None => all + "{" + part,
    })
}

/// Operations on a bucket's configuration, by the query that names it; the method is the name's start.
const CONFIGURATIONS: &[(&str, &str)] = &[
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("policy", "BucketPolicy"),
    ("logging", "BucketLogging"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("object-lock", "ObjectLockConfiguration"),
    ("location", "BucketLocation"),
];

fn of_bucket(request: &Message) -> String {
    let (path, query) = request.path().split_once('?').unwrap_or((request.path(), ""));
    let keys: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    let verb = match request.method() {
        "PUT" => "Put",
        "DELETE" => "Delete",
        "HEAD" => "Head",
        "POST" => "Post",
        _ => "Get",
    };
    // The SDK names operations on objects in the query.
    if let Some(name) = query.split('&').find_map(|pair| pair.strip_prefix("x-id=")) {
        return name.to_owned();
    }
    if let Some((_, name)) = CONFIGURATIONS.iter().find(|(key, _)| keys.contains(key)) {
        return format!("{verb}{name}");
    }
    let in_bucket = path.trim_matches('/').contains('/');
    match (verb, in_bucket) {
        ("Put", false) if path.len() > 1 => "CreateBucket".to_owned(),
        ("Post", false) if keys.contains(&"delete") => "DeleteObjects".to_owned(),
        ("Get", false) if keys.contains(&"versions") => "ListObjectVersions".to_owned(),
        ("Get", false) if path.len() <= 1 => "ListBuckets".to_owned(),
        ("Get", false) => "ListObjectsV2".to_owned(),
        (verb, false) => format!("{verb}Bucket"),
        (verb, true) => format!("{verb}Object"),
    }
}

fn of_route53(request: &Message) -> String {
    let path = request.path().split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let name = match (request.method(), &parts[..]) {
        ("POST", ["hostedzone"]) => "CreateHostedZone",
        ("GET", ["hostedzone"]) => "ListHostedZones",
        ("GET", ["hostedzonesbyname"]) => "ListHostedZonesByName",
        ("GET", ["hostedzone", _]) => "GetHostedZone",
        ("DELETE", ["hostedzone", _]) => "DeleteHostedZone",
        ("POST", ["hostedzone", _, "rrset"]) => "ChangeResourceRecordSets",
        ("GET", ["hostedzone", _, "rrset"]) => "ListResourceRecordSets",
        ("GET", ["change", _]) => "GetChange",
        ("POST", ["tags", _, _]) => "ChangeTagsForResource",
        ("GET", ["tags", _, _]) => "ListTagsForResource",
        (method, _) => return format!("{method} {path}"),
    };
    name.to_owned()
}

impl Failure {
    /// The error of a service that cannot answer now, with status 500 or 503.
    pub(crate) fn unavailable(request: &Message, status: u16) -> Self {
        let code = match (protocol(request), status) {
            (Protocol::Ec2 | Protocol::S3, 500) => "InternalError",
            (Protocol::Ec2, _) => "Unavailable",
            (_, 500) => "InternalFailure",
            _ => "ServiceUnavailable",
        };
        Self { status, code: code.to_owned(), message: "a fault rule made this service unavailable".to_owned() }
    }

    /// The error of a service whose rate is exceeded.
    pub(crate) fn throttled(request: &Message) -> Self {
        let (status, code) = match (protocol(request), request.service()) {
            (Protocol::Ec2, _) => (503, "RequestLimitExceeded"),
            (Protocol::S3, _) => (503, "SlowDown"),
            (_, "sns") => (429, "Throttled"),
            (Protocol::Query | Protocol::RestXml, _) => (400, "Throttling"),
            (Protocol::RestJson, _) => (429, "TooManyRequestsException"),
            (Protocol::Json | Protocol::Cbor, _) => (400, "ThrottlingException"),
        };
        Self { status, code: code.to_owned(), message: "Rate exceeded".to_owned() }
    }
}

/// Returns the service's error for an object that does not exist.
pub(crate) fn missing(request: &Message) -> Message {
    if request.method() == "HEAD" {
        return Message::answer(404, "application/xml", "");
    }
    let code = match request.service() {
        "ec2" => "InvalidID.NotFound",
        "s3" => "NoSuchBucket",
        "iam" => "NoSuchEntity",
        "route53" => "NoSuchHostedZone",
        "rds" => "DBInstanceNotFound",
        "kms" => "NotFoundException",
        "sns" => "NotFound",
        "wafv2" => "WAFNonexistentItemException",
        _ => "ResourceNotFoundException",
    };
    let message = "a fault rule hides this new object".to_owned();
    error(request, &Failure { status: 404, code: code.to_owned(), message })
}

/// Returns an error in the form of the request's protocol.
pub(crate) fn error(request: &Message, failure: &Failure) -> Message {
    const REQUEST: &str = "00000000-0000-0000-0000-00000000fa17";
    let Failure { status, code, message } = failure;
    let details = format!("<Code>{}</Code><Message>{}</Message>", escaped(code), escaped(message));
    let xml = |body: String| Message::answer(*status, "text/xml", body);
    match protocol(request) {
        Protocol::Ec2 => {
            let errors = format!("<Errors><Error>{details}</Error></Errors>");
            xml(format!("<Response>{errors}<RequestID>{REQUEST}</RequestID></Response>"))
        }
        Protocol::Query | Protocol::RestXml => {
            let kind = if *status < 500 { "Sender" } else { "Receiver" };
            let error = format!("<Error><Type>{kind}</Type>{details}</Error>");
            xml(format!("<ErrorResponse>{error}<RequestId>{REQUEST}</RequestId></ErrorResponse>"))
        }
        Protocol::S3 => xml(format!("<Error>{details}<RequestId>{REQUEST}</RequestId></Error>")),
        Protocol::Json => {
            let kind = request.header("content-type").unwrap_or("application/x-amz-json-1.1");
            let body = json!({ "__type": code, "message": message }).to_string();
            Message::answer(*status, kind, body).with_header("x-amzn-RequestId", REQUEST)
        }
        Protocol::RestJson => {
            let body = json!({ "message": message }).to_string();
            Message::answer(*status, "application/json", body).with_header("x-amzn-ErrorType", code)
        }
        Protocol::Cbor => {
            let body =
                cbor::encoded(&json!({ "__type": format!("com.amazonaws.cloudwatch#{code}"), "message": message }));
            Message::cbor(&status.to_string(), body)
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
