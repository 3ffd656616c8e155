//! Every member of a type's create call is an input, or is listed with the reason why not: checked against AWS's own
//! description of the call, as botocore has it.

use std::{path::Path, process::Command};

use provisioner_aws::registry;
use provisioner_model::erased::ResourceType;
use provisioner_tests::skipped;
use serde_json::{Value, json};

use crate::sandbox::ran;

/// A type, the service and operation that make one, and members that are inputs under another name. For types that do
/// not derive their schema: a derived one has its call and parameters in itself.
type Call = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Each type's create call, and its members that are inputs under another name.
const CALLS: &[Call] = &[
    ("aws:ecr:image", "ecr", "PutImage", &[("repositoryName", "repository"), ("imageDigest", "digest")]),
    (
        "aws:ecr:repository",
        "ecr",
        "CreateRepository",
        &[
            ("repositoryName", "name"),
            ("imageTagMutabilityExclusionFilters", "mutability_exclusions"),
            ("imageScanningConfiguration", "scan_on_push"),
            ("encryptionConfiguration", "encryption"),
        ],
    ),
    (
        "aws:iam:oidc-provider",
        "iam",
        "CreateOpenIDConnectProvider",
        &[("ClientIDList", "client_ids"), ("ThumbprintList", "thumbprints")],
    ),
    ("aws:iam:policy", "iam", "CreatePolicy", &[("PolicyName", "name"), ("PolicyDocument", "document")]),
    ("aws:iam:role", "iam", "CreateRole", &[("RoleName", "name"), ("AssumeRolePolicyDocument", "assume_role_policy")]),
    ("aws:kms:key", "kms", "CreateKey", &[("KeyUsage", "usage"), ("KeySpec", "spec")]),
    (
        "aws:rds:parameter-group",
        "rds",
        "CreateDBParameterGroup",
        &[("DBParameterGroupName", "name"), ("DBParameterGroupFamily", "family")],
    ),
    (
        "aws:rds:subnet-group",
        "rds",
        "CreateDBSubnetGroup",
        &[("DBSubnetGroupName", "name"), ("DBSubnetGroupDescription", "description"), ("SubnetIds", "subnets")],
    ),
    (
        "aws:s3:bucket",
        "s3",
        "CreateBucket",
        &[("Bucket", "name"), ("ObjectLockEnabledForBucket", "object_lock"), ("ObjectOwnership", "ownership")],
    ),
    (
        "aws:secretsmanager:secret",
        "secretsmanager",
        "CreateSecret",
        &[("KmsKeyId", "kms_key"), ("SecretString", "value")],
    ),
    (
        "aws:secretsmanager:secret-policy",
        "secretsmanager",
        "PutResourcePolicy",
        &[("SecretId", "secret"), ("ResourcePolicy", "policy")],
    ),
];

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
        if let Some(call) = resource_type.info().create_call {
            let parameters = resource_type.info().parameters.iter();
            return Some(Self {
                resource_type,
                service: call.service,
                operation: call.operation,
                members: parameters.clone().map(|one| (one.member.to_lowercase(), one.field)).collect(),
                stated: parameters.filter(|one| one.stated).map(|one| one.member).collect(),
            });
        }
        let (_, service, operation, other) = CALLS.iter().find(|(of, ..)| *of == resource_type.info().type_name)?;
        let same = resource_type.info().fields.iter().map(|field| (field.name.replace('_', ""), field.name));
        let other = other.iter().map(|(member, input)| (member.to_lowercase(), *input));
        Some(Self { resource_type, service, operation, members: same.chain(other).collect(), stated: vec![] })
    }

    /// What does not fit the call's members.
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

fn words<'a>(of: &'a str, why: &'a str) -> impl Iterator<Item = &'a str> {
    [of, why].into_iter().flat_map(|text| text.split(|letter: char| !letter.is_ascii_alphanumeric()))
}
