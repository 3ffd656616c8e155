//! `aws:ec2:security-group-rules` — all rules of one security group.
//!
//! A resource of its own beside the group, so that groups can name each other. It is no object of AWS's: its id is the
//! group's, its create only names it, and its delete takes every rule away, Amazon's first one included. Only another
//! group replaces it. Read with the groups, in their one call.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>

use aws_sdk_ec2::types::{self, IpPermission};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded, Resource,
    },
};
use serde::{Deserialize, Serialize};

use super::{
    Rule, SecurityGroup,
    security_group::{READ, groups},
};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// All rules of one security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRules {
    /// Security group of the rules.
    pub group: In<Id<SecurityGroup>>,
    /// Rules for incoming traffic.
    #[serde(default)]
    pub ingress: Vec<Rule>,
    /// Rules for outgoing traffic.
    #[serde(default)]
    pub egress: Vec<Rule>,
}

/// The outputs of a group's rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRulesOutputs {
    /// The security group's ID.
    pub id: Id<SecurityGroupRules>,
}

impl SecurityGroupRules {
    /// A group that lets nothing in and nothing out, until rules are added.
    pub fn new(group: In<Id<SecurityGroup>>) -> Self {
        Self { group, ingress: vec![], egress: vec![] }
    }

    /// Lets this in too.
    #[must_use]
    pub fn let_in(mut self, rule: Rule) -> Self {
        self.ingress.push(rule);
        self
    }

    /// Lets this out too.
    #[must_use]
    pub fn let_out(mut self, rule: Rule) -> Self {
        self.egress.push(rule);
        self
    }
}

