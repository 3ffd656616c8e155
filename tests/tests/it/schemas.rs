//! The reference stack against AWS's resource schemas: accepted in every region, and refused by the command line with the
//! line of the declaration, without credentials.

use std::path::Path;

use provisioner_aws::{Partition, registry};
use provisioner_cli::environment::read;
use provisioner_model::{Facts, Stack};
use provisioner_planner::findings;
use provisioner_reference_stack::Environment;

use crate::{engine::facts, partitions::regions};

fn environment(name: &str) -> Environment {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../environments").join(format!("{name}.toml"));
    let text = std::fs::read_to_string(path).unwrap();
    read(name, "the file", &text, 0).unwrap_or_else(|mistakes| panic!("{mistakes:?}")).settings
}

#[test]
fn reference_stack_is_accepted_in_every_region() {
    let Some(regions) = regions("reference_stack_is_accepted_in_every_region") else { return };
    let types = registry();
    let mut wrong = vec![];
    for (name, region) in ["dev", "prod"].iter().flat_map(|name| regions.iter().map(move |region| (name, region))) {
        let mut env = environment(name);
        env.region.clone_from(region);
        let partition = Partition::of_region(region).unwrap().id.to_owned();
        let mut stack =
            Stack::new(Facts { environment: (*name).to_owned(), region: region.clone(), partition, ..facts() });
        provisioner_reference_stack::stack(&env, &mut stack);
        let desired = stack.finish().unwrap_or_else(|problems| panic!("{region}: {problems:?}"));
        wrong.extend(findings(&desired, &types).iter().map(|finding| format!("{name} in {region}: {finding}")));
    }
    assert!(regions.len() > 30, "{regions:?}");
    assert_eq!(wrong, [""; 0]);
}
