//! `aws:elasticloadbalancingv2:listener` — a port of a load balancer, and what happens to requests on it.
//!
//! Its load balancer is fixed, so a change to it replaces the listener. A read takes one call for each load balancer
//! and one for the tags of each 20 listeners.
//! API: <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{
    self, AdvertiseTrustStoreCaNamesEnum, Certificate, MutualAuthenticationAttributes, ProtocolEnum,
};
use futures::future::join_all;
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{
    Action, LoadBalancer, action::observed_actions, action::sdk_actions, made_ours, parent, read_tags, sdk_tags,
    sync_tags,
};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Reader, Writer},
    error::{api, gone_ok, need},
    value::text,
};

/// A port of a load balancer, and what happens to requests on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Load balancer of the listener.
    pub load_balancer: In<Id<LoadBalancer>>,
    /// TCP or UDP port of the listener.
    pub port: i32,
    /// `HTTP`, `HTTPS`, `TCP`, `TLS`, `UDP`, `TCP_UDP`, `QUIC`, `TCP_QUIC`.
    pub protocol: String,
    /// TLS versions and ciphers, such as `ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09`. AWS's default is an old policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssl_policy: Option<String>,
    /// The ARN of the certificate; needed for `HTTPS` and `TLS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<In<String>>,
    /// ALPN policy for `TLS`: `HTTP1Only`, `HTTP2Only`, `HTTP2Optional`, `HTTP2Preferred`, `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn_policy: Option<Vec<String>>,
    /// Verification of client certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutual_authentication: Option<MutualAuthentication>,
    /// Actions for requests that match no rule.
    pub default_actions: Vec<Action>,
    /// Tags of the listener, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The verification of client certificates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MutualAuthentication {
    /// `off`, `passthrough` or `verify`.
    pub mode: String,
    /// The ARN of the trust store, for `verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_store: Option<In<String>>,
    /// `true` if expired certificates will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore_expiry: Option<bool>,
    /// `true` if clients are told which authorities are trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise_ca_names: Option<bool>,
}

/// The outputs of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ListenerOutputs {
    /// The ARN of the listener.
    pub id: Id<Listener>,
    /// Its ARN as text.
    pub arn: String,
}

impl Listener {
    /// The ARN of the listener.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// A port of this load balancer.
    pub fn new(
        load_balancer: In<Id<LoadBalancer>>,
        port: i32,
        protocol: impl Into<String>,
        default_actions: Vec<Action>,
    ) -> Self {
        Self {
            load_balancer,
            port,
            protocol: protocol.into(),
            ssl_policy: None,
            certificate: None,
            alpn_policy: None,
            mutual_authentication: None,
            default_actions,
            tags: Tags::new(),
        }
    }

    fn certificates(&self) -> Option<Vec<Certificate>> {
        let arn = self.certificate.as_ref().and_then(text)?;
        Some(vec![Certificate::builder().certificate_arn(arn).build()])
    }

    fn mutual(&self) -> Option<MutualAuthenticationAttributes> {
        let desired = self.mutual_authentication.as_ref()?;
        let advertise = |on| if on { AdvertiseTrustStoreCaNamesEnum::On } else { AdvertiseTrustStoreCaNamesEnum::Off };
        let sdk = MutualAuthenticationAttributes::builder()
            .mode(&desired.mode)
            .set_trust_store_arn(desired.trust_store.as_ref().and_then(text))
            .set_ignore_client_certificate_expiry(desired.ignore_expiry)
            .set_advertise_trust_store_ca_names(desired.advertise_ca_names.map(advertise));
        Some(sdk.build())
    }
}

