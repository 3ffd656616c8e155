//! The app's tasks on Fargate: what one is, how many there are, and how a new version takes over.

use std::collections::BTreeMap;

use provisioner_aws::{
    autoscaling::{ScalableTarget, ScalingPolicy},
    ecr::{Image, Repository},
    ecs::{
        CircuitBreaker, Cluster, Container, Deployment, Linux, Log, PortMapping, RuntimePlatform, Service,
        ServiceTarget, TaskDefinition,
    },
    elb::LoadBalancer,
    iam::Role,
    logs::LogGroup,
    rds::Instance,
};
use provisioner_model::{
    expr::{In, join},
    stack::{Facts, Handle, Stack},
    verification::{self, HttpVerification},
};

use crate::{
    database,
    edge::Edge,
    environment::{Architecture, Ask, Environment, Unreachable},
    identity::Tasks,
    network::{APP_PORT, DATABASE_PORT, Network},
    secrets::Secrets,
};

/// Name of the app's container.
pub const CONTAINER: &str = "app";
/// Number of tasks during a deployment, in percent of the number before.
pub(crate) const MAXIMUM_PERCENT: i32 = 200;
/// ID of the app's user, which does not exist on the host.
const USER: &str = "10000";
/// Name of the fact with the digest of the app's image, if the program builds one.
pub const IMAGE: &str = "image";
/// Digest of an image that does not exist: a placeholder until there is a real one.
const PLACEHOLDER: &str = "@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// Components that the tasks depend on.
pub struct Parts<'a> {
    /// The network of the tasks.
    pub network: &'a Network,
    /// The edge that forwards requests to the tasks.
    pub edge: &'a Edge,
    /// The repository of the tasks' image.
    pub repository: &'a Handle<Repository>,
    /// The log group of the tasks.
    pub log: &'a Handle<LogGroup>,
    /// The roles of the tasks.
    pub roles: &'a Tasks,
    /// The secrets of the app.
    pub secrets: &'a Secrets,
    /// The database of the app.
    pub database: &'a Handle<Instance>,
}

/// The service, and how CloudWatch calls it.
pub struct ServiceHandles {
    /// The ECS cluster of the service.
    pub cluster: Handle<Cluster>,
    /// The ECS service of the app.
    pub service: Handle<Service>,
    /// Name of the ECS cluster.
    pub cluster_name: In<String>,
    /// Name of the ECS service.
    pub service_name: In<String>,
}

/// The tasks, kept at work.
pub fn service(env: &Environment, parts: &Parts<'_>, stack: &mut Stack) -> ServiceHandles {
    stack.component("service", |stack| {
        let cluster = stack.add("main", Cluster::new().container_insights("enabled"));
        let image = image(env, parts.repository, stack);
        let task = stack.add("app", task(env, parts, image.clone(), stack.facts()));

        let wanted = &env.service;
        // ECS starts new tasks before it stops the old ones; if new tasks do not start, the old ones stay.
        let rollout = Deployment::new()
            .deployment_circuit_breaker(CircuitBreaker::new(true, true))
            .minimum_healthy_percent(100)
            .maximum_percent(MAXIMUM_PERCENT);
        let service = Service::new(cluster.id(), task.get(TaskDefinition::ARN))
            .launch_type("FARGATE")
            // The number at the start: autoscaling changes it afterwards.
            .desired_count(wanted.tasks)
            .subnets(parts.network.private.clone())
            .security_groups([parts.network.task_group.id()])
            .assign_public_ip(false)
            .load_balancers([ServiceTarget::new(parts.edge.targets.id(), CONTAINER, APP_PORT)])
            .listeners([parts.edge.listener.id()])
            .deployment_configuration(rollout)
            // The app migrates its database before it is ready.
            .health_check_grace_period_seconds(60)
            .propagate_tags("SERVICE");
        let service = stack.add("app", service);
        if wanted.verification.ask == Ask::On {
            stack.verify(&service, &verification(env, parts.edge, &task, image));
        }

        let count = ScalableTarget::tasks(service.get(Service::PATH), wanted.tasks, wanted.max_tasks);
        let count = stack.add("app", count);
        let target = f64::from(wanted.target_cpu);
        stack.add("cpu", ScalingPolicy::track(count.id(), "ECSServiceAverageCPUUtilization", target));

        ServiceHandles {
            cluster_name: service.get(Service::CLUSTER),
            service_name: service.get(Service::NAME),
            cluster,
            service,
        }
    })
}

