//! `aws:ec2:flow-log` — a record of the traffic of a VPC, a subnet or an interface.
//!
//! EC2 changes nothing but tags, so a change to anything else replaces it; since AWS refuses a second one from the same
//! place to the same destination, the old one goes first.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>

use aws_sdk_ec2::types::{self, DestinationFileFormat, DestinationOptionsRequest, FlowLogsResourceType};
use aws_sdk_ec2::types::{DestinationOptionsResponse as Options, LogDestinationType, ResourceType, TrafficType};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Subnet, Vpc, filter, is_made_for, made_for, our_tags, sync_tags, tagged};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// A record of the traffic of a VPC, a subnet or an interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowLog {
    /// Source of the traffic: the ID of a VPC, a subnet, an interface, a transit gateway or its attachment.
    pub resource: In<String>,
    /// Destination of the records: the ARN of a log group, a bucket (a path may follow) or a delivery stream.
    pub destination: In<String>,
    /// `cloud-watch-logs`, `s3` or `kinesis-data-firehose`.
    pub destination_type: String,
    /// The ARN of the role that writes: CloudWatch needs one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<In<String>>,
    /// The ARN of the role that writes into another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_account_role: Option<In<String>>,
    /// `ALL`, `ACCEPT` or `REJECT`; none for a transit gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic_type: Option<String>,
    /// Seconds that make one record: 60 or 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_aggregation_interval: Option<i32>,
    /// A record's fields: `${version} ${srcaddr} …`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_format: Option<String>,
    /// In a bucket: `plain-text` or `parquet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_format: Option<String>,
    /// In a bucket: whether paths are as Hive wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hive_compatible_partitions: Option<bool>,
    /// In a bucket: whether each hour has a path of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour_partition: Option<bool>,
    /// Tags of the flow log, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a flow log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowLogOutputs {
    /// ID of the form `fl-…`.
    pub id: Id<FlowLog>,
    /// `SUCCESS` or `FAILED`: whether the last records arrived.
    pub delivery: Option<String>,
    /// Error of the last delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_error: Option<String>,
}

impl FlowLog {
    /// All traffic of this VPC into a log group, which this role may write to: both ARNs.
    pub fn vpc(vpc: In<Id<Vpc>>, log_group: impl Into<In<String>>, role: impl Into<In<String>>) -> Self {
        Self::to_log_group(vpc.later(), log_group, role)
    }

    /// All traffic of this subnet into a log group.
    pub fn subnet(subnet: In<Id<Subnet>>, log_group: impl Into<In<String>>, role: impl Into<In<String>>) -> Self {
        Self::to_log_group(subnet.later(), log_group, role)
    }

    /// All traffic of this VPC into a bucket, given by its ARN; a path may follow.
    pub fn vpc_to_bucket(vpc: In<Id<Vpc>>, bucket: impl Into<In<String>>) -> Self {
        Self::new(vpc.later(), bucket, "s3")
    }

    /// All traffic of what has this id into a log group.
    pub fn to_log_group(resource: In<String>, log_group: impl Into<In<String>>, role: impl Into<In<String>>) -> Self {
        Self { role: Some(role.into()), ..Self::new(resource, log_group, "cloud-watch-logs") }
    }

    /// All traffic of what has this id to a destination of this type.
    pub fn new(resource: In<String>, destination: impl Into<In<String>>, destination_type: impl Into<String>) -> Self {
        Self {
            resource,
            destination: destination.into(),
            destination_type: destination_type.into(),
            role: None,
            cross_account_role: None,
            traffic_type: Some("ALL".into()),
            max_aggregation_interval: None,
            log_format: None,
            file_format: None,
            hive_compatible_partitions: None,
            per_hour_partition: None,
            tags: Tags::new(),
        }
    }

    fn options(&self) -> Option<DestinationOptionsRequest> {
        let parts = [self.hive_compatible_partitions, self.per_hour_partition];
        let stated = self.file_format.is_some() || parts.iter().any(Option::is_some);
        let options = DestinationOptionsRequest::builder()
            .set_file_format(self.file_format.as_deref().map(DestinationFileFormat::from))
            .set_hive_compatible_partitions(self.hive_compatible_partitions)
            .set_per_hour_partition(self.per_hour_partition);
        stated.then(|| options.build())
    }
}

