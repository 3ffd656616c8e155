//! `aws:rds:parameter-group` — settings of a database engine.
//!
//! RDS fixes a group's name, family and description at creation, so a change to one of them replaces the group.
//! Reads: one call for all groups; for each its tags and two lists of parameters: those that a user set, and those
//! that the family sets. The second is needed since AWS keeps listing a parameter there that was set to the value
//! which it had (`rds.force_ssl` of PostgreSQL 15 and later).
//! API: <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBParameterGroup.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::types::{ApplyMethod, DbParameterGroup, Parameter};
use futures::future::join_all;
use provisioner_model::{
    error::{ErrorKind, Result},
    resource::{Actions, Created, Field, Id, Name, Observed, Owner, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{is_of, sdk_tags, sync_tags, tags_of};
use crate::{
    cloud::{Aws, Clients, Reader, Writer},
    error::{api, api_with, gone_ok, need},
};

/// Settings of a database engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterGroup {
    /// Its name; made by the engine where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Parameter group family, such as `postgres17`.
    pub family: String,
    /// A description of the parameter group for readers.
    pub description: String,
    /// Values by name, managed one by one; one that is dropped is reset. A static one waits for the next reboot.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Tags of the parameter group, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a parameter group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterGroupOutputs {
    /// The name of the parameter group.
    pub id: Id<ParameterGroup>,
    /// The ARN of the parameter group.
    pub arn: String,
}

impl ParameterGroup {
    /// The ARN of the parameter group.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// A group with the family's own settings.
    pub fn new(family: impl Into<String>, description: impl Into<String>) -> Self {
        Self {
            name: None,
            family: family.into(),
            description: description.into(),
            parameters: BTreeMap::new(),
            tags: Tags::new(),
        }
    }
}

impl Resource for ParameterGroup {
    const TYPE: &'static str = "aws:rds:parameter-group";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("family").replaces(),
        Field::new("description").replaces(),
        Field::new("parameters").map(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
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
        let mine = all.iter().filter(|group| ids.iter().any(|id| Some(id.as_str()) == group.db_parameter_group_name()));
        let rows = join_all(mine.map(|group| async {
            let name = group.db_parameter_group_name()?;
            let observed = futures::try_join!(
                parameters(c, name, Some("system")),
                parameters(c, name, Some("user")),
                tags_of(c, group.db_parameter_group_arn().unwrap_or_default()),
            );
            let observed = match observed {
                // A user's value goes over the family's.
                Ok((system, user, tags)) => to_observed(group, system.into_iter().chain(user), tags),
                Err(error) if error.kind == ErrorKind::Gone => return None,
                Err(error) => Err(error),
            };
            Some((Id::new(name), observed))
        }));
        Ok(rows.await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut found = vec![];
        for group in all(c).await?.iter().filter(|group| group.db_parameter_group_name() == self.name.as_deref()) {
            if is_of(c, group.db_parameter_group_arn().unwrap_or_default(), owner).await? {
                found.push(Id::new(group.db_parameter_group_name().unwrap_or_default()));
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let names = all.iter().filter_map(DbParameterGroup::db_parameter_group_name);
        Ok(names.filter(|name| Some(*name) == self.name.as_deref()).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .rds()
            .create_db_parameter_group()
            .set_db_parameter_group_name(self.name.clone())
            .db_parameter_group_family(&self.family)
            .description(&self.description)
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api("rds:CreateDBParameterGroup"))?;
        let name = answer.db_parameter_group().and_then(DbParameterGroup::db_parameter_group_name);
        Ok((Id::new(need("rds:CreateDBParameterGroup", name, "DBParameterGroupName")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (id, there) = (recorded.id.as_str(), &observed.inputs.parameters);
        let set: Vec<_> = self.parameters.iter().filter(|(name, value)| there.get(*name) != Some(value)).collect();
        let dropped = |name: &&String| !self.parameters.contains_key(*name) && there.contains_key(*name);
        let reset: Vec<_> = recorded.inputs.parameters.keys().filter(dropped).collect();
        if !set.is_empty() || !reset.is_empty() {
            // Which of them wait for a reboot: AWS refuses the other way for those.
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
                let request =
                    c.rds().modify_db_parameter_group().db_parameter_group_name(id).set_parameters(Some(some));
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

/// A database still has it, or it is being applied.
fn in_use(code: &str, _: &str) -> Option<ErrorKind> {
    code.starts_with("InvalidDBParameterGroupState").then_some(ErrorKind::InUse)
}

async fn all(c: &Reader) -> Result<std::sync::Arc<Vec<DbParameterGroup>>> {
    c.once("rds:parameter-groups", || list(c)).await
}

async fn list(c: &Clients) -> Result<Vec<DbParameterGroup>> {
    let mut pages = c.rds().describe_db_parameter_groups().into_paginator().items().send();
    let mut all = vec![];
    while let Some(group) = pages.try_next().await.map_err(api("rds:DescribeDBParameterGroups"))? {
        all.push(group);
    }
    Ok(all)
}

async fn parameters(c: &Clients, group: &str, source: Option<&str>) -> Result<Vec<Parameter>> {
    let request = c.rds().describe_db_parameters().db_parameter_group_name(group);
    let mut pages = request.set_source(source.map(str::to_owned)).into_paginator().items().send();
    let mut all = vec![];
    while let Some(parameter) = pages.try_next().await.map_err(api("rds:DescribeDBParameters"))? {
        all.push(parameter);
    }
    Ok(all)
}

fn to_observed(
    group: &DbParameterGroup,
    parameters: impl Iterator<Item = Parameter>,
    tags: Tags,
) -> Result<Observed<ParameterGroup>> {
    const READ: &str = "rds:DescribeDBParameterGroups";
    let name = need(READ, group.db_parameter_group_name(), "DBParameterGroupName")?;
    Ok(Observed {
        inputs: ParameterGroup {
            name: Some(name.clone()),
            family: need(READ, group.db_parameter_group_family(), "DBParameterGroupFamily")?,
            description: need(READ, group.description(), "Description")?,
            parameters: parameters
                .filter_map(|one| Some((one.parameter_name()?.to_owned(), one.parameter_value()?.to_owned())))
                .collect(),
            tags,
        },
        outputs: ParameterGroupOutputs {
            id: Id::new(name),
            arn: need(READ, group.db_parameter_group_arn(), "DBParameterGroupArn")?,
        },
    })
}
