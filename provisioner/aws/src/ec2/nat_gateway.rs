//! `aws:ec2:nat-gateway`: access to the internet, or to other networks, for objects without a public address.
//!
//! EC2 fixes a gateway's subnet, connectivity and first address at creation, so a change to any of them replaces it;
//! since only one gateway can hold the address, the old gateway is deleted first. A failed gateway never recovers.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html>

use std::time::Duration;

use aws_sdk_ec2::types::{self, ConnectivityType, Filter, NatGatewayState, ResourceType};

use super::{ElasticIp, InternetGateway, Subnet, filter, ids_made_for, made_for, our_tags, sync_tags, tagged};
use crate::prelude::*;

/// Access to the internet, or to other networks, for objects without a public address.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:nat-gateway",
    cloudformation = "AWS::EC2::NatGateway",
    attributes(id = "NatGatewayId"),
    create = "ec2:CreateNatGateway",
    unique(allocation_id),
    omitted(
        ClientToken = "the engine's",
        AvailabilityMode = "one gateway for each zone so far, none for a region",
        VpcId | AvailabilityZoneAddresses = "for a region's gateway only",
        SecondaryAllocationIds = "one address so far",
        SecondaryPrivateIpAddresses | SecondaryPrivateIpAddressCount = "one address so far",
    )
)]
pub struct NatGateway {
    /// The gateway's subnet: a public one, for a public gateway.
    #[field(replaces)]
    pub subnet_id: In<Id<Subnet>>,
    /// The public address, which a public gateway needs; none for a private gateway.
    #[field(replaces)]
    pub allocation_id: Option<In<Id<ElasticIp>>>,
    /// `public`, or `private`: to other VPCs and networks, not to the internet.
    #[field(replaces, default = "public")]
    pub connectivity_type: String,
    /// The address in the subnet; AWS chooses one if absent.
    #[field(replaces)]
    pub private_ip_address: Option<String>,
    /// The VPC's internet gateway, for the order only; AWS does not get it. The NAT gateway is created after the
    /// attachment, without which a public one fails, and deleted before it, since public addresses block a detachment.
    #[field(write_only, may_dangle, property(none = "for the order only"))]
    pub internet_gateway: Option<In<Id<InternetGateway>>>,
    /// Tags of the NAT gateway, by key.
    pub tags: Tags,
}

/// The outputs of a NAT gateway.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct NatGatewayOutputs {
    /// ID of the form `nat-…`.
    pub id: Id<NatGateway>,
    /// `pending`, `failed`, `available`, `deleting` or `deleted`.
    pub state: String,
    /// The public IPv4 address, if it has one.
    pub public_ip: Option<String>,
    /// The address in the subnet.
    pub private_ip: Option<String>,
    /// AWS's reason for a failure.
    pub failure: Option<String>,
}

impl Resource for NatGateway {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeNatGateways"],
        create: &["ec2:CreateNatGateway", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteNatGateway"],
    };
    // Minutes in both directions, seldom more than two.
    const READY_TIMEOUT: Duration = Duration::from_mins(10);
    const POLL_INTERVAL: Duration = Duration::from_secs(10);
    type Cloud = Aws;
    type Outputs = NatGatewayOutputs;

    fn problems(&self) -> Vec<Problem> {
        let (field, why) = match (self.connectivity_type.as_str(), &self.allocation_id) {
            ("public", None) => {
                (Field::AllocationId, "expected an Elastic IP: a public NAT gateway requires one".to_owned())
            }
            ("private", Some(_)) => {
                (Field::AllocationId, "a private NAT gateway has no Elastic IP; remove it".to_owned())
            }
            ("public" | "private", _) => return vec![],
            (other, _) => (Field::ConnectivityType, format!("expected `public` or `private`, found `{other}`")),
        };
        vec![Problem::new(field, why)]
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
        let gateways = describe(c, filter("nat-gateway-id", ids.iter().map(Id::as_str))).await?;
        gateways.iter().map(|gateway| Ok((id_of(gateway)?, to_observed(gateway)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut gateways = describe(c, made_for(owner)).await?;
        // A deleted one stays listed for an hour, with its tags.
        gateways.retain(|gateway| gateway.state() != Some(&NatGatewayState::Deleted));
        ids_made_for(owner, &gateways, types::NatGateway::tags, id_of)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().create_nat_gateway().client_token(&owner.token), self =>
            subnet_id, allocation_id, connectivity_type, private_ip_address);
        let request = request.tag_specifications(tagged(ResourceType::Natgateway, &self.tags));
        let answer = request.send().await.map_err(api(CREATE))?;
        let id = answer.nat_gateway().and_then(types::NatGateway::nat_gateway_id);
        Ok((member(CREATE, "natGatewayId", id)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        sync_tags(c, recorded.id.as_str(), &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_nat_gateway().nat_gateway_id(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteNatGateway")))
    }
}

const READ: &str = "ec2:DescribeNatGateways";
const CREATE: &str = "ec2:CreateNatGateway";

async fn describe(c: &Reader, filter: Filter) -> Result<Vec<types::NatGateway>> {
    list_all!(READ, c.ec2().describe_nat_gateways().filter(filter))
}

fn id_of(gateway: &types::NatGateway) -> Result<Id<NatGateway>> {
    member(READ, "natGatewayId", gateway.nat_gateway_id())
}

fn to_observed(gateway: &types::NatGateway) -> Result<Observed<NatGateway>> {
    let all = gateway.nat_gateway_addresses();
    let address = all.iter().find(|address| address.is_primary() == Some(true)).or(all.first());
    let private_ip = address.and_then(|address| address.private_ip()).map(str::to_owned);
    let kind = gateway.connectivity_type().unwrap_or(&ConnectivityType::Public);
    let failure = [gateway.failure_code(), gateway.failure_message()].into_iter().flatten().collect::<Vec<_>>();
    Ok(Observed {
        inputs: from_sdk!(READ, gateway => NatGateway {
            subnet_id;
            allocation_id: address.and_then(|address| address.allocation_id()).map(|id| Id::new(id).into()),
            connectivity_type: kind.as_str().to_owned(),
            private_ip_address: private_ip.clone(),
            internet_gateway: None,
            tags: our_tags(gateway.tags()),
        }),
        outputs: from_sdk!(READ, gateway => NatGatewayOutputs {
            id = nat_gateway_id, state;
            public_ip: address.and_then(|address| address.public_ip()).map(str::to_owned),
            private_ip,
            failure: (!failure.is_empty()).then(|| failure.join(": ")),
        }),
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
        let desired = NatGateway::new(Id::new("subnet-1").into()).allocation_id(Id::new("eipalloc-1").into());
        assert_eq!(gateway(NatGatewayState::Available).inputs, desired);
        assert!(desired.problems().is_empty());
    }
}
