//! `aws:ec2:nat-gateway` — lets what has no public address reach out.
//!
//! EC2 fixes a gateway's subnet, kind and first address at creation, so a change to any of them replaces it; since
//! the address can be held by one gateway only, the old one goes first. A failed gateway never recovers.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html>

use std::time::Duration;

use aws_sdk_ec2::types::{self, ConnectivityType, NatGatewayState, ResourceType};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{Actions, Change, Created, Field, Id, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded},
    resource::{Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{ElasticIp, InternetGateway, Subnet, filter, is_made_for, made_for, our_tags, sync_tags, tagged};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// Lets what has no public address reach out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NatGateway {
    /// The subnet that it stands in: a public one, for a public gateway.
    pub subnet: In<Id<Subnet>>,
    /// Its public address; none for a private gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<In<Id<ElasticIp>>>,
    /// Either `public` or `private`.
    pub connectivity_type: String,
    /// Its address in the subnet, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip_address: Option<String>,
    /// Not told to AWS, for the order alone: made after the VPC's internet gateway is attached (a public gateway fails
    /// without), and deleted before (one cannot be detached while public addresses use it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internet_gateway: Option<In<Id<InternetGateway>>>,
    /// Tags of the NAT gateway, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a NAT gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NatGatewayOutputs {
    /// ID of the form `nat-…`.
    pub id: Id<NatGateway>,
    /// `pending`, `failed`, `available`, `deleting` or `deleted`.
    pub state: String,
    /// Its public address, if it has one.
    pub public_ip: Option<String>,
    /// Its address in the subnet.
    pub private_ip: Option<String>,
    /// AWS's reason for a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl NatGateway {
    /// The public IPv4 address.
    pub const PUBLIC_IP: Output<Self, String> = Output::new("public_ip");

    /// A public gateway in this subnet with this address.
    pub fn new(subnet: In<Id<Subnet>>, allocation: In<Id<ElasticIp>>) -> Self {
        Self { allocation: Some(allocation), connectivity_type: "public".into(), ..Self::private(subnet) }
    }

    /// A private gateway: to other VPCs and networks, not to the internet.
    pub fn private(subnet: In<Id<Subnet>>) -> Self {
        Self {
            subnet,
            allocation: None,
            connectivity_type: "private".into(),
            private_ip_address: None,
            internet_gateway: None,
            tags: Tags::new(),
        }
    }

    /// Made after this gateway is attached, deleted before it goes.
    #[must_use]
    pub fn through(self, gateway: In<Id<InternetGateway>>) -> Self {
        Self { internet_gateway: Some(gateway), ..self }
    }
}

impl Resource for NatGateway {
    const TYPE: &'static str = "aws:ec2:nat-gateway";
    const FIELDS: &'static [Field] = &[
        Field::new("subnet").replaces(),
        Field::new("allocation").replaces(),
        Field::new("connectivity_type").replaces(),
        Field::new("private_ip_address").replaces(),
        Field::new("internet_gateway").write_only().may_dangle(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["allocation"]];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeNatGateways"],
        create: &["ec2:CreateNatGateway", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteNatGateway"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("ClientToken", "the engine's"),
        ("AvailabilityMode", "one gateway for each zone so far, none for a region"),
        ("VpcId", "for a region's gateway only"),
        ("AvailabilityZoneAddresses", "for a region's gateway only"),
        ("SecondaryAllocationIds", "one address so far"),
        ("SecondaryPrivateIpAddresses", "one address so far"),
        ("SecondaryPrivateIpAddressCount", "one address so far"),
    ];
    // Minutes in both directions, seldom more than two.
    const READY_TIMEOUT: Duration = Duration::from_mins(10);
    const POLL_INTERVAL: Duration = Duration::from_secs(10);
    type Cloud = Aws;
    type Outputs = NatGatewayOutputs;

