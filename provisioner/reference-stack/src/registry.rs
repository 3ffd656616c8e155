//! The repository of the app's images.

use provisioner_aws::{
    ecr::{Encryption, Repository},
    kms::Key,
};
use provisioner_model::{
    expr::document,
    stack::{Handle, Stack},
};
use serde_json::json;

/// Number of images to keep: enough to roll back by weeks.
const KEPT: u32 = 30;

/// A repository whose tags never move, so that a tag names one image for good.
pub fn registry(key: &Handle<Key>, stack: &mut Stack) -> Handle<Repository> {
    let expiry = json!({ "rules": [
        {
            "rulePriority": 1,
            "description": "What lost its tag, or never had one",
            "selection": {
                "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 14
            },
            "action": { "type": "expire" },
        },
        {
            "rulePriority": 2,
            "description": "All but the latest",
            "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT },
            "action": { "type": "expire" },
        },
    ] });
    stack.component("registry", |stack| {
        let app = Repository::new()
            .image_tag_mutability("IMMUTABLE")
            .scan_on_push(true)
            .encryption_configuration(Encryption::new("KMS").kms_key(key.get(Key::ARN)))
            .lifecycle_policy_text(document(expiry))
            // Images can be rebuilt from the source at any time, so they need not outlive the environment.
            .force_delete(true);
        stack.add("app", app)
    })
}
