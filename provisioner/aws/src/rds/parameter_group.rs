//! `aws:rds:parameter-group`: settings of a database engine.
//!
//! RDS fixes a group's name, family and description at creation, so a change to one of them replaces the group.
//! Reads: one call for all groups; for each its tags and two lists of parameters: those that a user set, and those
//! that the family sets. The second is needed since AWS keeps listing a parameter there that was set to the value
//! which it had (`rds.force_ssl` of PostgreSQL 15 and later).
//! API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html>

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_rds::types::{ApplyMethod, DbParameterGroup, Parameter};

use super::{is_of, sdk_tags, sync_tags, tags_of};
use crate::{cloud::Clients, each::one_by_one, prelude::*};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?$",
    excluded: &["--"],
    page: "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html",
    ..NameRule::ANY
};

/// Settings of a database engine.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:rds:parameter-group",
    cloudformation = "AWS::RDS::DBParameterGroup",
    create = "rds:CreateDBParameterGroup",
    unique(db_parameter_group_name)
)]
pub struct ParameterGroup {
    /// The name; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE), property = "DBParameterGroupName")]
    pub db_parameter_group_name: Option<String>,
    /// `postgres17`.
    #[field(replaces, property = "Family")]
    pub db_parameter_group_family: String,
    /// A description for readers.
    #[field(replaces)]
    pub description: String,
    /// Values by name, managed one by one; one that is dropped is reset. A static one waits for the next reboot.
    #[field(map)]
    pub parameters: BTreeMap<String, String>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of a parameter group.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ParameterGroupOutputs {
    /// The group's name.
    pub id: Id<ParameterGroup>,
    /// The group's ARN.
    pub arn: String,
}

impl Resource for ParameterGroup {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["rds:DescribeDBParameterGroups", "rds:DescribeDBParameters", "rds:ListTagsForResource"],
        create: &["rds:CreateDBParameterGroup", "rds:AddTagsToResource"],
        update: &[
            "rds:DescribeDBParameters",
            "rds:ModifyDBParameterGroup",
            "rds:ResetDBParameterGroup",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
        ],
        delete: &["rds:DeleteDBParameterGroup"],
    };
    type Cloud = Aws;
    type Outputs = ParameterGroupOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = all(c).await?;
        let one = async |id: &Id<Self>| {
            let group = all.iter().find(|group| group.db_parameter_group_name() == Some(id.as_str()));
            let group = group.ok_or_else(|| Error::new(ErrorKind::Gone, READ))?;
            let (system, user, tags) = futures::try_join!(
                parameters(c, id.as_str(), Some("system")),
                parameters(c, id.as_str(), Some("user")),
                tags_of(c, group.db_parameter_group_arn().unwrap_or_default()),
            )?;
            // A user's value goes over the family's.
            to_observed(group, system.into_iter().chain(user), tags)
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut found = vec![];
        for group in all(c)
            .await?
            .iter()
            .filter(|group| group.db_parameter_group_name() == self.db_parameter_group_name.as_deref())
        {
            if is_of(c, group.db_parameter_group_arn().unwrap_or_default(), owner).await? {
                found.push(Id::new(group.db_parameter_group_name().unwrap_or_default()));
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let names = all.iter().filter_map(DbParameterGroup::db_parameter_group_name);
        Ok(names.filter(|name| Some(*name) == self.db_parameter_group_name.as_deref()).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.rds().create_db_parameter_group().set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self => db_parameter_group_name, db_parameter_group_family, description);
        let answer = request.send().await.map_err(api("rds:CreateDBParameterGroup"))?;
        let name = answer.db_parameter_group().and_then(DbParameterGroup::db_parameter_group_name);
        Ok((member("rds:CreateDBParameterGroup", "DBParameterGroupName", name)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let (id, there) = (recorded.id.as_str(), &observed.inputs.parameters);
        let set: Vec<_> = self.parameters.iter().filter(|(name, value)| there.get(*name) != Some(value)).collect();
        let dropped = |name: &&String| !self.parameters.contains_key(*name) && there.contains_key(*name);
        let reset: Vec<_> = recorded.inputs.parameters.keys().filter(dropped).collect();
        if !set.is_empty() || !reset.is_empty() {
            // Static ones wait for a reboot: AWS refuses to apply those immediately.
            let all = parameters(c.read(), id, None).await?;
            let fixed = all.iter().filter(|parameter| parameter.apply_type() == Some("static"));
            let fixed: BTreeSet<&str> = fixed.filter_map(Parameter::parameter_name).collect();
            let one = |name: &String| {
                let now = !fixed.contains(name.as_str());
                let method = if now { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot };
                Parameter::builder().parameter_name(name).apply_method(method)
            };
            // 20 at a time is the API's limit.
            for some in set.chunks(20) {
                let some = some.iter().map(|(name, value)| one(name).parameter_value(*value).build()).collect();
                let request = c.rds().modify_db_parameter_group().db_parameter_group_name(id);
                let request = request.set_parameters(Some(some));
                request.send().await.map_err(api_with("rds:ModifyDBParameterGroup", in_use))?;
            }
            for some in reset.chunks(20) {
                let some = some.iter().map(|name| one(name).build()).collect();
                let request = c.rds().reset_db_parameter_group().db_parameter_group_name(id).set_parameters(Some(some));
                request.send().await.map_err(api_with("rds:ResetDBParameterGroup", in_use))?;
            }
        }
        sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.rds().delete_db_parameter_group().db_parameter_group_name(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api_with("rds:DeleteDBParameterGroup", in_use)))
    }
}

/// A database still uses the group, or RDS is applying it.
fn in_use(code: &str, _: &str) -> Option<ErrorKind> {
    code.starts_with("InvalidDBParameterGroupState").then_some(ErrorKind::InUse)
}

const READ: &str = "rds:DescribeDBParameterGroups";

async fn all(c: &Reader) -> Result<Arc<Vec<DbParameterGroup>>> {
    c.once("rds:parameter-groups", || async {
        let pages = c.rds().describe_db_parameter_groups().into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api(READ))
    })
    .await
}

async fn parameters(c: &Clients, group: &str, source: Option<&str>) -> Result<Vec<Parameter>> {
    let request = c.rds().describe_db_parameters().db_parameter_group_name(group);
    let pages = request.set_source(source.map(str::to_owned)).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.map_err(api("rds:DescribeDBParameters"))
}

fn to_observed(
    group: &DbParameterGroup,
    parameters: impl Iterator<Item = Parameter>,
    tags: Tags,
) -> Result<Observed<ParameterGroup>> {
    let parameters = parameters.filter_map(|one| one.parameter_name.zip(one.parameter_value)).collect();
    Ok(Observed {
        inputs: from_sdk!(READ, group => ParameterGroup {
            db_parameter_group_name, db_parameter_group_family, description; parameters, tags,
        }),
        outputs: from_sdk!(READ, group => ParameterGroupOutputs {
            id = db_parameter_group_name, arn = db_parameter_group_arn,
        }),
    })
}
