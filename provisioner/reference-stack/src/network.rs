//! The network: a public and a private subnet in each zone, ways in and out, and who may talk to whom.
//!
//! ```text
//! internet ─▸ load balancer (public) ─8080▸ tasks (private) ─5432▸ database (private)
//!                                             └─443▸ NAT gateway (public) ─▸ internet; S3 by its own gateway
//! ```
//!
//! In an existing VPC, the stack creates only the security groups: the subnets, their routes, the flow logs and the ACLs
//! belong to the owner of the VPC.

use provisioner_aws::{
    ec2::{
        AclEntry, ElasticIp, ExistingNetwork, FlowLog, InternetGateway, NatGateway, NetworkAcl, PRIVATE_SUBNETS,
        PUBLIC_SUBNETS, Route, RouteTable, RouteTableAssociation, Rule, SecurityGroup, SecurityGroupRules, Subnet,
        SubnetSelection, Vpc, VpcEndpoint,
    },
    iam::Role,
    logs::LogGroup,
};
use provisioner_model::{
    expr::In,
    resource::Id,
    stack::{Facts, Handle, Options, Stack},
};

use crate::environment::{Environment, Zone};

/// TCP port of the app.
pub const APP_PORT: i32 = 8080;
/// TCP port of PostgreSQL.
pub const DATABASE_PORT: i32 = 5432;
const ANYWHERE: &str = "0.0.0.0/0";

/// Handles of the network that other components use.
pub struct Network {
    /// The environment's only VPC.
    pub vpc: In<Id<Vpc>>,
    /// A public subnet in each zone, once it leads to the internet: for the load balancer.
    pub public: Subnets,
    /// A private subnet in each zone, once it leads out: for the tasks.
    pub private: Subnets,
    /// The same, which need not lead anywhere yet: for the database.
    pub inner: Subnets,
    /// The load balancer's firewall.
    pub balancer_group: Handle<SecurityGroup>,
    /// The security group of the tasks.
    pub task_group: Handle<SecurityGroup>,
    /// The security group of the database.
    pub database_group: Handle<SecurityGroup>,
}

/// The network. `log` is where its flow logs go, and `writer` is who writes them.
pub fn network(env: &Environment, log: &Handle<LogGroup>, writer: &Handle<Role>, stack: &mut Stack) -> Network {
    stack.component("network", |stack| {
        let vpc = Vpc::new(&env.network.cidr).enable_dns_support(true).enable_dns_hostnames(true);
        let vpc = stack.add("main", vpc);
        stack.add("all-traffic", FlowLog::vpc(vpc.id(), log.get(LogGroup::ARN), writer.get(Role::ARN)));

        let public = public_tier(env, &vpc, stack);
        let (inner, private) = private_tier(env, &vpc, &public, stack);
        let [balancer_group, task_group, database_group] = firewalls(&vpc.id(), stack);
        Network { vpc: vpc.id(), public: public.routed, private, inner, balancer_group, task_group, database_group }
    })
}

/// An existing network, in which only the security groups are created.
pub fn existing_network(existing: &ExistingNetwork, stack: &mut Stack) -> Network {
    let public = subnets(&existing.public_subnets, PUBLIC_SUBNETS, stack.facts());
    let private = subnets(&existing.private_subnets, PRIVATE_SUBNETS, stack.facts());
    let vpc: In<Id<Vpc>> = Id::new(&existing.vpc).into();
    stack.component("network", |stack| {
        let [balancer_group, task_group, database_group] = firewalls(&vpc, stack);
        Network { vpc, public, inner: private.clone(), private, balancer_group, task_group, database_group }
    })
}

/// Returns the subnets that the command line looked up. Offline, they are those that the file states by ID, and
/// placeholders for those with tags.
fn subnets(selection: &SubnetSelection, fact: &str, facts: &Facts) -> Subnets {
    let ids: Vec<String> = match (facts.discovered.get(fact).cloned().flatten(), selection) {
        (Some(found), _) => found.split(',').map(str::to_owned).collect(),
        (None, SubnetSelection::Ids(ids)) => ids.clone(),
        (None, SubnetSelection::Tags(_)) => vec!["subnet-00000000".to_owned(), "subnet-00000001".to_owned()],
    };
    ids.into_iter().map(|id| Id::new(id).into()).collect()
}

/// References to subnets, by ID.
pub type Subnets = Vec<In<Id<Subnet>>>;

struct Public {
    gateway: Handle<InternetGateway>,
    subnets: Vec<Handle<Subnet>>,
    routed: Subnets,
}

