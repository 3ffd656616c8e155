//! `aws:cloudwatchlogs:log-group`: a group of log streams with common settings.
//!
//! Name and class are fixed at creation, so a change to either replaces it.
//! API: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
//!
//! Reads: one list from the beginning that all names share, and one call for the tags of each group.

use std::collections::HashMap;

use aws_sdk_cloudwatchlogs::types::{self, LogGroupClass};

use crate::{
    each::one_by_one,
    prelude::*,
    tags::{made_for, observed_tags},
};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9._/#-]+$",
    reserved_prefixes: &["aws/"],
    page: "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html",
    ..NameRule::ANY
};

/// A group of log streams with common settings.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:cloudwatchlogs:log-group",
    cloudformation = "AWS::Logs::LogGroup",
    attributes(arn = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:${Ref}"),
    create = "logs:CreateLogGroup",
    unique(log_group_name)
)]
pub struct LogGroup {
    /// `/ecs/app`; generated if absent.
    #[field(replaces, name(max = 512, rule = NAME_RULE))]
    pub log_group_name: Option<String>,
    /// Days that log lines are kept; 0 for ever, and if absent.
    #[field(cloud_default = none, convert = retention)]
    pub retention_in_days: Option<i32>,
    /// The ARN of the key that encrypts log lines; an empty text for AWS's own key, the default.
    #[field(cloud_default = "", convert = filled_text)]
    pub kms_key_id: Option<In<String>>,
    /// `STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.
    #[field(replaces)]
    pub log_group_class: Option<String>,
    /// `true` if AWS refuses to delete the group; AWS's default is no.
    #[field(deletion_protection, cloud_default = false)]
    pub deletion_protection_enabled: Option<bool>,
    /// Tags of the log group, by key.
    pub tags: Tags,
}

/// The outputs of a log group.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct LogGroupOutputs {
    /// The name of the log group.
    #[output(constant = "GROUP_NAME")]
    pub id: Id<LogGroup>,
    /// The ARN of the log group, without `:*`.
    pub arn: String,
}

/// Retention periods in days that the API accepts.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
pub const RETENTIONS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

