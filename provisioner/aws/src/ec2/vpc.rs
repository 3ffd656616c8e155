//! `aws:ec2:vpc`: a private network in a region.
//!
//! EC2 fixes a VPC's range and tenancy at creation, so a change to either replaces it. Reads: two calls for all VPCs,
//! and two more for each, since `DescribeVpcs` does not return the DNS attributes.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>

use std::collections::HashMap;

use aws_sdk_ec2::types::{self, AttributeBooleanValue, Filter, ResourceType, VpcAttributeName, VpcState};

use super::{
    SecurityGroup, filter, made_for, obstacles, our_tags, security_group::all_groups, size_problem, sync_tags, tagged,
};
use crate::prelude::*;

/// A private network in a region.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:vpc",
    cloudformation = "AWS::EC2::VPC",
    attributes(default_security_group = "DefaultSecurityGroup"),
    create = "ec2:CreateVpc",
    omitted(
        AmazonProvidedIpv6CidrBlock | Ipv6CidrBlock | Ipv6CidrBlockNetworkBorderGroup = "IPv4 only so far",
        Ipv6Pool | Ipv6IpamPoolId | Ipv6NetmaskLength = "IPv4 only so far",
        Ipv4IpamPoolId | Ipv4NetmaskLength = "ranges are stated",
        VpcEncryptionControl = "not so far",
    )
)]
pub struct Vpc {
    /// The IPv4 range, `/16` to `/28`: `10.0.0.0/16`.
    #[field(replaces)]
    pub cidr_block: String,
    /// `true` (the default) if Amazon's DNS server answers in the VPC.
    #[field(cloud_default = true)]
    pub enable_dns_support: Option<bool>,
    /// `true` if instances with a public address get a public DNS name; needs `enable_dns_support`. AWS's default is no.
    #[field(cloud_default = false)]
    pub enable_dns_hostnames: Option<bool>,
    /// Either `default` or `dedicated`.
    #[field(replaces)]
    pub instance_tenancy: Option<String>,
    /// Tags of the VPC, by key.
    pub tags: Tags,
}

/// The outputs of a VPC.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct VpcOutputs {
    /// ID of the form `vpc-…`, as text.
    #[output(constant = "ID")]
    pub id: Id<Vpc>,
    /// Either `pending` or `available`.
    pub state: String,
    /// The security group of network interfaces that state none.
    pub default_security_group: Option<Id<SecurityGroup>>,
}

impl Resource for Vpc {
    const ACTIONS: Actions = Actions {
        // The quota is for the check of a plan: see `preflight/quotas.rs`.
        read: &[
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:DescribeSecurityGroups",
            "servicequotas:GetServiceQuota",
        ],
        create: &["ec2:CreateVpc", "ec2:CreateTags"],
        update: &["ec2:ModifyVpcAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &[
            "ec2:DeleteVpc",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeSubnets",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeRouteTables",
            "ec2:DescribeNetworkAcls",
        ],
    };
    type Cloud = Aws;
    type Outputs = VpcOutputs;

    fn problems(&self) -> Vec<Problem> {
        size_problem(Field::CidrBlock, &self.cidr_block).into_iter().collect()
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        if observed.outputs.state == VpcState::Available.as_str() { Phase::Ready } else { Phase::Pending }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let vpcs = describe(c, filter("vpc-id", ids.iter().map(Id::as_str)));
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
        describe(c, made_for(owner)).await?.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().create_vpc(), self => cidr_block, instance_tenancy);
        let request = request.tag_specifications(tagged(ResourceType::Vpc, &self.tags));
        let answer = request.send().await.map_err(api("ec2:CreateVpc"))?;
        Ok((member("ec2:CreateVpc", "vpcId", answer.vpc().and_then(types::Vpc::vpc_id))?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let id = recorded.id.as_str();
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let value = |desired: Option<bool>| AttributeBooleanValue::builder().set_value(desired).build();
        // One attribute for each call, and DNS support first: host names need it.
        if changed.contains(Field::EnableDnsSupport) {
            let request = c.ec2().modify_vpc_attribute().vpc_id(id).enable_dns_support(value(self.enable_dns_support));
            request.send().await.map_err(api("ec2:ModifyVpcAttribute"))?;
        }
        if changed.contains(Field::EnableDnsHostnames) {
            let value = value(self.enable_dns_hostnames);
            let request = c.ec2().modify_vpc_attribute().vpc_id(id).enable_dns_hostnames(value);
            request.send().await.map_err(api("ec2:ModifyVpcAttribute"))?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_vpc().vpc_id(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteVpc")))
    }

    async fn obstacles(c: &Reader, recorded: &Recorded<Self>) -> Vec<Obstacle> {
        obstacles::in_vpc(c, recorded.id.as_str()).await
    }
}

const READ: &str = "ec2:DescribeVpcs";

async fn describe(c: &Reader, filter: Filter) -> Result<Vec<types::Vpc>> {
    list_all!(READ, c.ec2().describe_vpcs().filters(filter))
}

fn id_of(vpc: &types::Vpc) -> Result<Id<Vpc>> {
    member(READ, "vpcId", vpc.vpc_id())
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
    enable_dns_support: Option<bool>,
    enable_dns_hostnames: Option<bool>,
    default_group: Option<&String>,
) -> Result<Observed<Vpc>> {
    Ok(Observed {
        inputs: from_sdk!(READ, vpc => Vpc {
            cidr_block, instance_tenancy; enable_dns_support, enable_dns_hostnames, tags: our_tags(vpc.tags())
        }),
        outputs: from_sdk!(READ, vpc => VpcOutputs {
            id = vpc_id, state; default_security_group: default_group.map(Id::new)
        }),
    })
}
