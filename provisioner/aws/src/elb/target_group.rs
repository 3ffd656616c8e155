//! `aws:elasticloadbalancingv2:target-group` — where a load balancer sends requests, and how it tells who is healthy.
//!
//! All but health checks, attributes and tags is fixed at creation, so a change to it replaces the group. A read takes
//! one call for all groups, one for the tags of each 20, and one for the attributes of each of ours.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{
    self, Matcher, ProtocolEnum, TargetGroupAttribute, TargetGroupIpAddressTypeEnum, TargetTypeEnum,
};
use futures::future::join_all;
use provisioner_model::{
    error::Result,
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{Attributes, changed, flag, made_ours, number, paired, read_tags, repeated, sdk_tags, suffix, sync_tags};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Clients, Reader, Writer},
    ec2::Vpc,
    error::{api, gone_ok, need},
    value::text,
};

/// The targets of a load balancer, and their health check.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// At most 32 characters. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The VPC that the targets are in; none for functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<In<Id<Vpc>>>,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`, `GENEVE`, `QUIC`, `TCP_QUIC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The port on which targets listen, where they state none themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// `HTTP1` (if not stated), `HTTP2` or `GRPC`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol_version: Option<String>,
    /// `instance` (if not stated), `ip` (tasks on Fargate), `lambda` or `alb`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_type: Option<String>,
    /// `ipv4` (if not stated) or `ipv6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// The port on which targets tell how much more they can take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_control_port: Option<i32>,
    /// Health check of the targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,
    /// Seconds that a target on its way out still gets to finish requests: 300 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deregistration_delay: Option<i64>,
    /// Seconds in which a new target's share grows; 0 is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_start: Option<i64>,
    /// `round_robin`, `least_outstanding_requests` or `weighted_random`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// `true`, `false` or `use_load_balancer_configuration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_zone: Option<String>,
    /// Stickiness of clients to a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<TargetStickiness>,
    /// Further attributes, by AWS's own names. Those that are not stated stay as they are.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Tags of the target group, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The health check of a target group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `true` if targets are asked; only functions can do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The protocol of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// A number, or `traffic-port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// The path of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Seconds between two questions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i32>,
    /// Seconds to wait for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
    /// Good answers in a row that make a target healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_threshold: Option<i32>,
    /// Bad ones that make it unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhealthy_threshold: Option<i32>,
    /// The status codes of a good answer: `200`, `200-299`, `200,301`; for gRPC its own codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matcher: Option<String>,
}

/// The stickiness of clients to a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetStickiness {
    /// `true` if it does.
    pub enabled: bool,
    /// `lb_cookie`, `app_cookie`, `source_ip`, `source_ip_dest_ip`, `source_ip_dest_ip_proto`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// For how long, by the load balancer's cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
    /// Name of the application's cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie_name: Option<String>,
    /// For how long, by the application's cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie_seconds: Option<i64>,
}

/// The outputs of a target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetGroupOutputs {
    /// The ARN of the target group.
    pub id: Id<TargetGroup>,
    /// Its ARN as text.
    pub arn: String,
    /// `targetgroup/web/943f017f100becff`: an alarm's dimension `TargetGroup`.
    pub arn_suffix: String,
    /// The name of the target group.
    pub name: String,
}

impl TargetGroup {
    /// The ARN of the target group.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// An alarm's dimension `TargetGroup`.
    pub const ARN_SUFFIX: Output<Self, String> = Output::new("arn_suffix");
    /// The name of the target group.
    pub const NAME: Output<Self, String> = Output::new("name");

    /// Targets in this VPC that speak `protocol` on `port`, known by their addresses.
    pub fn new(vpc: In<Id<Vpc>>, protocol: impl Into<String>, port: i32) -> Self {
        Self {
            vpc: Some(vpc),
            protocol: Some(protocol.into()),
            port: Some(port),
            target_type: Some("ip".to_owned()),
            ..Self::default()
        }
    }

    fn stated(&self) -> Attributes {
        let mut all = self.attributes.clone();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                all.insert(key.to_owned(), value);
            }
        };
        put(DELAY, self.deregistration_delay.map(|seconds| seconds.to_string()));
        put(SLOW_START, self.slow_start.map(|seconds| seconds.to_string()));
        put(ALGORITHM, self.algorithm.clone());
        put(CROSS_ZONE, self.cross_zone.clone());
        if let Some(sticky) = &self.stickiness {
            put(STICKY, Some(sticky.enabled.to_string()));
            put(STICKY_TYPE, sticky.kind.clone());
            put(STICKY_SECONDS, sticky.seconds.map(|seconds| seconds.to_string()));
            put(COOKIE, sticky.cookie_name.clone());
            put(COOKIE_SECONDS, sticky.cookie_seconds.map(|seconds| seconds.to_string()));
        }
        all
    }

    fn matcher(&self) -> Option<Matcher> {
        let codes = self.health_check.as_ref()?.matcher.clone()?;
        let grpc = self.protocol_version.as_deref() == Some("GRPC");
        let matcher = Matcher::builder();
        Some(if grpc { matcher.grpc_code(codes) } else { matcher.http_code(codes) }.build())
    }
}

