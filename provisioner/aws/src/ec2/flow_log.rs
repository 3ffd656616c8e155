//! `aws:ec2:flow-log`: records of the traffic of a VPC, a subnet or a network interface.
//!
//! EC2 can change only the tags, so any other change replaces the flow log; since AWS refuses a second one with the same
//! source and destination, the old one is deleted first.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>

use aws_sdk_ec2::types::{self, DestinationOptionsRequest, FlowLogsResourceType};
use aws_sdk_ec2::types::{DestinationOptionsResponse, Filter, LogDestinationType, ResourceType};
use serde_json::Value;

use super::{Subnet, Vpc, filter, ids_made_for, made_for, not_deleted, our_tags, sync_tags, tagged, unsuccessful};
use crate::prelude::*;

/// Records of the traffic of a VPC, a subnet or a network interface.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:flow-log",
    cloudformation = "AWS::EC2::FlowLog",
    create = "ec2:CreateFlowLogs",
    unique(resource_id, log_destination),
    omitted(
        ClientToken = "the engine's",
        ResourceType = "follows from the id",
        LogGroupName = "the destination's ARN says it",
        TagFieldSpecifications = "no tags of instances in the records so far",
    )
)]
pub struct FlowLog {
    /// Source of the traffic: the ID of a VPC, a subnet, an interface, a transit gateway or its attachment.
    #[field(replaces, parameter = "ResourceIds", property = "", convert = resource)]
    pub resource_id: In<String>,
    /// Destination of the records: the ARN of a log group, a bucket (a path may follow) or a delivery stream.
    #[field(replaces)]
    pub log_destination: In<String>,
    /// `cloud-watch-logs`, `s3` or `kinesis-data-firehose`.
    #[field(replaces)]
    pub log_destination_type: String,
    /// The ARN of the role that writes the records: CloudWatch needs one.
    #[field(replaces)]
    pub deliver_logs_permission_arn: Option<In<String>>,
    /// The ARN of the role that writes into another account.
    #[field(replaces)]
    pub deliver_cross_account_role: Option<In<String>>,
    /// `ALL`, `ACCEPT` or `REJECT`; none for a transit gateway.
    #[field(replaces, default = "ALL")]
    pub traffic_type: Option<String>,
    /// Seconds of traffic in one record: 60 or 600.
    #[field(replaces)]
    pub max_aggregation_interval: Option<i32>,
    /// A record's fields: `${version} ${srcaddr} …`.
    #[field(replaces)]
    pub log_format: Option<String>,
    /// In a bucket: `plain-text` or `parquet`.
    #[field(replaces, parameter = "DestinationOptions", property = "DestinationOptions.FileFormat")]
    pub file_format: Option<String>,
    /// In a bucket: `true` for paths in Hive's format.
    #[field(replaces, parameter = "DestinationOptions", property = "DestinationOptions.HiveCompatiblePartitions")]
    pub hive_compatible_partitions: Option<bool>,
    /// In a bucket: `true` for a separate path for each hour.
    #[field(replaces, parameter = "DestinationOptions", property = "DestinationOptions.PerHourPartition")]
    pub per_hour_partition: Option<bool>,
    /// Tags of the flow log, by key.
    pub tags: Tags,
}

/// The outputs of a flow log.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct FlowLogOutputs {
    /// ID of the form `fl-…`.
    pub id: Id<FlowLog>,
    /// `SUCCESS` or `FAILED`, the result of the last delivery.
    pub delivery: Option<String>,
    /// Error of the last delivery.
    pub delivery_error: Option<String>,
}

impl FlowLog {
    /// All traffic of this VPC into a log group, written by this role: both as ARNs.
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

    /// All traffic of the object with this ID into a log group.
    pub fn to_log_group(resource: In<String>, log_group: impl Into<In<String>>, role: impl Into<In<String>>) -> Self {
        Self::new(resource, log_group, "cloud-watch-logs").deliver_logs_permission_arn(role)
    }

    fn destination_options(&self) -> Option<DestinationOptionsRequest> {
        let flags = [self.hive_compatible_partitions, self.per_hour_partition];
        let stated = self.file_format.is_some() || flags.iter().any(Option::is_some);
        let options = set_inputs!(DestinationOptionsRequest::builder(), self =>
            file_format, hive_compatible_partitions, per_hour_partition);
        stated.then(|| options.build())
    }
}

