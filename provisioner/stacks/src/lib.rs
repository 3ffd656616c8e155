//! The bundled stack: a web app with a database on AWS, as components that declare resources.
//!
//! Read [`stack`] first: it names the parts and what each needs of the others. Nothing here calls AWS, reads a file or
//! knows of state: a component declares, and the engine does the rest.

pub mod database;
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
    let _ = (repository, database);
    identity::jobs(env, stack);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use provisioner_model::stack::{Desired, Facts};
    use serde_json::Value;

    use super::*;
    use crate::environment::tests::{dev, prod};

    fn facts(environment: &str) -> Facts {
        Facts {
            environment: environment.into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
            partition: "aws".into(),
        }
    }

    pub(crate) fn declared(name: &str, env: &Environment) -> Desired {
        let mut declared = Stack::new(facts(name));
        stack(env, &mut declared);
        declared.finish().unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    fn counts(desired: &Desired) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for row in desired.resources.values() {
            *counts.entry(row.type_name).or_default() += 1;
        }
        counts
    }

    #[test]
    fn dev_and_prod_are_declared_without_a_mistake() {
        for (name, env) in [("dev", dev()), ("prod", prod())] {
            let desired = declared(name, &env);
            println!("{name}: {} {:#?}", desired.resources.len(), counts(&desired));
            let _ = Value::Null;
        }
    }
}
