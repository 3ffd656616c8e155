//! `aws:elasticloadbalancingv2:load-balancer` — takes requests from outside and hands them to healthy targets.
//!
//! A load balancer's name, type, scheme and VPC are fixed at creation: a change to one of them replaces it. A read takes
//! one call for all load balancers, one for the tags of each 20, and one for the attributes of each of ours.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{
    self, IpAddressType, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum, LoadBalancerTypeEnum,
};
use futures::future::join_all;
use provisioner_model::{
    error::Result,
    expr::In,
    resource::{
        Actions, Change, Created, Field, Id, Name, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded,
        Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{Attributes, changed, flag, made_ours, number, paired, read_tags, repeated, sdk_tags, suffix, sync_tags};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Clients, Reader, Writer},
    ec2::{SecurityGroup, Subnet, Vpc},
    error::{api, gone_ok, need},
    value::{text, texts},
};

/// Takes requests from outside and hands them to healthy targets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// At most 32 characters. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `application` (if not stated), `network` or `gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_type: Option<String>,
    /// `internet-facing` (if not stated) or `internal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The VPC of its subnets: say it where they may move to another one, which a load balancer cannot follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<In<Id<Vpc>>>,
    /// One for each zone; an application load balancer needs two.
    pub subnets: Vec<In<Id<Subnet>>>,
    /// Security groups of the load balancer; optional for a network load balancer.
    pub security_groups: Vec<In<Id<SecurityGroup>>>,
    /// `ipv4`, `dualstack` or `dualstack-without-public-ipv4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// `true` if AWS refuses to delete it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// `true` if headers with names that HTTP does not allow are dropped; AWS's default keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_invalid_headers: Option<bool>,
    /// Destination of the log of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_logs: Option<LogsTo>,
    /// Destination of the log of connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_logs: Option<LogsTo>,
    /// Seconds after which a silent connection is closed: 60 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout: Option<i64>,
    /// Seconds for which a client may keep its connection: 3600 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_keep_alive: Option<i64>,
    /// `true` if clients may speak HTTP/2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http2: Option<bool>,
    /// Handling of requests that two servers could parse differently: `monitor`, `defensive`, `strictest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desync_mode: Option<String>,
    /// `true` if targets see the client's `Host` as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preserve_host_header: Option<bool>,
    /// Handling of `X-Forwarded-For`: `append`, `preserve`, `remove`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xff_mode: Option<String>,
    /// `true` if `X-Forwarded-For` tells the client's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub xff_client_port: Option<bool>,
    /// `true` if targets are told TLS version and cipher suite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_headers: Option<bool>,
    /// `true` if requests pass while the firewall does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waf_fail_open: Option<bool>,
    /// `true` if each zone's node uses the targets of all zones; fixed to yes for applications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cross_zone: Option<bool>,
    /// `true` if traffic may be shifted away from a zone by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zonal_shift: Option<bool>,
    /// Further attributes, by AWS's own names. Those that are not stated stay as they are.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Tags of the load balancer, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// A bucket that takes logs. Its policy must let the load balancer's service write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogsTo {
    /// `true` if logs are written.
    pub enabled: bool,
    /// The bucket's name; needed while they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<In<String>>,
    /// Prefix of the objects' keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

impl LogsTo {
    /// Logs into this bucket.
    pub fn bucket(name: impl Into<In<String>>) -> Self {
        Self { enabled: true, bucket: Some(name.into()), prefix: None }
    }

    fn put(&self, kind: &str, into: &mut Attributes) {
        into.insert(format!("{kind}.s3.enabled"), self.enabled.to_string());
        if let Some(bucket) = self.bucket.as_ref().and_then(text) {
            into.insert(format!("{kind}.s3.bucket"), bucket);
        }
        if let Some(prefix) = &self.prefix {
            into.insert(format!("{kind}.s3.prefix"), prefix.clone());
        }
    }

    fn take(kind: &str, from: &mut Attributes) -> Option<Self> {
        let enabled = flag(from, &format!("{kind}.s3.enabled"));
        let bucket = from.remove(&format!("{kind}.s3.bucket")).map(In::from);
        let prefix = from.remove(&format!("{kind}.s3.prefix"));
        enabled.map(|enabled| Self { enabled, bucket, prefix })
    }
}

