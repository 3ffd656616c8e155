//! `aws:ec2:network-acl`: a stateless filter of the traffic of subnets.
//!
//! EC2 fixes an ACL's VPC at creation, so a change to it replaces the ACL. Entries are managed whole, except AWS's last
//! one, which denies the rest. A subnet always has one ACL: EC2 replaces the association of a subnet that gets this
//! ACL, and a subnet that leaves goes back to the VPC's default ACL.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAcl.html>

use aws_sdk_ec2::types::{self, ResourceType};

use super::{AclEntry, Subnet, Vpc, filter, ids_made_for, keyed, made_for, our_tags, rows_of, sync_tags, tagged};
use crate::prelude::*;

/// A filter of the traffic at a subnet's edge.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:network-acl",
    cloudformation = "AWS::EC2::NetworkAcl",
    create = "ec2:CreateNetworkAcl",
    omitted(ClientToken = "the engine's")
)]
pub struct NetworkAcl {
    /// The VPC of the subnets.
    #[field(replaces)]
    pub vpc_id: In<Id<Vpc>>,
    /// All entries except AWS's last ones.
    #[field(set, property(each = "AWS::EC2::NetworkAclEntry", link = "NetworkAclId"))]
    pub entries: Vec<AclEntry>,
    /// The subnets whose traffic it filters.
    #[field(set, property(each = "AWS::EC2::SubnetNetworkAclAssociation", link = "NetworkAclId", item = "SubnetId"))]
    pub subnet_ids: Vec<In<Id<Subnet>>>,
    /// Tags of the network ACL, by key.
    pub tags: Tags,
}

/// The outputs of a network ACL.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct NetworkAclOutputs {
    /// ID of the form `acl-…`.
    pub id: Id<NetworkAcl>,
}

impl Resource for NetworkAcl {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeNetworkAcls"],
        create: &["ec2:CreateNetworkAcl", "ec2:CreateTags"],
        update: &[
            "ec2:DescribeNetworkAcls",
            "ec2:CreateNetworkAclEntry",
            "ec2:ReplaceNetworkAclEntry",
            "ec2:DeleteNetworkAclEntry",
            "ec2:ReplaceNetworkAclAssociation",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        delete: &["ec2:DescribeNetworkAcls", "ec2:ReplaceNetworkAclAssociation", "ec2:DeleteNetworkAcl"],
    };
    type Cloud = Aws;
    type Outputs = NetworkAclOutputs;

