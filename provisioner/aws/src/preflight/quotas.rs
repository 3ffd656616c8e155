//! Quotas: the account must have room for the objects that the plan creates.
//!
//! A quota counts as exceeded only if the objects that the plan deletes would not make room, in whichever order.

use aws_sdk_ec2::types::AccountAttribute;
use futures::future::{BoxFuture, try_join_all};
use provisioner_model::{Diagnostic, plan::Action};

use super::{Context, or_left_out};
#[cfg(feature = "elasticloadbalancingv2")]
use crate::elb;
#[cfg(feature = "iam")]
use crate::iam;
#[cfg(feature = "rds")]
use crate::rds;
use crate::{
    ec2::{self, filter},
    prelude::*,
};

/// A quota of the account, and its use.
struct Quota {
    /// The objects that count, in the plural.
    objects: &'static str,
    /// Service and code of the quota in Service Quotas.
    code: (&'static str, &'static str),
    used: i64,
    max: i64,
}

/// The objects of a type that a plan creates.
struct Demand<'a> {
    /// The first one.
    address: &'a str,
    /// The number of creates, less the number of objects that are deleted and may be so before.
    count: i64,
}

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let checks: Vec<BoxFuture<'_, Result<Vec<Diagnostic>>>> = vec![
        Box::pin(async { or_left_out("quota of Elastic IP addresses", elastic_ips(context).await) }),
        #[cfg(feature = "servicequotas")]
        Box::pin(async { or_left_out("quota of VPCs", vpcs(context).await) }),
        #[cfg(feature = "rds")]
        Box::pin(async { or_left_out("quota of databases", databases(context).await) }),
        #[cfg(feature = "elasticloadbalancingv2")]
        Box::pin(async { or_left_out("quotas of load balancers", load_balancers(context).await) }),
        #[cfg(feature = "iam")]
        Box::pin(async { or_left_out("quotas of roles and policies", identities(context).await) }),
    ];
    Ok(try_join_all(checks).await?.concat())
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html>
async fn elastic_ips(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let Some(demand) = Demand::of(context, ec2::ElasticIp::TYPE) else { return Ok(vec![]) };
    let addresses = context.reader.ec2().describe_addresses().filters(filter("domain", ["vpc"])).send();
    let attributes = context.reader.ec2().describe_account_attributes().send();
    let (addresses, attributes) = futures::join!(addresses, attributes);
    let used = count(addresses.map_err(api("ec2:DescribeAddresses"))?.addresses());
    let attributes = attributes.map_err(api("ec2:DescribeAccountAttributes"))?;
    let mut attributes = attributes.account_attributes().iter();
    let limit = attributes.find(|one| one.attribute_name() == Some("vpc-max-elastic-ips"));
    let values = limit.map(AccountAttribute::attribute_values).unwrap_or_default();
    let Some(max) = values.iter().find_map(|value| value.attribute_value()?.parse().ok()) else { return Ok(vec![]) };
    Ok(demand.findings([Quota { objects: "Elastic IP addresses", code: ("ec2", "L-0263D0A3"), used, max }]))
}

/// EC2 has no attribute for this quota.
#[cfg(feature = "servicequotas")]
async fn vpcs(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    const CODE: (&str, &str) = ("vpc", "L-F678F1CE");
    let Some(demand) = Demand::of(context, ec2::Vpc::TYPE) else { return Ok(vec![]) };
    let quota = context.reader.quotas().get_service_quota().service_code(CODE.0).quota_code(CODE.1).send();
    let vpcs = async { list_all!("ec2:DescribeVpcs", context.reader.ec2().describe_vpcs()) };
    let (quota, vpcs) = futures::join!(quota, vpcs);
    let quota = quota.map_err(api("servicequotas:GetServiceQuota"))?;
    let Some(max) = quota.quota().and_then(aws_sdk_servicequotas::types::ServiceQuota::value) else {
        return Ok(vec![]);
    };
    #[expect(clippy::cast_possible_truncation, reason = "a small whole number")]
    let max = max as i64;
    Ok(demand.findings([Quota { objects: "VPCs", code: CODE, used: count(&vpcs?), max }]))
}

