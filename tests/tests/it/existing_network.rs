//! An existing VPC and its subnets, by ID and by tag, on an emulator: looked up, checked, used and left as they are.

use serde_json::Value;

use crate::sandbox::Sandbox;

/// A network outside Provisioner: public subnets lead to an internet gateway, private ones to a NAT gateway.
struct ExistingVpc {
    vpc: String,
    public: [String; 2],
    private: [String; 2],
    /// The route table of the private subnets.
    private_table: String,
}

fn id(answer: &Value, path: &str) -> String {
    answer.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{path} in {answer:#}")).to_owned()
}

impl ExistingVpc {
    fn create(sandbox: &Sandbox) -> Self {
        let aws = |command: String| sandbox.aws(&format!("ec2 {command}"));
        let vpc = id(&aws("create-vpc --cidr-block 10.9.0.0/16".to_owned()), "/Vpc/VpcId");
        let subnet = |number: u8, zone: &str, tier: &str| {
            let tags = format!("ResourceType=subnet,Tags=[{{Key=tier,Value={tier}}}]");
            let answer = aws(format!(
                "create-subnet --vpc-id {vpc} --cidr-block 10.9.{number}.0/24 --availability-zone us-east-1{zone} \
                 --tag-specifications {tags}"
            ));
            id(&answer, "/Subnet/SubnetId")
        };
        let public = [subnet(0, "a", "public"), subnet(1, "b", "public")];
        let private = [subnet(2, "a", "private"), subnet(3, "b", "private")];
        let gateway = id(&aws("create-internet-gateway".to_owned()), "/InternetGateway/InternetGatewayId");
        aws(format!("attach-internet-gateway --vpc-id {vpc} --internet-gateway-id {gateway}"));
        let address = id(&aws("allocate-address --domain vpc".to_owned()), "/AllocationId");
        let nat = aws(format!("create-nat-gateway --subnet-id {} --allocation-id {address}", public[0]));
        let nat = id(&nat, "/NatGateway/NatGatewayId");
        let table = |subnets: &[String; 2], target: String| {
            let table = id(&aws(format!("create-route-table --vpc-id {vpc}")), "/RouteTable/RouteTableId");
            aws(format!("create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 {target}"));
            for subnet in subnets {
                aws(format!("associate-route-table --route-table-id {table} --subnet-id {subnet}"));
            }
            table
        };
        table(&public, format!("--gateway-id {gateway}"));
        let private_table = table(&private, format!("--nat-gateway-id {nat}"));
        Self { vpc, public, private, private_table }
    }

    /// Makes the environment use this network.
    fn used_by(&self, sandbox: &Sandbox, public: &str, private: &str) {
        let own = "cidr = \"10.0.0.0/16\"\nzones = [\"a\", \"b\"]\nnat = \"one\" # cheap: private subnets lose their way out \
                   together with zone a";
        let vpc = &self.vpc;
        let existing = format!("vpc = \"{vpc}\"\npublic_subnets = {public}\nprivate_subnets = {private}");
        sandbox.edit("dev", own, &existing);
    }
}

fn list(ids: &[String; 2]) -> String {
    format!("[\"{}\", \"{}\"]", ids[0], ids[1])
}

#[test]
fn stack_runs_in_an_existing_network() {
    let Some(sandbox) = Sandbox::new("stack_runs_in_an_existing_network") else { return };
    let existing = ExistingVpc::create(&sandbox);
    existing.used_by(&sandbox, &list(&existing.public), "{ tier = \"private\" }");
    sandbox.run(&["validate", "dev"]).ok();
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");

    let network: Vec<String> =
        sandbox.rows("dev").into_iter().map(|row| row.0).filter(|at| at.starts_with("network/")).collect();
    assert!(network.iter().all(|address| address.starts_with("network/security-group")), "{network:?}");
    let vpcs = sandbox.aws("ec2 describe-vpcs --filters Name=is-default,Values=false");
    assert_eq!(vpcs["Vpcs"].as_array().unwrap().len(), 1, "{vpcs:#}");
    let balancers = sandbox.aws("elbv2 describe-load-balancers");
    assert_eq!(balancers["LoadBalancers"][0]["VpcId"], existing.vpc.as_str());
    let mut private = existing.private.clone();
    private.sort();
    assert_eq!(sandbox.recorded("dev", "service/service/app")["subnets"], Value::from(private.to_vec()));
    // The plan records the look-up.
    let plan = sandbox.plan("dev");
    assert_eq!(plan.facts.discovered["private-subnets"], Some(private.join(",")));

    // A saved plan is refused once the look-up has another answer.
    let file = sandbox.path("saved.json");
    let file = file.to_str().unwrap();
    sandbox.edit("dev", "cpu = 256", "cpu = 512");
    sandbox.edit("dev", "memory = 512", "memory = 1024");
    sandbox.run(&["plan", "dev", "--out", file]).ok();
    let third = sandbox.aws(&format!(
        "ec2 create-subnet --vpc-id {} --cidr-block 10.9.4.0/24 --availability-zone us-east-1c \
         --tag-specifications ResourceType=subnet,Tags=[{{Key=tier,Value=private}}]",
        existing.vpc
    ));
    let third = id(&third, "/Subnet/SubnetId");
    let table = &existing.private_table;
    sandbox.aws(&format!("ec2 associate-route-table --route-table-id {table} --subnet-id {third}"));
    let refused = sandbox.run(&["apply", "dev", file, "--yes"]).ended(1).err;
    assert!(refused.contains("private-subnets"), "{refused}");
    let plan = sandbox.plan("dev");
    assert!(plan.resources["service/service/app"].changes.iter().any(|change| change.field == "subnets"));

    // A destroy needs no look-up, and leaves the network.
    sandbox.aws(&format!("ec2 delete-subnet --subnet-id {third}"));
    sandbox.edit("dev", "{ tier = \"private\" }", "{ tier = \"none\" }");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    let subnets = sandbox.aws(&format!("ec2 describe-subnets --filters Name=vpc-id,Values={}", existing.vpc));
    assert_eq!(subnets["Subnets"].as_array().unwrap().len(), 4, "{subnets:#}");
}

#[test]
fn network_that_the_stack_cannot_use_is_refused_with_its_place() {
    let Some(sandbox) = Sandbox::new("network_that_the_stack_cannot_use_is_refused_with_its_place") else { return };
    let existing = ExistingVpc::create(&sandbox);
    let plan = || sandbox.run(&["plan", "dev"]).ended(1).err.replace("\n  ", " ");

    // Public and private are swapped: neither leads where it must.
    existing.used_by(&sandbox, &list(&existing.private), "{ tier = \"public\" }");
    let refused = plan();
    let [first, _] = &existing.private;
    let expected = format!("the subnet `{first}` has no route for 0.0.0.0/0 to an internet gateway");
    assert!(refused.contains(&expected), "{refused}");
    assert!(refused.contains("environments/dev.toml:15:19"), "{refused}");
    let expected = format!("the subnet `{}` has no route out for the tasks", existing.public[0]);
    assert!(refused.contains(&expected), "{refused}");
    assert!(refused.contains("environments/dev.toml:16:19"), "{refused}");

    sandbox.edit("dev", "{ tier = \"public\" }", "{ tier = \"none\" }");
    let refused = plan();
    assert!(refused.contains(&format!("no subnet of {} has the tags tier=none", existing.vpc)), "{refused}");

    sandbox.edit("dev", &existing.vpc, "vpc-0123456789abcdef0");
    let refused = plan();
    assert!(refused.contains("this account and region have no VPC `vpc-0123456789abcdef0`"), "{refused}");
    assert!(refused.contains("environments/dev.toml:14:7"), "{refused}");

    // Offline: keys of a new network, and missing keys.
    sandbox.edit("dev", "vpc = \"vpc-0123456789abcdef0\"", "vpc = \"vpc-0123456789abcdef0\"\ncidr = \"10.0.0.0/16\"");
    let refused = sandbox.run(&["validate", "dev"]).ended(1).err;
    assert!(refused.contains("`cidr` has no effect in an existing VPC"), "{refused}");
    sandbox.edit("dev", "private_subnets = { tier = \"none\" }\n", "");
    let refused = sandbox.run(&["validate", "dev"]).ended(1).err;
    assert!(refused.contains("`private_subnets` is missing in `network`"), "{refused}");
}