    fn problems(&self) -> Vec<Problem> {
        match (self.connectivity_type.as_str(), &self.allocation) {
            ("public", None) => vec![Problem::new("allocation", "a public gateway needs an address")],
            ("private", Some(_)) => vec![Problem::new("allocation", "a private gateway has no public address")],
            ("public" | "private", _) => vec![],
            (other, _) => vec![Problem::new("connectivity_type", format!("`{other}` is not `public` or `private`"))],
        }
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match NatGatewayState::from(observed.outputs.state.as_str()) {
            NatGatewayState::Available => Phase::Ready,
            NatGatewayState::Deleted => Phase::Gone,
            NatGatewayState::Failed => Phase::Failed {
                why: observed.outputs.failure.clone().unwrap_or_else(|| "it failed without a reason".into()),
                remedy: Some(Change::Replace),
            },
            _ => Phase::Pending,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let ids = filter("nat-gateway-id", ids.iter().map(Id::as_str));
        let mut pages = c.ec2().describe_nat_gateways().filter(ids).into_paginator().items().send();
        let mut found = ReadResults::new();
        while let Some(gateway) = pages.try_next().await.map_err(api(READ))? {
            found.push((id_of(&gateway)?, to_observed(&gateway)));
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.ec2().describe_nat_gateways().filter(made_for(owner)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(gateway) = pages.try_next().await.map_err(api(READ))? {
            // A deleted one stays listed for an hour, with its tags.
            if is_made_for(gateway.tags(), owner) && gateway.state() != Some(&NatGatewayState::Deleted) {
                found.push(id_of(&gateway)?);
            }
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let answer = c
            .ec2()
            .create_nat_gateway()
            .client_token(&owner.token)
            .set_subnet_id(text(&self.subnet))
            .set_allocation_id(self.allocation.as_ref().and_then(text))
            .connectivity_type(ConnectivityType::from(self.connectivity_type.as_str()))
            .set_private_ip_address(self.private_ip_address.clone())
            .tag_specifications(tagged(ResourceType::Natgateway, &self.tags))
            .send()
            .await
            .map_err(api(CREATE))?;
        Ok((id_of(&need(CREATE, answer.nat_gateway(), "natGateway")?)?, None))
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
        let answer = c.ec2().delete_nat_gateway().nat_gateway_id(recorded.id.as_str()).send().await;
        let gone = |code: &str, _: &str| (code == "NatGatewayNotFound").then_some(ErrorKind::Gone);
        gone_ok(answer.map(drop).map_err(api_with("ec2:DeleteNatGateway", gone)))
    }
}

const READ: &str = "ec2:DescribeNatGateways";
const CREATE: &str = "ec2:CreateNatGateway";

fn id_of(gateway: &types::NatGateway) -> Result<Id<NatGateway>> {
    need(READ, gateway.nat_gateway_id(), "natGatewayId").map(Id::new)
}

fn to_observed(gateway: &types::NatGateway) -> Result<Observed<NatGateway>> {
    let all = gateway.nat_gateway_addresses();
    let address = all.iter().find(|address| address.is_primary() == Some(true)).or(all.first());
    let kind = gateway.connectivity_type().unwrap_or(&ConnectivityType::Public);
    let failure = [gateway.failure_code(), gateway.failure_message()].into_iter().flatten().collect::<Vec<_>>();
    Ok(Observed {
        inputs: NatGateway {
            subnet: Id::new(need(READ, gateway.subnet_id(), "subnetId")?).into(),
            allocation: address.and_then(|address| address.allocation_id()).map(|id| Id::new(id).into()),
            connectivity_type: kind.as_str().to_owned(),
            private_ip_address: address.and_then(|address| address.private_ip()).map(str::to_owned),
            internet_gateway: None,
            tags: our_tags(gateway.tags()),
        },
        outputs: NatGatewayOutputs {
            id: id_of(gateway)?,
            state: need(READ, gateway.state().map(NatGatewayState::as_str), "state")?,
            public_ip: address.and_then(|address| address.public_ip()).map(str::to_owned),
            private_ip: address.and_then(|address| address.private_ip()).map(str::to_owned),
            failure: (!failure.is_empty()).then(|| failure.join(": ")),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(state: NatGatewayState) -> Observed<NatGateway> {
        let address = types::NatGatewayAddress::builder().allocation_id("eipalloc-1").public_ip("198.51.100.1").build();
        let sdk = types::NatGateway::builder()
            .nat_gateway_id("nat-1")
            .subnet_id("subnet-1")
            .nat_gateway_addresses(address)
            .failure_code("Gateway.NotAttached")
            .state(state);
        to_observed(&sdk.build()).unwrap()
    }

    #[test]
    fn failed_gateway_is_replaced() {
        let failed = NatGateway::phase(None, &gateway(NatGatewayState::Failed), None);
        assert_eq!(failed, Phase::Failed { why: "Gateway.NotAttached".into(), remedy: Some(Change::Replace) });
        assert_eq!(NatGateway::phase(None, &gateway(NatGatewayState::Deleted), None), Phase::Gone);
        assert_eq!(NatGateway::phase(None, &gateway(NatGatewayState::Deleting), None), Phase::Pending);
    }

    #[test]
    fn reads_back_the_inputs_it_was_created_from() {
        let desired = NatGateway::new(Id::new("subnet-1").into(), Id::new("eipalloc-1").into());
        assert_eq!(gateway(NatGatewayState::Available).inputs, desired);
        assert!(desired.problems().is_empty());
    }
}
