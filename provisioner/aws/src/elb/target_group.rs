//! `aws:elasticloadbalancingv2:target-group`: where a load balancer sends requests, and how it tells who is healthy.
//!
//! All but health checks, attributes and tags is fixed at creation, so a change to it replaces the group. A read takes
//! one call for all groups, one for the tags of each 20, and one for the attributes of each of ours.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{self, Matcher, TargetGroupAttribute};
use futures::future::join_all;

use super::{
    Attribute, Attributes, attribute_struct, attributes, changed_attributes, made_ours, paired, read_tags, repeated,
    sdk_tags, seconds, suffix, sync_tags,
};
use crate::{cloud::Clients, ec2::Vpc, prelude::*};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
    page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html",
    ..NameRule::ANY
};

/// The targets of a load balancer, and their health check.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:elasticloadbalancingv2:target-group",
    cloudformation = "AWS::ElasticLoadBalancingV2::TargetGroup",
    attributes(arn = "Ref", arn_suffix = "TargetGroupFullName", name = "TargetGroupName"),
    create = "elbv2:CreateTargetGroup",
    unique(name),
    constructor = bare
)]
pub struct TargetGroup {
    /// At most 32 characters; generated if absent.
    #[field(replaces, name(max = 32, rule = NAME_RULE))]
    pub name: Option<String>,
    /// The VPC that the targets are in; none for functions.
    #[field(replaces)]
    pub vpc_id: Option<In<Id<Vpc>>>,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`, `GENEVE`, `QUIC`, `TCP_QUIC`.
    #[field(replaces)]
    pub protocol: Option<String>,
    /// The port on which targets listen, where they state none themselves.
    #[field(replaces)]
    pub port: Option<i32>,
    /// `HTTP1` (AWS's default), `HTTP2` or `GRPC`.
    #[field(replaces)]
    pub protocol_version: Option<String>,
    /// `instance` (AWS's default), `ip` (tasks on Fargate), `lambda` or `alb`.
    #[field(replaces)]
    pub target_type: Option<String>,
    /// `ipv4` (AWS's default) or `ipv6`.
    #[field(replaces)]
    pub ip_address_type: Option<String>,
    /// The port on which targets report how much more they can take.
    #[field(replaces)]
    pub target_control_port: Option<i32>,
    /// Health check of the targets.
    #[field(
        property = "",
        parameter = "HealthCheckEnabled",
        parameter = "HealthCheckProtocol",
        parameter = "HealthCheckPort",
        parameter = "HealthCheckPath",
        parameter = "HealthCheckIntervalSeconds",
        parameter = "HealthCheckTimeoutSeconds",
        parameter = "HealthyThresholdCount",
        parameter = "UnhealthyThresholdCount",
        parameter = "Matcher"
    )]
    pub health_check: Option<HealthCheck>,
    /// Seconds for which a deregistered target may finish requests: 300 if absent.
    #[field(
        cloud_default = 300,
        property = "TargetGroupAttributes[Key=deregistration_delay.timeout_seconds].Value",
        convert = text_of
    )]
    pub deregistration_delay: Option<i64>,
    /// Seconds in which a new target's share grows; 0 (the default) is none.
    #[field(
        cloud_default = 0,
        property = "TargetGroupAttributes[Key=slow_start.duration_seconds].Value",
        convert = text_of
    )]
    pub slow_start: Option<i64>,
    /// `round_robin` (the default), `least_outstanding_requests` or `weighted_random`.
    #[field(
        cloud_default = "round_robin",
        property = "TargetGroupAttributes[Key=load_balancing.algorithm.type].Value",
        convert = text_of
    )]
    pub load_balancing_algorithm_type: Option<String>,
    /// `true`, `false` or `use_load_balancer_configuration` (the default).
    #[field(
        cloud_default = "use_load_balancer_configuration",
        property = "TargetGroupAttributes[Key=load_balancing.cross_zone.enabled].Value",
        convert = text_of
    )]
    pub cross_zone: Option<String>,
    /// Stickiness of clients to a target.
    #[field(cloud_default = none, property = "TargetGroupAttributes", convert = stickiness)]
    pub stickiness: Option<TargetStickiness>,
    /// Further attributes, by AWS's own names. An attribute that is absent here keeps its value.
    #[field(map, property = "TargetGroupAttributes", convert = keys_and_values)]
    pub attributes: BTreeMap<String, String>,
    /// Tags of the target group, by key.
    pub tags: Tags,
}
attributes!(TargetGroup {
    deregistration_delay = "deregistration_delay.timeout_seconds",
    slow_start = "slow_start.duration_seconds",
    load_balancing_algorithm_type = "load_balancing.algorithm.type",
    cross_zone = "load_balancing.cross_zone.enabled",
    stickiness = "stickiness.",
});

/// The health check of a target group.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct HealthCheck {
    /// `true` if targets are checked; only functions can do without.
    #[field(property = "HealthCheckEnabled")]
    pub enabled: Option<bool>,
    /// The protocol of the check.
    #[field(property = "HealthCheckProtocol")]
    pub protocol: Option<String>,
    /// A number, or `traffic-port`.
    #[field(property = "HealthCheckPort")]
    pub port: Option<String>,
    /// The path of the check.
    #[field(property = "HealthCheckPath")]
    pub path: Option<String>,
    /// Seconds between two checks.
    #[field(property = "HealthCheckIntervalSeconds")]
    pub interval_seconds: Option<i32>,
    /// Seconds to wait for an answer.
    #[field(property = "HealthCheckTimeoutSeconds")]
    pub timeout_seconds: Option<i32>,
    /// Successful checks in a row that make a target healthy.
    pub healthy_threshold_count: Option<i32>,
    /// Failed checks in a row that make a target unhealthy.
    pub unhealthy_threshold_count: Option<i32>,
    /// The status codes of a good answer: `200`, `200-299`, `200,301`; for gRPC its own codes.
    #[field(property = "Matcher.HttpCode")]
    pub matcher: Option<String>,
}

/// The stickiness of clients to a target.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct TargetStickiness {
    /// `true` if a client's requests go to the same target.
    pub enabled: bool,
    /// `lb_cookie`, `app_cookie`, `source_ip`, `source_ip_dest_ip`, `source_ip_dest_ip_proto`.
    pub r#type: Option<String>,
    /// Duration in seconds with the load balancer's cookie.
    pub lb_cookie_duration_seconds: Option<i64>,
    /// Name of the application's cookie.
    pub app_cookie_name: Option<String>,
    /// Duration in seconds with the application's cookie.
    pub app_cookie_duration_seconds: Option<i64>,
}
attribute_struct!(TargetStickiness {
    enabled = "enabled",
    r#type = "type",
    lb_cookie_duration_seconds = "lb_cookie.duration_seconds",
    app_cookie_name = "app_cookie.cookie_name",
    app_cookie_duration_seconds = "app_cookie.duration_seconds",
});

/// The outputs of a target group.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct TargetGroupOutputs {
    /// The ARN of the target group.
    pub id: Id<TargetGroup>,
    /// The ARN as text.
    pub arn: String,
    /// `targetgroup/web/943f017f100becff`: an alarm's dimension `TargetGroup`.
    pub arn_suffix: String,
    /// The name of the target group.
    pub name: String,
}

/// Sets the health check in a request to create or modify a group.
macro_rules! set_health_check {
    ($request:expr, $group:expr, $check:expr) => {
        $request
            .set_health_check_enabled($check.enabled)
            .set_health_check_protocol($check.protocol.to_sdk())
            .set_health_check_port($check.port.to_sdk())
            .set_health_check_path($check.path.to_sdk())
            .set_health_check_interval_seconds($check.interval_seconds)
            .set_health_check_timeout_seconds($check.timeout_seconds)
            .set_healthy_threshold_count($check.healthy_threshold_count)
            .set_unhealthy_threshold_count($check.unhealthy_threshold_count)
            .set_matcher($group.matcher())
    };
}

impl TargetGroup {
    /// Creates a group of IP addresses in this VPC that speak `protocol` on `port`.
    pub fn new(vpc: In<Id<Vpc>>, protocol: impl Into<String>, port: i32) -> Self {
        Self::bare().vpc_id(vpc).protocol(protocol).port(port).target_type("ip")
    }

    /// The inputs with AWS's defaults for attributes that it does not list: groups of functions, and of network load
    /// balancers, have few of them, and would refuse a write of the others.
    fn with_defaults(self) -> Self {
        let or = |stated: Option<String>, default: &str| stated.or_else(|| Some(default.to_owned()));
        Self {
            deregistration_delay: self.deregistration_delay.or(Some(300)),
            slow_start: self.slow_start.or(Some(0)),
            load_balancing_algorithm_type: or(self.load_balancing_algorithm_type, "round_robin"),
            cross_zone: or(self.cross_zone, "use_load_balancer_configuration"),
            ..self
        }
    }

    /// The health check with AWS's defaults for recorded members that are no longer stated: the call keeps what it leaves
    /// out. For the targets of application load balancers; the defaults of others differ by protocol.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
    fn with_ends(&self, check: HealthCheck, recorded: &Self) -> HealthCheck {
        fn or<T>(stated: Option<T>, recorded: Option<&T>, default: impl Into<T>) -> Option<T> {
            stated.or_else(|| recorded.map(|_| default.into()))
        }
        let application = matches!(self.protocol.as_deref(), Some("HTTP" | "HTTPS"));
        let Some(recorded) = recorded.health_check.as_ref().filter(|_| application) else { return check };
        let grpc = self.protocol_version.as_deref() == Some("GRPC");
        let (path, matcher) = if grpc { ("/AWS.ALB/healthcheck", "12") } else { ("/", "200") };
        HealthCheck {
            enabled: check.enabled,
            protocol: or(check.protocol, recorded.protocol.as_ref(), "HTTP"),
            port: or(check.port, recorded.port.as_ref(), "traffic-port"),
            path: or(check.path, recorded.path.as_ref(), path),
            interval_seconds: or(check.interval_seconds, recorded.interval_seconds.as_ref(), 30),
            timeout_seconds: or(check.timeout_seconds, recorded.timeout_seconds.as_ref(), 5),
            healthy_threshold_count: or(check.healthy_threshold_count, recorded.healthy_threshold_count.as_ref(), 5),
            unhealthy_threshold_count: or(
                check.unhealthy_threshold_count,
                recorded.unhealthy_threshold_count.as_ref(),
                2,
            ),
            matcher: or(check.matcher, recorded.matcher.as_ref(), matcher),
        }
    }

    fn matcher(&self) -> Option<Matcher> {
        let codes = self.health_check.as_ref()?.matcher.clone()?;
        let grpc = self.protocol_version.as_deref() == Some("GRPC");
        let matcher = Matcher::builder();
        Some(if grpc { matcher.grpc_code(codes) } else { matcher.http_code(codes) }.build())
    }
}

impl Resource for TargetGroup {
    const IDEMPOTENT_CREATE: bool = true;
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
        let mut problems = repeated(&self.attributes, &Self::typed(), Field::Attributes);
        problems.extend(seconds(Field::DeregistrationDelay, self.deregistration_delay, 0..=3600));
        problems.extend(seconds(Field::SlowStart, self.slow_start.filter(|seconds| *seconds != 0), 30..=900));
        problems
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
        let request = set_inputs!(c.elb().create_target_group(), self =>
            name, vpc_id, protocol, port, protocol_version, target_type, ip_address_type, target_control_port);
        let request = set_health_check!(request, self, check).set_tags(filled(Some(sdk_tags(&self.tags))));
        let answer = request.send().await.map_err(api(CREATE))?;
        let created = answer.target_groups().first().and_then(types::TargetGroup::target_group_arn);
        Ok((member(CREATE, "TargetGroupArn", created)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let arn = recorded.id.as_str();
        if let Some(check) = changed.pick(Field::HealthCheck, &self.health_check) {
            let group = Self { health_check: Some(self.with_ends(check, &recorded.inputs)), ..self.clone() };
            let check = group.health_check.clone().unwrap_or_default();
            let request = set_health_check!(c.elb().modify_target_group().target_group_arn(arn), group, check);
            request.send().await.map_err(api("elasticloadbalancing:ModifyTargetGroup"))?;
        }
        let mut desired = self.stated();
        if changed.contains(Field::Stickiness) {
            // Stickiness that is no longer stated ends.
            desired.entry("stickiness.enabled".to_owned()).or_insert_with(|| "false".to_owned());
        }
        let set = changed_attributes(&desired, &observed.inputs.stated());
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
const CREATE: &str = "elasticloadbalancing:CreateTargetGroup";

/// Lists all target groups: a list by ARN fails if one of them is gone.
async fn all(c: &Reader) -> Result<Arc<Vec<types::TargetGroup>>> {
    c.once("elb:target-groups", || async {
        let pages = c.elb().describe_target_groups().into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api(READ))
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
fn to_observed(one: &types::TargetGroup, all: Attributes, tags: Tags) -> Result<Observed<TargetGroup>> {
    let matcher = one.matcher().and_then(|matcher| matcher.http_code().or(matcher.grpc_code()));
    let health_check = from_sdk!(READ, one => HealthCheck {
        enabled = health_check_enabled, protocol = health_check_protocol, port = health_check_port,
        path = health_check_path, interval_seconds = health_check_interval_seconds,
        timeout_seconds = health_check_timeout_seconds, healthy_threshold_count, unhealthy_threshold_count;
        matcher: matcher.map(str::to_owned),
    });
    let inputs = from_sdk!(READ, one => TargetGroup {
        name = target_group_name, vpc_id, protocol, port, protocol_version, target_type, ip_address_type,
        target_control_port;
        health_check: Some(health_check),
        tags,
        ..TargetGroup::bare().with_attributes(all)
    });
    let outputs = from_sdk!(READ, one => TargetGroupOutputs {
        id = target_group_arn, arn = target_group_arn, name = target_group_name;
        arn_suffix: format!("targetgroup/{}", suffix(one.target_group_arn().unwrap_or_default(), ":targetgroup/")),
    });
    Ok(Observed { inputs: inputs.with_defaults(), outputs })
}

fn stickiness(stickiness: &TargetStickiness) -> Value {
    let mut all = Attributes::new();
    stickiness.put("stickiness.", &mut all);
    keys_and_values(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_the_health_check_that_are_no_longer_stated_return_to_the_defaults() {
        let check = HealthCheck::new().path("/ready").interval_seconds(10).matcher("200-299");
        let group =
            |protocol: &str| TargetGroup::new(Id::new("vpc-1").into(), protocol, 80).health_check(check.clone());
        let recorded = group("HTTP");
        let written = recorded.with_ends(HealthCheck::new().interval_seconds(10), &recorded);
        assert_eq!(written, HealthCheck::new().path("/").interval_seconds(10).matcher("200"));
        let recorded = group("TCP");
        let stated = HealthCheck::new().interval_seconds(10);
        assert_eq!(recorded.with_ends(stated.clone(), &recorded), stated);
    }

    #[test]
    fn attribute_that_has_an_input_is_refused() {
        let typed = TargetGroup::typed();
        let every: Attributes = typed.iter().map(|(key, _)| (key.clone(), "1".to_owned())).collect();
        let group = TargetGroup::bare().attributes(every.clone());
        assert_eq!(group.problems().len(), typed.len());
        // What is read into an input is in the list, and nothing else is.
        let sdk =
            types::TargetGroup::builder().target_group_arn("a:targetgroup/web/1").target_group_name("web").build();
        let observed = to_observed(&sdk, every, Tags::new()).unwrap().inputs;
        assert_eq!((observed.attributes.len(), observed.stated().len()), (0, typed.len()));
    }
}
