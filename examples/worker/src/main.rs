//! A stack of another shape: a bucket, a worker that empties it, and the worker's two roles.

use std::process::ExitCode;

use provisioner_aws::{
    ecs::{Cluster, Container, TaskDefinition},
    iam::{Role, RolePolicies},
    s3::{Bucket, Encryption},
};
use provisioner_cli::Program;
use provisioner_model::{In, Stack, document, join};
use serde_json::{Value, json};

// ANCHOR: environment
/// The content of `environments/NAME.toml`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Worker {
    project: String,
    region: String,
    /// The worker's image, by digest.
    image: String,
}

impl provisioner_model::Environment for Worker {
    fn project(&self) -> &str {
        &self.project
    }
    fn region(&self) -> &str {
        &self.region
    }
}
// ANCHOR_END: environment

fn policy(statement: Value) -> In<String> {
    document(json!({ "Version": "2012-10-17", "Statement": [statement] }))
}

// ANCHOR: stack
fn stack(env: &Worker, stack: &mut Stack) {
    stack.default_tag("project", &env.project);
    let inbox = stack.add("inbox", Bucket::new().server_side_encryption_configuration(Encryption::s3()));
    let tasks =
        json!({ "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole" });
    let execution = stack.add("execution", Role::new(policy(tasks.clone())));
    let task = stack.add("task", Role::new(policy(tasks)));
    let objects = join([inbox.get(Bucket::ARN).part(), "/*".into()]).part();
    let empty = json!({ "Effect": "Allow", "Action": ["s3:GetObject", "s3:DeleteObject"], "Resource": objects });
    stack.add("task", RolePolicies::new(task.id()).inline([("inbox", policy(empty))]));
    stack.add("main", Cluster::new());
    let mut container = Container::new("worker", env.image.as_str());
    container.environment.insert("INBOX".into(), inbox.get(Bucket::BUCKET_NAME));
    let worker = TaskDefinition::fargate(256, 512, [container]).task_role_arn(task.get(Role::ARN));
    stack.add("worker", worker.execution_role_arn(execution.get(Role::ARN)));
    stack.output("inbox", inbox.get(Bucket::BUCKET_NAME));
}
// ANCHOR_END: stack

// ANCHOR: main
fn main() -> ExitCode {
    provisioner_cli::main(Program::new(stack))
}
// ANCHOR_END: main
