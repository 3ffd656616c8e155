//! `aws:ec2:elastic-ip` — a static public IPv4 address.
//!
//! An address cannot move to another pool or border group, so a change to either replaces it: another address.
//! Its id is the allocation's. API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html>

use aws_sdk_ec2::types::{self, DomainType, ResourceType};
use provisioner_model::{
    error::{ErrorKind, Result},
    resource::{Actions, Created, Field, Id, Observed, Owner, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{filter, is_made_for, made_for, our_tags, sync_tags, tagged};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
};

/// A static public IPv4 address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ElasticIp {
    /// The pool that it comes from, if not Amazon's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ipv4_pool: Option<String>,
    /// Network border group that announces the address: the region, or a local zone's group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_border_group: Option<String>,
    /// Tags of the elastic IP, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of an elastic address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElasticIpOutputs {
    /// ID of the form `eipalloc-…`.
    pub id: Id<ElasticIp>,
    /// The public IPv4 address.
    pub public_ip: String,
}

impl ElasticIp {
    /// The public IPv4 address.
    pub const PUBLIC_IP: Output<Self, String> = Output::new("public_ip");

    /// An address of Amazon's.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Resource for ElasticIp {
    const TYPE: &'static str = "aws:ec2:elastic-ip";
    const FIELDS: &'static [Field] = &[
        Field::new("public_ipv4_pool").replaces(),
        Field::new("network_border_group").replaces(),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeAddresses"],
        create: &["ec2:AllocateAddress", "ec2:CreateTags"],
        update: &["ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:ReleaseAddress"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("Domain", "always `vpc`"),
        ("Address", "recovers a released address: no declaration of what should be"),
        ("CustomerOwnedIpv4Pool", "no Outposts"),
        ("IpamPoolId", "no address manager so far"),
    ];
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
        answer.addresses().iter().filter(|address| is_made_for(address.tags(), owner)).map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .ec2()
            .allocate_address()
            .domain(DomainType::Vpc)
            .set_public_ipv4_pool(self.public_ipv4_pool.clone())
            .set_network_border_group(self.network_border_group.clone())
            .tag_specifications(tagged(ResourceType::ElasticIp, &self.tags))
            .send()
            .await
            .map_err(api("ec2:AllocateAddress"))?;
        Ok((Id::new(need("ec2:AllocateAddress", answer.allocation_id(), "allocationId")?), None))
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
        let answer = c.ec2().release_address().allocation_id(recorded.id.as_str()).send().await;
        // Whoever holds it (a NAT gateway on its way out) lets go of it in time.
        let held = |code: &str, _: &str| (code == "InvalidIPAddress.InUse").then_some(ErrorKind::InUse);
        gone_ok(answer.map(drop).map_err(api_with("ec2:ReleaseAddress", held)))
    }
}

const READ: &str = "ec2:DescribeAddresses";

fn id_of(address: &types::Address) -> Result<Id<ElasticIp>> {
    need(READ, address.allocation_id(), "allocationId").map(Id::new)
}

fn to_observed(address: &types::Address) -> Result<Observed<ElasticIp>> {
    Ok(Observed {
        inputs: ElasticIp {
            public_ipv4_pool: address.public_ipv4_pool().map(str::to_owned),
            network_border_group: address.network_border_group().map(str::to_owned),
            tags: our_tags(address.tags()),
        },
        outputs: ElasticIpOutputs { id: id_of(address)?, public_ip: need(READ, address.public_ip(), "publicIp")? },
    })
}
