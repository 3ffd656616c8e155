//! `aws:ec2:subnet` — a range of addresses in one availability zone of a VPC.
//!
//! EC2 fixes a subnet's VPC, range and zone at creation, so a change to any of them replaces it.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html>

use aws_sdk_ec2::types::{self, AttributeBooleanValue, ResourceType, SubnetState};
use provisioner_model::{
    error::Result,
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{Vpc, filter, made_for, our_tags, sync_tags, tagged};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, gone_ok, need},
    value::text,
};

/// A range of addresses in one availability zone of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subnet {
    /// The VPC that it is in.
    pub vpc: In<Id<Vpc>>,
    /// IPv4 addresses, a part of the VPC's: `10.0.1.0/24`.
    pub cidr_block: String,
    /// Availability zone, such as `us-east-1a`.
    pub availability_zone: String,
    /// `true` if what is started in it gets a public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_ip_on_launch: Option<bool>,
    /// Tags of the subnet, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubnetOutputs {
    /// ID of the form `subnet-…`.
    pub id: Id<Subnet>,
    /// The ARN of the subnet.
    pub arn: String,
    /// Either `pending` or `available`.
    pub state: String,
}

impl Subnet {
    /// The ARN of the subnet.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// A private subnet. What it needs are arguments, so that nothing needed can be forgotten.
    pub fn new(vpc: In<Id<Vpc>>, cidr_block: impl Into<String>, availability_zone: impl Into<String>) -> Self {
        Self {
            vpc,
            cidr_block: cidr_block.into(),
            availability_zone: availability_zone.into(),
            public_ip_on_launch: None,
            tags: Tags::new(),
        }
    }
}

impl Resource for Subnet {
    const TYPE: &'static str = "aws:ec2:subnet";
    const FIELDS: &'static [Field] = &[
        Field::new("vpc").replaces(),
        Field::new("cidr_block").replaces(),
        Field::new("availability_zone").replaces(),
        Field::new("public_ip_on_launch"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["vpc", "cidr_block"]];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeSubnets"],
        create: &["ec2:CreateSubnet", "ec2:CreateTags"],
        update: &["ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteSubnet"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("AvailabilityZoneId", "the same zone by another name"),
        ("Ipv6CidrBlock", "IPv4 only so far"),
        ("Ipv6Native", "IPv4 only so far"),
        ("Ipv6IpamPoolId", "IPv4 only so far"),
        ("Ipv6NetmaskLength", "IPv4 only so far"),
        ("Ipv4IpamPoolId", "ranges are stated"),
        ("Ipv4NetmaskLength", "ranges are stated"),
        ("OutpostArn", "no Outposts"),
    ];
    type Cloud = Aws;
    type Outputs = SubnetOutputs;

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match SubnetState::from(observed.outputs.state.as_str()) {
            SubnetState::Available => Phase::Ready,
            SubnetState::Pending => Phase::Pending,
            other => Phase::Failed { why: format!("state is `{other}`"), remedy: None },
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // A filter, not `subnet_ids`: one id that no longer exists would fail the whole call.
        let ids = filter("subnet-id", ids.iter().map(Id::as_str));
        let mut pages = c.ec2().describe_subnets().filters(ids).into_paginator().items().send();
        let mut found = ReadResults::new();
        while let Some(subnet) = pages.try_next().await.map_err(api("ec2:DescribeSubnets"))? {
            found.push((id_of(&subnet)?, to_observed(&subnet)));
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.ec2().describe_subnets().filters(made_for(owner)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(subnet) = pages.try_next().await.map_err(api("ec2:DescribeSubnets"))? {
            found.push(id_of(&subnet)?);
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(vpc) = text(&self.vpc) else { return Ok(vec![]) };
        let request = c.ec2().describe_subnets().filters(filter("vpc-id", [vpc]));
        let request = request.filters(filter("cidr-block", [&self.cidr_block]));
        let answer = request.send().await.map_err(api(READ))?;
        answer.subnets().iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.ec2().create_subnet().set_vpc_id(text(&self.vpc));
        let answer = request
            .cidr_block(&self.cidr_block)
            .availability_zone(&self.availability_zone)
            .tag_specifications(tagged(ResourceType::Subnet, &self.tags))
            .send()
            .await
            .map_err(api("ec2:CreateSubnet"))?;
        let subnet = need("ec2:CreateSubnet", answer.subnet(), "subnet")?;
        Ok((id_of(&subnet)?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let id = recorded.id.as_str();
        if let Some(desired) =
            self.public_ip_on_launch.filter(|desired| observed.inputs.public_ip_on_launch != Some(*desired))
        {
            let value = AttributeBooleanValue::builder().value(desired).build();
            let request = c.ec2().modify_subnet_attribute().subnet_id(id).map_public_ip_on_launch(value);
            request.send().await.map_err(api("ec2:ModifySubnetAttribute"))?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_subnet().subnet_id(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteSubnet")))
    }
}

const READ: &str = "ec2:DescribeSubnets";

fn id_of(subnet: &types::Subnet) -> Result<Id<Subnet>> {
    need(READ, subnet.subnet_id(), "subnetId").map(Id::new)
}

/// The only place where the SDK's type becomes ours.
fn to_observed(subnet: &types::Subnet) -> Result<Observed<Subnet>> {
    Ok(Observed {
        inputs: Subnet {
            vpc: Id::new(need(READ, subnet.vpc_id(), "vpcId")?).into(),
            cidr_block: need(READ, subnet.cidr_block(), "cidrBlock")?,
            availability_zone: need(READ, subnet.availability_zone(), "availabilityZone")?,
            public_ip_on_launch: subnet.map_public_ip_on_launch(),
            tags: our_tags(subnet.tags()),
        },
        outputs: SubnetOutputs {
            id: id_of(subnet)?,
            arn: need(READ, subnet.subnet_arn(), "subnetArn")?,
            state: need(READ, subnet.state().map(SubnetState::as_str), "state")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_the_inputs_it_was_created_from() {
        let sdk = types::Subnet::builder()
            .subnet_id("subnet-1")
            .subnet_arn("arn:aws:ec2:eu-west-1:1:subnet/subnet-1")
            .vpc_id("vpc-1")
            .cidr_block("10.0.1.0/24")
            .availability_zone("eu-west-1a")
            .map_public_ip_on_launch(true)
            .state(SubnetState::Available)
            .build();
        let observed = to_observed(&sdk).unwrap();
        let desired = Subnet {
            public_ip_on_launch: Some(true),
            ..Subnet::new(Id::new("vpc-1").into(), "10.0.1.0/24", "eu-west-1a")
        };
        assert_eq!(observed.inputs, desired);
        assert_eq!(Subnet::phase(Some(&desired), &observed, None), Phase::Ready);
    }
}
