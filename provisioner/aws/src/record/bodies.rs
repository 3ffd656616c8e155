//! Reading the bodies of AWS's protocols without their models: forms (the requests of EC2 and the query protocol), XML
//! (their answers, S3 and Route 53), JSON and CBOR. A body that cannot be read has the shape of its readable start, and a
//! member `unreadable` at the place of the error.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use xmlparser::{ElementEnd, Token, Tokenizer};

use super::{
    cbor::cbor,
    shape::{Shape, ShapeBuilder, is_identifier},
};

/// Size of the largest body that is read. Objects in S3 are streams, which are never read.
const MAX_SIZE: usize = 4 << 20;

/// The form in which a request and its answer are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// A form with an answer in XML.
    Form,
    Json,
    Cbor,
    Xml,
    /// A request without a body, or with an object or a policy in it. The answer is in XML.
    Other,
}

impl Protocol {
    pub(super) fn of_request(content_type: Option<&str>) -> Self {
        match content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Self::Form,
            "application/json" | "application/x-amz-json-1.0" | "application/x-amz-json-1.1" => Self::Json,
            "application/cbor" => Self::Cbor,
            "application/xml" | "text/xml" => Self::Xml,
            _ => Self::Other,
        }
    }
}

/// An answer, and the error code that is in it.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) shape: Shape,
    pub(super) error: Option<String>,
}

/// The body does not follow its protocol, or is too large or too deep.
pub(super) struct Unreadable;

/// A reader of one protocol. It adds the members to the shape, and returns the text at the place of an error code.
type Reader = fn(&[u8], &mut ShapeBuilder) -> Result<Option<String>, Unreadable>;

/// Returns the shape of a request. A stream has none.
pub(super) fn request(protocol: Protocol, body: Option<&[u8]>) -> Shape {
    let reader = match protocol {
        Protocol::Form => form,
        Protocol::Json => json,
        Protocol::Cbor => cbor,
        Protocol::Xml => xml,
        Protocol::Other => return Shape::default(),
    };
    read(reader, body).shape
}

/// Returns the shape of an answer, by the protocol of its request.
pub(super) fn answer(protocol: Protocol, body: Option<&[u8]>) -> Answer {
    let reader = match protocol {
        Protocol::Form | Protocol::Xml | Protocol::Other => xml,
        Protocol::Json => json,
        Protocol::Cbor => cbor,
    };
    read(reader, body)
}

fn read(reader: Reader, body: Option<&[u8]>) -> Answer {
    let Some(body) = body.filter(|body| !body.is_empty()) else { return Answer::default() };
    let mut builder = ShapeBuilder::default();
    let read = if body.len() <= MAX_SIZE { reader(body, &mut builder) } else { Err(Unreadable) };
    if read.is_err() {
        builder.add("unreadable");
    }
    let error = read.ok().flatten().filter(|code| is_identifier(code));
    Answer { shape: builder.finish(), error }
}

/// `Action=CreateTags&Tag.1.Key=…`: a number is an item, and so is `member` before one.
fn form(body: &[u8], builder: &mut ShapeBuilder) -> Result<Option<String>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable)?;
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if ["Action", "Version"].contains(&name) {
            continue;
        }
        let mut segments = name.split('.').peekable();
        let mut depth = 0;
        while let Some(segment) = segments.next() {
            if segment == "member" && segments.peek().copied().is_some_and(is_index) {
                continue;
            }
            if is_index(segment) {
                builder.enter_item();
            } else {
                builder.enter(segment);
            }
            depth += 1;
        }
        let value = value.replace('+', " ");
        match percent_decode_str(&value).decode_utf8() {
            Ok(value) => builder.add_untyped(&value),
            Err(_) => builder.add("bytes"),
        }
        (0..depth).for_each(|_| builder.leave());
    }
    Ok(None)
}

fn is_index(segment: &str) -> bool {
    !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit())
}

/// An element that is open.
struct Element<'a> {
    name: &'a str,
    /// `true` if the path has a segment for it: not for the root, nor for the wrapper of a query's result.
    is_member: bool,
    has_children: bool,
    /// The text, without references resolved; `None` for several pieces of text.
    text: Option<&'a str>,
}

