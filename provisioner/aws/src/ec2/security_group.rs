//! `aws:ec2:security-group` — a name for a set of network interfaces, to which rules attach.
//!
//! EC2 fixes a group's name, description and VPC at creation, so a change to any of them replaces it. A fresh group
//! has one rule of Amazon's, which lets everything out: rules, that one too, are `aws:ec2:security-group-rules`.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>

use std::sync::Arc;

use aws_sdk_ec2::types::{self, ResourceType};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{Vpc, filter, is_made_for, made_for, our_tags, sync_tags, tagged};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// A name for a set of network interfaces, to which rules attach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its name, at most 255 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Purpose of the group, which AWS requires: at most 255 plain characters.
    pub description: String,
    /// The VPC that it is in.
    pub vpc: In<Id<Vpc>>,
    /// Tags of the security group, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupOutputs {
    /// ID of the form `sg-…`.
    pub id: Id<SecurityGroup>,
    /// The ARN of the security group.
    pub arn: Option<String>,
    /// The name of the security group.
    pub name: String,
}

impl SecurityGroup {
    /// The ARN of the security group.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The name of the security group.
    pub const NAME: Output<Self, String> = Output::new("name");

    /// A group in this VPC.
    pub fn new(vpc: In<Id<Vpc>>, description: impl Into<String>) -> Self {
        Self { name: None, description: description.into(), vpc, tags: Tags::new() }
    }
}

impl Resource for SecurityGroup {
    const TYPE: &'static str = "aws:ec2:security-group";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("description").replaces(),
        Field::new("vpc").replaces(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["vpc", "name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeSecurityGroups"],
        create: &["ec2:CreateSecurityGroup", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteSecurityGroup"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[("DryRun", "the plan is the dry run")];
    const READ_BATCH: usize = 200;
    type Cloud = Aws;
    type Outputs = SecurityGroupOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.description.is_empty() || self.description.chars().count() > 255 || !self.description.chars().all(plain)
        {
            let why = "1 to 255 characters: letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*";
            problems.push(Problem::new("description", why));
        }
        if self.name.as_deref().is_some_and(|name| name.starts_with("sg-") || name.chars().count() > 255) {
            problems.push(Problem::new("name", "at most 255 characters, and not `sg-` at the start"));
        }
        problems
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let ids = ids.iter().map(Id::as_str).collect();
        groups(c, ids).await?.iter().map(|group| Ok((id_of(group)?, to_observed(group)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let request = c.ec2().describe_security_groups().filters(made_for(owner));
        let mut pages = request.into_paginator().items().send();
        let mut found = vec![];
        while let Some(group) = pages.try_next().await.map_err(api(READ))? {
            if is_made_for(group.tags(), owner) {
                found.push(id_of(&group)?);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let (Some(vpc), Some(name)) = (text(&self.vpc), &self.name) else { return Ok(vec![]) };
        let request = c.ec2().describe_security_groups().filters(filter("vpc-id", [vpc]));
        let request = request.filters(filter("group-name", [name]));
        let answer = request.send().await.map_err(api(READ))?;
        answer.security_groups().iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .ec2()
            .create_security_group()
            .set_group_name(self.name.clone())
            .description(&self.description)
            .set_vpc_id(text(&self.vpc))
            .tag_specifications(tagged(ResourceType::SecurityGroup, &self.tags))
            .send()
            .await
            .map_err(api("ec2:CreateSecurityGroup"))?;
        Ok((Id::new(need("ec2:CreateSecurityGroup", answer.group_id(), "groupId")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        sync_tags(c, recorded.id.as_str(), &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_security_group().group_id(recorded.id.as_str()).send().await;
        let used = |code: &str, _: &str| (code == "InvalidGroup.InUse").then_some(ErrorKind::InUse);
        gone_ok(answer.map(drop).map_err(api_with("ec2:DeleteSecurityGroup", used)))
    }
}

pub(super) const READ: &str = "ec2:DescribeSecurityGroups";

/// Returns whether EC2 allows a character in descriptions of groups and rules.
pub(super) fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c)
}

/// All groups with their rules, read once for groups, rules and the VPCs' default groups alike.
pub(super) async fn all_groups(c: &Reader) -> Result<Arc<Vec<types::SecurityGroup>>> {
    c.once("security-groups", || async {
        let pages = c.ec2().describe_security_groups().into_paginator().page_size(1000).items().send();
        pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(api(READ))
    })
    .await
}

/// These groups with their rules.
pub(super) async fn groups(c: &Reader, ids: Vec<&str>) -> Result<Vec<types::SecurityGroup>> {
    let all = all_groups(c).await?;
    Ok(all.iter().filter(|group| group.group_id().is_some_and(|id| ids.contains(&id))).cloned().collect())
}

fn id_of(group: &types::SecurityGroup) -> Result<Id<SecurityGroup>> {
    need(READ, group.group_id(), "groupId").map(Id::new)
}

fn to_observed(group: &types::SecurityGroup) -> Result<Observed<SecurityGroup>> {
    let name: String = need(READ, group.group_name(), "groupName")?;
    Ok(Observed {
        inputs: SecurityGroup {
            name: Some(name.clone()),
            description: need(READ, group.description(), "groupDescription")?,
            vpc: Id::new(need(READ, group.vpc_id(), "vpcId")?).into(),
            tags: our_tags(group.tags()),
        },
        outputs: SecurityGroupOutputs { id: id_of(group)?, arn: group.security_group_arn().map(str::to_owned), name },
    })
}