    fn problems(&self) -> Vec<Problem> {
        keyed::problems(Field::Entries, &self.entries)
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // Not filtered: one call then serves every batch, and a VPC has few.
        let all = c.once("network-acls", || async { list_all!(READ, c.ec2().describe_network_acls()) }).await?;
        rows_of(ids, &all, id_of, to_observed)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let acls = list_all!(READ, c.ec2().describe_network_acls().filters(made_for(owner)))?;
        ids_made_for(owner, &acls, types::NetworkAcl::tags, id_of)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().create_network_acl().client_token(&owner.token), self => vpc_id);
        let request = request.tag_specifications(tagged(ResourceType::NetworkAcl, &self.tags));
        let answer = request.send().await.map_err(api(CREATE))?;
        let id = answer.network_acl().and_then(types::NetworkAcl::network_acl_id);
        Ok((member(CREATE, "networkAclId", id)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let id = recorded.id.as_str();
        // Entries before subnets: an ACL without entries denies everything.
        keyed::write(c, id, &self.entries, &observed.inputs.entries).await?;
        if ChangedFields::between(self, &recorded.inputs, &observed.inputs).contains(Field::SubnetIds) {
            associate_subnets(c, id, &text(&self.vpc_id).unwrap_or_default(), &texts(&self.subnet_ids)).await?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let id = recorded.id.as_str();
        associate_subnets(c, id, &text(&recorded.inputs.vpc_id).unwrap_or_default(), &[]).await?;
        let answer = c.ec2().delete_network_acl().network_acl_id(id).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteNetworkAcl")))
    }
}

pub(super) const READ: &str = "ec2:DescribeNetworkAcls";
const CREATE: &str = "ec2:CreateNetworkAcl";

/// Associates these subnets, and no others, with this ACL. The associations' IDs are read first: they change each time.
async fn associate_subnets(c: &Writer, acl: &str, vpc: &str, desired: &[String]) -> Result<()> {
    let acls = list_all!(READ, c.read().ec2().describe_network_acls().filters(filter("vpc-id", [vpc])))?;
    let default =
        acls.iter().find(|other| other.is_default() == Some(true)).and_then(types::NetworkAcl::network_acl_id);
    for other in &acls {
        let is_this = other.network_acl_id() == Some(acl);
        for association in other.associations() {
            let (Some(id), Some(subnet)) = (association.network_acl_association_id(), association.subnet_id()) else {
                continue;
            };
            let is_desired = desired.iter().any(|desired| desired == subnet);
            if is_desired == is_this {
                continue;
            }
            let to = if is_desired { Some(acl) } else { default };
            let to = to.ok_or_else(|| Error::missing(READ, "the VPC's default ACL"))?;
            let request = c.ec2().replace_network_acl_association().association_id(id).network_acl_id(to);
            // The association changed out of band since it was read.
            let error = api_code("ec2:ReplaceNetworkAclAssociation", "InvalidAssociationID.NotFound", ErrorKind::Busy);
            request.send().await.map_err(error)?;
        }
    }
    Ok(())
}

fn id_of(acl: &types::NetworkAcl) -> Result<Id<NetworkAcl>> {
    member(READ, "networkAclId", acl.network_acl_id())
}

fn to_observed(acl: &types::NetworkAcl) -> Result<Observed<NetworkAcl>> {
    let entries = acl.entries().iter().map(AclEntry::to_observed).collect::<Result<Vec<_>>>()?;
    let subnets = acl.associations().iter().filter_map(|association| association.subnet_id());
    Ok(Observed {
        inputs: from_sdk!(READ, acl => NetworkAcl {
            vpc_id;
            entries: entries.into_iter().filter(|entry| !entry.is_of_aws()).collect(),
            subnet_ids: subnets.map(|subnet| Id::new(subnet).into()).collect(),
            tags: our_tags(acl.tags()),
        }),
        outputs: from_sdk!(READ, acl => NetworkAclOutputs { id = network_acl_id }),
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::RuleAction;

    use super::*;

    #[test]
    fn amazons_own_entry_is_left_out() {
        let entry = |number, action: RuleAction| {
            let entry = types::NetworkAclEntry::builder().rule_number(number).rule_action(action).egress(false);
            entry.protocol("-1").cidr_block("0.0.0.0/0").build()
        };
        let acl = types::NetworkAcl::builder().network_acl_id("acl-1").vpc_id("vpc-1");
        let acl = acl.entries(entry(32767, RuleAction::Deny)).entries(entry(100, RuleAction::Allow));
        let association = types::NetworkAclAssociation::builder().subnet_id("subnet-1").build();
        let observed = to_observed(&acl.associations(association).build()).unwrap();
        let desired = NetworkAcl::new(Id::new("vpc-1").into())
            .entries([AclEntry::allow(100, "0.0.0.0/0")])
            .subnet_ids([Id::new("subnet-1").into()]);
        assert_eq!(observed.inputs, desired);
    }

    #[test]
    fn mistakes_are_named() {
        let acl = |entries: Vec<AclEntry>| NetworkAcl::new(Id::new("vpc-1").into()).entries(entries).problems().len();
        assert_eq!(acl(vec![AclEntry::allow(1, "::/0").tcp(80, 80), AclEntry::deny(1, "10.0.0.0/8").egress(true)]), 0);
        assert_eq!(acl(vec![AclEntry::allow(1, "::/0"), AclEntry::deny(1, "10.0.0.0/8")]), 1);
        assert_eq!(acl(vec![AclEntry::allow(32767, "::/0")]), 1);
        assert_eq!(acl(vec![AclEntry::allow(1, "10.0.0.1/8")]), 1);
        assert_eq!(acl(vec![AclEntry::allow(1, "::/0").protocol("tcp")]), 1);
    }
}