impl Resource for FlowLog {
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeFlowLogs"],
        create: &["ec2:CreateFlowLogs", "ec2:CreateTags", "iam:PassRole", "logs:CreateLogDelivery"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteFlowLogs", "logs:DeleteLogDelivery"],
    };
    type Cloud = Aws;
    type Outputs = FlowLogOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.log_destination_type == "cloud-watch-logs" && self.deliver_logs_permission_arn.is_none() {
            problems.push(Problem::new(
                Field::DeliverLogsPermissionArn,
                "expected a role that can write to CloudWatch Logs: this destination requires one",
            ));
        }
        if self.max_aggregation_interval.is_some_and(|seconds| seconds != 60 && seconds != 600) {
            problems.push(Problem::new(Field::MaxAggregationInterval, "expected 60 or 600 (seconds)"));
        }
        problems
    }

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        if Field::of(field) == Some(Field::LogDestination) {
            return desired.as_str().map(bare) == observed.as_str().map(bare);
        }
        field.compare.is_equivalent(desired, observed)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let logs = describe(c, filter("flow-log-id", ids.iter().map(Id::as_str))).await?;
        logs.iter().map(|log| Ok((id_of(log)?, to_observed(log)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        ids_made_for(owner, &describe(c, made_for(owner)).await?, types::FlowLog::tags, id_of)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let (Some(resource), Some(to)) = (text(&self.resource_id), text(&self.log_destination)) else {
            return Ok(vec![]);
        };
        let mut logs = describe(c, filter("resource-id", [resource])).await?;
        logs.retain(|log| log.log_destination().is_some_and(|observed| bare(observed) == bare(&to)));
        logs.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let resource = text(&self.resource_id).unwrap_or_default();
        let request = c.ec2().create_flow_logs().client_token(&owner.token);
        let request = request.resource_type(kind_of(&resource)?).resource_ids(resource);
        let request = set_inputs!(request, self =>
            log_destination_type, deliver_logs_permission_arn, deliver_cross_account_role, traffic_type,
            max_aggregation_interval, log_format);
        let request = request
            .set_log_destination(text(&self.log_destination).map(|arn| bare(&arn).to_owned()))
            .set_destination_options(self.destination_options())
            .tag_specifications(tagged(ResourceType::VpcFlowLog, &self.tags));
        let answer = request.send().await.map_err(api_with(CREATE, too_early))?;
        unsuccessful(CREATE, answer.unsuccessful(), |code, why| {
            let exists = code.ends_with("AlreadyExists").then_some(ErrorKind::Exists);
            too_early(code, why).or(exists).unwrap_or(ErrorKind::Refused)
        })?;
        Ok((member(CREATE, "flowLogIds", answer.flow_log_ids().first())?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        sync_tags(c, recorded.id.as_str(), &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_flow_logs().flow_log_ids(recorded.id.as_str()).send().await;
        let answer = answer.map_err(api(DELETE));
        gone_ok(answer.and_then(|answer| not_deleted(DELETE, answer.unsuccessful())))
    }
}

const READ: &str = "ec2:DescribeFlowLogs";
const CREATE: &str = "ec2:CreateFlowLogs";
const DELETE: &str = "ec2:DeleteFlowLogs";

async fn describe(c: &Reader, filter: Filter) -> Result<Vec<types::FlowLog>> {
    list_all!(READ, c.ec2().describe_flow_logs().filter(filter))
}

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
    member(READ, "flowLogId", log.flow_log_id())
}

fn to_observed(log: &types::FlowLog) -> Result<Observed<FlowLog>> {
    // A flow log created out of band by a group's name has no destination.
    let destination = log.log_destination().or(log.log_group_name());
    let kind = log.log_destination_type().unwrap_or(&LogDestinationType::CloudWatchLogs);
    let options = log.destination_options();
    Ok(Observed {
        inputs: from_sdk!(READ, log => FlowLog {
            resource_id, deliver_logs_permission_arn, deliver_cross_account_role, traffic_type,
            max_aggregation_interval, log_format;
            log_destination: member(READ, "logDestination", destination)?,
            log_destination_type: kind.as_str().to_owned(),
            file_format: options.and_then(|to| to.file_format()).map(|format| format.as_str().to_owned()),
            hive_compatible_partitions: options.and_then(DestinationOptionsResponse::hive_compatible_partitions),
            per_hour_partition: options.and_then(DestinationOptionsResponse::per_hour_partition),
            tags: our_tags(log.tags()),
        }),
        outputs: from_sdk!(READ, log => FlowLogOutputs {
            id = flow_log_id, delivery = deliver_logs_status, delivery_error = deliver_logs_error_message
        }),
    })
}

/// Returns the source of the traffic with its type, which CloudFormation wants beside the ID.
fn resource(id: &In<String>) -> Value {
    let id = id.to_property();
    let kind = match kind_of_id(&id) {
        Some("vpc") => "VPC".into(),
        Some("subnet") => "Subnet".into(),
        Some("eni") => "NetworkInterface".into(),
        Some("tgw") => "TransitGateway".into(),
        Some("tgw-attach") => "TransitGatewayAttachment".into(),
        _ => id.clone(),
    };
    members([("ResourceId", id), ("ResourceType", kind)])
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
        let field = FlowLog::FIELDS.iter().find(|field| field.name == Field::LogDestination.name()).unwrap();
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