impl Resource for Listener {
    const TYPE: &'static str = "aws:elasticloadbalancingv2:listener";
    const FIELDS: &'static [Field] = &[
        Field::new("load_balancer").replaces(),
        Field::new("port"),
        Field::new("protocol"),
        Field::new("ssl_policy"),
        Field::new("certificate"),
        Field::new("alpn_policy"),
        Field::new("mutual_authentication"),
        Field::new("default_actions"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["load_balancer", "port"]];
    const TAGGED: bool = true;
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("Certificates", "the API takes exactly one, which is `certificate`"),
        ("DefaultActions.AuthenticateOidcConfig", "signing in is the app's; so too Cognito and JWT validation"),
    ];
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
        let all = of(c, &text(&self.load_balancer).unwrap_or_default()).await?;
        let same_port = all.iter().filter(|one| one.port() == Some(self.port));
        Ok(same_port.filter_map(|one| one.listener_arn().map(Id::new)).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .elb()
            .create_listener()
            .set_load_balancer_arn(text(&self.load_balancer))
            .port(self.port)
            .protocol(ProtocolEnum::from(self.protocol.as_str()))
            .set_ssl_policy(self.ssl_policy.clone())
            .set_certificates(self.certificates())
            .set_alpn_policy(self.alpn_policy.clone())
            .set_mutual_authentication(self.mutual())
            .set_default_actions(Some(sdk_actions(&self.default_actions)?))
            .set_tags(sdk_tags(&self.tags))
            .send()
            .await
            .map_err(api("elasticloadbalancing:CreateListener"))?;
        let made = answer.listeners().first().and_then(types::Listener::listener_arn);
        Ok((Id::new(need("elasticloadbalancing:CreateListener", made, "ListenerArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (differs, arn) = (ChangedInputs::between(self, &recorded.inputs, &observed.inputs), recorded.id.as_str());
        if !differs.only(&["tags"]) {
            // What goes with the protocol goes along: the API wants a policy and a certificate with `HTTPS`.
            let protocol = differs.has("protocol");
            let when = |field: &str| protocol || differs.has(field);
            let actions = sdk_actions(&self.default_actions)?;
            c.elb()
                .modify_listener()
                .listener_arn(arn)
                .set_port(differs.has("port").then_some(self.port))
                .set_protocol(protocol.then(|| ProtocolEnum::from(self.protocol.as_str())))
                .set_ssl_policy(self.ssl_policy.clone().filter(|_| when("ssl_policy")))
                .set_certificates(self.certificates().filter(|_| when("certificate")))
                .set_alpn_policy(self.alpn_policy.clone().filter(|_| when("alpn_policy")))
                .set_mutual_authentication(self.mutual().filter(|_| when("mutual_authentication")))
                .set_default_actions(differs.has("default_actions").then_some(actions))
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

/// All listeners of a load balancer; none where it is gone.
async fn of(c: &Reader, balancer: &str) -> Result<Arc<Vec<types::Listener>>> {
    c.once(&format!("elb:listeners:{balancer}"), || async {
        let mut pages = c.elb().describe_listeners().load_balancer_arn(balancer).into_paginator().items().send();
        let mut all = vec![];
        loop {
            match pages.try_next().await.map_err(api(READ)) {
                Ok(Some(one)) => all.push(one),
                Ok(None) => return Ok(all),
                Err(error) if error.kind == ErrorKind::Gone => return Ok(vec![]),
                Err(error) => return Err(error),
            }
        }
    })
    .await
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::Listener, tags: Tags) -> Result<Observed<Listener>> {
    let arn = need(READ, one.listener_arn(), "ListenerArn")?;
    let certificate = one.certificates().first().and_then(Certificate::certificate_arn);
    Ok(Observed {
        inputs: Listener {
            load_balancer: Id::new(need(READ, one.load_balancer_arn(), "LoadBalancerArn")?).into(),
            port: one.port().unwrap_or_default(),
            protocol: one.protocol().map_or_else(String::new, |protocol| protocol.as_str().to_owned()),
            ssl_policy: one.ssl_policy().map(str::to_owned),
            certificate: certificate.map(|arn| arn.to_owned().into()),
            alpn_policy: Some(one.alpn_policy().to_vec()),
            mutual_authentication: one.mutual_authentication().map(|observed| MutualAuthentication {
                mode: observed.mode().unwrap_or_default().to_owned(),
                trust_store: observed.trust_store_arn().map(|arn| arn.to_owned().into()),
                ignore_expiry: observed.ignore_client_certificate_expiry(),
                advertise_ca_names: observed
                    .advertise_trust_store_ca_names()
                    .map(|names| *names == AdvertiseTrustStoreCaNamesEnum::On),
            }),
            default_actions: observed_actions(one.default_actions()),
            tags,
        },
        outputs: ListenerOutputs { id: Id::new(&arn), arn },
    })
}
