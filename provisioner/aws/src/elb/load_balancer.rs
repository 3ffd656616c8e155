//! `aws:elasticloadbalancingv2:load-balancer`: takes requests from outside and hands them to healthy targets.
//!
//! A load balancer's name, type, scheme and VPC are fixed at creation: a change to one of them replaces it. A read
//! takes one call for all load balancers, one for the tags of each 20, and one for the attributes of each of ours.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_elasticloadbalancingv2::types::{
    self, LoadBalancerAttribute, LoadBalancerState, LoadBalancerStateEnum, LoadBalancerTypeEnum,
};
use futures::future::join_all;

use super::{
    Attribute, Attributes, attribute_struct, attributes, changed_attributes, made_ours, paired, read_tags, repeated,
    sdk_tags, seconds, suffix, sync_tags,
};
use crate::{
    cloud::Clients,
    ec2::{SecurityGroup, Subnet, Vpc},
    prelude::*,
};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$",
    reserved_prefixes: &["internal-"],
    page: "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html",
    ..NameRule::ANY
};

/// Takes requests from outside and hands them to healthy targets.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:elasticloadbalancingv2:load-balancer",
    cloudformation = "AWS::ElasticLoadBalancingV2::LoadBalancer",
    attributes(
        arn = "Ref",
        arn_suffix = "LoadBalancerFullName",
        dns_name = "DNSName",
        zone_id = "CanonicalHostedZoneID",
    ),
    create = "elbv2:CreateLoadBalancer",
    unique(name),
    omitted(
        SubnetMappings = "fixed addresses of network load balancers: not so far",
        CustomerOwnedIpv4Pool = "no Outposts",
        EnablePrefixForIpv6SourceNat = "network load balancers for UDP over IPv6: not so far",
        IpamPools = "addresses are Amazon's",
    )
)]
pub struct LoadBalancer {
    /// At most 32 characters; generated if absent.
    #[field(replaces, name(max = 32, rule = NAME_RULE))]
    pub name: Option<String>,
    /// `application` (AWS's default), `network` or `gateway`.
    #[field(replaces, parameter = "Type", property = "Type")]
    pub load_balancer_type: Option<String>,
    /// `internet-facing` (AWS's default) or `internal`.
    #[field(replaces)]
    pub scheme: Option<String>,
    /// The VPC of the subnets. State it where the subnets may move to another VPC, since a load balancer cannot.
    #[field(replaces, property(none = "the subnets say it"))]
    pub vpc_id: Option<In<Id<Vpc>>>,
    /// One for each zone; an application load balancer needs two.
    #[field(required, set)]
    pub subnets: Vec<In<Id<Subnet>>>,
    /// Security groups of the load balancer; optional for a network load balancer.
    #[field(required, set)]
    pub security_groups: Vec<In<Id<SecurityGroup>>>,
    /// `ipv4` (the default), `dualstack` or `dualstack-without-public-ipv4`.
    #[field(cloud_default = "ipv4")]
    pub ip_address_type: Option<String>,
    /// `true` if AWS refuses to delete the load balancer.
    #[field(
        deletion_protection,
        cloud_default = false,
        property = "LoadBalancerAttributes[Key=deletion_protection.enabled].Value",
        convert = text_of
    )]
    pub deletion_protection: Option<bool>,
    /// `true` if headers with names that HTTP does not allow are dropped; AWS's default keeps them.
    #[field(
        cloud_default = false,
        property = "LoadBalancerAttributes[Key=routing.http.drop_invalid_header_fields.enabled].Value",
        convert = text_of
    )]
    pub drop_invalid_header_fields: Option<bool>,
    /// Destination of the log of requests.
    #[field(cloud_default = none, property = "LoadBalancerAttributes", convert = access_logs)]
    pub access_logs: Option<LogsTo>,
    /// Destination of the log of connections.
    #[field(cloud_default = none, property = "LoadBalancerAttributes", convert = connection_logs)]
    pub connection_logs: Option<LogsTo>,
    /// Seconds after which a silent connection is closed: 60 if absent.
    #[field(
        cloud_default = 60,
        property = "LoadBalancerAttributes[Key=idle_timeout.timeout_seconds].Value",
        convert = text_of
    )]
    pub idle_timeout: Option<i64>,
    /// Seconds for which a client may keep its connection: 3600 if absent.
    #[field(
        cloud_default = 3600,
        property = "LoadBalancerAttributes[Key=client_keep_alive.seconds].Value",
        convert = text_of
    )]
    pub client_keep_alive: Option<i64>,
    /// `true` (the default) if clients may speak HTTP/2.
    #[field(
        cloud_default = true,
        property = "LoadBalancerAttributes[Key=routing.http2.enabled].Value",
        convert = text_of
    )]
    pub http2: Option<bool>,
    /// Handling of requests that two servers could parse differently: `monitor`, `defensive` (the default), `strictest`.
    #[field(
        cloud_default = "defensive",
        property = "LoadBalancerAttributes[Key=routing.http.desync_mitigation_mode].Value",
        convert = text_of
    )]
    pub desync_mitigation_mode: Option<String>,
    /// `true` if targets get the client's `Host` header unchanged.
    #[field(
        cloud_default = false,
        property = "LoadBalancerAttributes[Key=routing.http.preserve_host_header.enabled].Value",
        convert = text_of
    )]
    pub preserve_host_header: Option<bool>,
    /// Handling of `X-Forwarded-For`: `append` (the default), `preserve`, `remove`.
    #[field(
        cloud_default = "append",
        property = "LoadBalancerAttributes[Key=routing.http.xff_header_processing.mode].Value",
        convert = text_of
    )]
    pub xff_header_processing_mode: Option<String>,
    /// `true` if `X-Forwarded-For` contains the client's port.
    #[field(
        cloud_default = false,
        property = "LoadBalancerAttributes[Key=routing.http.xff_client_port.enabled].Value",
        convert = text_of
    )]
    pub xff_client_port: Option<bool>,
    /// `true` if targets get the TLS version and cipher suite in headers.
    #[field(
        cloud_default = false,
        property = "LoadBalancerAttributes[Key=routing.http.x_amzn_tls_version_and_cipher_suite.enabled].Value",
        convert = text_of
    )]
    pub x_amzn_tls_version_and_cipher_suite: Option<bool>,
    /// `true` if requests pass while the firewall does not answer.
    #[field(
        cloud_default = false,
        property = "LoadBalancerAttributes[Key=waf.fail_open.enabled].Value",
        convert = text_of
    )]
    pub waf_fail_open: Option<bool>,
    /// `true` if each zone's node uses the targets of all zones; always on for applications.
    #[field(property = "LoadBalancerAttributes[Key=load_balancing.cross_zone.enabled].Value", convert = text_of)]
    pub cross_zone: Option<bool>,
    /// `true` if operators may shift traffic away from a zone.
    #[field(
        cloud_default = false,
        property = "LoadBalancerAttributes[Key=zonal_shift.config.enabled].Value",
        convert = text_of
    )]
    pub zonal_shift: Option<bool>,
    /// Further attributes, by AWS's own names. An attribute that is absent here keeps its value.
    #[field(map, property = "LoadBalancerAttributes", convert = keys_and_values)]
    pub attributes: BTreeMap<String, String>,
    /// Tags of the load balancer, by key.
    pub tags: Tags,
}
attributes!(LoadBalancer {
    deletion_protection = "deletion_protection.enabled",
    drop_invalid_header_fields = "routing.http.drop_invalid_header_fields.enabled",
    access_logs = "access_logs.s3.",
    connection_logs = "connection_logs.s3.",
    idle_timeout = "idle_timeout.timeout_seconds",
    client_keep_alive = "client_keep_alive.seconds",
    http2 = "routing.http2.enabled",
    desync_mitigation_mode = "routing.http.desync_mitigation_mode",
    preserve_host_header = "routing.http.preserve_host_header.enabled",
    xff_header_processing_mode = "routing.http.xff_header_processing.mode",
    xff_client_port = "routing.http.xff_client_port.enabled",
    x_amzn_tls_version_and_cipher_suite = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
    waf_fail_open = "waf.fail_open.enabled",
    cross_zone = "load_balancing.cross_zone.enabled",
    zonal_shift = "zonal_shift.config.enabled",
});

