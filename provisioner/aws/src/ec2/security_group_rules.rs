//! `aws:ec2:security-group-rules`: all rules of one security group.
//!
//! A separate resource, so that groups can refer to each other. AWS has no such object: its ID is the group's, its
//! create only names the group, and its delete revokes every rule, Amazon's first one included. Only another group
//! replaces it. Its reads share the groups' call.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>

use aws_sdk_ec2::types::{self, IpPermission};

use super::{
    Rule, SecurityGroup,
    security_group::{READ, groups},
};
use crate::prelude::*;

/// All rules of one security group. Without rules, the group allows no traffic.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:security-group-rules",
    cloudformation(part = "AWS::EC2::SecurityGroup"),
    attributes(id = "${group_id}"),
    unique(group_id),
    omitted(
        TagSpecifications = "rules carry no tags: they are managed as one set",
        SourceSecurityGroupName | SourceSecurityGroupOwnerId | GroupName = "groups are named by id",
        IpProtocol | FromPort | ToPort | CidrIp = "IpPermissions has it",
    )
)]
pub struct SecurityGroupRules {
    /// Security group of the rules.
    #[field(replaces, part_of, property(none = "names the group"))]
    pub group_id: In<Id<SecurityGroup>>,
    /// Rules for incoming traffic.
    #[field(set, property(each = "AWS::EC2::SecurityGroupIngress", link = "GroupId"), convert = ingress)]
    pub ingress: Vec<Rule>,
    /// Rules for outgoing traffic.
    #[field(set, property(each = "AWS::EC2::SecurityGroupEgress", link = "GroupId"), convert = egress)]
    pub egress: Vec<Rule>,
}

/// The outputs of a group's rules.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct SecurityGroupRulesOutputs {
    /// The security group's ID.
    pub id: Id<SecurityGroupRules>,
}