/// Declares the public subnets: one route table for all zones, because all use the same gateway.
fn public_tier(env: &Environment, vpc: &Handle<Vpc>, stack: &mut Stack) -> Public {
    let gateway = stack.add("main", InternetGateway::new(vpc.id()));
    let out = Route::internet(ANYWHERE, gateway.id());
    let table = stack.add("public", RouteTable::new(vpc.id()).routes([out]));
    let (mut subnets, mut routed) = (vec![], vec![]);
    for zone in env.zones() {
        let name = format!("public-{zone}");
        let subnet = stack.add(&name, Subnet::new(vpc.id(), env.public_range(zone), zone));
        let route = stack.add(&name, RouteTableAssociation::new(subnet.id(), table.id()));
        routed.push(route.get(RouteTableAssociation::SUBNET));
        subnets.push(subnet);
    }
    Public { gateway, subnets, routed }
}

/// Declares the private subnets, which reach the internet through NAT. Each zone has a route table, even if zones share
/// a NAT gateway: a second gateway then changes a route, and moves no subnet.
fn private_tier(env: &Environment, vpc: &Handle<Vpc>, public: &Public, stack: &mut Stack) -> (Subnets, Subnets) {
    let mut gateways: Vec<(Zone<'_>, Handle<NatGateway>)> = vec![];
    for (zone, beside) in env.zones().zip(&public.subnets).filter(|(zone, _)| env.has_nat(*zone)) {
        // Partners may allow requests from this address only, and a released address does not come back.
        let kept = Options { protect: env.keeps_data(), ..Options::default() };
        let address = stack.add_with(&format!("nat-{zone}"), ElasticIp::new(), kept);
        let gateway = NatGateway::new(beside.id()).allocation_id(address.id());
        gateways.push((zone, stack.add(&format!("{zone}"), gateway.internet_gateway(public.gateway.id()))));
    }
    let (mut subnets, mut routed, mut tables) = (vec![], vec![], vec![]);
    for zone in env.zones() {
        let name = format!("private-{zone}");
        let own = gateways.iter().find(|(of, _)| *of == zone).or(gateways.first());
        let out = own.map(|(_, nat)| Route::nat(ANYWHERE, nat.id()));
        let table = stack.add(&name, RouteTable::new(vpc.id()).routes(out));
        let subnet = stack.add(&name, Subnet::new(vpc.id(), env.private_range(zone), zone));
        let route = stack.add(&name, RouteTableAssociation::new(subnet.id(), table.id()));
        routed.push(route.get(RouteTableAssociation::SUBNET));
        subnets.push(subnet.id());
        tables.push(table);
    }

    // Image layers come from S3. Through this gateway they cost nothing and bypass the NAT gateway.
    let service = format!("com.amazonaws.{}.s3", env.region);
    stack.add("s3", VpcEndpoint::gateway(vpc.id(), service, tables.iter().map(Handle::id)));

    // An ACL has no memory of connections, so answers need entries of their own: those to our requests come to ports
    // that the kernel picks, 32768 and up, where neither the app nor the database listens.
    let inside = env.network.cidr.as_str();
    let entries = [
        AclEntry::allow(100, inside).tcp(1024, 65535),
        AclEntry::allow(200, ANYWHERE).tcp(32768, 65535),
        AclEntry::allow(100, inside).tcp(1024, 65535).egress(true),
        AclEntry::allow(200, ANYWHERE).tcp(443, 443).egress(true),
    ];
    stack.add("private", NetworkAcl::new(vpc.id()).entries(entries).subnet_ids(subnets.clone()));
    (subnets, routed)
}

/// Declares security groups that allow traffic only between load balancer, tasks and database, from the internet to the
/// load balancer, and out of the tasks. Groups and rules are separate resources, because groups refer to each other.
fn firewalls(vpc: &In<Id<Vpc>>, stack: &mut Stack) -> [Handle<SecurityGroup>; 3] {
    let mut group = |name: &str, description: &str| stack.add(name, SecurityGroup::new(description, vpc.clone()));
    let balancer = group("load-balancer", "Load balancer");
    let task = group("task", "Tasks");
    let database = group("database", "Database");
    let mut rules = |name: &str, rules: SecurityGroupRules| stack.add(name, rules);
    rules(
        "load-balancer",
        SecurityGroupRules::new(balancer.id())
            .ingress([
                Rule::tcp(80).cidr(ANYWHERE).description("HTTP, which is sent on to HTTPS"),
                Rule::tcp(443).cidr(ANYWHERE).description("HTTPS"),
            ])
            .egress([Rule::tcp(APP_PORT).group(task.id()).description("To the tasks")]),
    );
    rules(
        "task",
        SecurityGroupRules::new(task.id())
            .ingress([Rule::tcp(APP_PORT).group(balancer.id()).description("From the load balancer")])
            .egress([
                Rule::tcp(DATABASE_PORT).group(database.id()).description("To the database"),
                Rule::tcp(443).cidr(ANYWHERE).description("To AWS: images, secrets, logs"),
            ]),
    );
    rules(
        "database",
        SecurityGroupRules::new(database.id())
            .ingress([Rule::tcp(DATABASE_PORT).group(task.id()).description("From the tasks")]),
    );
    [balancer, task, database]
}
