//! The table of partitions is AWS's own, as botocore has it.

use std::{path::Path, process::Command};

use provisioner_aws::partition::{PARTITIONS, Partition};
use provisioner_tests::skipped;

use crate::sandbox::ran;

/// A partition as botocore has it: ID, pattern of the regions, DNS suffix, and regions.
type Row = (String, String, String, Vec<String>);

/// Returns botocore's partitions; `None`, with a note that `test` was skipped, without the AWS CLI.
fn rows(test: &str) -> Option<Vec<Row>> {
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
    let Ok(client) = std::env::var("PROVISIONER_AWS_CLI") else {
        skipped(test, "the AWS CLI is not installed");
        return None;
    };
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/partitions.py");
    let mut python = Command::new(Path::new(&client).with_file_name("python"));
    let rows = ran(python.arg(tool).output().unwrap()).ok().out;
    Some(serde_json::from_str(&rows).unwrap())
}

/// Returns the names of all regions, of all partitions.
pub(crate) fn regions(test: &str) -> Option<Vec<String>> {
    let regions = rows(test)?.into_iter().flat_map(|(.., regions)| regions);
    Some(regions.filter(|region| !region.ends_with("-global")).collect())
}

#[test]
fn partitions_are_those_of_botocore() {
    let Some(rows) = rows("partitions_are_those_of_botocore") else { return };
    assert_eq!(rows.len(), PARTITIONS.len());
    for (id, pattern, suffix, regions) in rows {
        let ours = Partition::named(&id).unwrap_or_else(|| panic!("no partition {id}"));
        assert_eq!((ours.region_pattern, ours.dns_suffix), (pattern.as_str(), suffix.as_str()), "{id}");
        for region in regions.iter().filter(|region| !region.ends_with("-global")) {
            assert_eq!(Partition::of_region(region), Some(ours), "{region}");
        }
    }
}
