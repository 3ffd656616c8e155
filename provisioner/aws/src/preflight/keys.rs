//! Encryption keys outside the stack, by ID, ARN or alias: each must exist, be enabled and encrypt.
//!
//! Keys that AWS manages (`alias/aws/rds`) are left out, since AWS creates them at their first use.

use std::collections::BTreeMap;

use aws_sdk_kms::{
    operation::describe_key::DescribeKeyOutput,
    types::{KeyMetadata, KeySpec, KeyState, KeyUsageType},
};
use futures::future::try_join_all;
use provisioner_model::Diagnostic;

use super::{Context, or_left_out};
use crate::prelude::*;

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    // The first resource that names a key gets its findings.
    let mut keys = BTreeMap::new();
    for (address, inputs) in context.writes() {
        let Some(fields) = inputs.as_object() else { continue };
        for (field, value) in fields {
            collect(field, value, &mut |key| {
                keys.entry(key.to_owned()).or_insert((address, field.as_str()));
            });
        }
    }
    let checks = keys.iter().map(|(key, (address, field))| async move {
        or_left_out("encryption key", of_key(context, address, field, key).await)
    });
    Ok(try_join_all(checks).await?.concat())
}

/// Calls `found` for each literal key in an input, which may be nested: `kms_key_id`, `kms_master_key_id`, `kms_key`. An
/// empty one stands for no key, as of a topic.
fn collect(name: &str, value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::String(key) if is_key_field(name) && !key.is_empty() && !key.contains("alias/aws/") => found(key),
        Value::Object(members) if !members.contains_key("$ref") && !members.contains_key("$join") => {
            members.iter().for_each(|(name, value)| collect(name, value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, found)),
        _ => {}
    }
}

fn is_key_field(name: &str) -> bool {
    name.contains("kms") && (name.ends_with("key") || name.ends_with("key_id"))
}

/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html>
async fn of_key(context: &Context<'_>, address: &str, field: &str, key: &str) -> Result<Vec<Diagnostic>> {
    let answer = context.reader.kms().describe_key().key_id(key).send().await.map_err(api("kms:DescribeKey"));
    let answer = none_if(ErrorKind::Gone, answer)?;
    let problem = match answer.as_ref().map(DescribeKeyOutput::key_metadata) {
        None => Some("this account and region have no such key".to_owned()),
        Some(metadata) => metadata.and_then(problem),
    };
    let finding = |problem| {
        Diagnostic::resource_error(address, format!("{field}: the key `{key}`: {problem}")).hint(
            "state the ARN of a symmetric key that is enabled: `aws kms list-keys` lists those of the region, and \
             `aws kms describe-key` shows one",
        )
    };
    Ok(problem.map(finding).into_iter().collect())
}

/// Returns the reason why services cannot encrypt with a key.
fn problem(key: &KeyMetadata) -> Option<String> {
    match key.key_state() {
        Some(KeyState::Enabled) | None => {}
        Some(state) => return Some(format!("expected the state Enabled, found {}", state.as_str())),
    }
    match (key.key_usage(), key.key_spec()) {
        (Some(usage), _) if *usage != KeyUsageType::EncryptDecrypt => {
            Some(format!("expected the usage ENCRYPT_DECRYPT, found {}", usage.as_str()))
        }
        (_, Some(spec)) if *spec != KeySpec::SymmetricDefault => {
            Some(format!("expected a symmetric key, found {}", spec.as_str()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_keys_are_found_wherever_an_input_has_them() {
        let inputs = json!({
            "encryption": { "rules": [{ "kms_master_key_id": "alias/data" }] },
            "kms_key_id": "alias/aws/rds",
            "kms_master_key_id": "",
            "master_user_secret_kms_key_id": { "$ref": "secrets/key/main", "path": "arn" },
            "kms_data_key_reuse_period_seconds": 300,
            "performance_insights_kms_key_id": "1234abcd",
        });
        let mut found = vec![];
        for (field, value) in inputs.as_object().unwrap() {
            collect(field, value, &mut |key| found.push(key.to_owned()));
        }
        assert_eq!(found, ["alias/data", "1234abcd"]);
    }

    #[test]
    fn key_must_be_enabled_and_symmetric() {
        let key = || KeyMetadata::builder().key_id("1234abcd").key_state(KeyState::Enabled);
        let told = |key: aws_sdk_kms::types::builders::KeyMetadataBuilder| problem(&key.build().unwrap());
        assert_eq!(told(key().key_usage(KeyUsageType::EncryptDecrypt).key_spec(KeySpec::SymmetricDefault)), None);
        assert_eq!(
            told(key().key_state(KeyState::PendingDeletion)).unwrap(),
            "expected the state Enabled, found PendingDeletion"
        );
        assert_eq!(
            told(key().key_usage(KeyUsageType::SignVerify)).unwrap(),
            "expected the usage ENCRYPT_DECRYPT, found SIGN_VERIFY"
        );
        assert_eq!(told(key().key_spec(KeySpec::Rsa2048)).unwrap(), "expected a symmetric key, found RSA_2048");
    }
}
