//! The bundled stack: a web app with a database on AWS, as components that declare resources.
//!
//! Read [`stack`] first: it names the parts and what each needs of the others. Nothing here calls AWS, reads a file or
//! knows of state: a component declares, and the engine does the rest.

pub mod boundary;
pub mod database;
pub mod edge;
pub mod environment;
pub mod identity;
pub mod network;
pub mod observability;
mod policy;
pub mod registry;
pub mod secrets;
pub mod service;
pub mod state_bucket;

use provisioner_aws::{Partition, ecr::Repository, elb::LoadBalancer, iam::Role, partition::STANDARD, rds::Instance};
use provisioner_model::stack::{Facts, Stack};

pub use environment::Environment;
use observability::Watched;
use service::Parts;

/// Keys of the tags that the stack sets on every object.
pub(crate) const STACK_TAGS: [&str; 2] = ["project", "environment"];

/// The partition of the stack. The environment's rules refuse a region without one.
fn partition(facts: &Facts) -> Partition {
    Partition::named(&facts.partition).unwrap_or(STANDARD)
}

/// The whole of it, in the order in which one part needs another.
pub fn stack(env: &Environment, stack: &mut Stack) {
    let environment = stack.facts().environment.clone();
    let [project_tag, environment_tag] = STACK_TAGS;
    for (key, value) in &env.tags {
        stack.default_tag(key, value);
    }
    stack.default_tag(project_tag, &env.project);
    stack.default_tag(environment_tag, environment);

    let boundaries = boundary::boundaries(env, stack);
    let secrets = secrets::secrets(env, stack);
    let log = observability::log("app", env, &secrets.key, stack);
    let network = if let Some(existing) = env.existing_network() {
        network::existing_network(&existing, stack)
    } else {
        let flows = observability::log("flows", env, &secrets.key, stack);
        let writer = identity::flow_logs(env, &flows, &boundaries, stack);
        network::network(env, &flows, &writer, stack)
    };
    let edge = edge::edge(env, &network, stack);
    let database = database::database(env, &network, &secrets.key, stack);

    let repository = registry::registry(&secrets.key, stack);
    let roles = identity::tasks(env, &repository, &log, &secrets, &database, &boundaries, stack);
    let parts = Parts {
        network: &network,
        edge: &edge,
        repository: &repository,
        log: &log,
        roles: &roles,
        secrets: &secrets,
        database: &database,
    };
    let service = service::service(env, &parts, stack);

    let watched = Watched { edge: &edge, service: &service, database: &database };
    observability::watch(env, &secrets.key, &watched, stack);
    let jobs = identity::jobs(env, &boundaries, stack);

    // Values for people and other programs.
    stack.output("url", edge.url);
    stack.output("load-balancer", edge.balancer.get(LoadBalancer::DNS_NAME));
    stack.output("repository", repository.get(Repository::URI));
    stack.output("cluster", service.cluster_name);
    stack.output("service", service.service_name);
    stack.output("database", database.get(Instance::ADDRESS));
    stack.output("administrator-secret", secrets.administrator_arn());
    stack.output("plan-role", jobs.plan.get(Role::ARN));
    stack.output("deploy-role", jobs.deploy.get(Role::ARN));
}

#[cfg(test)]
mod tests;
