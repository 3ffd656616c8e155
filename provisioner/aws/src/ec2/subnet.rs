//! `aws:ec2:subnet`: an IP address range in one availability zone of a VPC.
//!
//! EC2 fixes a subnet's VPC, range and zone at creation, so a change to any of them replaces it.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html>

use aws_sdk_ec2::types::{self, AttributeBooleanValue, Filter, ResourceType};

use super::{Vpc, filter, made_for, obstacles, our_tags, size_problem, sync_tags, tagged};
use crate::prelude::*;

/// An IP address range in one availability zone of a VPC.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:subnet",
    cloudformation = "AWS::EC2::Subnet",
    attributes(arn = "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:subnet/${Ref}"),
    create = "ec2:CreateSubnet",
    unique(vpc_id, cidr_block),
    omitted(
        AvailabilityZoneId = "the same zone by another name",
        Ipv6CidrBlock | Ipv6Native | Ipv6IpamPoolId | Ipv6NetmaskLength = "IPv4 only so far",
        Ipv4IpamPoolId | Ipv4NetmaskLength = "ranges are stated",
        OutpostArn = "no Outposts",
    )
)]
pub struct Subnet {
    /// The VPC.
    #[field(replaces)]
    pub vpc_id: In<Id<Vpc>>,
    /// The IPv4 range, a part of the VPC's: `10.0.1.0/24`.
    #[field(replaces)]
    pub cidr_block: String,
    /// `us-east-1a`.
    #[field(replaces)]
    pub availability_zone: String,
    /// `true` if instances launched in the subnet get a public IPv4 address; AWS's default is no.
    #[field(cloud_default = false)]
    pub map_public_ip_on_launch: Option<bool>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of a subnet.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct SubnetOutputs {
    /// ID of the form `subnet-…`.
    pub id: Id<Subnet>,
    /// The subnet's ARN.
    pub arn: String,
    /// Either `pending` or `available`.
    pub state: String,
}

impl Resource for Subnet {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        // The zones are for the check of a plan: see `preflight/zones.rs`.
        read: &["ec2:DescribeAvailabilityZones", "ec2:DescribeSubnets"],
        create: &["ec2:CreateSubnet", "ec2:CreateTags"],
        update: &["ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteSubnet", "ec2:DescribeNetworkInterfaces"],
    };
    type Cloud = Aws;
    type Outputs = SubnetOutputs;

    fn problems(&self) -> Vec<Problem> {
        size_problem(Field::CidrBlock, &self.cidr_block).into_iter().collect()
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        Phase::of_state(&observed.outputs.state, &["available"], &["pending"])
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // A filter, not `subnet_ids`: one id that no longer exists would fail the whole call.
        describe(c, vec![filter("subnet-id", ids.iter().map(Id::as_str))]).await
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        Ok(describe(c, vec![made_for(owner)]).await?.into_iter().map(|(id, _)| id).collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(vpc) = text(&self.vpc_id) else { return Ok(vec![]) };
        let filters = vec![filter("vpc-id", [vpc]), filter("cidr-block", [&self.cidr_block])];
        Ok(describe(c, filters).await?.into_iter().map(|(id, _)| id).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().create_subnet(), self => vpc_id, cidr_block, availability_zone);
        let request = request.tag_specifications(tagged(ResourceType::Subnet, &self.tags));
        let answer = request.send().await.map_err(api("ec2:CreateSubnet"))?;
        Ok((member("ec2:CreateSubnet", "subnetId", answer.subnet().and_then(types::Subnet::subnet_id))?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let id = recorded.id.as_str();
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if changed.contains(Field::MapPublicIpOnLaunch) {
            let value = AttributeBooleanValue::builder().set_value(self.map_public_ip_on_launch).build();
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

    async fn obstacles(c: &Reader, recorded: &Recorded<Self>) -> Vec<Obstacle> {
        obstacles::in_subnet(c, recorded.id.as_str()).await
    }
}

const READ: &str = "ec2:DescribeSubnets";

async fn describe(c: &Reader, filters: Vec<Filter>) -> Result<ReadResults<Subnet>> {
    let subnets = list_all!(READ, c.ec2().describe_subnets().set_filters(Some(filters)))?;
    subnets.iter().map(|subnet| Ok((member(READ, "subnetId", subnet.subnet_id())?, to_observed(subnet)))).collect()
}

/// The only place where the SDK's type becomes ours.
fn to_observed(subnet: &types::Subnet) -> Result<Observed<Subnet>> {
    Ok(Observed {
        inputs: from_sdk!(READ, subnet => Subnet {
            vpc_id, cidr_block, availability_zone, map_public_ip_on_launch; tags: our_tags(subnet.tags())
        }),
        outputs: from_sdk!(READ, subnet => SubnetOutputs { id = subnet_id, arn = subnet_arn, state }),
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
            .state(types::SubnetState::Available)
            .build();
        let observed = to_observed(&sdk).unwrap();
        let desired = Subnet::new(Id::new("vpc-1").into(), "10.0.1.0/24", "eu-west-1a").map_public_ip_on_launch(true);
        assert_eq!(observed.inputs, desired);
        assert_eq!(Subnet::phase(Some(&desired), &observed, None), Phase::Ready);
    }
}