impl Resource for SecurityGroupRules {
    const TYPE: &'static str = "aws:ec2:security-group-rules";
    const FIELDS: &'static [Field] =
        &[Field::new("group").replaces(), Field::new("ingress").set(), Field::new("egress").set()];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["group"]];
    const PART_OF: Option<&'static str> = Some("group");
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeSecurityGroups"],
        create: &[],
        update: &[
            "ec2:AuthorizeSecurityGroupIngress",
            "ec2:AuthorizeSecurityGroupEgress",
            "ec2:RevokeSecurityGroupIngress",
            "ec2:RevokeSecurityGroupEgress",
            "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
        ],
        delete: &["ec2:DescribeSecurityGroups", "ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("TagSpecifications", "rules carry no tags: they are managed as one set"),
        ("SourceSecurityGroupName", "groups are named by id"),
        ("SourceSecurityGroupOwnerId", "groups are named by id"),
        ("GroupName", "groups are named by id"),
        ("IpProtocol", "IpPermissions has it"),
        ("FromPort", "IpPermissions has it"),
        ("ToPort", "IpPermissions has it"),
        ("CidrIp", "IpPermissions has it"),
    ];
    const READ_BATCH: usize = 200;
    type Cloud = Aws;
    type Outputs = SecurityGroupRulesOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        for (field, rules) in [("ingress", &self.ingress), ("egress", &self.egress)] {
            for (at, rule) in rules.iter().enumerate() {
                problems.extend(rule.problem().map(|why| Problem::new(field, why)));
                if rules[..at].iter().any(|other| other.covers(rule)) {
                    problems.push(Problem::new(field, format!("the same rule twice: {}", rule.name())));
                }
            }
        }
        problems
    }

    fn phase(desired: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        // The group may outlive its rules: without any, and with none wanted, they are gone.
        let none = observed.inputs.ingress.is_empty() && observed.inputs.egress.is_empty();
        if desired.is_none() && none { Phase::Gone } else { Phase::Ready }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let ids = ids.iter().map(Id::as_str).collect();
        let rules = |group| {
            Ok((Id::new(need::<str>(READ, types::SecurityGroup::group_id(group), "groupId")?), to_observed(group)))
        };
        groups(c, ids).await?.iter().map(rules).collect()
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        let Some(group) = text(&self.group) else { return Ok(vec![]) };
        let there = !groups(c, vec![&group]).await?.is_empty();
        Ok(there.then(|| Id::new(group)).into_iter().collect())
    }

    /// A group's rules exist once it has others than EC2 gives to a new one: those would go with the first write of ours.
    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(group) = text(&self.group) else { return Ok(vec![]) };
        let Some(found) = groups(c, vec![&group]).await?.first().cloned() else { return Ok(vec![]) };
        let rules = to_observed(&found)?.inputs;
        let by_default = ["0.0.0.0/0", "::/0"].map(|range| Rule::all().cidr(range));
        let own = rules.egress.iter().any(|rule| !by_default.iter().any(|default| default.covers(rule)));
        Ok(if own || !rules.ingress.is_empty() { vec![Id::new(group)] } else { vec![] })
    }

    async fn create(&self, _: &Writer, _: &Owner) -> Result<Created<Self>> {
        Ok((Id::new(text(&self.group).unwrap_or_default()), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let id = recorded.id.as_str();
        for (way, desired, there) in
            [(Way::In, &self.ingress, &observed.inputs.ingress), (Way::Out, &self.egress, &observed.inputs.egress)]
        {
            let new: Vec<_> =
                desired.iter().filter(|desired| !there.iter().any(|observed| observed.covers(desired))).collect();
            let old: Vec<_> =
                there.iter().filter(|observed| !desired.iter().any(|desired| desired.covers(observed))).collect();
            let renamed = desired.iter().filter(|desired| {
                desired.description.is_some()
                    && there
                        .iter()
                        .any(|observed| observed.covers(desired) && observed.description != desired.description)
            });
            // New ones first: nothing that stays allowed is cut off in between.
            authorize(c, id, way, &new).await?;
            describe(c, id, way, &renamed.collect::<Vec<_>>()).await?;
            revoke(c, id, way, &old).await?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        // Read anew: every rule must go, not only those that we know.
        let id = recorded.id.as_str();
        let Some(group) = groups(&c.reader(), vec![id]).await?.first().cloned() else { return Ok(()) };
        let there = to_observed(&group)?.inputs;
        gone_ok(revoke(c, id, Way::In, &there.ingress.iter().collect::<Vec<_>>()).await)?;
        gone_ok(revoke(c, id, Way::Out, &there.egress.iter().collect::<Vec<_>>()).await)
    }
}

#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

async fn authorize(c: &Writer, group: &str, way: Way, rules: &[&Rule]) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    let rules = Some(rules.iter().map(|rule| rule.permission()).collect::<Vec<IpPermission>>());
    // Another hand was faster: look again.
    let there = |code: &str, _: &str| (code == "InvalidPermission.Duplicate").then_some(ErrorKind::Busy);
    match way {
        Way::In => {
            let request = c.ec2().authorize_security_group_ingress().group_id(group).set_ip_permissions(rules);
            request.send().await.map(drop).map_err(api_with("ec2:AuthorizeSecurityGroupIngress", there))
        }
        Way::Out => {
            let request = c.ec2().authorize_security_group_egress().group_id(group).set_ip_permissions(rules);
            request.send().await.map(drop).map_err(api_with("ec2:AuthorizeSecurityGroupEgress", there))
        }
    }
}

async fn describe(c: &Writer, group: &str, way: Way, rules: &[&Rule]) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    let rules = Some(rules.iter().map(|rule| rule.permission()).collect::<Vec<IpPermission>>());
    match way {
        Way::In => {
            let request = c.ec2().update_security_group_rule_descriptions_ingress().group_id(group);
            let answer = request.set_ip_permissions(rules).send().await;
            answer.map(drop).map_err(api("ec2:UpdateSecurityGroupRuleDescriptionsIngress"))
        }
        Way::Out => {
            let request = c.ec2().update_security_group_rule_descriptions_egress().group_id(group);
            let answer = request.set_ip_permissions(rules).send().await;
            answer.map(drop).map_err(api("ec2:UpdateSecurityGroupRuleDescriptionsEgress"))
        }
    }
}

