//! `aws:ec2:vpc-endpoint` — a way from a VPC to a service that does not lead over the internet.
//!
//! EC2 fixes an endpoint's VPC, service and kind at creation, so a change to any of them replaces it. One call
//! for all, and one more while a gateway endpoint has no route.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_ec2::types::{self, DnsOptionsSpecification, DnsRecordIpType, IpAddressType, ResourceType};
use aws_sdk_ec2::types::{DnsOptions, State, VpcEndpointType};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Observed, Owner, Phase, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{
    RouteTable, SecurityGroup, Subnet, Vpc, filter, is_made_for, made_for, our_tags, route_table::tables, sync_tags,
    tagged,
};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, gone_ok, need},
    value::{text, texts},
};

/// A way from a VPC to a service that does not lead over the internet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// The VPC that it serves.
    pub vpc: In<Id<Vpc>>,
    /// `com.amazonaws.us-east-1.s3`, or the name of somebody's own service.
    pub service: String,
    /// `Gateway`, `Interface` or `GatewayLoadBalancer`.
    pub kind: String,
    /// The service's region, if not the VPC's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_region: Option<String>,
    /// A gateway's: the tables that get a route to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_tables: Option<Vec<In<Id<RouteTable>>>>,
    /// An interface's: where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnets: Option<Vec<In<Id<Subnet>>>>,
    /// An interface's: who may reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_groups: Option<Vec<In<Id<SecurityGroup>>>>,
    /// Policy of the endpoint; the default allows everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<In<String>>,
    /// `true` if the service's own name leads to it: needs the VPC's DNS support and host names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns: Option<bool>,
    /// `ipv4`, `dualstack` or `ipv6`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address_type: Option<String>,
    /// `ipv4`, `dualstack`, `ipv6` or `service-defined`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns_record_ip_type: Option<String>,
    /// `true` if the private name is for queries from outside the VPC only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_dns_inbound_only: Option<bool>,
    /// Tags of the VPC endpoint, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpointOutputs {
    /// ID of the form `vpce-…`.
    pub id: Id<VpcEndpoint>,
    /// `available`, `pending`, `deleting`, …, in lower case.
    pub state: String,
    /// A gateway's: the list of its service's ranges, for rules of security groups.
    pub prefix_list: Option<String>,
    /// An interface's first name.
    pub dns_name: Option<String>,
    /// An interface's network interfaces.
    pub network_interfaces: Vec<String>,
    /// AWS's reason for a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl VpcEndpoint {
    /// A gateway's prefix list, for rules of security groups.
    pub const PREFIX_LIST: Output<Self, String> = Output::new("prefix_list");
    /// An interface's first name.
    pub const DNS_NAME: Output<Self, String> = Output::new("dns_name");

    /// A gateway (S3 and DynamoDB have them), with a route in each of these tables. Free of charge.
    pub fn gateway(
        vpc: In<Id<Vpc>>,
        service: impl Into<String>,
        route_tables: impl IntoIterator<Item = In<Id<RouteTable>>>,
    ) -> Self {
        let route_tables = Some(route_tables.into_iter().collect());
        Self { route_tables, ..Self::of_kind(vpc, service, "Gateway") }
    }

    /// An interface in each of these subnets, behind these security groups.
    pub fn interface(
        vpc: In<Id<Vpc>>,
        service: impl Into<String>,
        subnets: impl IntoIterator<Item = In<Id<Subnet>>>,
        security_groups: impl IntoIterator<Item = In<Id<SecurityGroup>>>,
    ) -> Self {
        Self {
            subnets: Some(subnets.into_iter().collect()),
            security_groups: Some(security_groups.into_iter().collect()),
            ..Self::of_kind(vpc, service, "Interface")
        }
    }

    /// The way to a gateway load balancer's appliances.
    pub fn load_balancer(vpc: In<Id<Vpc>>, service: impl Into<String>, subnet: In<Id<Subnet>>) -> Self {
        Self { subnets: Some(vec![subnet]), ..Self::of_kind(vpc, service, "GatewayLoadBalancer") }
    }

    fn of_kind(vpc: In<Id<Vpc>>, service: impl Into<String>, kind: &str) -> Self {
        Self {
            vpc,
            service: service.into(),
            kind: kind.into(),
            service_region: None,
            route_tables: None,
            subnets: None,
            security_groups: None,
            policy: None,
            private_dns: None,
            ip_address_type: None,
            dns_record_ip_type: None,
            private_dns_inbound_only: None,
            tags: Tags::new(),
        }
    }

    fn dns_options(&self) -> Option<DnsOptionsSpecification> {
        let stated = self.dns_record_ip_type.is_some() || self.private_dns_inbound_only.is_some();
        let options = DnsOptionsSpecification::builder()
            .set_dns_record_ip_type(self.dns_record_ip_type.as_deref().map(DnsRecordIpType::from))
            .set_private_dns_only_for_inbound_resolver_endpoint(self.private_dns_inbound_only);
        stated.then(|| options.build())
    }
}