fn xml(body: &[u8], builder: &mut ShapeBuilder) -> Result<Option<String>, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable)?;
    let mut open: Vec<Element<'_>> = vec![];
    let mut code = None;
    for token in Tokenizer::from(text) {
        match token.map_err(|_| Unreadable)? {
            Token::ElementStart { local, .. } => {
                let name = local.as_str();
                let is_member = match &mut open[..] {
                    [] => false,
                    [root] => !(root.name.ends_with("Response") && name.ends_with("Result")),
                    _ => true,
                };
                if let Some(parent) = open.last_mut() {
                    parent.has_children = true;
                }
                match name {
                    _ if !is_member => {}
                    "item" | "member" => builder.enter_item(),
                    _ => builder.enter(name),
                }
                open.push(Element { name, is_member, has_children: false, text: Some("") });
            }
            Token::Text { text } | Token::Cdata { text, .. } => {
                if let Some(element) = open.last_mut() {
                    element.text = element.text.filter(|before| before.is_empty()).map(|_| text.as_str());
                }
            }
            Token::ElementEnd { end: ElementEnd::Close(..) | ElementEnd::Empty, .. } => {
                let element = open.pop().ok_or(Unreadable)?;
                if !element.has_children {
                    match element.text {
                        Some("") => builder.add("empty"),
                        Some(text) => builder.add_untyped(text),
                        None => builder.add("text"),
                    }
                    if element.name == "Code" && open.last().is_some_and(|parent| parent.name == "Error") {
                        code = element.text.map(str::to_owned);
                    }
                }
                if element.is_member {
                    builder.leave();
                }
            }
            _ => {}
        }
    }
    if open.is_empty() { Ok(code) } else { Err(Unreadable) }
}

fn json(body: &[u8], builder: &mut ShapeBuilder) -> Result<Option<String>, Unreadable> {
    let value: Value = serde_json::from_slice(body).map_err(|_| Unreadable)?;
    json_value(&value, builder);
    let code = ["__type", "code"].iter().find_map(|name| value.get(*name)?.as_str());
    Ok(code.map(without_namespace))
}

fn json_value(value: &Value, builder: &mut ShapeBuilder) {
    match value {
        Value::Null => builder.add("null"),
        Value::Bool(value) => builder.add_boolean(*value),
        Value::Number(value) => builder.add_number(&value.to_string()),
        Value::String(value) => builder.add_text(value),
        Value::Array(items) if items.is_empty() => builder.add("list"),
        Value::Array(items) => {
            builder.enter_item();
            items.iter().for_each(|item| json_value(item, builder));
            builder.leave();
        }
        Value::Object(members) if members.is_empty() => builder.add("object"),
        Value::Object(members) => {
            for (name, value) in members {
                builder.enter_key(name);
                json_value(value, builder);
                builder.leave();
            }
        }
    }
}

