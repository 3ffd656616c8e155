//! Another stack of the same environment: before the first apply, the region must have no objects that belong to another
//! state of this project and environment. A second stack beside the first one is what a lost or unshared state leads to.

use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use provisioner_model::{
    Diagnostic,
    erased::Clouds,
    ownership::{ADDRESS, LINEAGE, stack_of},
    resource::Cloud as _,
    stack::{Desired, MAIN},
};

use super::or_left_out;
use crate::prelude::*;

/// Maximum number of values of a filter.
const VALUES: usize = 20;

/// Objects that AWS lists for a while after they were deleted, or keeps.
const STAYS: [&str; 8] = [
    ":cluster/",
    ":key/",
    ":natgateway/",
    ":secret:",
    ":service/",
    ":snapshot:",
    ":task-definition/",
    ":vpc-endpoint/",
];

/// Returns an error if there is another stack of the environment whose state has this lineage.
pub async fn findings(clouds: &Clouds, desired: &Desired, lineage: &str) -> Result<Vec<Diagnostic>> {
    let declared = desired.resources.iter().filter(|(_, declared)| {
        // The objects of IAM are of no region.
        let is_regional = declared.type_name.starts_with("aws:") && !declared.type_name.starts_with("aws:iam:");
        is_regional && declared.provider == MAIN && declared.inputs.get("tags").is_some()
    });
    let addresses: Vec<String> = declared.map(|(address, _)| address.clone()).take(VALUES).collect();
    match stack_of(lineage) {
        Some(stack) if !addresses.is_empty() => {
            let subject = "whether another state has a stack of this environment";
            or_left_out(subject, search(clouds.get::<Aws>(MAIN)?, stack, lineage, addresses).await)
        }
        _ => Ok(vec![]),
    }
}

/// The search is one call, by the addresses of some declared resources.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
async fn search(aws: &Aws, stack: &str, lineage: &str, addresses: Vec<String>) -> Result<Vec<Diagnostic>> {
    let same_address = TagFilter::builder().key(ADDRESS).set_values(Some(addresses)).build();
    let owned = TagFilter::builder().key(LINEAGE).build();
    let reader = aws.reader();
    let request = reader.tagging().get_resources().tag_filters(same_address).tag_filters(owned);
    let answer = request.send().await.map_err(api("tag:GetResources"))?;
    let is_other = |found: &&ResourceTagMapping| {
        let tag = found.tags().iter().find(|tag| tag.key() == LINEAGE);
        tag.is_some_and(|tag| stack_of(tag.value()) == Some(stack) && tag.value() != lineage)
    };
    let others = answer.resource_tag_mapping_list().iter().filter(is_other);
    let others: Vec<&str> = others.filter_map(ResourceTagMapping::resource_arn).filter(|arn| !stays(arn)).collect();
    Ok(finding(stack, &others).into_iter().collect())
}

fn stays(arn: &str) -> bool {
    STAYS.iter().any(|part| arn.contains(part))
}

fn finding(stack: &str, others: &[&str]) -> Option<Diagnostic> {
    /// Number of objects that the message names.
    const NAMED: usize = 3;
    let named = others.get(..NAMED.min(others.len())).filter(|named| !named.is_empty())?.join(", ");
    let more = if others.len() > NAMED { ", …" } else { "" };
    let finding = Diagnostic::error(format!(
        "this region has objects of another state of `{stack}`, and an apply would create a second stack: {named}{more}"
    ));
    Some(finding.hint(
        "use the state that they belong to: name its bucket in `[state]` of the environment file, or restore it with \
         `provisioner state import ENV FILE`; or choose another name for the environment. `--no-preflight` creates a second \
         stack",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_the_objects_are_named() {
        let vpc = "arn:aws:ec2:us-east-1:1:vpc/vpc-1";
        assert_eq!(finding("shop/dev", &[]), None);
        assert!(
            finding("shop/dev", &[vpc])
                .unwrap()
                .summary
                .ends_with(&format!("of `shop/dev`, and an apply would create a second stack: {vpc}"))
        );
        assert!(finding("shop/dev", &[vpc, "b", "c", "d"]).unwrap().summary.ends_with("b, c, …"));
    }

    #[test]
    fn what_outlives_an_environment_does_not_count() {
        assert!(stays("arn:aws:ecs:us-east-1:1:task-definition/dev:1"));
        assert!(stays("arn:aws:kms:us-east-1:1:key/1"));
        assert!(stays("arn:aws:ec2:us-east-1:1:natgateway/nat-1"));
        assert!(!stays("arn:aws:ec2:us-east-1:1:vpc/vpc-1"));
    }
}
