//! The bundled stack: a web app with a database on AWS, as components that declare resources.
//!
//! Read [`stack`] first: it names the parts and what each needs of the others. Nothing here calls AWS, reads a file or
//! knows of state: a component declares, and the engine does the rest.

pub mod database;
pub mod edge;
pub mod environment;
pub mod identity;
pub mod network;
pub mod observability;
mod policy;
pub mod registry;
pub mod secrets;

use provisioner_model::stack::Stack;

pub use environment::Environment;

/// The whole of it, in the order in which one part needs another.
pub fn stack(env: &Environment, stack: &mut Stack) {
    let environment = stack.facts().environment.clone();
    stack.default_tag("project", &env.project);
    stack.default_tag("environment", environment);

    let secrets = secrets::secrets(env, stack);
    let logs = observability::logs(env, &secrets.key, stack);
    let flow_logs = identity::flow_logs(&logs.flows, stack);
    let network = network::network(env, &logs.flows, &flow_logs, stack);
    let repository = registry::registry(&secrets.key, stack);
    let database = database::database(env, &network, &secrets.key, stack);
    let edge = edge::edge(env, &network, stack);
    let _ = (repository, database, edge);
    identity::jobs(env, stack);
}
