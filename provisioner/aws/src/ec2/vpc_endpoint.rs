//! `aws:ec2:vpc-endpoint`: access from a VPC to a service without the internet.
//!
//! EC2 fixes an endpoint's VPC, service and type at creation, so a change to any of them replaces it. Reads: one call
//! for all endpoints, and one more while a gateway endpoint has no route.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_ec2::types::{self, DnsOptions, DnsOptionsSpecification, ResourceType, State, VpcEndpointType};

use super::{
    RouteTable, SecurityGroup, Subnet, Vpc, filter, ids_made_for, made_for, not_deleted, our_tags, route_table::tables,
    sync_tags, tagged,
};
use crate::prelude::*;

/// Access from a VPC to a service without the internet.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:vpc-endpoint",
    cloudformation = "AWS::EC2::VPCEndpoint",
    create = "ec2:CreateVpcEndpoint",
    omitted(
        ClientToken = "the engine's",
        SubnetConfigurations = "AWS chooses the addresses",
        ServiceNetworkArn | ResourceConfigurationArn = "no VPC Lattice",
    )
)]
pub struct VpcEndpoint {
    /// The VPC from which the service is reached.
    #[field(replaces)]
    pub vpc_id: In<Id<Vpc>>,
    /// `com.amazonaws.us-east-1.s3`, or the name of a third party's service.
    #[field(replaces)]
    pub service_name: String,
    /// `Gateway`, `Interface` or `GatewayLoadBalancer`.
    #[field(replaces)]
    pub vpc_endpoint_type: String,
    /// The service's region, if not the VPC's.
    #[field(replaces)]
    pub service_region: Option<String>,
    /// The tables that get a route to a gateway.
    #[field(set)]
    pub route_table_ids: Option<Vec<In<Id<RouteTable>>>>,
    /// The subnets of an interface.
    #[field(set)]
    pub subnet_ids: Option<Vec<In<Id<Subnet>>>>,
    /// The security groups of an interface.
    #[field(set)]
    pub security_group_ids: Option<Vec<In<Id<SecurityGroup>>>>,
    /// Policy of the endpoint; the default allows everything.
    #[field(document, may_dangle, cloud_default = none)]
    pub policy_document: Option<In<String>>,
    /// `true` if the service's own name resolves to the endpoint: needs the VPC's DNS support and host names.
    pub private_dns_enabled: Option<bool>,
    /// `ipv4`, `dualstack` or `ipv6`.
    pub ip_address_type: Option<String>,
    /// `ipv4`, `dualstack`, `ipv6` or `service-defined`.
    #[field(parameter = "DnsOptions", property = "DnsOptions.DnsRecordIpType")]
    pub dns_record_ip_type: Option<String>,
    /// `true` if the private name is for queries from outside the VPC only.
    #[field(
        parameter = "DnsOptions",
        property = "DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint",
        convert = resolvers
    )]
    pub private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
    /// Tags of the VPC endpoint, by key.
    pub tags: Tags,
}

/// The outputs of an endpoint.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct VpcEndpointOutputs {
    /// ID of the form `vpce-…`.
    pub id: Id<VpcEndpoint>,
    /// `available`, `pending`, `deleting`, …, in lower case.
    pub state: String,
    /// A gateway's prefix list, the ranges of its service: for rules of security groups.
    pub prefix_list: Option<String>,
    /// An interface's first name.
    pub dns_name: Option<String>,
    /// An interface's network interfaces.
    pub network_interfaces: Vec<String>,
    /// AWS's reason for a failure.
    pub failure: Option<String>,
}

impl VpcEndpoint {
    /// A gateway (S3 and DynamoDB have them), with a route in each of these tables. Free of charge.
    pub fn gateway(
        vpc: In<Id<Vpc>>,
        service: impl Into<String>,
        route_tables: impl IntoIterator<Item = In<Id<RouteTable>>>,
    ) -> Self {
        Self::new(vpc, service, "Gateway").route_table_ids(route_tables)
    }

    /// An interface in each of these subnets, behind these security groups.
    pub fn interface(
        vpc: In<Id<Vpc>>,
        service: impl Into<String>,
        subnets: impl IntoIterator<Item = In<Id<Subnet>>>,
        security_groups: impl IntoIterator<Item = In<Id<SecurityGroup>>>,
    ) -> Self {
        Self::new(vpc, service, "Interface").subnet_ids(subnets).security_group_ids(security_groups)
    }

    /// An endpoint for the appliances of a gateway load balancer.
    pub fn load_balancer(vpc: In<Id<Vpc>>, service: impl Into<String>, subnet: In<Id<Subnet>>) -> Self {
        Self::new(vpc, service, "GatewayLoadBalancer").subnet_ids([subnet])
    }

    /// The policy to write. Without one, it is AWS's default: `ResetPolicy` is documented for gateways only.
    fn policy(&self) -> String {
        self.policy_document.as_ref().and_then(text).unwrap_or_else(|| FULL_ACCESS.to_owned())
    }

