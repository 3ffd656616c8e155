//! `aws:ec2:network-acl` — what may pass a subnet's edge, without memory of connections.
//!
//! EC2 fixes an ACL's VPC at creation, so a change to it replaces the ACL. Entries are managed whole, but for AWS's own
//! last one that denies the rest. A subnet always has one ACL: to take it is to replace an association, and a subnet
//! that leaves goes back to the VPC's default ACL.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkAcl.html>

use aws_sdk_ec2::types::{self, IcmpTypeCode, PortRange, ResourceType, RuleAction};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags},
};
use serde::{Deserialize, Serialize};

use super::{
    AclEntry, Subnet, Vpc, filter, is_made_for,
    keyed::{self, Changes},
    made_for, our_tags, rows_of, sync_tags, tagged,
};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::{text, texts},
};

/// A filter of the traffic at a subnet's edge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// The VPC that it is in.
    pub vpc: In<Id<Vpc>>,
    /// All of its entries but AWS's own last ones.
    #[serde(default)]
    pub entries: Vec<AclEntry>,
    /// The subnets that it guards.
    #[serde(default)]
    pub subnets: Vec<In<Id<Subnet>>>,
    /// Tags of the network ACL, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a network ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkAclOutputs {
    /// ID of the form `acl-…`.
    pub id: Id<NetworkAcl>,
}

impl NetworkAcl {
    /// An ACL with these entries for these subnets.
    pub fn new(
        vpc: In<Id<Vpc>>,
        entries: impl IntoIterator<Item = AclEntry>,
        subnets: impl IntoIterator<Item = In<Id<Subnet>>>,
    ) -> Self {
        Self { vpc, entries: entries.into_iter().collect(), subnets: subnets.into_iter().collect(), tags: Tags::new() }
    }
}

