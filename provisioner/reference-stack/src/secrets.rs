//! The environment's key, the secret that the app signs with, and the one for its first administrator. The program makes
//! the values and forgets them: no file, plan or log ever holds one.

use provisioner_aws::{
    kms::{Alias, Key},
    secrets::{Generated, ManagedSecret, SecretValue},
};
use provisioner_model::{
    expr::{In, document},
    stack::{Facts, Handle, Options, Stack},
};
use serde_json::json;

use crate::{environment::Environment, partition as partition_of};

/// The key, and what it keeps.
pub struct Secrets {
    /// Encrypts logs, images, alarms and secrets.
    pub key: Handle<Key>,
    /// The key that signs the app's tokens.
    pub signing_key: Handle<ManagedSecret>,
    /// The secret that stores the first administrator's password. The app's command line writes it; before that, its
    /// value is a random password without a user.
    pub administrator: Handle<ManagedSecret>,
}

impl Secrets {
    /// The signing key's ARN.
    pub fn signing_key_arn(&self) -> In<String> {
        self.signing_key.get(ManagedSecret::ARN)
    }

    /// The ARN of the administrator's secret.
    pub fn administrator_arn(&self) -> In<String> {
        self.administrator.get(ManagedSecret::ARN)
    }
}

/// One key for the environment: who may no longer use it can read nothing of it.
pub fn secrets(env: &Environment, stack: &mut Stack) -> Secrets {
    let keep = env.keeps_data();
    stack.component("secrets", |stack| {
        let key = Key::new()
            .description(format!("{} {}", env.project, stack.facts().environment))
            .policy(key_policy(stack.facts()))
            .key_rotation_enabled(true)
            .pending_window_in_days(if keep { 30 } else { 7 });
        let key = stack.add_with("main", key, Options { protect: keep, ..Options::default() });
        stack.add("main", Alias::new(key.id()));

        let secret = |what: &str| {
            ManagedSecret::new(SecretValue::Generated(Generated::letters_and_digits(64)))
                .description(what)
                .kms_key_id(key.get(Key::ARN))
                // Disposable environments have no recovery window, so that the name is free immediately.
                .recovery_window_in_days(if keep { 30 } else { 0 })
        };
        Secrets {
            signing_key: stack.add("signing-key", secret("The app signs its tokens with it")),
            administrator: stack.add("administrator", secret("The first password of the app's administrator")),
            key,
        }
    })
}

/// Returns the key's policy. The account's IAM policies control access by users and roles; two AWS services need a
/// statement here, each only for this account's objects. In a key's policy, `*` is the key itself.
fn key_policy(facts: &Facts) -> In<String> {
    let Facts { account, region, partition, .. } = facts;
    document(json!({ "Version": "2012-10-17", "Statement": [
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:{partition}:iam::{account}:root") },
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "AlarmsToTopic",
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceAccount": account } },
        },
        {
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": { "Service": partition_of(facts).logs_principal(region) },
            "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            "Resource": "*",
            "Condition": { "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": format!("arn:{partition}:logs:{region}:{account}:log-group:*"),
            } },
        },
    ] }))
}