async fn revoke(c: &Writer, group: &str, way: Way, rules: &[&Rule]) -> Result<()> {
    if rules.is_empty() {
        return Ok(());
    }
    let rules = Some(rules.iter().map(|rule| rule.permission()).collect::<Vec<IpPermission>>());
    // Of several rules, some may have gone by another hand: look again.
    let moved = |code: &str, _: &str| (code == "InvalidPermission.NotFound").then_some(ErrorKind::Busy);
    match way {
        Way::In => {
            let request = c.ec2().revoke_security_group_ingress().group_id(group).set_ip_permissions(rules);
            request.send().await.map(drop).map_err(api_with("ec2:RevokeSecurityGroupIngress", moved))
        }
        Way::Out => {
            let request = c.ec2().revoke_security_group_egress().group_id(group).set_ip_permissions(rules);
            request.send().await.map(drop).map_err(api_with("ec2:RevokeSecurityGroupEgress", moved))
        }
    }
}

fn to_observed(group: &types::SecurityGroup) -> Result<Observed<SecurityGroupRules>> {
    let id: String = need(READ, group.group_id(), "groupId")?;
    Ok(Observed {
        inputs: SecurityGroupRules {
            group: Id::new(&*id).into(),
            ingress: group.ip_permissions().iter().flat_map(Rule::to_observed).collect(),
            egress: group.ip_permissions_egress().iter().flat_map(Rule::to_observed).collect(),
        },
        outputs: SecurityGroupRulesOutputs { id: Id::new(id) },
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};

    use super::*;

    #[test]
    fn aws_groups_by_ports_what_we_state_one_by_one() {
        let permission = IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(443)
            .to_port(443)
            .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/8").description("office").build())
            .ipv6_ranges(Ipv6Range::builder().cidr_ipv6("::/0").build())
            .prefix_list_ids(PrefixListId::builder().prefix_list_id("pl-1").build())
            .user_id_group_pairs(UserIdGroupPair::builder().group_id("sg-2").user_id("1").build());
        let group = types::SecurityGroup::builder()
            .group_id("sg-1")
            .ip_permissions(permission.build())
            .ip_permissions_egress(
                IpPermission::builder()
                    .ip_protocol("-1")
                    .ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build())
                    .build(),
            )
            .build();
        let desired = SecurityGroupRules::new(Id::new("sg-1").into())
            .let_in(Rule::tcp(443).cidr("10.0.0.0/8").described("office"))
            .let_in(Rule::tcp(443).cidr("::/0"))
            .let_in(Rule::tcp(443).prefix_list("pl-1"))
            .let_in(Rule::tcp(443).group(Id::new("sg-2").into()))
            .let_out(Rule::all().cidr("0.0.0.0/0"));
        assert_eq!(to_observed(&group).unwrap().inputs, desired);
        assert!(desired.problems().is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        let rules = |rule: Rule| SecurityGroupRules::new(Id::new("sg-1").into()).let_in(rule);
        assert_eq!(rules(Rule::tcp(443).cidr("10.0.0.1/8")).problems().len(), 1);
        assert_eq!(rules(Rule { protocol: "6".into(), ..Rule::tcp(443).cidr("::/0") }).problems().len(), 1);
        let twice = rules(Rule::tcp(443).cidr("::/0")).let_in(Rule::tcp(443).cidr("::/0").described("again"));
        assert_eq!(twice.problems().len(), 1);
    }

    #[test]
    fn empty_rules_are_gone_only_when_none_are_desired() {
        let desired = SecurityGroupRules::new(Id::new("sg-1").into());
        let observed = Observed { inputs: desired.clone(), outputs: SecurityGroupRulesOutputs { id: Id::new("sg-1") } };
        assert_eq!(SecurityGroupRules::phase(Some(&desired), &observed, None), Phase::Ready);
        assert_eq!(SecurityGroupRules::phase(None, &observed, None), Phase::Gone);
    }
}
