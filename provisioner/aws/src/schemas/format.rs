//! Formats of text, and the wording of values in messages.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

/// Returns whether a text has a format. A network may have host bits: AWS clears them.
pub(super) fn has(format: &str, text: &str) -> bool {
    let network = |text: &str, is_address: fn(&str) -> bool, max: u8| {
        let parts = text.split_once('/');
        parts.is_some_and(|(address, bits)| is_address(address) && bits.parse::<u8>().is_ok_and(|bits| bits <= max))
    };
    let is_v4 = |text: &str| text.parse::<Ipv4Addr>().is_ok();
    let is_v6 = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    match format {
        "ipv4" => is_v4(text),
        "ipv6" => is_v6(text),
        "ipv4-network" => network(text, is_v4, 32),
        "ipv6-network" => network(text, is_v6, 128),
        _ => true,
    }
}

/// Returns the name of a format for a message.
pub(super) fn name(format: &str) -> &str {
    match format {
        "ipv4" => "an IPv4 address",
        "ipv6" => "an IPv6 address",
        "ipv4-network" => "an IPv4 range such as `10.0.0.0/16`",
        "ipv6-network" => "an IPv6 range such as `2001:db8::/32`",
        other => other,
    }
}

/// Returns a value for a message: text and numbers as they are, of lists and objects only the size.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() > 80 => {
            format!("`{}…` ({} characters)", text.chars().take(60).collect::<String>(), text.chars().count())
        }
        Value::String(text) => format!("`{text}`"),
        Value::Array(items) if items.len() == 1 => "1 item".to_owned(),
        Value::Array(items) => format!("{} items", items.len()),
        Value::Object(_) => "an object".to_owned(),
        Value::Null => "none".to_owned(),
        other => format!("`{other}`"),
    }
}

/// Returns a list of values for a message. Of a long one, those that begin most like what was found.
pub(super) fn choices(values: &[Value], found: &str) -> String {
    const SHOWN: usize = 12;
    let mut texts: Vec<String> = values.iter().filter_map(scalar).collect();
    let rest = texts.len().saturating_sub(SHOWN);
    if rest > 0 {
        let common = |text: &str| text.chars().zip(found.chars()).take_while(|(one, other)| one == other).count();
        texts.sort_by_key(|text| (std::cmp::Reverse(common(text)), text.len()));
        texts.truncate(SHOWN);
    }
    let more = if rest > 0 { format!(" or {rest} more") } else { String::new() };
    match &texts[..] {
        [one] if rest == 0 => format!("`{one}`"),
        texts => format!("one of `{}`{more}", texts.join("`, `")),
    }
}

/// Returns the text of a value that is no list or object. CloudFormation takes `"300"` for `300` and the reverse.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