const DELAY: &str = "deregistration_delay.timeout_seconds";
const SLOW_START: &str = "slow_start.duration_seconds";
const ALGORITHM: &str = "load_balancing.algorithm.type";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const STICKY: &str = "stickiness.enabled";
const STICKY_TYPE: &str = "stickiness.type";
const STICKY_SECONDS: &str = "stickiness.lb_cookie.duration_seconds";
const COOKIE: &str = "stickiness.app_cookie.cookie_name";
const COOKIE_SECONDS: &str = "stickiness.app_cookie.duration_seconds";
const TYPED: [(&str, &str); 9] = [
    (DELAY, "deregistration_delay"),
    (SLOW_START, "slow_start"),
    (ALGORITHM, "algorithm"),
    (CROSS_ZONE, "cross_zone"),
    (STICKY, "stickiness"),
    (STICKY_TYPE, "stickiness"),
    (STICKY_SECONDS, "stickiness"),
    (COOKIE, "stickiness"),
    (COOKIE_SECONDS, "stickiness"),
];

impl Resource for TargetGroup {
    const TYPE: &'static str = "aws:elasticloadbalancingv2:target-group";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("vpc").replaces(),
        Field::new("protocol").replaces(),
        Field::new("port").replaces(),
        Field::new("protocol_version").replaces(),
        Field::new("target_type").replaces(),
        Field::new("ip_address_type").replaces(),
        Field::new("target_control_port").replaces(),
        Field::new("health_check"),
        Field::new("deregistration_delay"),
        Field::new("slow_start"),
        Field::new("algorithm"),
        Field::new("cross_zone"),
        Field::new("stickiness"),
        Field::new("attributes").map(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 32));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &[
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTargetGroupAttributes",
            "elasticloadbalancing:DescribeTags",
        ],
        create: &["elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:AddTags"],
        update: &[
            "elasticloadbalancing:ModifyTargetGroup",
            "elasticloadbalancing:ModifyTargetGroupAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteTargetGroup"],
    };
    type Cloud = Aws;
    type Outputs = TargetGroupOutputs;

    fn problems(&self) -> Vec<Problem> {
        repeated(&self.attributes, &TYPED)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let attributes = join_all(ids.iter().map(|id| attributes(c, id.as_str())));
        let (all, tags, attributes) = futures::join!(all(c), read_tags(c, ids), attributes);
        let (all, tags) = (all?, tags?);
        let one = |arn: &str| all.iter().find(|one| one.target_group_arn() == Some(arn));
        Ok(paired(ids, one, &tags, attributes, to_observed))
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        made_ours(c, self.find_by_unique_key(c).await?, owner).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let same_name = all.iter().filter(|one| one.target_group_name() == self.name.as_deref());
        Ok(same_name.filter_map(|one| one.target_group_arn().map(Id::new)).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let check = self.health_check.clone().unwrap_or_default();
        let answer = c
            .elb()
            .create_target_group()
            .set_name(self.name.clone())
            .set_vpc_id(self.vpc.as_ref().and_then(text))
            .set_protocol(self.protocol.as_deref().map(ProtocolEnum::from))
            .set_port(self.port)
            .set_protocol_version(self.protocol_version.clone())
            .set_target_type(self.target_type.as_deref().map(TargetTypeEnum::from))
            .set_ip_address_type(self.ip_address_type.as_deref().map(TargetGroupIpAddressTypeEnum::from))
            .set_target_control_port(self.target_control_port)
            .set_health_check_enabled(check.enabled)
            .set_health_check_protocol(check.protocol.as_deref().map(ProtocolEnum::from))
            .set_health_check_port(check.port)
            .set_health_check_path(check.path)
            .set_health_check_interval_seconds(check.interval)
            .set_health_check_timeout_seconds(check.timeout)
            .set_healthy_threshold_count(check.healthy_threshold)
            .set_unhealthy_threshold_count(check.unhealthy_threshold)
            .set_matcher(self.matcher())
            .set_tags(sdk_tags(&self.tags))
            .send()
            .await
            .map_err(api("elasticloadbalancing:CreateTargetGroup"))?;
        let made = answer.target_groups().first().and_then(types::TargetGroup::target_group_arn);
        Ok((Id::new(need("elasticloadbalancing:CreateTargetGroup", made, "TargetGroupArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (differs, arn) = (ChangedInputs::between(self, &recorded.inputs, &observed.inputs), recorded.id.as_str());
        if let Some(check) = self.health_check.clone().filter(|_| differs.has("health_check")) {
            c.elb()
                .modify_target_group()
                .target_group_arn(arn)
                .set_health_check_enabled(check.enabled)
                .set_health_check_protocol(check.protocol.as_deref().map(ProtocolEnum::from))
                .set_health_check_port(check.port)
                .set_health_check_path(check.path)
                .set_health_check_interval_seconds(check.interval)
                .set_health_check_timeout_seconds(check.timeout)
                .set_healthy_threshold_count(check.healthy_threshold)
                .set_unhealthy_threshold_count(check.unhealthy_threshold)
                .set_matcher(self.matcher())
                .send()
                .await
                .map_err(api("elasticloadbalancing:ModifyTargetGroup"))?;
        }
        let set = changed(&self.stated(), &observed.inputs.stated());
        if !set.is_empty() {
            let set = set.iter().map(|(key, value)| TargetGroupAttribute::builder().key(key).value(value).build());
            let request = c.elb().modify_target_group_attributes().target_group_arn(arn);
            let request = request.set_attributes(Some(set.collect()));
            request.send().await.map_err(api("elasticloadbalancing:ModifyTargetGroupAttributes"))?;
        }
        sync_tags(c, arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.elb().delete_target_group().target_group_arn(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("elasticloadbalancing:DeleteTargetGroup")))
    }
}

const READ: &str = "elasticloadbalancing:DescribeTargetGroups";

/// All of them: asked for by ARN, one that is gone fails the whole call.
async fn all(c: &Reader) -> Result<Arc<Vec<types::TargetGroup>>> {
    c.once("elb:target-groups", || async {
        let mut pages = c.elb().describe_target_groups().into_paginator().items().send();
        let mut all = vec![];
        while let Some(one) = pages.try_next().await.map_err(api(READ))? {
            all.push(one);
        }
        Ok(all)
    })
    .await
}

async fn attributes(c: &Clients, arn: &str) -> Result<Attributes> {
    let answer = c.elb().describe_target_group_attributes().target_group_arn(arn).send().await;
    let answer = answer.map_err(api("elasticloadbalancing:DescribeTargetGroupAttributes"))?;
    let pair = |one: &TargetGroupAttribute| Some((one.key()?.to_owned(), one.value()?.to_owned()));
    Ok(answer.attributes().iter().filter_map(pair).collect())
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::TargetGroup, mut all: Attributes, tags: Tags) -> Result<Observed<TargetGroup>> {
    let arn = need(READ, one.target_group_arn(), "TargetGroupArn")?;
    let matcher = one.matcher().and_then(|matcher| matcher.http_code().or(matcher.grpc_code()));
    let stickiness = flag(&mut all, STICKY).map(|enabled| TargetStickiness {
        enabled,
        kind: all.remove(STICKY_TYPE),
        seconds: number(&mut all, STICKY_SECONDS),
        cookie_name: all.remove(COOKIE),
        cookie_seconds: number(&mut all, COOKIE_SECONDS),
    });
    Ok(Observed {
        inputs: TargetGroup {
            name: one.target_group_name().map(str::to_owned),
            vpc: one.vpc_id().map(|id| Id::new(id).into()),
            protocol: one.protocol().map(|protocol| protocol.as_str().to_owned()),
            port: one.port(),
            protocol_version: one.protocol_version().map(str::to_owned),
            target_type: one.target_type().map(|kind| kind.as_str().to_owned()),
            ip_address_type: one.ip_address_type().map(|kind| kind.as_str().to_owned()),
            target_control_port: one.target_control_port(),
            health_check: Some(HealthCheck {
                enabled: one.health_check_enabled(),
                protocol: one.health_check_protocol().map(|protocol| protocol.as_str().to_owned()),
                port: one.health_check_port().map(str::to_owned),
                path: one.health_check_path().map(str::to_owned),
                interval: one.health_check_interval_seconds(),
                timeout: one.health_check_timeout_seconds(),
                healthy_threshold: one.healthy_threshold_count(),
                unhealthy_threshold: one.unhealthy_threshold_count(),
                matcher: matcher.map(str::to_owned),
            }),
            deregistration_delay: number(&mut all, DELAY),
            slow_start: number(&mut all, SLOW_START),
            algorithm: all.remove(ALGORITHM),
            cross_zone: all.remove(CROSS_ZONE),
            stickiness,
            attributes: all,
            tags,
        },
        outputs: TargetGroupOutputs {
            id: Id::new(&arn),
            arn_suffix: format!("targetgroup/{}", suffix(&arn, ":targetgroup/")),
            arn,
            name: need(READ, one.target_group_name(), "TargetGroupName")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_that_has_an_input_is_refused() {
        let every: Attributes = TYPED.iter().map(|(key, _)| ((*key).to_owned(), "1".to_owned())).collect();
        let group = TargetGroup { attributes: every.clone(), ..TargetGroup::default() };
        assert_eq!(group.problems().len(), TYPED.len());
        // What is read into an input is in the list, and nothing else is.
        let sdk =
            types::TargetGroup::builder().target_group_arn("a:targetgroup/web/1").target_group_name("web").build();
        let observed = to_observed(&sdk, every, Tags::new()).unwrap().inputs;
        assert_eq!((observed.attributes.len(), observed.stated().len()), (0, TYPED.len()));
    }
}
