//! Lives of dev and of prod in AWS mode: objects are pending, linger and keep their names, roles are not usable at once,
//! reads lag, and deployments take time. `tests/src/faults/aws_mode.rs` describes the mode.

use std::time::Duration;

use provisioner_tests::faults::Faults;

use crate::sandbox::{Ran, Sandbox};

const LIMIT: Duration = Duration::from_mins(5);

/// An environment on moto, with AWS mode before it.
struct Life {
    sandbox: Sandbox,
    faults: Faults,
    environment: &'static str,
}

impl Life {
    fn new(test: &str, environment: &'static str) -> Option<Self> {
        let mut sandbox = Sandbox::new(test)?;
        // A scaled wait is polled often.
        sandbox.pace = &["--consistency-window", "30", "--poll", "0.2"];
        let faults = Faults::aws_mode(&sandbox.moto.url, 0).unwrap();
        Some(Self { sandbox, faults, environment })
    }

    fn run(&self, command: &[&str]) -> Ran {
        let arguments = [&command[..1], &[self.environment], &command[1..]].concat();
        self.sandbox.run_through(&self.faults, "", &arguments, LIMIT)
    }

    fn apply(&self) {
        self.run(&["apply", "--yes"]).ok();
        self.run(&["plan", "--detailed-exitcode"]).ok();
    }

    fn edit(&self, from: &str, to: &str) {
        self.sandbox.edit(self.environment, from, to);
    }

    /// Applies, changes what a network, a database and a service have, and destroys.
    fn live(&self, memory: (&str, &str), class: (&str, &str)) {
        let before = self.sandbox.moto.everything();
        self.apply();
        self.edit(memory.0, memory.1);
        self.edit(class.0, class.1);
        // Another subnet for the tasks and the database.
        let range = if self.environment == "dev" { "10.0.208.0/20" } else { "10.1.208.0/20" };
        self.edit("[service]", &format!("[network.private_ranges]\nb = \"{range}\"\n\n[service]"));
        self.apply();
        self.run(&["destroy", "--yes", "--confirm", self.environment]).ok();
        let left: Vec<_> = self.sandbox.moto.everything().difference(&before).cloned().collect();
        assert!(left.iter().all(|name| name.contains("Snapshot")), "left behind: {left:#?}");
    }
}

#[test]
fn dev_lives_in_aws_mode() {
    let Some(life) = Life::new("dev_lives_in_aws_mode", "dev") else { return };
    life.live(("memory = 512", "memory = 1024"), ("db.t3.micro", "db.t3.small"));
    // The names of the secret, the bucket and the service are free after a while.
    life.apply();
    life.run(&["destroy", "--yes"]).ok();
}

#[test]
fn prod_lives_in_aws_mode() {
    let Some(life) = Life::new("prod_lives_in_aws_mode", "prod") else { return };
    life.live(("memory = 1024", "memory = 2048"), ("db.t3.small", "db.t3.medium"));
}

#[test]
fn failed_deployment_is_rolled_back_in_aws_mode() {
    let Some(life) = Life::new("failed_deployment_is_rolled_back_in_aws_mode", "dev") else { return };
    life.apply();
    let running = || {
        let (cluster, name) = (life.sandbox.output("cluster"), life.sandbox.output("service"));
        let told = life.sandbox.aws(&format!("ecs describe-services --cluster {cluster} --services {name}"));
        told["services"][0]["taskDefinition"].as_str().unwrap().to_owned()
    };
    let first = running();
    life.edit("memory = 512", "memory = 1024");
    life.faults.fail_next_deployment();
    let told = life.run(&["apply", "--yes"]).ended(1).err;
    assert!(told.contains("circuit breaker") && told.contains("rolled back"), "{told}");
    assert_eq!(running(), first);
    life.apply();
    assert_ne!(running(), first);
}