/// The outputs of a load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadBalancerOutputs {
    /// The ARN of the load balancer.
    pub id: Id<LoadBalancer>,
    /// Its ARN as text.
    pub arn: String,
    /// `app/web/50dc6c495c0c9188`: an alarm's dimension `LoadBalancer`.
    pub arn_suffix: String,
    /// The name under which it answers.
    pub dns_name: String,
    /// The hosted zone of that name, for alias records.
    pub zone_id: String,
    /// `provisioning`, `active`, `active_impaired` or `failed`.
    pub state: String,
    /// AWS's reason for the state.
    #[serde(default)]
    pub reason: Option<String>,
}

impl LoadBalancer {
    /// The ARN of the load balancer.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// An alarm's dimension `LoadBalancer`.
    pub const ARN_SUFFIX: Output<Self, String> = Output::new("arn_suffix");
    /// The name under which it answers.
    pub const DNS_NAME: Output<Self, String> = Output::new("dns_name");
    /// The hosted zone of that name.
    pub const ZONE_ID: Output<Self, String> = Output::new("zone_id");

    /// An application load balancer on the internet.
    pub fn new(subnets: Vec<In<Id<Subnet>>>, security_groups: Vec<In<Id<SecurityGroup>>>) -> Self {
        Self { subnets, security_groups, ..Self::default() }
    }

    fn stated(&self) -> Attributes {
        let mut all = self.attributes.clone();
        let mut put = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                all.insert(key.to_owned(), value);
            }
        };
        put(PROTECTION, self.deletion_protection.map(|on| on.to_string()));
        put(DROP_INVALID, self.drop_invalid_headers.map(|on| on.to_string()));
        put(IDLE, self.idle_timeout.map(|seconds| seconds.to_string()));
        put(KEEP_ALIVE, self.client_keep_alive.map(|seconds| seconds.to_string()));
        put(HTTP2, self.http2.map(|on| on.to_string()));
        put(DESYNC, self.desync_mode.clone());
        put(HOST, self.preserve_host_header.map(|on| on.to_string()));
        put(XFF_MODE, self.xff_mode.clone());
        put(XFF_PORT, self.xff_client_port.map(|on| on.to_string()));
        put(TLS_HEADERS, self.tls_headers.map(|on| on.to_string()));
        put(FAIL_OPEN, self.waf_fail_open.map(|on| on.to_string()));
        put(CROSS_ZONE, self.cross_zone.map(|on| on.to_string()));
        put(ZONAL_SHIFT, self.zonal_shift.map(|on| on.to_string()));
        if let Some(logs) = &self.access_logs {
            logs.put("access_logs", &mut all);
        }
        if let Some(logs) = &self.connection_logs {
            logs.put("connection_logs", &mut all);
        }
        all
    }
}

const PROTECTION: &str = "deletion_protection.enabled";
const DROP_INVALID: &str = "routing.http.drop_invalid_header_fields.enabled";
const IDLE: &str = "idle_timeout.timeout_seconds";
const KEEP_ALIVE: &str = "client_keep_alive.seconds";
const HTTP2: &str = "routing.http2.enabled";
const DESYNC: &str = "routing.http.desync_mitigation_mode";
const HOST: &str = "routing.http.preserve_host_header.enabled";
const XFF_MODE: &str = "routing.http.xff_header_processing.mode";
const XFF_PORT: &str = "routing.http.xff_client_port.enabled";
const TLS_HEADERS: &str = "routing.http.x_amzn_tls_version_and_cipher_suite.enabled";
const FAIL_OPEN: &str = "waf.fail_open.enabled";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";
const ZONAL_SHIFT: &str = "zonal_shift.config.enabled";
const TYPED: [(&str, &str); 19] = [
    (PROTECTION, "deletion_protection"),
    (DROP_INVALID, "drop_invalid_headers"),
    (IDLE, "idle_timeout"),
    (KEEP_ALIVE, "client_keep_alive"),
    (HTTP2, "http2"),
    (DESYNC, "desync_mode"),
    (HOST, "preserve_host_header"),
    (XFF_MODE, "xff_mode"),
    (XFF_PORT, "xff_client_port"),
    (TLS_HEADERS, "tls_headers"),
    (FAIL_OPEN, "waf_fail_open"),
    (CROSS_ZONE, "cross_zone"),
    (ZONAL_SHIFT, "zonal_shift"),
    ("access_logs.s3.enabled", "access_logs"),
    ("access_logs.s3.bucket", "access_logs"),
    ("access_logs.s3.prefix", "access_logs"),
    ("connection_logs.s3.enabled", "connection_logs"),
    ("connection_logs.s3.bucket", "connection_logs"),
    ("connection_logs.s3.prefix", "connection_logs"),
];