impl Resource for SecurityGroupRules {
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
    const READ_BATCH: usize = 200;
    type Cloud = Aws;
    type Outputs = SecurityGroupRulesOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        for (field, rules) in [(Field::Ingress, &self.ingress), (Field::Egress, &self.egress)] {
            for (at, rule) in rules.iter().enumerate() {
                problems.extend(rule.problem().map(|why| Problem::new(field, why)));
                if rules[..at].iter().any(|other| other.covers(rule)) {
                    problems.push(Problem::new(field, format!("duplicate rule: {}", rule.name())));
                }
            }
        }
        problems
    }

    fn phase(desired: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        // The group may outlive its rules: they are gone once there are none and none are desired.
        let none = observed.inputs.ingress.is_empty() && observed.inputs.egress.is_empty();
        if desired.is_none() && none { Phase::Gone } else { Phase::Ready }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let groups = groups(c, ids.iter().map(Id::as_str).collect()).await?;
        groups.iter().map(|group| Ok((id_of(group)?, to_observed(group)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        let Some(group) = text(&self.group_id) else { return Ok(vec![]) };
        groups(c, vec![&group]).await?.iter().map(id_of).collect()
    }

    /// A group's rules exist once it has others than EC2 gives to a new group: our first write would revoke those.
    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(group) = text(&self.group_id) else { return Ok(vec![]) };
        let Some(found) = groups(c, vec![&group]).await?.first().cloned() else { return Ok(vec![]) };
        let rules = to_observed(&found)?.inputs;
        let by_default = ["0.0.0.0/0", "::/0"].map(|range| Rule::all().cidr(range));
        let own = rules.egress.iter().any(|rule| !by_default.iter().any(|default| default.covers(rule)));
        Ok(if own || !rules.ingress.is_empty() { vec![Id::new(group)] } else { vec![] })
    }

    async fn create(&self, _: &Writer, _: &Owner) -> Result<Created<Self>> {
        Ok((Id::new(text(&self.group_id).unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let id = recorded.id.as_str();
        let sides = [
            (Direction::Ingress, &self.ingress, &observed.inputs.ingress),
            (Direction::Egress, &self.egress, &observed.inputs.egress),
        ];
        for (direction, desired, observed) in sides {
            let is_in = |rule: &Rule, rules: &[Rule]| rules.iter().any(|other| other.covers(rule));
            let new = desired.iter().filter(|rule| !is_in(rule, observed)).map(Rule::permission).collect();
            let old = observed.iter().filter(|rule| !is_in(rule, desired)).map(Rule::permission).collect();
            let described = desired.iter().filter(|rule| {
                let differs = |other: &Rule| other.covers(rule) && other.description != rule.description;
                rule.description.is_some() && observed.iter().any(differs)
            });
            let described = described.map(Rule::permission).collect();
            // New rules come first: traffic that stays allowed is not interrupted.
            authorize(c, id, direction, new).await?;
            describe(c, id, direction, described).await?;
            revoke(c, id, direction, old).await?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        // Every rule must go, not only the recorded ones.
        let id = recorded.id.as_str();
        let Some(group) = groups(&c.reader(), vec![id]).await?.first().cloned() else { return Ok(()) };
        let rules = to_observed(&group)?.inputs;
        let [ingress, egress] = [rules.ingress, rules.egress].map(|rules| rules.iter().map(Rule::permission).collect());
        gone_ok(revoke(c, id, Direction::Ingress, ingress).await)?;
        gone_ok(revoke(c, id, Direction::Egress, egress).await)
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Ingress,
    Egress,
}

/// Defines a function that sends rules, if there are any, by the direction's form of a call: the SDK's requests share
/// no trait. The last code means that the rules changed out of band since the group was read.
macro_rules! rules_call {
    ($name:ident => $call:ident, $action:literal $(, $busy:literal)?) => {
        pastey::paste! {
            async fn $name(c: &Writer, group: &str, direction: Direction, rules: Vec<IpPermission>) -> Result<()> {
                let busy: &[&str] = &[$($busy)?];
                let special = |code: &str, _: &str| busy.contains(&code).then_some(ErrorKind::Busy);
                match direction {
                    _ if rules.is_empty() => Ok(()),
                    Direction::Ingress => {
                        let request = c.ec2().[<$call _ingress>]().group_id(group).set_ip_permissions(Some(rules));
                        request.send().await.map(drop).map_err(api_with(concat!($action, "Ingress"), special))
                    }
                    Direction::Egress => {
                        let request = c.ec2().[<$call _egress>]().group_id(group).set_ip_permissions(Some(rules));
                        request.send().await.map(drop).map_err(api_with(concat!($action, "Egress"), special))
                    }
                }
            }
        }
    };
}

rules_call!(authorize => authorize_security_group, "ec2:AuthorizeSecurityGroup", "InvalidPermission.Duplicate");
rules_call!(describe => update_security_group_rule_descriptions, "ec2:UpdateSecurityGroupRuleDescriptions");
rules_call!(revoke => revoke_security_group, "ec2:RevokeSecurityGroup", "InvalidPermission.NotFound");

fn id_of(group: &types::SecurityGroup) -> Result<Id<SecurityGroupRules>> {
    member(READ, "groupId", group.group_id())
}

fn to_observed(group: &types::SecurityGroup) -> Result<Observed<SecurityGroupRules>> {
    let rules = |permissions: &[IpPermission]| permissions.iter().flat_map(Rule::to_observed).collect();
    Ok(Observed {
        inputs: from_sdk!(READ, group => SecurityGroupRules {
            group_id; ingress: rules(group.ip_permissions()), egress: rules(group.ip_permissions_egress())
        }),
        outputs: from_sdk!(READ, group => SecurityGroupRulesOutputs { id = group_id }),
    })
}

fn ingress(rules: &[Rule]) -> Value {
    rules.iter().map(|rule| rule.properties("Source")).collect()
}

fn egress(rules: &[Rule]) -> Value {
    rules.iter().map(|rule| rule.properties("Destination")).collect()
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
            .ingress([
                Rule::tcp(443).cidr("10.0.0.0/8").description("office"),
                Rule::tcp(443).cidr("::/0"),
                Rule::tcp(443).prefix_list("pl-1"),
                Rule::tcp(443).group(Id::new("sg-2").into()),
            ])
            .egress([Rule::all().cidr("0.0.0.0/0")]);
        assert_eq!(to_observed(&group).unwrap().inputs, desired);
        assert!(desired.problems().is_empty());
    }

    #[test]
    fn mistakes_are_named() {
        let problems =
            |rules: Vec<Rule>| SecurityGroupRules::new(Id::new("sg-1").into()).ingress(rules).problems().len();
        assert_eq!(problems(vec![Rule::tcp(443).cidr("10.0.0.1/8")]), 1);
        assert_eq!(problems(vec![Rule { ip_protocol: "6".into(), ..Rule::tcp(443).cidr("::/0") }]), 1);
        let again = Rule::tcp(443).cidr("::/0").description("again");
        assert_eq!(problems(vec![Rule::tcp(443).cidr("::/0"), again]), 1);
    }

    #[test]
    fn empty_rules_are_gone_only_when_none_are_desired() {
        let desired = SecurityGroupRules::new(Id::new("sg-1").into());
        let observed = Observed { inputs: desired.clone(), outputs: SecurityGroupRulesOutputs { id: Id::new("sg-1") } };
        assert_eq!(SecurityGroupRules::phase(Some(&desired), &observed, None), Phase::Ready);
        assert_eq!(SecurityGroupRules::phase(None, &observed, None), Phase::Gone);
    }
}