impl Resource for NetworkAcl {
    const TYPE: &'static str = "aws:ec2:network-acl";
    const FIELDS: &'static [Field] = &[
        Field::new("vpc").replaces(),
        Field::new("entries").set(),
        Field::new("subnets").set(),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("DryRun", "the plan is the dry run"), ("ClientToken", "the engine's")];
    type Cloud = Aws;
    type Outputs = NetworkAclOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems: Vec<_> = self.entries.iter().filter_map(AclEntry::problem).collect();
        let repeated = keyed::repeated(&self.entries, AclEntry::key);
        let why = |entry: &&AclEntry| format!("two entries of one direction have the number {}", entry.number);
        problems.extend(repeated.iter().map(why));
        problems.into_iter().map(|why| Problem::new("entries", why)).collect()
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // Not filtered: one call then serves every batch, and a VPC has few.
        let all = c.once("network-acls", || async {
            let pages = c.ec2().describe_network_acls().into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(api(READ))
        });
        rows_of(ids, &all.await?, id_of, to_observed)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.ec2().describe_network_acls().filters(made_for(owner)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(acl) = pages.try_next().await.map_err(api(READ))? {
            if is_made_for(acl.tags(), owner) {
                found.push(id_of(&acl)?);
            }
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let request = c.ec2().create_network_acl().set_vpc_id(text(&self.vpc)).client_token(&owner.token);
        let request = request.tag_specifications(tagged(ResourceType::NetworkAcl, &self.tags));
        let answer = request.send().await.map_err(api(CREATE))?;
        Ok((id_of(&need(CREATE, answer.network_acl(), "networkAcl")?)?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let id = recorded.id.as_str();
        // Entries before subnets: an ACL without entries denies everything.
        let changes = Changes::between(&self.entries, &observed.inputs.entries, AclEntry::key, AclEntry::means);
        for entry in changes.create {
            create_entry(c, id, entry).await?;
        }
        for entry in changes.replace {
            replace_entry(c, id, entry).await?;
        }
        for entry in changes.delete {
            let request = c.ec2().delete_network_acl_entry().network_acl_id(id);
            let answer = request.rule_number(entry.number).egress(entry.egress).send().await;
            gone_ok(answer.map(drop).map_err(api("ec2:DeleteNetworkAclEntry")))?;
        }
        let (desired, there) = (texts(&self.subnets), texts(&observed.inputs.subnets));
        if desired.iter().any(|subnet| !there.contains(subnet)) || there.iter().any(|subnet| !desired.contains(subnet))
        {
            associate_subnets(c, id, &text(&self.vpc).unwrap_or_default(), &desired).await?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let id = recorded.id.as_str();
        associate_subnets(c, id, &text(&recorded.inputs.vpc).unwrap_or_default(), &[]).await?;
        let answer = c.ec2().delete_network_acl().network_acl_id(id).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteNetworkAcl")))
    }
}

const READ: &str = "ec2:DescribeNetworkAcls";
const CREATE: &str = "ec2:CreateNetworkAcl";

/// Makes this ACL guard these subnets and no others. The associations' ids are read first: they change each time.
async fn associate_subnets(c: &Writer, acl: &str, vpc: &str, desired: &[String]) -> Result<()> {
    let mut pages =
        c.read().ec2().describe_network_acls().filters(filter("vpc-id", [vpc])).into_paginator().items().send();
    let (mut default, mut moves) = (None, vec![]);
    while let Some(other) = pages.try_next().await.map_err(api(READ))? {
        let this = other.network_acl_id() == Some(acl);
        if other.is_default() == Some(true) {
            default = other.network_acl_id().map(str::to_owned);
        }
        for association in other.associations() {
            let (Some(id), Some(subnet)) = (association.network_acl_association_id(), association.subnet_id()) else {
                continue;
            };
            let wanted = desired.iter().any(|desired| desired == subnet);
            if wanted && !this {
                moves.push((id.to_owned(), Some(acl.to_owned())));
            } else if this && !wanted {
                moves.push((id.to_owned(), None));
            }
        }
    }
    for (association, to) in moves {
        let to = to.or(default.clone()).ok_or_else(|| Error::missing(READ, "the VPC's default ACL"))?;
        let request = c.ec2().replace_network_acl_association().association_id(association).network_acl_id(to);
        // Another hand was faster.
        let moved = |code: &str, _: &str| (code == "InvalidAssociationID.NotFound").then_some(ErrorKind::Busy);
        request.send().await.map_err(api_with("ec2:ReplaceNetworkAclAssociation", moved))?;
    }
    Ok(())
}

/// Sets the members that `CreateNetworkAclEntry` and `ReplaceNetworkAclEntry` have in common: the SDK's requests share no trait.
macro_rules! with_entry {
    ($request:expr, $entry:expr) => {{
        let (v4, v6) = $entry.ranges();
        $request
            .rule_number($entry.number)
            .egress($entry.egress)
            .rule_action(RuleAction::from($entry.action.as_str()))
            .protocol(&$entry.protocol)
            .set_cidr_block(v4)
            .set_ipv6_cidr_block(v6)
            .set_port_range(ports($entry))
            .set_icmp_type_code(icmp($entry))
    }};
}

async fn create_entry(c: &Writer, acl: &str, entry: &AclEntry) -> Result<()> {
    let request = with_entry!(c.ec2().create_network_acl_entry().network_acl_id(acl), entry);
    let there = |code: &str, _: &str| (code == "NetworkAclEntryAlreadyExists").then_some(ErrorKind::Busy);
    request.send().await.map(drop).map_err(api_with("ec2:CreateNetworkAclEntry", there))
}

async fn replace_entry(c: &Writer, acl: &str, entry: &AclEntry) -> Result<()> {
    let request = with_entry!(c.ec2().replace_network_acl_entry().network_acl_id(acl), entry);
    request.send().await.map(drop).map_err(api("ec2:ReplaceNetworkAclEntry"))
}

fn ports(entry: &AclEntry) -> Option<PortRange> {
    let (from, to) = (entry.from_port?, entry.to_port?);
    Some(PortRange::builder().from(from).to(to).build())
}

fn icmp(entry: &AclEntry) -> Option<IcmpTypeCode> {
    let (kind, code) = (entry.icmp_type?, entry.icmp_code?);
    Some(IcmpTypeCode::builder().r#type(kind).code(code).build())
}

fn id_of(acl: &types::NetworkAcl) -> Result<Id<NetworkAcl>> {
    need(READ, acl.network_acl_id(), "networkAclId").map(Id::new)
}

fn to_observed(acl: &types::NetworkAcl) -> Result<Observed<NetworkAcl>> {
    let entries = acl.entries().iter().map(AclEntry::to_observed).collect::<Result<Vec<_>>>()?;
    let subnets = acl.associations().iter().filter_map(|association| association.subnet_id());
    Ok(Observed {
        inputs: NetworkAcl {
            vpc: Id::new(need(READ, acl.vpc_id(), "vpcId")?).into(),
            entries: entries.into_iter().filter(|entry| !entry.is_amazons()).collect(),
            subnets: subnets.map(|subnet| Id::new(subnet).into()).collect(),
            tags: our_tags(acl.tags()),
        },
        outputs: NetworkAclOutputs { id: id_of(acl)? },
    })
}

#[cfg(test)]
mod tests {
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
        let desired =
            NetworkAcl::new(Id::new("vpc-1").into(), [AclEntry::allow(100, "0.0.0.0/0")], [Id::new("subnet-1").into()]);
        assert_eq!(observed.inputs, desired);
    }

    #[test]
    fn mistakes_are_named() {
        let acl = |entries: Vec<AclEntry>| NetworkAcl::new(Id::new("vpc-1").into(), entries, []).problems().len();
        assert_eq!(acl(vec![AclEntry::allow(1, "::/0").tcp(80, 80), AclEntry::deny(1, "10.0.0.0/8").egress()]), 0);
        assert_eq!(acl(vec![AclEntry::allow(1, "::/0"), AclEntry::deny(1, "10.0.0.0/8")]), 1);
        assert_eq!(acl(vec![AclEntry::allow(32767, "::/0")]), 1);
        assert_eq!(acl(vec![AclEntry::allow(1, "10.0.0.1/8")]), 1);
        assert_eq!(acl(vec![AclEntry { protocol: "tcp".into(), ..AclEntry::allow(1, "::/0") }]), 1);
    }
}
