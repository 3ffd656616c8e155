//! `aws:elasticloadbalancingv2:listener`: a port of a load balancer, and what happens to requests on it.
//!
//! Its load balancer is fixed, so a change to it replaces the listener. A read takes one call for each load balancer
//! and one for the tags of each 20 listeners.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{
    self, AdvertiseTrustStoreCaNamesEnum, Certificate, MutualAuthenticationAttributes, ProtocolEnum,
};
use futures::future::join_all;

use super::{
    Action, LoadBalancer, action::observed_actions, action::sdk_actions, made_ours, parent, read_tags, sdk_tags,
    sync_tags,
};
use crate::prelude::*;

/// A port of a load balancer, and what happens to requests on it.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:elasticloadbalancingv2:listener",
    cloudformation = "AWS::ElasticLoadBalancingV2::Listener",
    attributes(arn = "Ref"),
    create = "elbv2:CreateListener",
    unique(load_balancer_arn, port),
    omitted("DefaultActions.AuthenticateOidcConfig" = "signing in is the app's; so too Cognito and JWT validation")
)]
pub struct Listener {
    /// Load balancer of the listener.
    #[field(replaces)]
    pub load_balancer_arn: In<Id<LoadBalancer>>,
    /// TCP or UDP port of the listener.
    pub port: i32,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`, `QUIC`, `TCP_QUIC`.
    pub protocol: String,
    /// TLS versions and ciphers, such as `ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`. AWS's default is an old policy.
    pub ssl_policy: Option<String>,
    /// The ARN of the certificate; needed for `HTTPS` and `TLS`. The API takes exactly one.
    #[field(parameter = "Certificates", property = "Certificates[].CertificateArn")]
    pub certificate_arn: Option<In<String>>,
    /// ALPN policy for `TLS`: `HTTP1Only`, `HTTP2Only`, `HTTP2Optional`, `HTTP2Preferred`, `None`.
    #[field(cloud_default = none)]
    pub alpn_policy: Option<Vec<String>>,
    /// Verification of client certificates.
    #[field(cloud_default = none)]
    pub mutual_authentication: Option<MutualAuthentication>,
    /// Actions for requests that match no rule.
    #[field(required)]
    pub default_actions: Vec<Action>,
    /// Tags of the listener, by key.
    pub tags: Tags,
}

/// The verification of client certificates.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct MutualAuthentication {
    /// `off`, `passthrough` or `verify`.
    pub mode: String,
    /// The ARN of the trust store, for `verify`.
    pub trust_store_arn: Option<In<String>>,
    /// `true` if expired certificates are accepted.
    pub ignore_client_certificate_expiry: Option<bool>,
    /// `true` if clients get the names of the trusted authorities.
    #[field(convert = on_or_off)]
    pub advertise_trust_store_ca_names: Option<bool>,
}

/// The outputs of a listener.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ListenerOutputs {
    /// The ARN of the listener.
    pub id: Id<Listener>,
    /// The ARN as text.
    pub arn: String,
}

impl Listener {
    fn certificates(&self) -> Option<Vec<Certificate>> {
        let arn = self.certificate_arn.as_ref().and_then(text)?;
        Some(vec![Certificate::builder().certificate_arn(arn).build()])
    }
}

impl ToSdk<MutualAuthenticationAttributes> for MutualAuthentication {
    fn to_sdk(&self) -> Option<MutualAuthenticationAttributes> {
        let advertise = |on| if on { AdvertiseTrustStoreCaNamesEnum::On } else { AdvertiseTrustStoreCaNamesEnum::Off };
        let attributes = set_inputs!(MutualAuthenticationAttributes::builder(), self =>
            mode, trust_store_arn, ignore_client_certificate_expiry);
        let advertise = self.advertise_trust_store_ca_names.map(advertise);
        Some(attributes.set_advertise_trust_store_ca_names(advertise).build())
    }
}

impl Resource for Listener {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeTags"],
        create: &["elasticloadbalancing:CreateListener", "elasticloadbalancing:AddTags"],
        update: &[
            "elasticloadbalancing:ModifyListener",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:RemoveTags",
        ],
        delete: &["elasticloadbalancing:DeleteListener"],
    };
    type Cloud = Aws;
    type Outputs = ListenerOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let balancers: BTreeSet<String> =
            ids.iter().filter_map(|id| parent(id.as_str(), "listener", "loadbalancer")).collect();
        let listeners = join_all(balancers.iter().map(|arn| of(c, arn)));
        let (listeners, tags) = futures::join!(listeners, read_tags(c, ids));
        let (listeners, tags) = (listeners.into_iter().collect::<Result<Vec<_>>>()?, tags?);
        let observed = |id: &Id<Self>| {
            let one =
                listeners.iter().flat_map(|some| some.iter()).find(|one| one.listener_arn() == Some(id.as_str()))?;
            Some((id.clone(), to_observed(one, tags.get(id.as_str())?.clone())))
        };
        Ok(ids.iter().filter_map(observed).collect())
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        made_ours(c, self.find_by_unique_key(c).await?, owner).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = of(c, &text(&self.load_balancer_arn).unwrap_or_default()).await?;
        let same_port = all.iter().filter(|one| one.port() == Some(self.port));
        Ok(same_port.filter_map(|one| one.listener_arn().map(Id::new)).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = set_inputs!(c.elb().create_listener(), self =>
            load_balancer_arn, port, protocol, ssl_policy, alpn_policy, mutual_authentication)
        .set_certificates(self.certificates())
        .set_default_actions(Some(sdk_actions(&self.default_actions)))
        .set_tags(filled(Some(sdk_tags(&self.tags))))
        .send()
        .await
        .map_err(api(CREATE))?;
        let created = answer.listeners().first().and_then(types::Listener::listener_arn);
        Ok((member(CREATE, "ListenerArn", created)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let arn = recorded.id.as_str();
        if !changed.is_subset(&[Field::Tags]) {
            // With the protocol, the API needs what belongs to it: a policy and a certificate with `HTTPS`.
            let with_protocol = |field| changed.contains_any(&[Field::Protocol, field]);
            let actions = changed.contains(Field::DefaultActions).then(|| sdk_actions(&self.default_actions));
            // What is no longer stated is turned off.
            let mutual = self.mutual_authentication.clone().unwrap_or_else(|| MutualAuthentication::new("off"));
            let mutual = (self.mutual_authentication.is_some() || changed.contains(Field::MutualAuthentication))
                .then(|| mutual.to_sdk())
                .flatten();
            let alpn = changed.contains(Field::AlpnPolicy).then(|| vec!["None".to_owned()]);
            let alpn = self.alpn_policy.clone().or(alpn);
            set_changed!(c.elb().modify_listener().listener_arn(arn), self, changed => port, protocol)
                .set_ssl_policy(self.ssl_policy.clone().filter(|_| with_protocol(Field::SslPolicy)))
                .set_certificates(self.certificates().filter(|_| with_protocol(Field::CertificateArn)))
                .set_alpn_policy(alpn.filter(|_| with_protocol(Field::AlpnPolicy)))
                .set_mutual_authentication(mutual.filter(|_| with_protocol(Field::MutualAuthentication)))
                .set_default_actions(actions)
                .send()
                .await
                .map_err(api("elasticloadbalancing:ModifyListener"))?;
        }
        sync_tags(c, arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.elb().delete_listener().listener_arn(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("elasticloadbalancing:DeleteListener")))
    }
}

const READ: &str = "elasticloadbalancing:DescribeListeners";
const CREATE: &str = "elasticloadbalancing:CreateListener";

/// Lists the listeners of a load balancer; none if it is gone.
async fn of(c: &Reader, balancer: &str) -> Result<Arc<Vec<types::Listener>>> {
    c.once(&format!("elb:listeners:{balancer}"), || async {
        let pages = c.elb().describe_listeners().load_balancer_arn(balancer).into_paginator().items().send();
        gone_ok(pages.collect::<Result<_, _>>().await.map_err(api(READ)))
    })
    .await
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::Listener, tags: Tags) -> Result<Observed<Listener>> {
    let certificate = one.certificates().first().and_then(Certificate::certificate_arn);
    Ok(Observed {
        inputs: from_sdk!(READ, one => Listener {
            load_balancer_arn, ssl_policy, alpn_policy;
            port: one.port().unwrap_or_default(),
            protocol: one.protocol().map(ProtocolEnum::as_str).unwrap_or_default().to_owned(),
            certificate_arn: certificate.map(In::from),
            mutual_authentication: one.mutual_authentication().map(observed_authentication).transpose()?,
            default_actions: observed_actions(one.default_actions()),
            tags,
        }),
        outputs: from_sdk!(READ, one => ListenerOutputs { id = listener_arn, arn = listener_arn }),
    })
}

fn observed_authentication(one: &MutualAuthenticationAttributes) -> Result<MutualAuthentication> {
    let advertise = one.advertise_trust_store_ca_names();
    Ok(from_sdk!(READ, one => MutualAuthentication {
        trust_store_arn, ignore_client_certificate_expiry;
        mode: one.mode().unwrap_or_default().to_owned(),
        advertise_trust_store_ca_names: advertise.map(|names| *names == AdvertiseTrustStoreCaNamesEnum::On),
    }))
}

fn on_or_off(on: &impl ToProperty) -> Value {
    choice(on, "on", "off")
}
