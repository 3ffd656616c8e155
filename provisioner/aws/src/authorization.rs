//! The resources that the actions in `ACTIONS` are about, and the form of their ARNs, by AWS's service authorization
//! reference.
//!
//! `authorization/refresh.py` writes the data. A test below fails where an action of a resource type is missing.
//! Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/>

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

/// An action, such as `ec2:CreateSubnet`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Action {
    /// Resource types that a policy must allow the action on: `ec2:vpc`. None if the action knows no resources.
    pub required: Vec<String>,
    /// Resource types that the action is about in some calls.
    pub optional: Vec<String>,
}

#[derive(Deserialize)]
struct Reference {
    actions: BTreeMap<String, Action>,
    /// The form of the ARN of each resource type.
    resources: BTreeMap<String, String>,
}

static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let text = include_str!("../authorization/actions.json");
    serde_json::from_str(text).unwrap_or_else(|_| Reference { actions: BTreeMap::new(), resources: BTreeMap::new() })
});

/// Returns an action of the reference.
pub fn action(name: &str) -> Option<&'static Action> {
    REFERENCE.actions.get(name)
}

/// The account and region of ARNs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// AWS partition, such as `aws-cn`.
    pub partition: &'a str,
    /// Region, such as `eu-central-1`.
    pub region: &'a str,
    /// Number of the account.
    pub account: &'a str,
}

impl Place<'_> {
    /// Returns the ARN of an object of a resource type of the reference, such as `rds:db`. The object's name takes the place
    /// of the last variable that is a name, or else of the last one; each other variable is `*`.
    pub fn arn(&self, resource_type: &str, name: Option<&str>) -> Option<String> {
        let form = REFERENCE.resources.get(resource_type)?;
        let known = form.replace("${Partition}", self.partition).replace("${Region}", self.region);
        let known = known.replace("${Account}", self.account);
        let mut parts = known.split("${");
        let mut arn = parts.next()?.to_owned();
        let variables: Vec<(&str, &str)> = parts.map(|part| part.split_once('}')).collect::<Option<_>>()?;
        let named = variables.iter().rposition(|(variable, _)| variable.contains("Name"));
        let named = named.or(variables.len().checked_sub(1));
        for (at, (_, rest)) in variables.into_iter().enumerate() {
            arn.push_str(name.filter(|_| named == Some(at)).unwrap_or("*"));
            arn.push_str(rest);
        }
        Some(arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { partition: "aws", region: "eu-central-1", account: "123456789012" };

    #[test]
    fn arn_has_the_name_and_the_place() {
        let arn = |resource_type, name| PLACE.arn(resource_type, name).unwrap();
        assert_eq!(arn("rds:db", Some("dev-main")), "arn:aws:rds:eu-central-1:123456789012:db:dev-main");
        assert_eq!(arn("ec2:vpc", None), "arn:aws:ec2:eu-central-1:123456789012:vpc/*");
        assert_eq!(arn("ecs:service", Some("app")), "arn:aws:ecs:eu-central-1:123456789012:service/*/app");
        let balancer = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/dev-app/*";
        assert_eq!(arn("elasticloadbalancing:loadbalancer/app", Some("dev-app")), balancer);
        assert_eq!(PLACE.arn("rds:nothing", None), None);
    }

    /// Actions that the reference's version lacks, since they are newer.
    const UNKNOWN: &[&str] = &["ecr:ListImageReferrers"];

    #[test]
    fn reference_has_every_action_of_the_types() {
        let types = crate::registry();
        let listed = types.all().flat_map(|one| {
            let actions = one.info().actions;
            [actions.read, actions.create, actions.update, actions.delete].concat()
        });
        let missing: Vec<&str> = listed.filter(|name| action(name).is_none() && !UNKNOWN.contains(name)).collect();
        assert!(missing.is_empty(), "run provisioner/aws/authorization/refresh.py: {missing:?}");
    }

    #[test]
    fn actions_know_their_resources() {
        let create = action("ec2:CreateSubnet").unwrap();
        assert_eq!(create.required, ["ec2:subnet", "ec2:vpc"]);
        assert_eq!(action("iam:PutRolePolicy").unwrap().required, ["iam:role"]);
    }
}