/// `com.amazonaws.ecs#ClusterNotFoundException:http://…` without what stands around the code.
pub(super) fn without_namespace(code: &str) -> String {
    let code = code.rsplit_once('#').map_or(code, |(_, code)| code);
    code.split(':').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "Hunter2Canary0123456789";

    /// The shape as JSON. Nothing of the secret may be in it.
    fn shape(shape: &Shape) -> Value {
        let text = serde_json::to_string(shape).unwrap();
        assert!(!text.contains("Hunter2") && !text.contains("0123456789"), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn of_request(protocol: Protocol, body: &str) -> Value {
        shape(&request(protocol, Some(body.as_bytes())))
    }

    fn of_answer(protocol: Protocol, body: &str) -> (Value, Option<String>) {
        let answer = answer(protocol, Some(body.as_bytes()));
        (shape(&answer.shape), answer.error)
    }

    fn text() -> Value {
        json!({ "types": ["text"] })
    }

    #[test]
    fn form_of_a_query_has_no_password() {
        let body = format!(
            "Action=CreateDBInstance&Version=2014-10-31&MasterUserPassword={SECRET}&Engine=postgres&MultiAZ=true\
             &AllocatedStorage=20&Tags.Tag.1.Key=Hunter2&Tags.Tag.1.Value={SECRET}&VpcSecurityGroupIds.member.1=sg-1\
             &{SECRET}=1&Attributes.entry.1.key=Hunter2"
        );
        let expected = json!({
            "MasterUserPassword": text(),
            "Engine": { "types": ["text"], "values": ["postgres"] },
            "MultiAZ": { "types": ["boolean"], "values": ["true"] },
            "AllocatedStorage": { "types": ["number"], "values": ["20"] },
            "Tags.Tag.[].Key": text(),
            "Tags.Tag.[].Value": text(),
            "VpcSecurityGroupIds.[]": text(),
            "{}": text(),
            "Attributes.entry.[].key": text(),
        });
        assert_eq!(of_request(Protocol::Form, &body), expected);
    }

    #[test]
    fn names_of_a_map_are_the_users() {
        let body = json!({ "tags": { "state": "Hunter2", "Engine": "Hunter2" }, "Tags": [{ "Key": "Status", "Value": "Hunter2" }] });
        let expected = json!({ "tags.{}": text(), "Tags.[].Key": text(), "Tags.[].Value": text() });
        assert_eq!(of_request(Protocol::Json, &body.to_string()), expected);
    }

    #[test]
    fn digits_and_booleans_of_a_password_are_not_kept() {
        for value in ["0123456789", "true", "Hunter2"] {
            let form = of_request(Protocol::Form, &format!("Action=X&MasterUserPassword={value}"));
            assert_eq!(form, json!({ "MasterUserPassword": text() }));
            let body = json!({ "SecretString": value }).to_string();
            assert_eq!(of_request(Protocol::Json, &body), json!({ "SecretString": text() }));
        }
        let body = json!({ "SecretString": 1_234_567_890_u64, "PrivateKey": true });
        let expected = json!({ "SecretString": { "types": ["number"] }, "PrivateKey": { "types": ["boolean"] } });
        assert_eq!(of_request(Protocol::Json, &body.to_string()), expected);
    }

    #[test]
    fn xml_of_ec2_has_states_and_no_names() {
        let body = format!(
            "<?xml version=\"1.0\"?><DescribeNatGatewaysResponse xmlns=\"http://ec2\"><requestId>1</requestId>\
             <natGatewaySet><item><state>pending</state><natGatewayId>nat-0123456789</natGatewayId><tagSet><item>\
             <key>Hunter2</key><value>{SECRET}</value></item></tagSet></item><item><state>available</state><tagSet/></item>\
             </natGatewaySet></DescribeNatGatewaysResponse>"
        );
        let expected = json!({
            "requestId": text(),
            "natGatewaySet.[].state": { "types": ["text"], "values": ["available", "pending"] },
            "natGatewaySet.[].natGatewayId": text(),
            "natGatewaySet.[].tagSet.[].key": text(),
            "natGatewaySet.[].tagSet.[].value": text(),
            "natGatewaySet.[].tagSet": { "types": ["empty"] },
        });
        assert_eq!(of_answer(Protocol::Form, &body), (expected, None));
    }

    #[test]
    fn xml_of_a_query_has_no_wrapper_and_no_document() {
        let body = format!(
            "<GetRoleResponse><GetRoleResult><Role><Arn>arn:aws:iam::012345678901:role/Hunter2</Arn>\
             <AssumeRolePolicyDocument><![CDATA[{SECRET}]]></AssumeRolePolicyDocument><{SECRET}>true</{SECRET}></Role>\
             </GetRoleResult></GetRoleResponse>"
        );
        let expected = json!({ "Role.Arn": text(), "Role.AssumeRolePolicyDocument": text(), "Role.{}": text() });
        assert_eq!(of_answer(Protocol::Form, &body), (expected, None));
    }

    #[test]
    fn error_codes_are_kept_and_messages_are_not() {
        let query = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameterValue</Code><Message>Value '{SECRET}'</Message>\
             </Error></ErrorResponse>"
        );
        let (shape, code) = of_answer(Protocol::Form, &query);
        assert_eq!(code.as_deref(), Some("InvalidParameterValue"));
        assert_eq!(shape["Error.Message"], text());
        let ec2 = "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code></Error></Errors></Response>";
        assert_eq!(of_answer(Protocol::Form, ec2).1.as_deref(), Some("InvalidVpcID.NotFound"));
        let s3 = "<Error><Code>NoSuchBucket</Code><BucketName>Hunter2</BucketName></Error>";
        assert_eq!(of_answer(Protocol::Other, s3).1.as_deref(), Some("NoSuchBucket"));
        let json = json!({ "__type": "com.amazonaws#ValidationException", "message": SECRET }).to_string();
        assert_eq!(of_answer(Protocol::Json, &json).1.as_deref(), Some("ValidationException"));
        let forged = json!({ "__type": format!("Value {SECRET}") }).to_string();
        assert_eq!(of_answer(Protocol::Json, &forged).1, None);
    }

    #[test]
    fn json_has_no_secret_and_no_key_of_a_map() {
        let body = json!({
            "SecretString": SECRET,
            "SecretBinary": [1, 2],
            "tags": { "Hunter2": SECRET },
            "containerDefinitions": [{ "environment": [{ "name": "Hunter2", "value": SECRET }], "essential": true }],
            "desiredCount": 2,
            "Policy": format!("{{\"Hunter2\":\"{SECRET}\"}}"),
            "volumes": [],
            "service": { "status": "DRAINING", "deployments": null },
        });
        let expected = json!({
            "SecretString": text(),
            "SecretBinary.[]": { "types": ["number"] },
            "tags.{}": text(),
            "containerDefinitions.[].environment.[].name": text(),
            "containerDefinitions.[].environment.[].value": text(),
            "containerDefinitions.[].essential": { "types": ["boolean"], "values": ["true"] },
            "desiredCount": { "types": ["number"], "values": ["2"] },
            "Policy": text(),
            "volumes": { "types": ["list"] },
            "service.status": { "types": ["text"], "values": ["DRAINING"] },
            "service.deployments": { "types": ["null"] },
        });
        assert_eq!(of_request(Protocol::Json, &body.to_string()), expected);
    }

    #[test]
    fn xml_of_s3_and_route_53_has_no_values() {
        let body = "<Tagging><TagSet><Tag><Key>Hunter2</Key><Value>0123456789</Value></Tag></TagSet></Tagging>";
        let expected = json!({ "TagSet.Tag.Key": text(), "TagSet.Tag.Value": text() });
        assert_eq!(of_request(Protocol::Xml, body), expected);
        let versioning = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        let expected = json!({ "Status": { "types": ["text"], "values": ["Enabled"] } });
        assert_eq!(of_answer(Protocol::Other, versioning), (expected, None));
        // An object or a policy of a bucket.
        assert_eq!(of_request(Protocol::Other, SECRET), json!({}));
    }

    #[test]
    fn cbor_has_states_and_no_texts() {
        let mut bytes = vec![];
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder.map(5).unwrap();
        encoder.str("AlarmName").unwrap().str(SECRET).unwrap();
        encoder.str(SECRET).unwrap().bool(true).unwrap();
        encoder.str("StateValue").unwrap().str("INSUFFICIENT_DATA").unwrap();
        encoder.str("Dimensions").unwrap().begin_array().unwrap();
        encoder.begin_map().unwrap().str("Value").unwrap().begin_str().unwrap().str("Hunter2").unwrap();
        encoder.end().unwrap().end().unwrap().end().unwrap();
        encoder.str("Timestamp").unwrap().tag(minicbor::data::Tag::new(1)).unwrap().f64(0.5).unwrap();
        let expected = json!({
            "AlarmName": text(),
            "{}": { "types": ["boolean"] },
            "StateValue": { "types": ["text"], "values": ["INSUFFICIENT_DATA"] },
            "Dimensions.[].Value": text(),
            "Timestamp": { "types": ["timestamp"] },
        });
        assert_eq!(shape(&request(Protocol::Cbor, Some(&bytes))), expected);

        let mut bytes = vec![];
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder.map(2).unwrap().str("__type").unwrap().str("com.amazonaws#ResourceNotFound").unwrap();
        encoder.str("message").unwrap().str(SECRET).unwrap();
        let answer = answer(Protocol::Cbor, Some(&bytes));
        assert_eq!(answer.error.as_deref(), Some("ResourceNotFound"));
        shape(&answer.shape);
    }

    #[test]
    fn body_that_cannot_be_read_shows_nothing_of_it() {
        let unreadable = json!({ "types": ["unreadable"] });
        for (protocol, body) in [
            (Protocol::Json, format!("{{\"SecretString\":\"{SECRET}")),
            (Protocol::Xml, format!("<A><Name>{SECRET}</Name")),
            (Protocol::Cbor, format!("\u{7f}{SECRET}")),
        ] {
            let shape = of_request(protocol, &body);
            assert!(shape.as_object().unwrap().values().any(|member| *member == unreadable), "{shape}");
        }
        let deep = [vec![0x81; 100_000], vec![0]].concat();
        shape(&request(Protocol::Cbor, Some(&deep)));
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        of_request(Protocol::Json, &deep);
        let large = format!("\"{}\"", "a".repeat(MAX_SIZE));
        assert_eq!(of_request(Protocol::Json, &large), json!({ "": unreadable }));
    }

    #[test]
    fn protocol_follows_from_the_content_type() {
        for (content_type, protocol) in [
            (Some("application/x-amz-json-1.1"), Protocol::Json),
            (Some("application/x-www-form-urlencoded; charset=utf-8"), Protocol::Form),
            (Some("application/octet-stream"), Protocol::Other),
            (None, Protocol::Other),
        ] {
            assert_eq!(Protocol::of_request(content_type), protocol);
        }
    }
}
