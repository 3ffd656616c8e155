//! IAM policies as data: who may take a role, what a role may do, and how long lists fit IAM's size limits.

use std::collections::BTreeSet;

use provisioner_aws::{authorization, preflight, registry};
use provisioner_model::{
    expr::{In, document},
    resource::Actions,
    stack::Facts,
};
use serde_json::{Value, json};

use crate::environment::{Environment, GitHub};

/// IAM's limit for a managed policy, in characters that are not white space.
pub(crate) const MANAGED_LIMIT: usize = 6_144;
/// Size in characters of a statement without its list of actions.
const FRAME: usize = 600;

/// A policy of these statements.
pub(crate) fn policy(statements: impl IntoIterator<Item = Value>) -> In<String> {
    let statements: Vec<Value> = statements.into_iter().collect();
    document(json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// Returns a statement that allows `actions` on `resources`.
pub(crate) fn allow(actions: &[&str], resources: impl IntoIterator<Item = Value>) -> Value {
    let resources: Vec<Value> = resources.into_iter().collect();
    json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
}

/// The same, under conditions.
pub(crate) fn allow_if(actions: &[&str], resources: impl IntoIterator<Item = Value>, condition: Value) -> Value {
    let mut statement = allow(actions, resources);
    statement["Condition"] = condition;
    statement
}

/// Returns a statement that refuses connections to a bucket without TLS.
pub(crate) fn only_over_tls(bucket_arn: &str) -> Value {
    json!({
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket_arn, format!("{bucket_arn}/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

/// Lets an AWS service take a role, for this account's objects alone: else another account could have the service
/// use the role for it.
pub(crate) fn service_trust(service: &str, facts: &Facts) -> In<String> {
    policy([json!({
        "Effect": "Allow",
        "Principal": { "Service": service },
        "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:SourceAccount": facts.account } },
    })])
}

/// GitHub's issuer of tokens, as conditions name it.
pub(crate) const ISSUER: &str = "token.actions.githubusercontent.com";

/// Lets jobs of one repository take a role, for one `purpose`: `pull_request` or `environment:prod`.
///
/// Each condition holds exact values. There are two formats of the subject: repositories made, renamed or moved since
/// 2026-07-15 have the numbers of owner and repository in it, older ones have not, unless they ask for it.
pub(crate) fn github_trust(provider: &In<String>, github: &GitHub, purpose: &str) -> In<String> {
    let mut subjects = vec![format!("repo:{}:{purpose}", github.repository)];
    let mut equals = json!({ format!("{ISSUER}:aud"): "sts.amazonaws.com" });
    if let (Some((owner, name)), Some(owner_id), Some(repository_id)) =
        (github.repository.split_once('/'), github.owner_id, github.repository_id)
    {
        subjects.push(format!("repo:{owner}@{owner_id}/{name}@{repository_id}:{purpose}"));
        equals[format!("{ISSUER}:repository_id")] = repository_id.to_string().into();
    }
    equals[format!("{ISSUER}:sub")] = subjects.into();
    policy([json!({
        "Effect": "Allow",
        "Principal": { "Federated": provider.part() },
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": { "StringEquals": equals },
    })])
}

/// Types that the bundled stack has no object of: its roles need none of their actions.
pub(crate) const UNUSED: &[&str] = &[
    "aws:dynamodb:table",
    "aws:elasticloadbalancingv2:listener-rule",
    "aws:secretsmanager:secret-policy",
    "aws:sqs:queue",
];

/// Returns the actions that the resource types and the checks of a plan list for the program's calls, sorted.
fn listed(choose: impl Fn(Actions) -> Vec<&'static [&'static str]>) -> BTreeSet<&'static str> {
    let types = registry();
    let used = types.all().filter(|erased| !UNUSED.contains(&erased.info().type_name));
    let listed = used.flat_map(|erased| choose(erased.info().actions)).flatten().copied();
    listed.chain(preflight::ACTIONS.iter().copied()).collect()
}

/// Actions that have statements of their own below, narrower than the rest.
const NARROW: &[&str] =
    &["iam:PassRole", "iam:CreateServiceLinkedRole", "kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKey"];

/// Actions that give permissions to a role: the deploy role may use them only on roles that have their boundary.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>
const GRANTING: &[&str] =
    &["iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"];

/// Returns whether an action is about roles and keeps their boundary. The others, on policies and on the provider of
/// identities, are an administrator's.
fn changes_roles(action: &str) -> bool {
    let about = authorization::action(action);
    about.is_some_and(|about| about.required.iter().any(|one| one == "iam:role"))
        && action != "iam:DeleteRolePermissionsBoundary"
}

/// The roles of services, by the names that they have in the component `identity`. The deploy role creates, changes and
/// passes these, and no others.
pub(crate) const SERVICE_ROLES: [&str; 3] = ["execution", "flow-logs", "task"];

/// Returns the pattern of the ARNs of roles or policies of the component `identity`, with the generated names that begin
/// with environment, component and `name`.
pub(crate) fn identity_arn(env: &Environment, facts: &Facts, kind: &str, name: &str) -> String {
    let Facts { account, environment, partition, .. } = facts;
    let dash = if name.is_empty() { "" } else { "-" };
    format!("arn:{partition}:iam::{account}:{kind}{}{environment}-identity-{name}{dash}*", env.identity.path())
}

/// Returns the policies of `plan`: read access for every resource type.
pub(crate) fn plan_policies() -> Vec<In<String>> {
    let actions = listed(|actions| vec![actions.read]);
    pack(actions.into_iter(), MANAGED_LIMIT - FRAME).into_iter().map(|actions| policy([everywhere(&actions)])).collect()
}

/// Returns the policies of `apply` and `destroy`: the union of the actions of all types. Names and IDs of most objects
/// are unknown before their creation, so these actions are not restricted by resource yet; those of IAM are, to the roles
/// of services, which have the boundary `boundary`.
pub(crate) fn deploy_policies(facts: &Facts, env: &Environment, boundary: &In<String>) -> Vec<In<String>> {
    let Facts { account, environment, partition, .. } = facts;
    let all = listed(|actions| vec![actions.read, actions.create, actions.update, actions.delete]);
    let (iam, rest): (BTreeSet<_>, BTreeSet<_>) =
        all.into_iter().filter(|action| !NARROW.contains(action)).partition(|action| action.starts_with("iam:"));
    let (iam_reads, iam_writes): (Vec<_>, Vec<_>) = iam.into_iter().partition(|action| reads(action));
    let iam_writes = iam_writes.into_iter().filter(|action| changes_roles(action));
    let (granting, iam_writes): (Vec<_>, Vec<_>) = iam_writes.partition(|action| GRANTING.contains(action));
    let roles = || SERVICE_ROLES.map(|name| Value::from(identity_arn(env, facts, "role", name)));
    let mut statements = vec![
        everywhere(&iam_reads),
        allow(&iam_writes, roles()),
        // A role without its boundary would have more permissions.
        allow_if(&granting, roles(), json!({ "StringEquals": { "iam:PermissionsBoundary": boundary.part() } })),
        allow_if(
            &["iam:PassRole"],
            roles(),
            json!({ "StringEquals": { "iam:PassedToService": ["ecs-tasks.amazonaws.com", "vpc-flow-logs.amazonaws.com"] } }),
        ),
        // AWS creates these service-linked roles at the first use of a service in an account.
        allow_if(
            &["iam:CreateServiceLinkedRole"],
            [format!("arn:{partition}:iam::{account}:role/aws-service-role/*").into()],
            json!({ "StringEquals": { "iam:AWSServiceName": SERVICE_LINKED } }),
        ),
        // Services encrypt with the environment's key on behalf of the identity that creates their objects.
        allow_if(
            &["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
            [format!("arn:{partition}:kms:*:{account}:key/*").into()],
            json!({ "StringEquals": { "aws:ResourceTag/project": env.project, "aws:ResourceTag/environment": environment } }),
        ),
    ];
    // The first policy takes as many of the other actions as it has room for: each policy is a call of every plan.
    let room = (MANAGED_LIMIT - FRAME).saturating_sub(Value::from(statements.clone()).to_string().len());
    let mut rest = pack(rest.into_iter(), room).into_iter();
    statements.extend(rest.next().map(|actions| everywhere(&actions)));
    let rest = rest.map(|actions| policy([everywhere(&actions)]));
    std::iter::once(policy(statements)).chain(rest).collect()
}

/// The services that the stack uses which bring a role of their own.
const SERVICE_LINKED: &[&str] = &[
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "rds.amazonaws.com",
    "wafv2.amazonaws.com",
];

/// Returns a statement that allows `actions` on everything.
pub(crate) fn everywhere(actions: &[&str]) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": "*" })
}

fn reads(action: &str) -> bool {
    let verb = action.split(':').nth(1).unwrap_or_default();
    ["Get", "List", "Describe", "Simulate"].iter().any(|read| verb.starts_with(read))
}

/// Cuts a list into as few as fit a managed policy each; the first has `room` characters.
fn pack<'a>(actions: impl Iterator<Item = &'a str>, mut room: usize) -> Vec<Vec<&'a str>> {
    let mut policies: Vec<Vec<&str>> = vec![vec![]];
    for action in actions {
        // Each item adds two quotes and a comma.
        let size = action.len() + 3;
        if size > room {
            policies.push(vec![]);
            room = MANAGED_LIMIT - FRAME;
        }
        room -= size;
        if let Some(last) = policies.last_mut() {
            last.push(action);
        }
    }
    policies
}
