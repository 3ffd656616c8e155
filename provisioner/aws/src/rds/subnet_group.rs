//! `aws:rds:subnet-group` — the subnets that a database may be put into.
//!
//! RDS fixes a group's name and VPC at creation, so a change to either replaces the group.
//! Reads: one call for all groups, and one for the tags of each.
//! API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html>

use aws_sdk_rds::types::DbSubnetGroup;
use futures::future::join_all;
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{is_of, sdk_tags, sync_tags, tags_of};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Clients, Reader, Writer},
    ec2::{Subnet, Vpc},
    error::{api, api_with, gone_ok, need},
    value::texts,
};

/// The subnets that a database may be put into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubnetGroup {
    /// Its name; made by the engine where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A description of the subnet group for readers.
    pub description: String,
    /// The VPC of its subnets: say it where they may move to another one, which a group cannot follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<In<Id<Vpc>>>,
    /// Of at least two zones.
    pub subnets: Vec<In<Id<Subnet>>>,
    /// Tags of the subnet group, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubnetGroupOutputs {
    /// The name of the subnet group.
    pub id: Id<SubnetGroup>,
    /// The ARN of the subnet group.
    pub arn: String,
    /// The VPC of its subnets.
    pub vpc: String,
    /// Status, which is `Complete` when usable.
    pub status: String,
}

impl SubnetGroup {
    /// The ARN of the subnet group.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The id of the VPC that its subnets are in.
    pub const VPC: Output<Self, String> = Output::new("vpc");

    /// A group of these subnets.
    pub fn new(description: impl Into<String>, subnets: impl IntoIterator<Item = In<Id<Subnet>>>) -> Self {
        let subnets = subnets.into_iter().collect();
        Self { name: None, description: description.into(), vpc: None, subnets, tags: Tags::new() }
    }
}

impl Resource for SubnetGroup {
    const TYPE: &'static str = "aws:rds:subnet-group";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("description"),
        Field::new("vpc").replaces(),
        Field::new("subnets").set(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
        create: &["rds:CreateDBSubnetGroup", "rds:AddTagsToResource"],
        update: &["rds:ModifyDBSubnetGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBSubnetGroup"],
    };
    type Cloud = Aws;
    type Outputs = SubnetGroupOutputs;

    fn problems(&self) -> Vec<Problem> {
        let few = self.subnets.len() < 2;
        few.then(|| Problem::new("subnets", "RDS wants subnets in at least two zones")).into_iter().collect()
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = all(c).await?;
        let mine = all.iter().filter(|group| ids.iter().any(|id| Some(id.as_str()) == group.db_subnet_group_name()));
        let rows = join_all(mine.map(|group| async {
            let observed = match tags_of(c, group.db_subnet_group_arn().unwrap_or_default()).await {
                Ok(tags) => to_observed(group, tags),
                Err(error) if error.kind == ErrorKind::Gone => return None,
                Err(error) => Err(error),
            };
            Some((Id::new(group.db_subnet_group_name()?), observed))
        }));
        Ok(rows.await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut found = vec![];
        for group in all(c).await?.iter().filter(|group| group.db_subnet_group_name() == self.name.as_deref()) {
            if is_of(c, group.db_subnet_group_arn().unwrap_or_default(), owner).await? {
                found.push(Id::new(group.db_subnet_group_name().unwrap_or_default()));
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let names = all.iter().filter_map(DbSubnetGroup::db_subnet_group_name);
        Ok(names.filter(|name| Some(*name) == self.name.as_deref()).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .rds()
            .create_db_subnet_group()
            .set_db_subnet_group_name(self.name.clone())
            .db_subnet_group_description(&self.description)
            .set_subnet_ids(Some(texts(&self.subnets)))
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api("rds:CreateDBSubnetGroup"))?;
        let name = answer.db_subnet_group().and_then(DbSubnetGroup::db_subnet_group_name);
        Ok((Id::new(need("rds:CreateDBSubnetGroup", name, "DBSubnetGroupName")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let differs = ChangedInputs::between(self, &recorded.inputs, &observed.inputs);
        if differs.any(&["description", "subnets"]) {
            let request = c.rds().modify_db_subnet_group().db_subnet_group_name(recorded.id.as_str());
            let request = request.db_subnet_group_description(&self.description);
            let answer = request.set_subnet_ids(Some(texts(&self.subnets))).send().await;
            answer.map_err(api("rds:ModifyDBSubnetGroup"))?;
        }
        sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.rds().delete_db_subnet_group().db_subnet_group_name(recorded.id.as_str()).send().await;
        // A database that is going still holds it.
        let in_use = |code: &str, _: &str| code.starts_with("InvalidDBSubnetGroupState").then_some(ErrorKind::InUse);
        gone_ok(answer.map(drop).map_err(api_with("rds:DeleteDBSubnetGroup", in_use)))
    }
}

async fn all(c: &Reader) -> Result<std::sync::Arc<Vec<DbSubnetGroup>>> {
    c.once("rds:subnet-groups", || list(c)).await
}

async fn list(c: &Clients) -> Result<Vec<DbSubnetGroup>> {
    let mut pages = c.rds().describe_db_subnet_groups().into_paginator().items().send();
    let mut all = vec![];
    while let Some(group) = pages.try_next().await.map_err(api("rds:DescribeDBSubnetGroups"))? {
        all.push(group);
    }
    Ok(all)
}

fn to_observed(group: &DbSubnetGroup, tags: Tags) -> Result<Observed<SubnetGroup>> {
    const READ: &str = "rds:DescribeDBSubnetGroups";
    let name = need(READ, group.db_subnet_group_name(), "DBSubnetGroupName")?;
    let subnets = group.subnets().iter().filter_map(aws_sdk_rds::types::Subnet::subnet_identifier);
    Ok(Observed {
        inputs: SubnetGroup {
            name: Some(name.clone()),
            description: need(READ, group.db_subnet_group_description(), "DBSubnetGroupDescription")?,
            vpc: group.vpc_id().map(|id| Id::new(id).into()),
            subnets: subnets.map(|id| In::Known(Id::new(id))).collect(),
            tags,
        },
        outputs: SubnetGroupOutputs {
            id: Id::new(name),
            arn: need(READ, group.db_subnet_group_arn(), "DBSubnetGroupArn")?,
            vpc: group.vpc_id().unwrap_or_default().to_owned(),
            status: group.subnet_group_status().unwrap_or("Complete").to_owned(),
        },
    })
}
