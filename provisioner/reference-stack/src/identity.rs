//! Roles and permissions: GitHub's jobs plan and deploy, tasks start and run. The stack stores no access keys: each
//! role issues credentials for about an hour, in exchange for proof of identity.

use provisioner_aws::{
    ecr::Repository,
    iam::{ManagedPolicy, OidcProvider, Role, RolePolicies},
    kms::Key,
    logs::LogGroup,
    rds::Instance,
};
use provisioner_model::{
    expr::{In, join},
    stack::{Handle, Options, Stack},
};
use serde_json::json;

use crate::{
    boundary::Boundaries,
    environment::Environment,
    partition,
    policy::{ISSUER, allow, allow_if, deploy_policies, github_trust, plan_policies, policy, service_trust},
    secrets::Secrets,
};

/// The roles of the repository's jobs.
pub struct Jobs {
    /// The read-only role of pull requests.
    pub plan: Handle<Role>,
    /// The environment's deployments change.
    pub deploy: Handle<Role>,
}

/// Lets the repository's jobs in: its pull requests to plan, its environment of the same name to deploy.
pub fn jobs(env: &Environment, boundaries: &Boundaries, stack: &mut Stack) -> Jobs {
    stack.component("identity", |stack| {
        // An account has one provider for GitHub. All environments share it, and an existing one is used.
        let github = OidcProvider::new(format!("https://{ISSUER}"), ["sts.amazonaws.com"]);
        let shared = Options { share: true, adopt: true, ..Options::default() };
        let github = stack.add_with("github", github, shared).get(OidcProvider::ARN);

        let facts = stack.facts().clone();
        let deployments = format!("environment:{}", facts.environment);
        let role = |trust| role(env, trust, &boundaries.jobs);
        let plan = role(github_trust(&github, &env.github, "pull_request"))
            .description("Pull requests plan with it; it reads");
        let deploy = role(github_trust(&github, &env.github, &deployments))
            .description("Deployments apply with it")
            // The first apply waits long for the database.
            .max_session_duration(7200);
        Jobs {
            plan: role_with(env, stack, "plan", plan, plan_policies()),
            deploy: role_with(env, stack, "deploy", deploy, deploy_policies(&facts, env, &boundaries.services)),
        }
    })
}

/// Returns a role with the environment's path and this permissions boundary.
fn role(env: &Environment, trust: In<String>, boundary: &In<String>) -> Role {
    let mut role = Role::new(trust);
    role.path.clone_from(&env.identity.path);
    role.permissions_boundary(boundary.clone())
}

/// A role with policies of any length: each is an object of its own, since a role's own may not be that long.
fn role_with(env: &Environment, stack: &mut Stack, name: &str, role: Role, policies: Vec<In<String>>) -> Handle<Role> {
    let role = stack.add(name, role);
    let parts = (1..).zip(policies).map(|(number, document)| {
        let mut policy = ManagedPolicy::new(document);
        policy.path.clone_from(&env.identity.path);
        stack.add(&format!("{name}-{number}"), policy).get(ManagedPolicy::ARN)
    });
    let all: Vec<_> = parts.collect();
    stack.add(name, RolePolicies::new(role.id()).managed(all));
    role
}

/// The roles of a task.
pub struct Tasks {
    /// ECS's, to start it: fetch the image, open the log.
    pub execution: Handle<Role>,
    /// The app's own, once it runs: read its two secrets, and leave the first administrator's password in a third.
    pub task: Handle<Role>,
}

/// Declares the roles of a task: for its start, and for the app.
pub fn tasks(
    env: &Environment,
    repository: &Handle<Repository>,
    log: &Handle<LogGroup>,
    secrets: &Secrets,
    database: &Handle<Instance>,
    boundaries: &Boundaries,
    stack: &mut Stack,
) -> Tasks {
    let facts = stack.facts().clone();
    let trust = || service_trust("ecs-tasks.amazonaws.com", &facts);
    let via_secrets_manager = partition(&facts).via_service("secretsmanager", &facts.region);
    stack.component("identity", |stack| {
        let start = policy([
            // This action does not support resource-level permissions.
            allow(&["ecr:GetAuthorizationToken"], ["*".into()]),
            allow(
                &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                [repository.get(Repository::ARN).part()],
            ),
            // The stack creates the group: without logs:CreateLogGroup the task cannot recreate it after a destroy.
            allow(&["logs:CreateLogStream", "logs:PutLogEvents"], [streams(log)]),
        ]);
        let run = policy([
            allow(
                &["secretsmanager:GetSecretValue"],
                [secrets.signing_key_arn().part(), database.get(Instance::MASTER_USER_SECRET_ARN).part()],
            ),
            // The first administrator's password: the task may write it but not read it.
            allow(&["secretsmanager:PutSecretValue"], [secrets.administrator_arn().part()]),
            allow_if(
                &["kms:Decrypt", "kms:GenerateDataKey"],
                [secrets.key.get(Key::ARN).part()],
                json!({ "StringEquals": { "kms:ViaService": via_secrets_manager } }),
            ),
        ]);
        let execution = stack.add("execution", role(env, trust(), &boundaries.services));
        stack.add("execution", RolePolicies::new(execution.id()).inline([("start", start)]));
        let task = stack.add("task", role(env, trust(), &boundaries.services));
        stack.add("task", RolePolicies::new(task.id()).inline([("run", run)]));
        Tasks { execution, task }
    })
}

/// The role with which AWS writes the VPC's flow logs.
pub fn flow_logs(
    env: &Environment,
    log: &Handle<LogGroup>,
    boundaries: &Boundaries,
    stack: &mut Stack,
) -> Handle<Role> {
    let facts = stack.facts().clone();
    stack.component("identity", |stack| {
        let write = policy([
            allow(&["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"], [streams(log)]),
            // The agent looks for its group among all groups.
            allow(
                &["logs:DescribeLogGroups"],
                [format!("arn:{}:logs:{}:{}:log-group:*", facts.partition, facts.region, facts.account).into()],
            ),
        ]);
        let writer = role(env, service_trust("vpc-flow-logs.amazonaws.com", &facts), &boundaries.services);
        let role = stack.add("flow-logs", writer);
        stack.add("flow-logs", RolePolicies::new(role.id()).inline([("write", write)]));
        role
    })
}

/// All streams of a log group.
fn streams(log: &Handle<LogGroup>) -> serde_json::Value {
    join([log.get(LogGroup::ARN).part(), ":*".into()]).part()
}
