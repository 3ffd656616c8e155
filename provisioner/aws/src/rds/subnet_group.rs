//! `aws:rds:subnet-group`: the subnets that a database may be in.
//!
//! RDS fixes a group's name and VPC at creation, so a change to either replaces the group.
//! Reads: one call for all groups, and one for the tags of each.
//! API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html>

use std::sync::Arc;

use aws_sdk_rds::types::{self, DbSubnetGroup};

use super::{is_of, sdk_tags, sync_tags, tags_of};
use crate::{
    each::one_by_one,
    ec2::{Subnet, Vpc},
    prelude::*,
};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z][A-Za-z0-9 ._-]*$",
    reserved_names: &["default"],
    page: "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html",
    ..NameRule::ANY
};

/// The subnets that a database may be in.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:rds:subnet-group",
    cloudformation = "AWS::RDS::DBSubnetGroup",
    create = "rds:CreateDBSubnetGroup",
    unique(db_subnet_group_name)
)]
pub struct SubnetGroup {
    /// The name; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE), property = "DBSubnetGroupName")]
    pub db_subnet_group_name: Option<String>,
    /// A description for readers.
    #[field(property = "DBSubnetGroupDescription")]
    pub db_subnet_group_description: String,
    /// The VPC of the subnets. State it where they may move to another one, which a group cannot follow.
    #[field(replaces, property(none = "the subnets say it"))]
    pub vpc_id: Option<In<Id<Vpc>>>,
    /// Subnets in at least two zones.
    #[field(required, set)]
    pub subnet_ids: Vec<In<Id<Subnet>>>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of a subnet group.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct SubnetGroupOutputs {
    /// The group's name.
    pub id: Id<SubnetGroup>,
    /// The group's ARN.
    pub arn: String,
    /// The ID of the subnets' VPC.
    pub vpc: String,
    /// `Complete` when usable.
    pub status: String,
}

impl Resource for SubnetGroup {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
        create: &["rds:CreateDBSubnetGroup", "rds:AddTagsToResource"],
        update: &["rds:ModifyDBSubnetGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        delete: &["rds:DeleteDBSubnetGroup"],
    };
    type Cloud = Aws;
    type Outputs = SubnetGroupOutputs;

    fn problems(&self) -> Vec<Problem> {
        let few = self.subnet_ids.len() < 2;
        few.then(|| Problem::new(Field::SubnetIds, "expected subnets in at least two Availability Zones"))
            .into_iter()
            .collect()
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = all(c).await?;
        let one = async |id: &Id<Self>| {
            let group = all.iter().find(|group| group.db_subnet_group_name() == Some(id.as_str()));
            let group = group.ok_or_else(|| Error::new(ErrorKind::Gone, READ))?;
            to_observed(group, tags_of(c, group.db_subnet_group_arn().unwrap_or_default()).await?)
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut found = vec![];
        for group in
            all(c).await?.iter().filter(|group| group.db_subnet_group_name() == self.db_subnet_group_name.as_deref())
        {
            if is_of(c, group.db_subnet_group_arn().unwrap_or_default(), owner).await? {
                found.push(Id::new(group.db_subnet_group_name().unwrap_or_default()));
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let names = all.iter().filter_map(DbSubnetGroup::db_subnet_group_name);
        Ok(names.filter(|name| Some(*name) == self.db_subnet_group_name.as_deref()).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.rds().create_db_subnet_group().set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self => db_subnet_group_name, db_subnet_group_description, subnet_ids);
        let answer = request.send().await.map_err(api("rds:CreateDBSubnetGroup"))?;
        let name = answer.db_subnet_group().and_then(DbSubnetGroup::db_subnet_group_name);
        Ok((member("rds:CreateDBSubnetGroup", "DBSubnetGroupName", name)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if changed.contains_any(&[Field::DbSubnetGroupDescription, Field::SubnetIds]) {
            let request = c.rds().modify_db_subnet_group().db_subnet_group_name(recorded.id.as_str());
            let request = set_inputs!(request, self => db_subnet_group_description, subnet_ids);
            request.send().await.map_err(api("rds:ModifyDBSubnetGroup"))?;
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

const READ: &str = "rds:DescribeDBSubnetGroups";

async fn all(c: &Reader) -> Result<Arc<Vec<DbSubnetGroup>>> {
    c.once("rds:subnet-groups", || async {
        let pages = c.rds().describe_db_subnet_groups().into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api(READ))
    })
    .await
}

fn to_observed(group: &DbSubnetGroup, tags: Tags) -> Result<Observed<SubnetGroup>> {
    let subnets = group.subnets().iter().filter_map(types::Subnet::subnet_identifier);
    Ok(Observed {
        inputs: from_sdk!(READ, group => SubnetGroup {
            db_subnet_group_name, db_subnet_group_description, vpc_id;
            subnet_ids: subnets.map(|id| Id::new(id).into()).collect(),
            tags,
        }),
        outputs: from_sdk!(READ, group => SubnetGroupOutputs {
            id = db_subnet_group_name, arn = db_subnet_group_arn;
            vpc: group.vpc_id().unwrap_or_default().to_owned(),
            status: group.subnet_group_status().unwrap_or("Complete").to_owned(),
        }),
    })
}
