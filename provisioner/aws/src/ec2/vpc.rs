//! `aws:ec2:vpc` — a private network in a region.
//!
//! EC2 fixes a VPC's range and tenancy at creation, so a change to either replaces it. Two calls for all, and two more
//! for each: the attributes that no call for many tells.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>

use std::collections::HashMap;

use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, Tenancy, VpcAttributeName, VpcState};
use provisioner_model::{
    error::Result,
    resource::{Actions, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{SecurityGroup, filter, made_for, our_tags, security_group::all_groups, sync_tags, tagged};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, gone_ok, need},
};

/// A private network in a region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    /// IPv4 addresses, `/16` to `/28`: `10.0.0.0/16`.
    pub cidr_block: String,
    /// `true` if Amazon's DNS server answers in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_support: Option<bool>,
    /// `true` if what has a public address gets a public name; needs `dns_support`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_host_names: Option<bool>,
    /// Either `default` or `dedicated`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_tenancy: Option<String>,
    /// Tags of the VPC, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcOutputs {
    /// ID of the form `vpc-…`.
    pub id: Id<Vpc>,
    /// Either `pending` or `available`.
    pub state: String,
    /// The group that whatever states none is in.
    pub default_security_group: Option<Id<SecurityGroup>>,
}

impl Vpc {
    /// Its id as text, for where a policy or a filter wants it.
    pub const ID: Output<Self, String> = Output::new("id");
    /// The group that whatever states none is in.
    pub const DEFAULT_SECURITY_GROUP: Output<Self, Id<SecurityGroup>> = Output::new("default_security_group");

    /// A VPC with this range.
    pub fn new(cidr_block: impl Into<String>) -> Self {
        Self {
            cidr_block: cidr_block.into(),
            dns_support: None,
            dns_host_names: None,
            instance_tenancy: None,
            tags: Tags::new(),
        }
    }
}

impl Resource for Vpc {
    const TYPE: &'static str = "aws:ec2:vpc";
    const FIELDS: &'static [Field] = &[
        Field::new("cidr_block").replaces(),
        Field::new("dns_support"),
        Field::new("dns_host_names"),
        Field::new("instance_tenancy").replaces(),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeSecurityGroups"],
        create: &["ec2:CreateVpc", "ec2:CreateTags"],
        update: &["ec2:ModifyVpcAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteVpc"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("AmazonProvidedIpv6CidrBlock", "IPv4 only so far"),
        ("Ipv6Pool", "IPv4 only so far"),
        ("Ipv6CidrBlock", "IPv4 only so far"),
        ("Ipv6IpamPoolId", "IPv4 only so far"),
        ("Ipv6NetmaskLength", "IPv4 only so far"),
        ("Ipv6CidrBlockNetworkBorderGroup", "IPv4 only so far"),
        ("Ipv4IpamPoolId", "ranges are stated"),
        ("Ipv4NetmaskLength", "ranges are stated"),
        ("VpcEncryptionControl", "not so far"),
    ];
    type Cloud = Aws;
    type Outputs = VpcOutputs;

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        if observed.outputs.state == VpcState::Available.as_str() { Phase::Ready } else { Phase::Pending }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let vpcs = filter("vpc-id", ids.iter().map(Id::as_str));
        let vpcs = c.ec2().describe_vpcs().filters(vpcs).into_paginator().items().send();
        let vpcs = async { vpcs.collect::<std::result::Result<Vec<_>, _>>().await.map_err(api(READ)) };
        let (vpcs, groups) = futures::try_join!(vpcs, default_groups(c))?;
        let read = vpcs.iter().map(async |vpc| {
            let id = id_of(vpc)?;
            let dns = futures::try_join!(
                attribute(c, &id, VpcAttributeName::EnableDnsSupport),
                attribute(c, &id, VpcAttributeName::EnableDnsHostnames),
            );
            let observed = dns.and_then(|(support, names)| to_observed(vpc, support, names, groups.get(id.as_str())));
            Ok((id, observed))
        });
        futures::future::join_all(read).await.into_iter().collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.ec2().describe_vpcs().filters(made_for(owner)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(vpc) = pages.try_next().await.map_err(api(READ))? {
            found.push(id_of(&vpc)?);
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .ec2()
            .create_vpc()
            .cidr_block(&self.cidr_block)
            .set_instance_tenancy(self.instance_tenancy.as_deref().map(Tenancy::from))
            .tag_specifications(tagged(ResourceType::Vpc, &self.tags))
            .send()
            .await
            .map_err(api("ec2:CreateVpc"))?;
        Ok((id_of(&need("ec2:CreateVpc", answer.vpc(), "vpc")?)?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let id = recorded.id.as_str();
        let value = |desired: bool| AttributeBooleanValue::builder().value(desired).build();
        // One attribute a call, support first: names need it.
        if let Some(desired) = self.dns_support.filter(|desired| observed.inputs.dns_support != Some(*desired)) {
            let request = c.ec2().modify_vpc_attribute().vpc_id(id).enable_dns_support(value(desired));
            request.send().await.map_err(api("ec2:ModifyVpcAttribute"))?;
        }
        if let Some(desired) = self.dns_host_names.filter(|desired| observed.inputs.dns_host_names != Some(*desired)) {
            let request = c.ec2().modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(value(desired));
            request.send().await.map_err(api("ec2:ModifyVpcAttribute"))?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_vpc().vpc_id(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteVpc")))
    }
}

const READ: &str = "ec2:DescribeVpcs";

fn id_of(vpc: &types::Vpc) -> Result<Id<Vpc>> {
    need(READ, vpc.vpc_id(), "vpcId").map(Id::new)
}

/// The default security group of each VPC.
async fn default_groups(c: &Reader) -> Result<HashMap<String, String>> {
    let groups = all_groups(c).await?;
    let default = groups.iter().filter(|group| group.group_name() == Some("default"));
    Ok(default.filter_map(|group| Some((group.vpc_id()?.to_owned(), group.group_id()?.to_owned()))).collect())
}

async fn attribute(c: &Reader, id: &Id<Vpc>, name: VpcAttributeName) -> Result<Option<bool>> {
    let answer = c.ec2().describe_vpc_attribute().vpc_id(id.as_str()).attribute(name);
    let answer = answer.send().await.map_err(api("ec2:DescribeVpcAttribute"))?;
    let value = answer.enable_dns_support().or(answer.enable_dns_hostnames());
    Ok(value.and_then(AttributeBooleanValue::value))
}

fn to_observed(
    vpc: &types::Vpc,
    dns_support: Option<bool>,
    dns_host_names: Option<bool>,
    group: Option<&String>,
) -> Result<Observed<Vpc>> {
    Ok(Observed {
        inputs: Vpc {
            cidr_block: need(READ, vpc.cidr_block(), "cidrBlock")?,
            dns_support,
            dns_host_names,
            instance_tenancy: vpc.instance_tenancy().map(|tenancy| tenancy.as_str().to_owned()),
            tags: our_tags(vpc.tags()),
        },
        outputs: VpcOutputs {
            id: id_of(vpc)?,
            state: need(READ, vpc.state().map(VpcState::as_str), "state")?,
            default_security_group: group.map(Id::new),
        },
    })
}