/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeAccountAttributes.html>
#[cfg(feature = "rds")]
async fn databases(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let Some(demand) = Demand::of(context, rds::Instance::TYPE) else { return Ok(vec![]) };
    let answer = context.reader.rds().describe_account_attributes().send().await;
    let answer = answer.map_err(api("rds:DescribeAccountAttributes"))?;
    let instances = answer.account_quotas().iter().find(|quota| quota.account_quota_name() == Some("DBInstances"));
    let quota = instances.and_then(|quota| {
        let (used, max) = (quota.used()?, quota.max()?);
        Some(Quota { objects: "DB instances", code: ("rds", "L-7B6409FD"), used, max })
    });
    Ok(demand.findings(quota))
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeAccountLimits.html>
#[cfg(feature = "elasticloadbalancingv2")]
async fn load_balancers(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum::Application;
    let Some(demand) = Demand::of(context, elb::LoadBalancer::TYPE) else { return Ok(vec![]) };
    let is_application =
        |(_, inputs): (_, &Value)| inputs["load_balancer_type"].as_str().is_none_or(|stated| stated == "application");
    if !context.creates(elb::LoadBalancer::TYPE).all(is_application) {
        return Ok(vec![]);
    }
    let elb = context.reader.elb();
    let all = async { list_all!("elasticloadbalancing:DescribeLoadBalancers", elb.describe_load_balancers()) };
    let (all, limits) = futures::join!(all, elb.describe_account_limits().send());
    let limits = limits.map_err(api("elasticloadbalancing:DescribeAccountLimits"))?;
    let limit = limits.limits().iter().find(|limit| limit.name() == Some("application-load-balancers"));
    let Some(max) = limit.and_then(|limit| limit.max()?.parse().ok()) else { return Ok(vec![]) };
    let all: Vec<_> = all?.into_iter().filter(|one| one.r#type() == Some(&Application)).collect();
    let code = ("elasticloadbalancing", "L-53DA6B97");
    Ok(demand.findings([Quota { objects: "Application Load Balancers", code, used: count(&all), max }]))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html>
#[cfg(feature = "iam")]
async fn identities(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    use aws_sdk_iam::types::SummaryKeyType as Key;
    let demands = [
        (Demand::of(context, iam::Role::TYPE), "roles", ("iam", "L-FE177D64"), Key::Roles, Key::RolesQuota),
        (
            Demand::of(context, iam::ManagedPolicy::TYPE),
            "managed policies",
            ("iam", "L-E95E4862"),
            Key::Policies,
            Key::PoliciesQuota,
        ),
    ];
    if demands.iter().all(|(demand, ..)| demand.is_none()) {
        return Ok(vec![]);
    }
    let answer = context.reader.iam().get_account_summary().send().await.map_err(api("iam:GetAccountSummary"))?;
    let value = |key: &Key| Some(i64::from(*answer.summary_map()?.get(key)?));
    let findings = demands.into_iter().filter_map(|(demand, objects, code, used, max)| {
        Some(demand?.findings([Quota { objects, code, used: value(&used)?, max: value(&max)? }]))
    });
    Ok(findings.flatten().collect())
}

fn count<T>(all: &[T]) -> i64 {
    i64::try_from(all.len()).unwrap_or(i64::MAX)
}

impl<'a> Demand<'a> {
    /// Returns `None` if the plan creates no object of the type.
    fn of(context: &'a Context<'_>, type_name: &'static str) -> Option<Self> {
        let created: Vec<&str> = context.creates(type_name).map(|(address, _)| address).collect();
        let goes_first = |action| matches!(action, Action::Delete | Action::ReplaceDeleteFirst);
        let resources = context.plan.resources.values().filter(|row| row.type_name == type_name);
        let deleted: Vec<_> = resources.filter(|row| goes_first(row.action)).collect();
        Some(Self { address: created.first()?, count: count(&created) - count(&deleted) })
    }

    /// Returns an error for each quota without room.
    fn findings(&self, quotas: impl IntoIterator<Item = Quota>) -> Vec<Diagnostic> {
        let without_room = quotas.into_iter().filter(|quota| self.count > 0 && quota.used + self.count > quota.max);
        without_room.map(|quota| self.finding(&quota)).collect()
    }

    fn finding(&self, quota: &Quota) -> Diagnostic {
        let Quota { objects, code: (service, code), used, max } = quota;
        // IAM is global, and its quotas are changed in one region.
        let region = if *service == "iam" { " --region us-east-1" } else { "" };
        let what = format!("the account has {used} of at most {max} {objects}, and the plan needs {} more", self.count);
        Diagnostic::resource_error(self.address, what).hint(format!(
            "delete those that are not needed, or ask for a higher quota: aws service-quotas \
             request-service-quota-increase --service-code {service} --quota-code {code} --desired-value {}{region}",
            used + self.count
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_that_needs_more_than_the_quota_is_refused() {
        let quota = |used| Quota { objects: "VPCs", code: ("vpc", "L-F678F1CE"), used, max: 5 };
        let demand = |count| Demand { address: "network/vpc/main", count };
        assert_eq!(demand(1).findings([quota(4)]), []);
        assert_eq!(demand(0).findings([quota(9)]), [], "a quota that was lowered");
        let finding = &demand(2).findings([quota(4)])[0];
        assert_eq!(finding.summary, "the account has 4 of at most 5 VPCs, and the plan needs 2 more");
        assert!(finding.hint.as_ref().unwrap().ends_with("--quota-code L-F678F1CE --desired-value 6"), "{finding:?}");
    }
}