impl Resource for VpcEndpoint {
    const TYPE: &'static str = "aws:ec2:vpc-endpoint";
    const FIELDS: &'static [Field] = &[
        Field::new("vpc").replaces(),
        Field::new("service").replaces(),
        Field::new("kind").replaces(),
        Field::new("service_region").replaces(),
        Field::new("route_tables").set(),
        Field::new("subnets").set(),
        Field::new("security_groups").set(),
        Field::new("policy").document().may_dangle(),
        Field::new("private_dns"),
        Field::new("ip_address_type"),
        Field::new("dns_record_ip_type"),
        Field::new("private_dns_inbound_only"),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeVpcEndpoints", "ec2:DescribeRouteTables", "ec2:DescribeManagedPrefixLists"],
        create: &["ec2:CreateVpcEndpoint", "ec2:CreateTags"],
        update: &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteVpcEndpoints"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("ClientToken", "the engine's"),
        ("SubnetConfigurations", "AWS chooses the addresses"),
        ("ServiceNetworkArn", "no VPC Lattice"),
        ("ResourceConfigurationArn", "no VPC Lattice"),
    ];
    const READY_TIMEOUT: Duration = Duration::from_mins(10);
    type Cloud = Aws;
    type Outputs = VpcEndpointOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if !["Gateway", "Interface", "GatewayLoadBalancer"].contains(&self.kind.as_str()) {
            problems.push(Problem::new("kind", format!("`{}` is no kind of endpoint", self.kind)));
        }
        if self.route_tables.is_some() && self.kind != "Gateway" {
            problems.push(Problem::new("route_tables", "only a gateway has them"));
        }
        if self.security_groups.is_some() && self.kind != "Interface" {
            problems.push(Problem::new("security_groups", "only an interface has them"));
        }
        problems
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match observed.outputs.state.as_str() {
            "available" => Phase::Ready,
            "deleted" => Phase::Gone,
            state @ ("failed" | "rejected" | "expired") => {
                let why = observed.outputs.failure.clone().unwrap_or_else(|| format!("state is `{state}`"));
                Phase::Failed { why, remedy: None }
            }
            _ => Phase::Pending,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // Not filtered: an account has few, and one call then serves every batch.
        let all = c.once("vpc-endpoints", || async {
            let pages = c.ec2().describe_vpc_endpoints().into_paginator().items().send();
            pages.collect::<std::result::Result<Vec<_>, _>>().await.map_err(api(READ))
        });
        let all = all.await?;
        let ours: Vec<_> =
            all.iter().filter(|one| one.vpc_endpoint_id().is_some_and(|id| ids.contains(&Id::new(id)))).collect();
        let lists = prefix_lists(c, &ours).await?;
        ours.into_iter().map(|endpoint| Ok((id_of(endpoint)?, to_observed(endpoint, &lists)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut pages = c.ec2().describe_vpc_endpoints().filters(made_for(owner)).into_paginator().items().send();
        let mut found = vec![];
        while let Some(endpoint) = pages.try_next().await.map_err(api(READ))? {
            // A deleted one stays listed for a while, with its tags.
            if is_made_for(endpoint.tags(), owner) && state_of(&endpoint) != "deleted" {
                found.push(id_of(&endpoint)?);
            }
        }
        Ok(found)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let answer = c
            .ec2()
            .create_vpc_endpoint()
            .client_token(&owner.token)
            .set_vpc_id(text(&self.vpc))
            .service_name(&self.service)
            .vpc_endpoint_type(VpcEndpointType::from(self.kind.as_str()))
            .set_service_region(self.service_region.clone())
            .set_route_table_ids(self.route_tables.as_deref().map(texts))
            .set_subnet_ids(self.subnets.as_deref().map(texts))
            .set_security_group_ids(self.security_groups.as_deref().map(texts))
            .set_policy_document(self.policy.as_ref().and_then(text))
            .set_private_dns_enabled(self.private_dns)
            .set_ip_address_type(self.ip_address_type.as_deref().map(IpAddressType::from))
            .set_dns_options(self.dns_options())
            .tag_specifications(tagged(ResourceType::VpcEndpoint, &self.tags))
            .send()
            .await
            .map_err(api(CREATE))?;
        Ok((id_of(&need(CREATE, answer.vpc_endpoint(), "vpcEndpoint")?)?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (id, there) = (recorded.id.as_str(), &observed.inputs);
        let route_tables = Change::between(self.route_tables.as_deref(), there.route_tables.as_deref());
        let subnets = Change::between(self.subnets.as_deref(), there.subnets.as_deref());
        let groups = Change::between(self.security_groups.as_deref(), there.security_groups.as_deref());
        let policy = Self::FIELDS.iter().find(|field| field.name == "policy").filter(|field| {
            let desired = self.policy.as_ref().map(In::part);
            let observed = there.policy.as_ref().map_or(serde_json::Value::Null, In::part);
            desired.is_some_and(|desired| !Self::is_equivalent(field, &desired, &observed))
        });
        let policy = policy.and(self.policy.as_ref()).and_then(text);
        let private_dns = self.private_dns.filter(|desired| there.private_dns != Some(*desired));
        let address_type =
            self.ip_address_type.as_deref().filter(|desired| there.ip_address_type.as_deref() != Some(desired));
        let dns = self.dns_options().filter(|_| {
            let differs = |desired: bool, same: bool| desired && !same;
            differs(self.dns_record_ip_type.is_some(), self.dns_record_ip_type == there.dns_record_ip_type)
                || differs(
                    self.private_dns_inbound_only.is_some(),
                    self.private_dns_inbound_only == there.private_dns_inbound_only,
                )
        });
        let lists_change = [&route_tables, &subnets, &groups].iter().any(|change| change.is_some());
        if lists_change || policy.is_some() || private_dns.is_some() || address_type.is_some() || dns.is_some() {
            let (route_tables, subnets, groups) =
                (route_tables.unwrap_or_default(), subnets.unwrap_or_default(), groups.unwrap_or_default());
            let request = c.ec2().modify_vpc_endpoint().vpc_endpoint_id(id);
            let request = request
                .set_add_route_table_ids(route_tables.add)
                .set_remove_route_table_ids(route_tables.remove)
                .set_add_subnet_ids(subnets.add)
                .set_remove_subnet_ids(subnets.remove)
                .set_add_security_group_ids(groups.add)
                .set_remove_security_group_ids(groups.remove)
                .set_policy_document(policy)
                .set_private_dns_enabled(private_dns)
                .set_ip_address_type(address_type.map(IpAddressType::from))
                .set_dns_options(dns);
            request.send().await.map_err(api("ec2:ModifyVpcEndpoint"))?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &there.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_vpc_endpoints().vpc_endpoint_ids(recorded.id.as_str()).send().await;
        let answer = match answer.map_err(api(DELETE)) {
            Ok(answer) => answer,
            Err(error) => return gone_ok(Err(error)),
        };
        // The call succeeds as a whole even where it failed for the one endpoint.
        let Some(error) = answer.unsuccessful().first().and_then(|item| item.error()) else { return Ok(()) };
        let code = error.code().unwrap_or_default();
        let kind = if code.ends_with("NotFound") { ErrorKind::Gone } else { ErrorKind::Refused };
        let why = error.message().unwrap_or("it gave no reason");
        gone_ok(Err(Error { code: Some(code.to_owned()), ..Error::because(kind, DELETE, why) }))
    }
}

const READ: &str = "ec2:DescribeVpcEndpoints";
const CREATE: &str = "ec2:CreateVpcEndpoint";
const DELETE: &str = "ec2:DeleteVpcEndpoints";

/// Additions to and removals from a list.
#[derive(Debug, Default, PartialEq)]
struct Change {
    add: Option<Vec<String>>,
    remove: Option<Vec<String>>,
}

impl Change {
    /// None where nothing is stated or nothing differs.
    fn between<R>(desired: Option<&[In<Id<R>>]>, observed: Option<&[In<Id<R>>]>) -> Option<Self> {
        let (desired, observed) = (texts(desired?), texts(observed.unwrap_or_default()));
        let not_in = |these: &[String], those: &[String]| {
            let new: Vec<_> = these.iter().filter(|id| !those.contains(id)).cloned().collect();
            (!new.is_empty()).then_some(new)
        };
        let change = Self { add: not_in(&desired, &observed), remove: not_in(&observed, &desired) };
        (change != Self::default()).then_some(change)
    }
}

/// The prefix list of each gateway endpoint. Its routes name it, and the tables are read in any case; one that has no
/// route yet is asked for by its service.
async fn prefix_lists(c: &Reader, endpoints: &[&types::VpcEndpoint]) -> Result<HashMap<String, String>> {
    let gateways = endpoints.iter().filter(|one| one.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway));
    let gateways: Vec<(&str, &str)> =
        gateways.filter_map(|one| Some((one.vpc_endpoint_id()?, one.service_name()?))).collect();
    if gateways.is_empty() {
        return Ok(HashMap::new());
    }
    let tables = tables(c).await?;
    let routes = tables.iter().flat_map(types::RouteTable::routes);
    let mut lists: HashMap<String, String> = routes
        .filter_map(|route| Some((route.gateway_id()?.to_owned(), route.destination_prefix_list_id()?.to_owned())))
        .collect();
    let unrouted: Vec<_> = gateways.iter().filter(|(id, _)| !lists.contains_key(*id)).collect();
    if unrouted.is_empty() {
        return Ok(lists);
    }
    let services = filter("prefix-list-name", unrouted.iter().map(|(_, service)| *service));
    let mut pages = c.ec2().describe_managed_prefix_lists().filters(services).into_paginator().items().send();
    while let Some(list) = pages.try_next().await.map_err(api("ec2:DescribeManagedPrefixLists"))? {
        for (id, _) in unrouted.iter().filter(|(_, service)| list.prefix_list_name() == Some(*service)) {
            lists.extend(list.prefix_list_id().map(|list| ((*id).to_owned(), list.to_owned())));
        }
    }
    Ok(lists)
}

fn id_of(endpoint: &types::VpcEndpoint) -> Result<Id<VpcEndpoint>> {
    need(READ, endpoint.vpc_endpoint_id(), "vpcEndpointId").map(Id::new)
}

/// In lower case: the API's description and its answers differ in that.
fn state_of(endpoint: &types::VpcEndpoint) -> String {
    endpoint.state().map(State::as_str).unwrap_or_default().to_ascii_lowercase()
}

fn to_observed(endpoint: &types::VpcEndpoint, lists: &HashMap<String, String>) -> Result<Observed<VpcEndpoint>> {
    let ids = |ids: &[String]| Some(ids.iter().map(|id| Id::new(id).into()).collect());
    let service: String = need(READ, endpoint.service_name(), "serviceName")?;
    let dns = endpoint.dns_options();
    let error = endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason());
    Ok(Observed {
        outputs: VpcEndpointOutputs {
            id: id_of(endpoint)?,
            state: state_of(endpoint),
            prefix_list: endpoint.vpc_endpoint_id().and_then(|id| lists.get(id)).cloned(),
            dns_name: endpoint.dns_entries().first().and_then(|entry| entry.dns_name()).map(str::to_owned),
            network_interfaces: endpoint.network_interface_ids().to_vec(),
            failure: error.map(str::to_owned),
        },
        inputs: VpcEndpoint {
            vpc: Id::new(need(READ, endpoint.vpc_id(), "vpcId")?).into(),
            service,
            kind: need(READ, endpoint.vpc_endpoint_type().map(VpcEndpointType::as_str), "vpcEndpointType")?,
            service_region: endpoint.service_region().map(str::to_owned),
            route_tables: Some(endpoint.route_table_ids().iter().map(|id| Id::new(id).into()).collect()),
            subnets: Some(endpoint.subnet_ids().iter().map(|id| Id::new(id).into()).collect()),
            security_groups: ids(&endpoint
                .groups()
                .iter()
                .filter_map(|group| group.group_id().map(str::to_owned))
                .collect::<Vec<_>>()),
            policy: endpoint.policy_document().map(Into::into),
            private_dns: endpoint.private_dns_enabled(),
            ip_address_type: endpoint.ip_address_type().map(|kind| kind.as_str().to_owned()),
            dns_record_ip_type: dns.and_then(|dns| dns.dns_record_ip_type()).map(|kind| kind.as_str().to_owned()),
            private_dns_inbound_only: dns.and_then(DnsOptions::private_dns_only_for_inbound_resolver_endpoint),
            tags: our_tags(endpoint.tags()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_resources_are_updated() {
        let ids = |ids: &[&str]| ids.iter().map(|id| Id::<Subnet>::new(*id).into()).collect::<Vec<In<Id<Subnet>>>>();
        assert_eq!(Change::between(None, Some(&ids(&["a"])[..])), None);
        assert_eq!(Change::between(Some(&ids(&["a", "b"])[..]), Some(&ids(&["b", "a"])[..])), None);
        let change = Change::between(Some(&ids(&["a", "b"])[..]), Some(&ids(&["b", "c"])[..]));
        assert_eq!(change, Some(Change { add: Some(vec!["a".into()]), remove: Some(vec!["c".into()]) }));
    }

    #[test]
    fn states_are_read_in_either_case() {
        let sdk = |state: &str| {
            types::VpcEndpoint::builder()
                .vpc_endpoint_id("vpce-1")
                .vpc_id("vpc-1")
                .service_name("com.amazonaws.us-east-1.s3")
                .vpc_endpoint_type(VpcEndpointType::Gateway)
                .route_table_ids("rtb-1")
                .state(State::from(state))
                .build()
        };
        let phase = |state| VpcEndpoint::phase(None, &to_observed(&sdk(state), &HashMap::new()).unwrap(), None);
        assert_eq!(phase("available"), Phase::Ready);
        assert_eq!(phase("Available"), Phase::Ready);
        assert_eq!(phase("pendingAcceptance"), Phase::Pending);
        assert_eq!(phase("deleted"), Phase::Gone);
    }
}