/// A bucket that takes logs. Its policy must let the load balancer's service write.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct LogsTo {
    /// `true` if logs are written.
    pub enabled: bool,
    /// The bucket's name; needed while logs are written.
    pub bucket: Option<In<String>>,
    /// Prefix of the objects' keys.
    pub prefix: Option<String>,
}
attribute_struct!(LogsTo { enabled = "enabled", bucket = "bucket", prefix = "prefix" });

impl LogsTo {
    /// Writes logs into this bucket.
    pub fn s3(bucket: impl Into<In<String>>) -> Self {
        Self::new(true).bucket(bucket)
    }
}

/// The outputs of a load balancer.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct LoadBalancerOutputs {
    /// The ARN of the load balancer.
    pub id: Id<LoadBalancer>,
    /// The ARN as text.
    pub arn: String,
    /// `app/web/50dc6c495c0c9188`: an alarm's dimension `LoadBalancer`.
    pub arn_suffix: String,
    /// The load balancer's DNS name.
    pub dns_name: String,
    /// The hosted zone of that name, for alias records.
    pub zone_id: String,
    /// `provisioning`, `active`, `active_impaired` or `failed`.
    pub state: String,
    /// AWS's reason for the state.
    pub reason: Option<String>,
}

impl LoadBalancer {
    /// The inputs with AWS's defaults for attributes that it does not list: a network load balancer has few of them, and
    /// would refuse a write of the others.
    fn with_defaults(self) -> Self {
        let on = |stated: Option<bool>, default: bool| Some(stated.unwrap_or(default));
        let or = |stated: Option<String>, default: &str| stated.or_else(|| Some(default.to_owned()));
        Self {
            ip_address_type: or(self.ip_address_type, "ipv4"),
            deletion_protection: on(self.deletion_protection, false),
            drop_invalid_header_fields: on(self.drop_invalid_header_fields, false),
            idle_timeout: self.idle_timeout.or(Some(60)),
            client_keep_alive: self.client_keep_alive.or(Some(3600)),
            http2: on(self.http2, true),
            desync_mitigation_mode: or(self.desync_mitigation_mode, "defensive"),
            preserve_host_header: on(self.preserve_host_header, false),
            xff_header_processing_mode: or(self.xff_header_processing_mode, "append"),
            xff_client_port: on(self.xff_client_port, false),
            x_amzn_tls_version_and_cipher_suite: on(self.x_amzn_tls_version_and_cipher_suite, false),
            waf_fail_open: on(self.waf_fail_open, false),
            zonal_shift: on(self.zonal_shift, false),
            ..self
        }
    }
}