/// Requests through the load balancer that this revision, with its image, must answer.
fn verification(
    env: &Environment,
    edge: &Edge,
    task: &Handle<TaskDefinition>,
    image: Option<In<String>>,
) -> HttpVerification {
    let wanted = &env.service.verification;
    let revision = join([task.id().part(), ":".into(), task.get(TaskDefinition::REVISION).part()]);
    HttpVerification {
        url: join([edge.url.part(), wanted.path.as_str().into()]),
        // The domain may not point to the load balancer yet.
        through: Some(edge.balancer.get(LoadBalancer::DNS_NAME)),
        trusted: env.domain.is_some(),
        expect: BTreeMap::from([("task_definition".to_owned(), revision)]),
        image,
        deadline_seconds: wanted.deadline,
        settle_seconds: wanted.settle,
        unreachable: match wanted.unreachable {
            Unreachable::Fail => verification::Unreachable::Fail,
            Unreachable::Warn => verification::Unreachable::Warn,
        },
    }
}

/// One task: one container that can write nowhere, may do nothing that root may, and gets no secret, only the ARNs of
/// its two: it reads them itself, again when one has changed.
fn task(env: &Environment, parts: &Parts<'_>, image: Option<In<String>>, facts: &Facts) -> TaskDefinition {
    let placeholder = || join([parts.repository.get(Repository::URI).part(), PLACEHOLDER.into()]);
    let image = image.unwrap_or_else(placeholder);
    let mut environment: BTreeMap<String, In<String>> = [
        ("ENVIRONMENT", facts.environment.as_str().into()),
        ("PORT", APP_PORT.to_string().into()),
        ("PUBLIC_URL", parts.edge.url.clone()),
        ("DATABASE_HOST", parts.database.get(Instance::ADDRESS)),
        ("DATABASE_PORT", DATABASE_PORT.to_string().into()),
        ("DATABASE_NAME", database::NAME.into()),
        ("DATABASE_CONNECTIONS", env.service.connections.to_string().into()),
        ("BODY_LIMIT_BYTES", env.service.body_limit.to_string().into()),
        ("DATABASE_SECRET_ARN", parts.database.get(Instance::MASTER_USER_SECRET_ARN)),
        ("SIGNING_KEY_SECRET_ARN", parts.secrets.signing_key_arn()),
        ("READINESS_PATH", env.service.readiness_path.as_str().into()),
    ]
    .map(|(name, value): (&str, In<String>)| (name.to_owned(), value))
    .into();
    if let Some(ca) = &env.database.ca {
        environment.insert("DATABASE_CA".to_owned(), ca.as_str().into());
    }
    let log: [(&str, In<String>); 3] = [
        ("awslogs-group", parts.log.get(LogGroup::GROUP_NAME)),
        ("awslogs-region", facts.region.as_str().into()),
        ("awslogs-stream-prefix", CONTAINER.into()),
    ];
    let container = Container::new(CONTAINER, image)
        .essential(true)
        .port_mappings([PortMapping::tcp(APP_PORT)])
        .environment(environment)
        .user(USER)
        .readonly_root_filesystem(true)
        .privileged(false)
        .linux_parameters(Linux::new().drop_capabilities(["ALL"]))
        .log_configuration(Log::new("awslogs").options(log))
        // Longer than the load balancer drains, so that no request is aborted.
        .stop_timeout(60);
    let processor = match env.service.architecture {
        Architecture::X8664 => "X86_64",
        Architecture::Arm64 => "ARM64",
    };
    TaskDefinition::fargate(env.service.cpu, env.service.memory, [container])
        .task_role_arn(parts.roles.task.get(Role::ARN))
        .execution_role_arn(parts.roles.execution.get(Role::ARN))
        .runtime_platform(RuntimePlatform::new().cpu_architecture(processor).operating_system_family("LINUX"))
}

/// Returns the image of the tasks: the environment's image, or the app's image, pushed before the tasks start; `None`
/// without either.
fn image(env: &Environment, repository: &Handle<Repository>, stack: &mut Stack) -> Option<In<String>> {
    if let Some(stated) = &env.service.image {
        return Some(stated.as_str().into());
    }
    let digest = stack.facts().discovered.get(IMAGE).cloned()?;
    let digest = digest.unwrap_or_else(|| Image::NOT_BUILT.to_owned());
    Some(stack.add("app", Image::new(repository.id(), digest, env.service.architecture.name())).get(Image::URI))
}
