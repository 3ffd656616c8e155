//! The archive of schemas in the binary. Its format is described in `schemas/refresh.py`, which writes it.

use std::{
    collections::BTreeMap,
    io::Read,
    sync::{LazyLock, OnceLock},
};

use flate2::read::GzDecoder;
use serde_json::Value;

static ARCHIVE: &[u8] = include_bytes!("../../schemas/cloudformation.json.gz");
static MANIFEST: &str = include_str!("../../schemas/cloudformation.toml");

/// The schemas as text, which is parsed where it is used: a stack has few of the types and one region.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    // A test reads the whole archive, so that an unreadable one is in no binary.
    let read = GzDecoder::new(ARCHIVE).read_to_string(&mut text);
    if read.is_ok() { text } else { String::new() }
});

static ENTRIES: LazyLock<BTreeMap<&'static str, ArchivedSchema>> = LazyLock::new(|| {
    let lines = TEXT.lines().filter_map(|line| line.split_once('\t'));
    lines.map(|(key, text)| (key, ArchivedSchema { text, schema: OnceLock::new() })).collect()
});

struct ArchivedSchema {
    text: &'static str,
    schema: OnceLock<Value>,
}

/// Returns the constraints of a CloudFormation type (`AWS::EC2::Subnet`), or those of a region (`AWS::RDS::DBInstance
/// eu-central-1`).
pub fn schema(key: &str) -> Option<&'static Value> {
    let entry = ENTRIES.get(key)?;
    Some(entry.schema.get_or_init(|| serde_json::from_str(entry.text).unwrap_or_default()))
}

/// Returns the constraints of a type in each region that the archive has.
pub(super) fn regional(type_name: &str) -> impl Iterator<Item = &'static Value> {
    let prefix = format!("{type_name} ");
    ENTRIES.keys().filter(move |key| key.starts_with(&prefix)).filter_map(|key| schema(key))
}

/// Returns the date of the schemas: `2026-10-20`.
pub fn date() -> &'static str {
    manifest("date")
}

fn manifest(key: &str) -> &'static str {
    let value = |line: &'static str| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"');
    MANIFEST.lines().find_map(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use provisioner_model::digest::sha256;

    use super::*;

    #[test]
    fn archive_is_the_one_of_the_manifest_and_small() {
        assert_eq!(sha256(ARCHIVE), manifest("sha256"));
        assert!(ARCHIVE.len() < 2_000_000, "{} bytes", ARCHIVE.len());
        assert!(manifest("source").starts_with("cfn-lint ") && date().starts_with("20"));
    }

    #[test]
    fn every_schema_is_readable_and_uses_what_the_evaluator_knows() {
        for key in ENTRIES.keys() {
            let schema = schema(key).unwrap();
            assert!(schema.is_object(), "{key}");
            assert_eq!(super::super::evaluate::unknown_parts(schema), Vec::<String>::new(), "{key}");
        }
        assert!(ENTRIES.len() > 50, "{}", ENTRIES.len());
    }
}
