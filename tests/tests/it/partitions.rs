//! The table of partitions is AWS's own, as botocore has it.

use std::{path::Path, process::Command};

use provisioner_aws::partition::{PARTITIONS, Partition};
use provisioner_tests::skipped;

use crate::sandbox::ran;

#[test]
fn partitions_are_those_of_botocore() {
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
    let Ok(client) = std::env::var("PROVISIONER_AWS_CLI") else {
        return skipped("partitions_are_those_of_botocore", "the AWS CLI is not installed");
    };
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/partitions.py");
    let mut python = Command::new(Path::new(&client).with_file_name("python"));
    let rows = ran(python.arg(tool).output().unwrap()).ok().out;
    let rows: Vec<(String, String, String, Vec<String>)> = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.len(), PARTITIONS.len());
    for (id, pattern, suffix, regions) in rows {
        let ours = Partition::named(&id).unwrap_or_else(|| panic!("no partition {id}"));
        assert_eq!((ours.region_pattern, ours.dns_suffix), (pattern.as_str(), suffix.as_str()), "{id}");
        for region in regions.iter().filter(|region| !region.ends_with("-global")) {
            assert_eq!(Partition::of_region(region), Some(ours), "{region}");
        }
    }
}