impl Resource for LogGroup {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["logs:DescribeLogGroups", "logs:ListTagsForResource"],
        create: &["logs:CreateLogGroup", "logs:TagResource", "logs:AssociateKmsKey"],
        update: &[
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:AssociateKmsKey",
            "logs:DisassociateKmsKey",
            "logs:PutLogGroupDeletionProtection",
            "logs:TagResource",
            "logs:UntagResource",
        ],
        delete: &["logs:DeleteLogGroup"],
    };
    type Cloud = Aws;
    type Outputs = LogGroupOutputs;

    fn problems(&self) -> Vec<Problem> {
        let wrong = self.retention_in_days.filter(|days| *days != 0 && !RETENTIONS.contains(days));
        let why = wrong.map(|days| format!("expected 0 (for ever) or one of {RETENTIONS:?}, found {days}"));
        why.map(|why| Problem::new(Field::RetentionInDays, why)).into_iter().collect()
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // By prefix: a list of names would be an error where one of them is gone.
        let groups = listed(c, shared_start(ids.iter().map(Id::as_str))).await?;
        let ids: Vec<_> = ids.iter().filter(|id| groups.iter().any(|group| is(group, id.as_str()))).cloned().collect();
        let one = async |id: &Id<Self>| {
            let group = groups.iter().find(|group| is(group, id.as_str()));
            let group = need(READ, group, "logGroups")?;
            to_observed(&group, tags(c, &arn_of(&group)?).await?)
        };
        Ok(one_by_one(&ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut found = vec![];
        for group in self.named(c).await? {
            if made_for(&tags(c, &arn_of(&group)?).await?, owner) {
                found.push(id_of(&group)?);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        self.named(c).await?.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let key = self.kms_key_id.as_ref().and_then(text).filter(|key| !key.is_empty());
        let request = c.logs().create_log_group().set_kms_key_id(key).set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self => log_group_name, log_group_class, deletion_protection_enabled);
        request.send().await.map_err(api_with("logs:CreateLogGroup", key_not_yet))?;
        Ok((Id::new(self.log_group_name.clone().unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let (name, arn) = (recorded.id.as_str(), &observed.outputs.arn);
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if changed.contains(Field::RetentionInDays) {
            if let Some(days) = self.retention_in_days.filter(|days| *days != 0) {
                let request = c.logs().put_retention_policy().log_group_name(name).retention_in_days(days);
                request.send().await.map_err(api("logs:PutRetentionPolicy"))?;
            } else {
                let request = c.logs().delete_retention_policy().log_group_name(name);
                request.send().await.map_err(api("logs:DeleteRetentionPolicy"))?;
            }
        }
        if let Some(key) = changed.pick(Field::KmsKeyId, &self.kms_key_id).as_ref().and_then(text) {
            if key.is_empty() {
                let request = c.logs().disassociate_kms_key().log_group_name(name);
                request.send().await.map_err(api("logs:DisassociateKmsKey"))?;
            } else {
                let request = c.logs().associate_kms_key().log_group_name(name).kms_key_id(key);
                request.send().await.map_err(api_with("logs:AssociateKmsKey", key_not_yet))?;
            }
        }
        if changed.contains(Field::DeletionProtectionEnabled) {
            let request = c.logs().put_log_group_deletion_protection().log_group_identifier(name);
            let request = set_inputs!(request, self => deletion_protection_enabled);
            request.send().await.map_err(api("logs:PutLogGroupDeletionProtection"))?;
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.logs().tag_resource().resource_arn(arn) => "logs:TagResource",
            c.logs().untag_resource().resource_arn(arn) => "logs:UntagResource");
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.logs().delete_log_group().log_group_name(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("logs:DeleteLogGroup")))
    }
}

impl LogGroup {
    async fn named(&self, c: &Reader) -> Result<Vec<types::LogGroup>> {
        let Some(name) = self.log_group_name.as_deref() else { return Ok(vec![]) };
        let mut groups = listed(c, name).await?;
        groups.retain(|group| is(group, name));
        Ok(groups)
    }
}

const READ: &str = "logs:DescribeLogGroups";

/// A fresh key's policy reaches the service in a while.
fn key_not_yet(code: &str, message: &str) -> Option<ErrorKind> {
    (code == "InvalidParameterException" && message.contains("does not exist or is not allowed"))
        .then_some(ErrorKind::NotYet)
}

/// The longest beginning that all names share.
fn shared_start<'a>(mut names: impl Iterator<Item = &'a str>) -> &'a str {
    let first = names.next().unwrap_or_default();
    names.fold(first, |start, name| {
        let shared = start.char_indices().zip(name.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
        &start[..shared.unwrap_or_else(|| start.len().min(name.len()))]
    })
}

async fn listed(c: &Reader, start: &str) -> Result<Vec<types::LogGroup>> {
    let start = Some(start.to_owned()).filter(|start| !start.is_empty());
    let pages = c.logs().describe_log_groups().set_log_group_name_prefix(start).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.map_err(api(READ))
}

fn sdk_tags(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

async fn tags(c: &Reader, arn: &str) -> Result<Tags> {
    let answer = c.logs().list_tags_for_resource().resource_arn(arn).send().await;
    let answer = answer.map_err(api("logs:ListTagsForResource"))?;
    Ok(observed_tags(
        answer.tags().into_iter().flatten().map(|(key, value)| (Some(key.as_str()), Some(value.as_str()))),
    ))
}

fn is(group: &types::LogGroup, name: &str) -> bool {
    group.log_group_name() == Some(name)
}

fn id_of(group: &types::LogGroup) -> Result<Id<LogGroup>> {
    member(READ, "logGroupName", group.log_group_name())
}

/// `arn` ends with `:*`, which no other call wants.
fn arn_of(group: &types::LogGroup) -> Result<String> {
    let arn = need(READ, group.log_group_arn().or(group.arn()), "logGroupArn")?;
    Ok(arn.trim_end_matches(":*").to_owned())
}

/// The only place where the SDK's type becomes ours.
fn to_observed(group: &types::LogGroup, tags: Tags) -> Result<Observed<LogGroup>> {
    Ok(Observed {
        inputs: from_sdk!(READ, group => LogGroup {
            log_group_name;
            retention_in_days: Some(group.retention_in_days().unwrap_or(0)),
            kms_key_id: Some(group.kms_key_id().unwrap_or_default().into()),
            log_group_class: Some(group.log_group_class().map_or("STANDARD", LogGroupClass::as_str).to_owned()),
            deletion_protection_enabled: Some(group.deletion_protection_enabled() == Some(true)),
            tags,
        }),
        outputs: LogGroupOutputs { id: id_of(group)?, arn: arn_of(group)? },
    })
}

/// Returns the days, and nothing for lines that are kept for ever.
fn retention(days: &impl ToProperty) -> Value {
    let days = days.to_property();
    if days == 0 { Value::Null } else { days }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_their_beginning() {
        assert_eq!(shared_start(["/ecs/dev-app", "/ecs/dev-api", "/ecs/dev"].into_iter()), "/ecs/dev");
        assert_eq!(shared_start(["/ecs/app"].into_iter()), "/ecs/app");
        assert_eq!(shared_start(["/ecs", "vpc"].into_iter()), "");
        assert_eq!(shared_start([].into_iter()), "");
    }

    #[test]
    fn retention_is_one_of_the_periods_of_the_api() {
        let problems = |days: i32| LogGroup::new().retention_in_days(days).problems().len();
        assert_eq!([0, 1, 30, 3653, 3654, 2, -1].map(problems), [0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn absent_attributes_are_the_defaults() {
        let sdk = types::LogGroup::builder().log_group_name("g").arn("arn:aws:logs:r:1:log-group:g:*").build();
        let observed = to_observed(&sdk, Tags::new()).unwrap();
        assert_eq!(observed.inputs.retention_in_days, Some(0));
        assert_eq!(observed.outputs.arn, "arn:aws:logs:r:1:log-group:g");
    }
}
