//! Every member of a type's create call is an input, or is listed with the reason why not: checked against AWS's own
//! description of the call, as botocore has it. The same description has the names that a recording of calls may contain.

use std::{path::Path, process::Command};

use provisioner_aws::registry;
use provisioner_model::erased::ResourceType;
use provisioner_tests::skipped;
use serde_json::{Value, json};

use crate::sandbox::ran;

/// Types that no one call makes: rules and policies are written one by one, a wait makes nothing.
const NO_CALL: &[&str] = &["aws:acm:certificate-issued", "aws:ec2:security-group-rules", "aws:iam:role-policies"];

/// Wherever they stand, tags are an input.
const TAGS: &[&str] = &["Tags", "tags", "TagSpecifications"];

/// Members of any call that the engine sets or has no use for.
const ENGINES: &[(&str, &str)] = &[("DryRun", "the plan is the dry run")];

/// A create call, and what the type says of its members.
struct Covered<'a> {
    resource_type: &'a dyn ResourceType,
    service: &'static str,
    operation: &'static str,
    /// Members in lower case, and the input that covers each.
    members: Vec<(String, &'static str)>,
    /// The members that the declaration names, as it writes them.
    stated: Vec<&'static str>,
}

impl<'a> Covered<'a> {
    fn new(resource_type: &'a dyn ResourceType) -> Option<Self> {
        let call = resource_type.info().create_call?;
        let parameters = resource_type.info().parameters.iter();
        Some(Self {
            resource_type,
            service: call.service,
            operation: call.operation,
            members: parameters.clone().map(|one| (one.member.to_lowercase(), one.field)).collect(),
            stated: parameters.filter(|one| one.stated).map(|one| one.member).collect(),
        })
    }

    /// The differences from the call's members.
    fn wrong(&self, members: &[String]) -> Vec<String> {
        let name = self.resource_type.info().type_name;
        let mut wrong = vec![];
        for (member, input) in &self.members {
            if !self.resource_type.info().fields.iter().any(|field| field.name == *input) {
                wrong.push(format!("{name}: {member} is said to be the input {input}, which is none"));
            }
        }
        for member in self.stated.iter().filter(|stated| !members.iter().any(|member| member == *stated)) {
            wrong.push(format!("{name}: {} has no member {member}", self.operation));
        }
        for member in members {
            let covered = self.members.iter().any(|(of, _)| *of == member.to_lowercase());
            // A reason may speak of several members.
            let mut reasons = self.resource_type.info().omitted_parameters.iter().chain(ENGINES);
            let excused = reasons.any(|(of, why)| of == member || words(of, why).any(|it| it == member));
            if !covered && !excused && !TAGS.contains(&member.as_str()) {
                wrong.push(format!("{name}: {member} is neither an input nor listed with a reason"));
            }
        }
        wrong
    }
}

#[test]
fn every_create_parameter_is_an_input_or_is_omitted_with_a_reason() {
    const TEST: &str = "every_create_parameter_is_an_input_or_is_omitted_with_a_reason";
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
    let Ok(client) = std::env::var("PROVISIONER_AWS_CLI") else {
        return skipped(TEST, "the AWS CLI is not installed");
    };
    let types = registry();
    let (mut wrong, mut covered) = (vec![], vec![]);
    for resource_type in types.all() {
        match Covered::new(resource_type) {
            Some(call) => covered.push(call),
            None if NO_CALL.contains(&resource_type.info().type_name) => {}
            None => wrong.push(format!("{}: say which call creates it", resource_type.info().type_name)),
        }
    }
    let calls: Value = covered.iter().map(|call| json!([call.service, call.operation])).collect();
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/members.py");
    let mut command = Command::new(Path::new(&client).with_file_name("python"));
    let told = ran(command.arg(tool).arg(calls.to_string()).output().unwrap()).ok().out;
    let told: Vec<Vec<String>> = serde_json::from_str(&told).unwrap();
    wrong.extend(covered.iter().zip(&told).flat_map(|(call, members)| call.wrong(members)));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn recordings_name_the_members_of_every_call() {
    const TEST: &str = "recordings_name_the_members_of_every_call";
    #[expect(clippy::disallowed_methods, reason = "how the test runner says where the client is")]
    let Ok(client) = std::env::var("PROVISIONER_AWS_CLI") else {
        return skipped(TEST, "the AWS CLI is not installed");
    };
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/member_names.py");
    let told = ran(Command::new(Path::new(&client).with_file_name("python")).arg(tool).output().unwrap()).ok().out;
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../provisioner/aws/src/record/members.txt");
    let list = std::fs::read_to_string(list).unwrap();
    assert!(told == list, "with the Python of the AWS CLI: tests/tools/member_names.py --write");
}

fn words<'a>(of: &'a str, why: &'a str) -> impl Iterator<Item = &'a str> {
    [of, why].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric()))
}
