//! `aws:ec2:elastic-ip`: a static public IPv4 address.
//!
//! An address cannot move to another pool or border group, so a change to either replaces it with another address.
//! Its ID is the allocation's. API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html>

use aws_sdk_ec2::types::{self, DomainType, ResourceType};

use super::{filter, ids_made_for, made_for, our_tags, sync_tags, tagged};
use crate::prelude::*;

/// A static public IPv4 address.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:elastic-ip",
    cloudformation = "AWS::EC2::EIP",
    attributes(id = "AllocationId", public_ip = "PublicIp"),
    create = "ec2:AllocateAddress",
    omitted(
        Domain = "always `vpc`",
        Address = "recovers a released address: no declaration of what should be",
        CustomerOwnedIpv4Pool = "no Outposts",
        IpamPoolId = "no address manager so far",
    )
)]
pub struct ElasticIp {
    /// The address pool; Amazon's if absent.
    #[field(replaces)]
    pub public_ipv4_pool: Option<String>,
    /// The place where Amazon announces the address: the region, or a local zone's group.
    #[field(replaces)]
    pub network_border_group: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of an Elastic IP address.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ElasticIpOutputs {
    /// ID of the form `eipalloc-…`.
    pub id: Id<ElasticIp>,
    /// The public IPv4 address.
    pub public_ip: String,
}

impl Resource for ElasticIp {
    const ACTIONS: Actions = Actions {
        // Attributes are for the check of a plan: see `preflight/quotas.rs`.
        read: &["ec2:DescribeAccountAttributes", "ec2:DescribeAddresses"],
        create: &["ec2:AllocateAddress", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:ReleaseAddress"],
    };
    type Cloud = Aws;
    type Outputs = ElasticIpOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // This call has no pages.
        let ids = filter("allocation-id", ids.iter().map(Id::as_str));
        let answer = c.ec2().describe_addresses().filters(ids).send().await.map_err(api(READ))?;
        answer.addresses().iter().map(|address| Ok((id_of(address)?, to_observed(address)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let answer = c.ec2().describe_addresses().filters(made_for(owner)).send().await.map_err(api(READ))?;
        ids_made_for(owner, answer.addresses(), types::Address::tags, id_of)
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.ec2().allocate_address().domain(DomainType::Vpc);
        let request = set_inputs!(request, self => public_ipv4_pool, network_border_group);
        let request = request.tag_specifications(tagged(ResourceType::ElasticIp, &self.tags));
        let answer = request.send().await.map_err(api("ec2:AllocateAddress"))?;
        Ok((member("ec2:AllocateAddress", "allocationId", answer.allocation_id())?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        sync_tags(c, recorded.id.as_str(), &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().release_address().allocation_id(recorded.id.as_str()).send().await;
        // Whoever holds it (a NAT gateway on its way out) lets go of it in time.
        let error = api_code("ec2:ReleaseAddress", "InvalidIPAddress.InUse", ErrorKind::InUse);
        gone_ok(answer.map(drop).map_err(error))
    }
}

const READ: &str = "ec2:DescribeAddresses";

fn id_of(address: &types::Address) -> Result<Id<ElasticIp>> {
    member(READ, "allocationId", address.allocation_id())
}

fn to_observed(address: &types::Address) -> Result<Observed<ElasticIp>> {
    Ok(Observed {
        inputs: from_sdk!(READ, address => ElasticIp {
            public_ipv4_pool, network_border_group; tags: our_tags(address.tags())
        }),
        outputs: from_sdk!(READ, address => ElasticIpOutputs { id = allocation_id, public_ip }),
    })
}