impl Resource for LoadBalancer {
    const TYPE: &'static str = "aws:elasticloadbalancingv2:load-balancer";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("load_balancer_type").replaces(),
        Field::new("scheme").replaces(),
        Field::new("vpc").replaces(),
        Field::new("subnets").set(),
        Field::new("security_groups").set(),
        Field::new("ip_address_type"),
        Field::new("deletion_protection").deletion_protection(),
        Field::new("drop_invalid_headers"),
        Field::new("access_logs"),
        Field::new("connection_logs"),
        Field::new("idle_timeout"),
        Field::new("client_keep_alive"),
        Field::new("http2"),
        Field::new("desync_mode"),
        Field::new("preserve_host_header"),
        Field::new("xff_mode"),
        Field::new("xff_client_port"),
        Field::new("tls_headers"),
        Field::new("waf_fail_open"),
        Field::new("cross_zone"),
        Field::new("zonal_shift"),
        Field::new("attributes").map(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 32));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &[
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("SubnetMappings", "fixed addresses of network load balancers: not so far"),
        ("CustomerOwnedIpv4Pool", "no Outposts"),
        ("EnablePrefixForIpv6SourceNat", "network load balancers for UDP over IPv6: not so far"),
        ("IpamPools", "addresses are Amazon's"),
    ];
    const READY_TIMEOUT: std::time::Duration = std::time::Duration::from_mins(15);
    type Cloud = Aws;
    type Outputs = LoadBalancerOutputs;

    fn problems(&self) -> Vec<Problem> {
        let application = self.load_balancer_type.as_deref().is_none_or(|kind| kind == "application");
        let groups = application && self.security_groups.is_empty();
        let why = "an application load balancer needs a group: AWS would take the VPC's default one";
        let mut problems = repeated(&self.attributes, &TYPED);
        problems.extend(groups.then(|| Problem::new("security_groups", why)));
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
        let groups = texts(&self.security_groups);
        let answer = c
            .elb()
            .create_load_balancer()
            .set_name(self.name.clone())
            .set_type(self.load_balancer_type.as_deref().map(LoadBalancerTypeEnum::from))
            .set_scheme(self.scheme.as_deref().map(LoadBalancerSchemeEnum::from))
            .set_subnets(Some(texts(&self.subnets)))
            .set_security_groups((!groups.is_empty()).then_some(groups))
            .set_ip_address_type(self.ip_address_type.as_deref().map(IpAddressType::from))
            .set_tags(sdk_tags(&self.tags))
            .send()
            .await
            .map_err(api("elasticloadbalancing:CreateLoadBalancer"))?;
        let made = answer.load_balancers().first().and_then(types::LoadBalancer::load_balancer_arn);
        Ok((Id::new(need("elasticloadbalancing:CreateLoadBalancer", made, "LoadBalancerArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (differs, arn) = (ChangedInputs::between(self, &recorded.inputs, &observed.inputs), recorded.id.as_str());
        if differs.has("subnets") {
            let request = c.elb().set_subnets().load_balancer_arn(arn).set_subnets(Some(texts(&self.subnets)));
            request.send().await.map_err(api("elasticloadbalancing:SetSubnets"))?;
        }
        if differs.has("security_groups") {
            let groups = Some(texts(&self.security_groups));
            let request = c.elb().set_security_groups().load_balancer_arn(arn).set_security_groups(groups);
            request.send().await.map_err(api("elasticloadbalancing:SetSecurityGroups"))?;
        }
        if differs.has("ip_address_type") {
            let kind = self.ip_address_type.as_deref().map(IpAddressType::from);
            let request = c.elb().set_ip_address_type().load_balancer_arn(arn).set_ip_address_type(kind);
            request.send().await.map_err(api("elasticloadbalancing:SetIpAddressType"))?;
        }
        let set = changed(&self.stated(), &observed.inputs.stated());
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

/// All of them: asked for by ARN, one that is gone fails the whole call.
async fn all(c: &Reader) -> Result<Arc<Vec<types::LoadBalancer>>> {
    c.once("elb:load-balancers", || async {
        let mut pages = c.elb().describe_load_balancers().into_paginator().items().send();
        let mut all = vec![];
        while let Some(one) = pages.try_next().await.map_err(api(READ))? {
            all.push(one);
        }
        Ok(all)
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
fn to_observed(one: &types::LoadBalancer, mut all: Attributes, tags: Tags) -> Result<Observed<LoadBalancer>> {
    let arn = need(READ, one.load_balancer_arn(), "LoadBalancerArn")?;
    let subnets = one.availability_zones().iter().filter_map(|zone| zone.subnet_id());
    Ok(Observed {
        inputs: LoadBalancer {
            name: one.load_balancer_name().map(str::to_owned),
            load_balancer_type: one.r#type().map(|kind| kind.as_str().to_owned()),
            scheme: one.scheme().map(|scheme| scheme.as_str().to_owned()),
            vpc: one.vpc_id().map(|id| Id::new(id).into()),
            subnets: subnets.map(|id| Id::new(id).into()).collect(),
            security_groups: one.security_groups().iter().map(|id| Id::new(id).into()).collect(),
            ip_address_type: one.ip_address_type().map(|kind| kind.as_str().to_owned()),
            deletion_protection: flag(&mut all, PROTECTION),
            drop_invalid_headers: flag(&mut all, DROP_INVALID),
            access_logs: LogsTo::take("access_logs", &mut all),
            connection_logs: LogsTo::take("connection_logs", &mut all),
            idle_timeout: number(&mut all, IDLE),
            client_keep_alive: number(&mut all, KEEP_ALIVE),
            http2: flag(&mut all, HTTP2),
            desync_mode: all.remove(DESYNC),
            preserve_host_header: flag(&mut all, HOST),
            xff_mode: all.remove(XFF_MODE),
            xff_client_port: flag(&mut all, XFF_PORT),
            tls_headers: flag(&mut all, TLS_HEADERS),
            waf_fail_open: flag(&mut all, FAIL_OPEN),
            cross_zone: flag(&mut all, CROSS_ZONE),
            zonal_shift: flag(&mut all, ZONAL_SHIFT),
            attributes: all,
            tags,
        },
        outputs: LoadBalancerOutputs {
            id: Id::new(&arn),
            arn_suffix: suffix(&arn, ":loadbalancer/"),
            arn,
            dns_name: need(READ, one.dns_name(), "DNSName")?,
            zone_id: one.canonical_hosted_zone_id().unwrap_or_default().to_owned(),
            state: need(READ, one.state().and_then(|state| state.code()).map(LoadBalancerStateEnum::as_str), "State")?,
            reason: one.state().and_then(|state| state.reason()).map(str::to_owned),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_go_out_as_they_come_in() {
        let desired = LoadBalancer {
            deletion_protection: Some(true),
            idle_timeout: Some(30),
            access_logs: Some(LogsTo::bucket("logs")),
            attributes: [("some.attribute".to_owned(), "x".to_owned())].into(),
            ..LoadBalancer::default()
        };
        let sdk = types::LoadBalancer::builder().load_balancer_arn("a:loadbalancer/app/web/1").dns_name("web");
        let state = types::LoadBalancerState::builder().code(LoadBalancerStateEnum::Active).build();
        let observed = to_observed(&sdk.state(state).build(), desired.stated(), Tags::new()).unwrap();
        assert_eq!(observed.inputs, desired);
        assert_eq!(observed.outputs.arn_suffix, "app/web/1");
    }

    #[test]
    fn attribute_that_has_an_input_is_refused() {
        let balancer = |attributes: Attributes| LoadBalancer {
            security_groups: vec![Id::new("sg-1").into()],
            attributes,
            ..LoadBalancer::default()
        };
        let every = TYPED.iter().map(|(key, _)| ((*key).to_owned(), "1".to_owned())).collect::<Attributes>();
        assert_eq!(balancer(every.clone()).problems().len(), TYPED.len());
        assert_eq!(balancer([("some.attribute".to_owned(), "x".to_owned())].into()).problems(), []);
        // What is read into an input is in the list, and nothing else is.
        let sdk = types::LoadBalancer::builder().load_balancer_arn("a:loadbalancer/app/web/1").dns_name("web");
        let state = types::LoadBalancerState::builder().code(LoadBalancerStateEnum::Active).build();
        let observed = to_observed(&sdk.state(state).build(), every.clone(), Tags::new()).unwrap().inputs;
        assert_eq!(observed.attributes, Attributes::new());
        assert_eq!(observed.stated().len(), every.len());
    }
}
