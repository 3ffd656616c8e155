//! `aws:ec2:security-group`: a set of network interfaces, to which rules attach.
//!
//! EC2 fixes a group's name, description and VPC at creation, so a change to any of them replaces it. A new group has
//! one rule of Amazon's, which allows all outgoing traffic: every rule is in `aws:ec2:security-group-rules`.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>

use std::sync::Arc;

use aws_sdk_ec2::types::{self, ResourceType};

use super::{Vpc, filter, ids_made_for, made_for, obstacles, our_tags, sync_tags, tagged};
use crate::prelude::*;

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9 ._:/()#,@\[\]+=&;{}!$*-]+$",
    reserved_prefixes: &["sg-"],
    reserved_names: &["default"],
    page: "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
    ..NameRule::ANY
};

/// A set of network interfaces, to which rules attach.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:security-group",
    cloudformation = "AWS::EC2::SecurityGroup",
    attributes(id = "GroupId", name = "${group_name}"),
    create = "ec2:CreateSecurityGroup",
    unique(vpc_id, group_name)
)]
pub struct SecurityGroup {
    /// At most 255 characters; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE))]
    pub group_name: Option<String>,
    /// Purpose of the group, which AWS requires: at most 255 plain characters.
    #[field(replaces, property = "GroupDescription")]
    pub description: String,
    /// The VPC of the network interfaces.
    #[field(replaces)]
    pub vpc_id: In<Id<Vpc>>,
    /// Tags of the security group, by key.
    pub tags: Tags,
}

/// The outputs of a security group.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct SecurityGroupOutputs {
    /// ID of the form `sg-…`.
    pub id: Id<SecurityGroup>,
    /// The ARN of the security group.
    pub arn: Option<String>,
    /// The name of the security group.
    pub name: String,
}

impl Resource for SecurityGroup {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeSecurityGroups"],
        create: &["ec2:CreateSecurityGroup", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteSecurityGroup", "ec2:DescribeNetworkInterfaces"],
    };
    const READ_BATCH: usize = 200;
    type Cloud = Aws;
    type Outputs = SecurityGroupOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let length = self.description.chars().count();
        if !(1..=255).contains(&length) || !self.description.chars().all(is_plain) {
            let why = "expected 1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*";
            problems.push(Problem::new(Field::Description, why));
        }
        problems
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let ids = ids.iter().map(Id::as_str).collect();
        groups(c, ids).await?.iter().map(|group| Ok((id_of(group)?, to_observed(group)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let groups = list_all!(READ, c.ec2().describe_security_groups().filters(made_for(owner)))?;
        ids_made_for(owner, &groups, types::SecurityGroup::tags, id_of)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let (Some(vpc), Some(name)) = (text(&self.vpc_id), &self.group_name) else { return Ok(vec![]) };
        let request = c.ec2().describe_security_groups().filters(filter("vpc-id", [vpc]));
        list_all!(READ, request.filters(filter("group-name", [name])))?.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().create_security_group(), self => group_name, description, vpc_id);
        let request = request.tag_specifications(tagged(ResourceType::SecurityGroup, &self.tags));
        let answer = request.send().await.map_err(api("ec2:CreateSecurityGroup"))?;
        Ok((member("ec2:CreateSecurityGroup", "groupId", answer.group_id())?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        sync_tags(c, recorded.id.as_str(), &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_security_group().group_id(recorded.id.as_str()).send().await;
        let error = api_code("ec2:DeleteSecurityGroup", "InvalidGroup.InUse", ErrorKind::InUse);
        gone_ok(answer.map(drop).map_err(error))
    }

    async fn obstacles(c: &Reader, recorded: &Recorded<Self>) -> Vec<Obstacle> {
        obstacles::of_group(c, recorded.id.as_str()).await
    }
}

pub(super) const READ: &str = "ec2:DescribeSecurityGroups";

/// Returns whether EC2 allows a character in descriptions of groups and rules.
pub(super) fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)
}

/// All groups with their rules, read once for groups, rules and the VPCs' default groups.
pub(super) async fn all_groups(c: &Reader) -> Result<Arc<Vec<types::SecurityGroup>>> {
    let read = || async { list_all!(READ, c.ec2().describe_security_groups().max_results(1000)) };
    c.once("security-groups", read).await
}

/// These groups with their rules.
pub(super) async fn groups(c: &Reader, ids: Vec<&str>) -> Result<Vec<types::SecurityGroup>> {
    let all = all_groups(c).await?;
    Ok(all.iter().filter(|group| group.group_id().is_some_and(|id| ids.contains(&id))).cloned().collect())
}

fn id_of(group: &types::SecurityGroup) -> Result<Id<SecurityGroup>> {
    member(READ, "groupId", group.group_id())
}

fn to_observed(group: &types::SecurityGroup) -> Result<Observed<SecurityGroup>> {
    Ok(Observed {
        inputs: from_sdk!(READ, group => SecurityGroup {
            description, vpc_id; group_name: Some(member(READ, "groupName", group.group_name())?),
            tags: our_tags(group.tags())
        }),
        outputs: from_sdk!(READ, group => SecurityGroupOutputs {
            id = group_id, arn = security_group_arn, name = group_name
        }),
    })
}