impl Resource for LoadBalancer {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        // Limits are for the check of a plan: see `preflight/quotas.rs`.
        read: &[
            "elasticloadbalancing:DescribeAccountLimits",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeLoadBalancerAttributes",
            "elasticloadbalancing:DescribeTags",
        ],
        create: &["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:AddTags"],
        update: &[
            "elasticloadbalancing:SetSubnets",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetIpAddressType",
            "elasticloadbalancing:ModifyLoadBalancerAttributes",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteLoadBalancer"],
    };
    const READY_TIMEOUT: Duration = Duration::from_mins(15);
    type Cloud = Aws;
    type Outputs = LoadBalancerOutputs;

    fn problems(&self) -> Vec<Problem> {
        let application = self.load_balancer_type.as_deref().is_none_or(|kind| kind == "application");
        let groups = application && self.security_groups.is_empty();
        let why = "expected a security group: without one, AWS uses the default group of the VPC";
        let mut problems = repeated(&self.attributes, &Self::typed(), Field::Attributes);
        problems.extend(seconds(Field::IdleTimeout, self.idle_timeout, 1..=4000));
        problems.extend(seconds(Field::ClientKeepAlive, self.client_keep_alive, 60..=604_800));
        problems.extend(groups.then(|| Problem::new(Field::SecurityGroups, why)));
        problems
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match LoadBalancerStateEnum::from(observed.outputs.state.as_str()) {
            LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired => Phase::Ready,
            LoadBalancerStateEnum::Failed => Phase::Failed {
                why: observed.outputs.reason.clone().unwrap_or_else(|| "state is `failed`".to_owned()),
                remedy: Some(Change::Replace),
            },
            _ => Phase::Pending,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let attributes = join_all(ids.iter().map(|id| attributes(c, id.as_str())));
        let (all, tags, attributes) = futures::join!(all(c), read_tags(c, ids), attributes);
        let (all, tags) = (all?, tags?);
        let one = |arn: &str| all.iter().find(|one| one.load_balancer_arn() == Some(arn));
        Ok(paired(ids, one, &tags, attributes, to_observed))
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        made_ours(c, self.find_by_unique_key(c).await?, owner).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = all(c).await?;
        let same_name = all.iter().filter(|one| one.load_balancer_name() == self.name.as_deref());
        Ok(same_name.filter_map(|one| one.load_balancer_arn().map(Id::new)).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // With the same name and other settings, tags included, the API refuses; the token is among the tags.
        let request = set_inputs!(c.elb().create_load_balancer(), self => name, scheme, subnets, ip_address_type);
        let answer = set_filled!(request, self => security_groups)
            .set_type(self.load_balancer_type.as_deref().map(LoadBalancerTypeEnum::from))
            .set_tags(filled(Some(sdk_tags(&self.tags))))
            .send()
            .await
            .map_err(api(CREATE))?;
        let created = answer.load_balancers().first().and_then(types::LoadBalancer::load_balancer_arn);
        Ok((member(CREATE, "LoadBalancerArn", created)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let arn = recorded.id.as_str();
        if changed.contains(Field::Subnets) {
            let request = set_inputs!(c.elb().set_subnets().load_balancer_arn(arn), self => subnets);
            request.send().await.map_err(api("elasticloadbalancing:SetSubnets"))?;
        }
        if changed.contains(Field::SecurityGroups) {
            let request = set_inputs!(c.elb().set_security_groups().load_balancer_arn(arn), self => security_groups);
            request.send().await.map_err(api("elasticloadbalancing:SetSecurityGroups"))?;
        }
        if changed.contains(Field::IpAddressType) {
            let request = set_inputs!(c.elb().set_ip_address_type().load_balancer_arn(arn), self => ip_address_type);
            request.send().await.map_err(api("elasticloadbalancing:SetIpAddressType"))?;
        }
        let mut desired = self.stated();
        let logs = [
            (Field::AccessLogs, "access_logs.s3", &recorded.inputs.access_logs),
            (Field::ConnectionLogs, "connection_logs.s3", &recorded.inputs.connection_logs),
        ];
        for (_, key, logs) in logs.into_iter().filter(|(field, ..)| changed.contains(*field)) {
            // The call keeps what it leaves out: a log that is no longer stated ends, and so does its prefix.
            desired.entry(format!("{key}.enabled")).or_insert_with(|| "false".to_owned());
            if logs.as_ref().is_some_and(|logs| logs.prefix.is_some()) {
                desired.entry(format!("{key}.prefix")).or_default();
            }
        }
        let set = changed_attributes(&desired, &observed.inputs.stated());
        if !set.is_empty() {
            let set = set.iter().map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build());
            let request = c.elb().modify_load_balancer_attributes().load_balancer_arn(arn);
            let request = request.set_attributes(Some(set.collect()));
            request.send().await.map_err(api("elasticloadbalancing:ModifyLoadBalancerAttributes"))?;
        }
        sync_tags(c, arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.elb().delete_load_balancer().load_balancer_arn(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("elasticloadbalancing:DeleteLoadBalancer")))
    }
}

const READ: &str = "elasticloadbalancing:DescribeLoadBalancers";
const CREATE: &str = "elasticloadbalancing:CreateLoadBalancer";

/// Lists all load balancers: a list by ARN fails if one of them is gone.
async fn all(c: &Reader) -> Result<Arc<Vec<types::LoadBalancer>>> {
    c.once("elb:load-balancers", || async {
        let pages = c.elb().describe_load_balancers().into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api(READ))
    })
    .await
}

async fn attributes(c: &Clients, arn: &str) -> Result<Attributes> {
    let answer = c.elb().describe_load_balancer_attributes().load_balancer_arn(arn).send().await;
    let answer = answer.map_err(api("elasticloadbalancing:DescribeLoadBalancerAttributes"))?;
    let pair = |one: &LoadBalancerAttribute| Some((one.key()?.to_owned(), one.value()?.to_owned()));
    Ok(answer.attributes().iter().filter_map(pair).collect())
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::LoadBalancer, all: Attributes, tags: Tags) -> Result<Observed<LoadBalancer>> {
    let subnets = one.availability_zones().iter().filter_map(|zone| zone.subnet_id());
    let attributes = LoadBalancer::new(subnets.map(|id| Id::new(id).into()), []).with_attributes(all);
    let outputs = from_sdk!(READ, one => LoadBalancerOutputs {
        id = load_balancer_arn, arn = load_balancer_arn, dns_name;
        arn_suffix: suffix(one.load_balancer_arn().unwrap_or_default(), ":loadbalancer/"),
        zone_id: one.canonical_hosted_zone_id().unwrap_or_default().to_owned(),
        state: member(READ, "State", one.state().and_then(LoadBalancerState::code))?,
        reason: one.state().and_then(LoadBalancerState::reason).map(str::to_owned),
    });
    let inputs = from_sdk!(READ, one => LoadBalancer {
        name = load_balancer_name, load_balancer_type = r#type, scheme, vpc_id, security_groups, ip_address_type;
        tags,
        ..attributes
    });
    Ok(Observed { inputs: inputs.with_defaults(), outputs })
}

fn access_logs(logs: &LogsTo) -> Value {
    logs_to("access_logs", logs)
}

fn connection_logs(logs: &LogsTo) -> Value {
    logs_to("connection_logs", logs)
}

fn logs_to(name: &str, logs: &LogsTo) -> Value {
    let values = [
        ("enabled", text_of(&logs.enabled)),
        ("bucket", logs.bucket.to_property()),
        ("prefix", logs.prefix.to_property()),
    ];
    let stated = values.into_iter().filter(|(_, value)| !value.is_null());
    stated.map(|(end, value)| json!({ "Key": format!("{name}.s3.{end}"), "Value": value })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_go_out_as_they_come_in() {
        let desired = LoadBalancer::new([], [])
            .deletion_protection(true)
            .idle_timeout(30)
            .access_logs(LogsTo::s3("logs"))
            .attributes([("some.attribute", "x")]);
        let sdk = types::LoadBalancer::builder().load_balancer_arn("a:loadbalancer/app/web/1").dns_name("web");
        let state = types::LoadBalancerState::builder().code(LoadBalancerStateEnum::Active).build();
        let observed = to_observed(&sdk.state(state).build(), desired.stated(), Tags::new()).unwrap();
        assert_eq!(observed.inputs, desired.with_defaults());
        assert_eq!(observed.outputs.arn_suffix, "app/web/1");
    }

    #[test]
    fn attribute_that_has_an_input_is_refused() {
        let balancer = |attributes: Attributes| LoadBalancer::new([], [Id::new("sg-1").into()]).attributes(attributes);
        let typed = LoadBalancer::typed();
        let every = typed.iter().map(|(key, _)| (key.clone(), "1".to_owned())).collect::<Attributes>();
        assert_eq!(balancer(every.clone()).problems().len(), typed.len());
        assert_eq!(balancer([("some.attribute".to_owned(), "x".to_owned())].into()).problems(), []);
        // What is read into an input is in the list, and nothing else is.
        let sdk = types::LoadBalancer::builder().load_balancer_arn("a:loadbalancer/app/web/1").dns_name("web");
        let state = types::LoadBalancerState::builder().code(LoadBalancerStateEnum::Active).build();
        let observed = to_observed(&sdk.state(state).build(), every.clone(), Tags::new()).unwrap().inputs;
        assert_eq!(observed.attributes, Attributes::new());
        assert_eq!(observed.stated().len(), every.len());
    }
}