    fn dns_options(&self) -> Option<DnsOptionsSpecification> {
        let stated = self.dns_record_ip_type.is_some() || self.private_dns_only_for_inbound_resolver_endpoint.is_some();
        let options = set_inputs!(DnsOptionsSpecification::builder(), self =>
            dns_record_ip_type, private_dns_only_for_inbound_resolver_endpoint);
        stated.then(|| options.build())
    }
}

impl Resource for VpcEndpoint {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeVpcEndpoints", "ec2:DescribeRouteTables", "ec2:DescribeManagedPrefixLists"],
        create: &["ec2:CreateVpcEndpoint", "ec2:CreateTags"],
        update: &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DeleteVpcEndpoints"],
    };
    const READY_TIMEOUT: Duration = Duration::from_mins(10);
    type Cloud = Aws;
    type Outputs = VpcEndpointOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let kind = self.vpc_endpoint_type.as_str();
        if !["Gateway", "Interface", "GatewayLoadBalancer"].contains(&kind) {
            problems.push(Problem::new(
                Field::VpcEndpointType,
                format!("expected `Gateway`, `Interface` or `GatewayLoadBalancer`, found `{kind}`"),
            ));
        }
        if self.route_table_ids.is_some() && kind != "Gateway" {
            problems.push(Problem::new(Field::RouteTableIds, "only gateway endpoints have route tables; remove them"));
        }
        if self.security_group_ids.is_some() && kind != "Interface" {
            problems.push(Problem::new(
                Field::SecurityGroupIds,
                "only interface endpoints have security groups; remove them",
            ));
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
        let all = c.once("vpc-endpoints", || async { list_all!(READ, c.ec2().describe_vpc_endpoints()) }).await?;
        let ours = all.iter().filter(|one| one.vpc_endpoint_id().is_some_and(|id| ids.contains(&Id::new(id))));
        let ours: Vec<_> = ours.collect();
        let lists = prefix_lists(c, &ours).await?;
        ours.into_iter().map(|endpoint| Ok((id_of(endpoint)?, to_observed(endpoint, &lists)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let mut endpoints = list_all!(READ, c.ec2().describe_vpc_endpoints().filters(made_for(owner)))?;
        // A deleted one stays listed for a while, with its tags.
        endpoints.retain(|endpoint| state_of(endpoint) != "deleted");
        ids_made_for(owner, &endpoints, types::VpcEndpoint::tags, id_of)
    }

    async fn create(&self, c: &Writer, owner: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().create_vpc_endpoint().client_token(&owner.token), self =>
            vpc_id, service_name, vpc_endpoint_type, service_region, route_table_ids, subnet_ids, security_group_ids,
            policy_document, private_dns_enabled, ip_address_type);
        let request = request.set_dns_options(self.dns_options());
        let request = request.tag_specifications(tagged(ResourceType::VpcEndpoint, &self.tags));
        let answer = request.send().await.map_err(api(CREATE))?;
        let id = answer.vpc_endpoint().and_then(types::VpcEndpoint::vpc_endpoint_id);
        Ok((member(CREATE, "vpcEndpointId", id)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let (id, current) = (recorded.id.as_str(), &observed.inputs);
        let changed = ChangedFields::between(self, &recorded.inputs, current);
        let dns_changed =
            changed.contains_any(&[Field::DnsRecordIpType, Field::PrivateDnsOnlyForInboundResolverEndpoint]);
        let lists = [Field::RouteTableIds, Field::SubnetIds, Field::SecurityGroupIds];
        let others = [Field::PolicyDocument, Field::PrivateDnsEnabled, Field::IpAddressType];
        if dns_changed || changed.contains_any(&lists) || changed.contains_any(&others) {
            let route_tables = ListChange::between(self.route_table_ids.as_deref(), current.route_table_ids.as_deref());
            let subnets = ListChange::between(self.subnet_ids.as_deref(), current.subnet_ids.as_deref());
            let groups = ListChange::between(self.security_group_ids.as_deref(), current.security_group_ids.as_deref());
            let request = set_changed!(c.ec2().modify_vpc_endpoint().vpc_endpoint_id(id), self, changed =>
                private_dns_enabled, ip_address_type);
            let request = request
                .set_policy_document(changed.contains(Field::PolicyDocument).then(|| self.policy()))
                .set_add_route_table_ids(route_tables.add)
                .set_remove_route_table_ids(route_tables.remove)
                .set_add_subnet_ids(subnets.add)
                .set_remove_subnet_ids(subnets.remove)
                .set_add_security_group_ids(groups.add)
                .set_remove_security_group_ids(groups.remove)
                .set_dns_options(self.dns_options().filter(|_| dns_changed));
            request.send().await.map_err(api("ec2:ModifyVpcEndpoint"))?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &current.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ec2().delete_vpc_endpoints().vpc_endpoint_ids(recorded.id.as_str()).send().await;
        let answer = answer.map_err(api(DELETE));
        gone_ok(answer.and_then(|answer| not_deleted(DELETE, answer.unsuccessful())))
    }
}

/// The policy of an endpoint that was created without one:
/// <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html#default-endpoint-policy>
const FULL_ACCESS: &str = r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

const READ: &str = "ec2:DescribeVpcEndpoints";
const CREATE: &str = "ec2:CreateVpcEndpoint";
const DELETE: &str = "ec2:DeleteVpcEndpoints";

/// Additions to and removals from a list.
#[derive(Debug, Default, PartialEq)]
struct ListChange {
    add: Option<Vec<String>>,
    remove: Option<Vec<String>>,
}

impl ListChange {
    /// No change if the list is not stated.
    fn between<R>(desired: Option<&[In<Id<R>>]>, observed: Option<&[In<Id<R>>]>) -> Self {
        let Some(desired) = desired else { return Self::default() };
        let (desired, observed) = (texts(desired), texts(observed.unwrap_or_default()));
        let not_in = |these: &[String], those: &[String]| {
            let new: Vec<_> = these.iter().filter(|id| !those.contains(id)).cloned().collect();
            (!new.is_empty()).then_some(new)
        };
        Self { add: not_in(&desired, &observed), remove: not_in(&observed, &desired) }
    }
}

/// The prefix list of each gateway endpoint, from the routes to it, since the tables are read in any case. While an
/// endpoint has no route, a second call finds the list by the service's name.
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
    let request = c.ec2().describe_managed_prefix_lists().filters(services);
    for list in list_all!("ec2:DescribeManagedPrefixLists", request)? {
        for (id, _) in unrouted.iter().filter(|(_, service)| list.prefix_list_name() == Some(*service)) {
            lists.extend(list.prefix_list_id().map(|list| ((*id).to_owned(), list.to_owned())));
        }
    }
    Ok(lists)
}

fn id_of(endpoint: &types::VpcEndpoint) -> Result<Id<VpcEndpoint>> {
    member(READ, "vpcEndpointId", endpoint.vpc_endpoint_id())
}

/// In lower case: the API's description and its answers differ in that.
fn state_of(endpoint: &types::VpcEndpoint) -> String {
    endpoint.state().map(State::as_str).unwrap_or_default().to_ascii_lowercase()
}

fn to_observed(endpoint: &types::VpcEndpoint, lists: &HashMap<String, String>) -> Result<Observed<VpcEndpoint>> {
    let groups = endpoint.groups().iter().filter_map(|group| Some(Id::new(group.group_id()?).into()));
    let dns = endpoint.dns_options();
    let error = endpoint.last_error().and_then(|error| error.message()).or(endpoint.failure_reason());
    Ok(Observed {
        outputs: from_sdk!(READ, endpoint => VpcEndpointOutputs {
            id = vpc_endpoint_id, network_interfaces = network_interface_ids;
            state: state_of(endpoint),
            prefix_list: endpoint.vpc_endpoint_id().and_then(|id| lists.get(id)).cloned(),
            dns_name: endpoint.dns_entries().first().and_then(|entry| entry.dns_name()).map(str::to_owned),
            failure: error.map(str::to_owned),
        }),
        inputs: from_sdk!(READ, endpoint => VpcEndpoint {
            vpc_id, service_name, vpc_endpoint_type, service_region, route_table_ids, subnet_ids, policy_document,
            private_dns_enabled, ip_address_type;
            security_group_ids: Some(groups.collect()),
            dns_record_ip_type: dns.and_then(|dns| dns.dns_record_ip_type()).map(|kind| kind.as_str().to_owned()),
            private_dns_only_for_inbound_resolver_endpoint:
                dns.and_then(DnsOptions::private_dns_only_for_inbound_resolver_endpoint),
            tags: our_tags(endpoint.tags()),
        }),
    })
}

/// Returns the value of CloudFormation's enum.
fn resolvers(inbound_only: &impl ToProperty) -> Value {
    choice(inbound_only, "OnlyInboundResolver", "AllResolvers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changed_resources_are_updated() {
        let ids = |ids: &[&str]| ids.iter().map(|id| Id::<Subnet>::new(*id).into()).collect::<Vec<In<Id<Subnet>>>>();
        assert_eq!(ListChange::between(None, Some(&ids(&["a"])[..])), ListChange::default());
        let same = ListChange::between(Some(&ids(&["a", "b"])[..]), Some(&ids(&["b", "a"])[..]));
        assert_eq!(same, ListChange::default());
        let change = ListChange::between(Some(&ids(&["a", "b"])[..]), Some(&ids(&["b", "c"])[..]));
        assert_eq!(change, ListChange { add: Some(vec!["a".into()]), remove: Some(vec!["c".into()]) });
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
