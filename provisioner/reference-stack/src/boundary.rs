//! Permissions boundaries: the most that a role can do, whatever its policies say. They keep the deploy role from making
//! itself an administrator.
//!
//! The deploy role creates and changes roles of services only with their boundary, which allows what a task or a flow log
//! needs and nothing of IAM. Its own boundary denies every change of the roles of jobs and of the policies of this
//! component, both boundaries among them: an administrator changes those, with the first apply and later ones.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>

use provisioner_aws::iam::ManagedPolicy;
use provisioner_model::{
    expr::In,
    stack::{Facts, Stack},
};
use serde_json::{Value, json};

use crate::{
    environment::Environment,
    policy::{ISSUER, allow, allow_if, everywhere, identity_arn, policy},
};

/// The ARNs of the boundaries. A boundary that the environment states takes the place of both.
pub struct Boundaries {
    /// For the roles of services, which the deploy role may create and change.
    pub services: In<String>,
    /// For the roles of jobs, which it may not.
    pub jobs: In<String>,
}

/// Declares the boundaries.
pub fn boundaries(env: &Environment, stack: &mut Stack) -> Boundaries {
    if let Some(stated) = &env.identity.permissions_boundary {
        return Boundaries { services: stated.as_str().into(), jobs: stated.as_str().into() };
    }
    let facts = stack.facts().clone();
    stack.component("identity", |stack| {
        let mut add = |name: &str, document| {
            let mut boundary = ManagedPolicy::new(document);
            boundary.path.clone_from(&env.identity.path);
            stack.add(name, boundary).get(ManagedPolicy::ARN)
        };
        Boundaries {
            services: add("boundary-services", services(env, &facts)),
            jobs: add("boundary-jobs", jobs(env, &facts)),
        }
    })
}

/// The actions of the tasks, of ECS for them, and of the flow logs in this environment.
fn services(env: &Environment, facts: &Facts) -> In<String> {
    let Facts { account, environment, region, partition, .. } = facts;
    let arn =
        |service: &str, resource: &str| Value::from(format!("arn:{partition}:{service}:{region}:{account}:{resource}"));
    let secrets = arn("secretsmanager", &format!("secret:{environment}-*"));
    policy([
        everywhere(&["ecr:GetAuthorizationToken", "logs:DescribeLogGroups"]),
        allow(
            &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            [arn("ecr", &format!("repository/{environment}-*"))],
        ),
        allow(&["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], [arn("logs", "log-group:*")]),
        // RDS names the secrets that it manages.
        allow(&["secretsmanager:GetSecretValue"], [secrets.clone(), arn("secretsmanager", "secret:rds!db-*")]),
        allow(&["secretsmanager:PutSecretValue"], [secrets]),
        allow_if(
            &["kms:Decrypt", "kms:GenerateDataKey"],
            [arn("kms", "key/*")],
            json!({ "StringEquals": {
                "aws:ResourceTag/project": env.project, "aws:ResourceTag/environment": environment,
            } }),
        ),
    ])
}

/// Everything except changes of the job's own permissions.
fn jobs(env: &Environment, facts: &Facts) -> In<String> {
    let ours = |kind: &str, name: &str| Value::from(identity_arn(env, facts, kind, name));
    let provider = format!("arn:{}:iam::{}:oidc-provider/{ISSUER}", facts.partition, facts.account);
    let changes = [
        "iam:Add*",
        "iam:Attach*",
        "iam:Create*",
        "iam:Delete*",
        "iam:Detach*",
        "iam:Put*",
        "iam:Remove*",
        "iam:Set*",
        "iam:Tag*",
        "iam:Untag*",
        "iam:Update*",
    ];
    // These create identities and their keys, join groups, and lift the boundaries of others.
    let identities = [
        "iam:*AccessKey*",
        "iam:*Group*",
        "iam:*LoginProfile*",
        "iam:*MFADevice*",
        "iam:*SAMLProvider*",
        "iam:*ServiceSpecificCredential*",
        "iam:*UserPolicy",
        "iam:*UserPermissionsBoundary",
        "iam:CreateUser",
        "iam:DeleteRolePermissionsBoundary",
    ];
    let keys = ["kms:PutKeyPolicy", "kms:TagResource", "kms:UntagResource"];
    policy([
        everywhere(&["*"]),
        deny(&changes, [ours("role", "deploy"), ours("role", "plan"), ours("policy", ""), provider.into()]),
        deny(&identities, ["*".into()]),
        // The tags of a key say whose it is, and its policy who may use it: those of others stay as they are.
        deny_of_others(&keys, "environment", &facts.environment),
        deny_of_others(&keys, "project", &env.project),
        // A role of another environment, or of people, is none that a deployment takes.
        deny(&["sts:AssumeRole"], ["*".into()]),
    ])
}

/// Refuses the actions on objects whose tag has another value, or which lack it.
fn deny_of_others(actions: &[&str], tag: &str, value: &str) -> Value {
    let mut statement = deny(actions, ["*".into()]);
    statement["Condition"] = json!({ "StringNotEquals": { format!("aws:ResourceTag/{tag}"): value } });
    statement
}

fn deny(actions: &[&str], resources: impl IntoIterator<Item = Value>) -> Value {
    let mut statement = allow(actions, resources);
    statement["Effect"] = "Deny".into();
    statement
}