impl Resource for FlowLog {
    const TYPE: &'static str = "aws:ec2:flow-log";
    const FIELDS: &'static [Field] = &[
        Field::new("resource").replaces(),
        Field::new("destination").replaces(),
        Field::new("destination_type").replaces(),
        Field::new("role").replaces(),
        Field::new("cross_account_role").replaces(),
        Field::new("traffic_type").replaces(),
        Field::new("max_aggregation_interval").replaces(),
        Field::new("log_format").replaces(),
        Field::new("file_format").replaces(),
        Field::new("hive_compatible_partitions").replaces(),
        Field::new("per_hour_partition").replaces(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["resource", "destination"]];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeFlowLogs"],
        create: &["ec2:CreateFlowLogs", "ec2:CreateTags", "iam:PassRole", "logs:CreateLogDelivery"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteFlowLogs", "logs:DeleteLogDelivery"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("ClientToken", "the engine's"),
        ("ResourceType", "follows from the id"),
        ("LogGroupName", "the destination's ARN says it"),
        ("TagFieldSpecifications", "no tags of instances in the records so far"),
    ];
    type Cloud = Aws;
    type Outputs = FlowLogOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.destination_type == "cloud-watch-logs" && self.role.is_none() {
            problems.push(Problem::new("role", "CloudWatch needs a role that writes"));
        }
        if self.max_aggregation_interval.is_some_and(|seconds| seconds != 60 && seconds != 600) {
            problems.push(Problem::new("max_aggregation_interval", "60 or 600 seconds"));
        }
        problems
    }

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        if field.name == "destination" {
            return desired.as_str().map(bare) == observed.as_str().map(bare);
        }
        field.compare.is_equivalent(desired, observed)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let ids = filter("flow-log-id", ids.iter().map(Id::as_str));
        let mut pages = c.ec2().describe_flow_logs().filter(ids).into_paginator().items().send();
        let mut found = ReadResults::new();
        while let Some(log) = pages.try_next().await.map_err(api(READ))? {
            found.push((id_of(&log)?, to_observed(&log)));
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.ec2().describe_flow_logs().filter(made_for(owner)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(log) = pages.try_next().await.map_err(api(READ))? {
            if is_made_for(log.tags(), owner) {
                found.push(id_of(&log)?);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let (Some(resource), Some(to)) = (text(&self.resource), text(&self.destination)) else { return Ok(vec![]) };
        let mut pages =
            c.ec2().describe_flow_logs().filter(filter("resource-id", [resource])).into_paginator().items().send();
        let mut found = vec![];
        while let Some(log) = pages.try_next().await.map_err(api(READ))? {
            if log.log_destination().is_some_and(|there| bare(there) == bare(&to)) {
                found.push(id_of(&log)?);
            }
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let resource = text(&self.resource).unwrap_or_default();
        let answer = c
            .ec2()
            .create_flow_logs()
            .client_token(&owner.token)
            .resource_type(kind_of(&resource)?)
            .resource_ids(resource)
            .log_destination_type(LogDestinationType::from(self.destination_type.as_str()))
            .set_log_destination(text(&self.destination).map(|arn| bare(&arn).to_owned()))
            .set_deliver_logs_permission_arn(self.role.as_ref().and_then(text))
            .set_deliver_cross_account_role(self.cross_account_role.as_ref().and_then(text))
            .set_traffic_type(self.traffic_type.as_deref().map(TrafficType::from))
            .set_max_aggregation_interval(self.max_aggregation_interval)
            .set_log_format(self.log_format.clone())
            .set_destination_options(self.options())
            .tag_specifications(tagged(ResourceType::VpcFlowLog, &self.tags))
            .send()
            .await
            .map_err(api_with(CREATE, too_early))?;
        // The call succeeds as a whole even where it failed for the one resource.
        if let Some(error) = answer.unsuccessful().first().and_then(|item| item.error()) {
            let (code, why) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
            let exists = code.ends_with("AlreadyExists").then_some(ErrorKind::Exists);
            let kind = too_early(code, why).or(exists).unwrap_or(ErrorKind::Refused);
            return Err(Error { code: Some(code.to_owned()), ..Error::because(kind, CREATE, why) });
        }
        Ok((Id::new(need(CREATE, answer.flow_log_ids().first(), "flowLogIds")?), None))
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
        let answer = c.ec2().delete_flow_logs().flow_log_ids(recorded.id.as_str()).send().await;
        let answer = match answer.map_err(api(DELETE)) {
            Ok(answer) => answer,
            Err(error) => return gone_ok(Err(error)),
        };
        let Some(error) = answer.unsuccessful().first().and_then(|item| item.error()) else { return Ok(()) };
        let code = error.code().unwrap_or_default();
        let kind = if code.ends_with("NotFound") { ErrorKind::Gone } else { ErrorKind::Refused };
        let why = error.message().unwrap_or("it gave no reason");
        gone_ok(Err(Error { code: Some(code.to_owned()), ..Error::because(kind, DELETE, why) }))
    }
}

const READ: &str = "ec2:DescribeFlowLogs";
const CREATE: &str = "ec2:CreateFlowLogs";
const DELETE: &str = "ec2:DeleteFlowLogs";

/// A log group's ARN ends in `:*` in some answers.
fn bare(arn: &str) -> &str {
    arn.trim_end_matches(":*")
}

/// A role, or a bucket's policy, that is not visible yet.
fn too_early(_: &str, message: &str) -> Option<ErrorKind> {
    let early = ["Unable to assume given IAM role", "Access Denied for LogDestination"];
    early.iter().any(|early| message.contains(early)).then_some(ErrorKind::NotYet)
}

fn kind_of(resource: &str) -> Result<FlowLogsResourceType> {
    let kind = resource.rsplit_once('-').map_or("", |(kind, _)| kind);
    match kind {
        "vpc" => Ok(FlowLogsResourceType::Vpc),
        "subnet" => Ok(FlowLogsResourceType::Subnet),
        "eni" => Ok(FlowLogsResourceType::NetworkInterface),
        "tgw" => Ok(FlowLogsResourceType::TransitGateway),
        "tgw-attach" => Ok(FlowLogsResourceType::TransitGatewayAttachment),
        "nat" => Ok(FlowLogsResourceType::RegionalNatGateway),
        _ => Err(Error::because(ErrorKind::Refused, CREATE, format!("`{resource}` has no traffic to record"))),
    }
}

fn id_of(log: &types::FlowLog) -> Result<Id<FlowLog>> {
    need(READ, log.flow_log_id(), "flowLogId").map(Id::new)
}

fn to_observed(log: &types::FlowLog) -> Result<Observed<FlowLog>> {
    let resource: String = need(READ, log.resource_id(), "resourceId")?;
    // One made with a group's name only, by another hand, has no destination.
    let destination: String = need(READ, log.log_destination().or(log.log_group_name()), "logDestination")?;
    let kind = log.log_destination_type().unwrap_or(&LogDestinationType::CloudWatchLogs);
    let options = log.destination_options();
    Ok(Observed {
        inputs: FlowLog {
            resource: resource.into(),
            destination: destination.into(),
            destination_type: kind.as_str().to_owned(),
            role: log.deliver_logs_permission_arn().map(Into::into),
            cross_account_role: log.deliver_cross_account_role().map(Into::into),
            traffic_type: log.traffic_type().map(|kind| kind.as_str().to_owned()),
            max_aggregation_interval: log.max_aggregation_interval(),
            log_format: log.log_format().map(str::to_owned),
            file_format: options.and_then(|to| to.file_format()).map(|format| format.as_str().to_owned()),
            hive_compatible_partitions: options.and_then(Options::hive_compatible_partitions),
            per_hour_partition: options.and_then(Options::per_hour_partition),
            tags: our_tags(log.tags()),
        },
        outputs: FlowLogOutputs {
            id: id_of(log)?,
            delivery: log.deliver_logs_status().map(str::to_owned),
            delivery_error: log.deliver_logs_error_message().map(str::to_owned),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_kind_follows_from_the_id() {
        assert_eq!(kind_of("vpc-0123").unwrap(), FlowLogsResourceType::Vpc);
        assert_eq!(kind_of("tgw-attach-0123").unwrap(), FlowLogsResourceType::TransitGatewayAttachment);
        assert!(kind_of("sg-1").is_err());
    }

    #[test]
    fn log_group_arn_is_equivalent_with_and_without_suffix() {
        let field = FlowLog::FIELDS.iter().find(|field| field.name == "destination").unwrap();
        assert!(FlowLog::is_equivalent(
            field,
            &json!("arn:aws:logs:r:1:log-group:g:*"),
            &json!("arn:aws:logs:r:1:log-group:g")
        ));
        assert!(!FlowLog::is_equivalent(
            field,
            &json!("arn:aws:logs:r:1:log-group:g"),
            &json!("arn:aws:logs:r:1:log-group:h")
        ));
    }
}
