//! The stack, declared offline: what is in it, and that it means what the reference asks for.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_aws::{Partition, partition::PARTITIONS, registry};
use provisioner_model::{
    expr::{edges, resolve},
    stack::{Desired, Facts, Stack},
};
use serde_json::{Value, json};

use crate::{
    environment::{
        Domain, Environment, Subnets,
        tests::{dev, prod},
    },
    policy::{MANAGED_LIMIT, UNUSED},
    service::IMAGE,
    stack,
};

fn declared(name: &str, env: &Environment) -> Desired {
    declared_with(name, env, BTreeMap::new())
}

fn declared_with(name: &str, env: &Environment, found: BTreeMap<String, Option<String>>) -> Desired {
    let (environment, account) = (name.to_owned(), "123456789012".to_owned());
    let partition = Partition::of_region(&env.region).unwrap().id.to_owned();
    let facts =
        Facts { environment, account, region: env.region.clone(), partition, stopped: false, discovered: found };
    let mut declared = Stack::new(facts);
    stack(env, &mut declared);
    declared.finish().unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// Returns the inputs of a resource.
fn inputs<'a>(desired: &'a Desired, address: &str) -> &'a Value {
    let row = desired.resources.get(address);
    &row.unwrap_or_else(|| panic!("no {address} in {:#?}", desired.resources.keys().collect::<Vec<_>>())).inputs
}

/// An input as it shows in a plan: documents parsed, references as `<ADDRESS.PATH>`.
fn shown(desired: &Desired, address: &str) -> Value {
    resolve(inputs(desired, address), &|_, _| None, &mut vec![])
}

fn policy(desired: &Desired, address: &str, field: &str) -> Value {
    serde_json::from_str(shown(desired, address)[field].as_str().unwrap()).unwrap()
}

/// Every policy of the stack, by address and field.
fn policies(desired: &Desired) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for address in desired.resources.keys() {
        walk(address, &shown(desired, address), &mut found);
    }
    found
}

fn walk(path: &str, value: &Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(&format!("{path}.{key}"), value, found)),
        Value::Array(items) => items.iter().for_each(|value| walk(path, value, found)),
        Value::String(text) if text.contains("\"Statement\"") => {
            found.insert(path.to_owned(), serde_json::from_str(text).unwrap());
        }
        _ => {}
    }
}

fn count(desired: &Desired, kind: &str) -> usize {
    desired.resources.keys().filter(|address| address.contains(&format!("/{kind}/"))).count()
}

#[test]
fn dev_and_prod_are_valid_and_acyclic() {
    for (name, env, least) in [("dev", dev(), 65), ("prod", prod(), 80)] {
        let desired = declared(name, &env);
        assert!(desired.resources.len() >= least, "{name}: {}", desired.resources.len());
        // Removes the resources whose dependencies are gone; none may remain.
        let mut needs: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
        for (address, row) in &desired.resources {
            let mut all = vec![];
            edges(&row.inputs, &mut all);
            needs.insert(address, all.into_iter().collect());
        }
        while let Some(free) = needs.iter().find(|(_, needs)| needs.is_empty()).map(|(free, _)| (*free).clone()) {
            needs.remove(&free);
            needs.values_mut().for_each(|needs| _ = needs.remove(&free));
        }
        assert!(needs.is_empty(), "{needs:#?}");
    }
}

#[test]
fn the_roles_have_the_actions_of_the_types_that_are_declared_and_of_no_others() {
    let mut domain = dev();
    domain.domain = Some(Domain { name: "app.example.com".into(), zone: Some("Z1".into()) });
    let built = BTreeMap::from([(IMAGE.to_owned(), None)]);
    let declared = [declared_with("dev", &dev(), built), declared("dev", &domain)];
    let used: BTreeSet<&str> = declared.iter().flat_map(|it| it.resources.values().map(|row| row.type_name)).collect();
    let types = registry();
    let known: BTreeSet<&str> = types.all().map(|one| one.info().type_name).collect();
    let unused: BTreeSet<&str> = UNUSED.iter().copied().collect();
    assert_eq!(known.difference(&used).copied().collect::<BTreeSet<_>>(), unused);
}

#[test]
fn every_taggable_object_has_ownership_tags() {
    let (desired, types) = (declared("prod", &prod()), registry());
    for (address, row) in &desired.resources {
        if types.get(row.type_name).unwrap().info().tagged && !row.options.share {
            assert_eq!(row.inputs["tags"]["project"], "provisioner", "{address}");
            assert_eq!(row.inputs["tags"]["environment"], "prod", "{address}");
        }
    }
}

#[test]
fn tags_of_the_environment_are_on_every_taggable_object() {
    let mut env = dev();
    env.tags = BTreeMap::from([("team".to_owned(), "a".to_owned()), ("cost center".to_owned(), "42".to_owned())]);
    let (desired, types) = (declared("dev", &env), registry());
    let mut tagged = 0;
    for (address, row) in &desired.resources {
        if types.get(row.type_name).unwrap().info().tagged && !row.options.share {
            tagged += 1;
            let expected = json!({ "team": "a", "cost center": "42", "project": "provisioner", "environment": "dev" });
            assert_eq!(row.inputs["tags"], expected, "{address}");
        }
    }
    assert!(tagged > 30, "{tagged}");
    // ECS copies the service's tags to its tasks and their network interfaces.
    assert_eq!(inputs(&desired, "service/service/app")["propagate_tags"], "SERVICE");
}

#[test]
fn nat_is_one_in_dev_and_one_in_each_zone_in_prod() {
    let (dev, prod) = (declared("dev", &dev()), declared("prod", &prod()));
    assert_eq!((count(&dev, "nat-gateway"), count(&dev, "elastic-ip")), (1, 1));
    assert_eq!((count(&prod, "nat-gateway"), count(&prod, "elastic-ip")), (3, 3));
    for (desired, nat) in [(&dev, "network/nat-gateway/a"), (&prod, "network/nat-gateway/b")] {
        let mut needs = vec![];
        edges(inputs(desired, "network/route-table/private-b"), &mut needs);
        assert!(needs.contains(&nat.to_owned()), "{needs:?}");
    }
}

#[test]
fn order_of_the_zones_means_nothing() {
    let inputs = |zones: [&str; 2], nat_zone: Option<&str>| {
        let mut env = dev();
        env.network.zones = zones.map(str::to_owned).to_vec();
        env.network.nat_zone = nat_zone.map(str::to_owned);
        let desired = declared("dev", &env);
        desired.resources.into_iter().map(|(address, row)| (address, row.inputs)).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(inputs(["b", "a"], None), inputs(["a", "b"], None));
    assert!(inputs(["b", "a"], Some("b")).contains_key("network/nat-gateway/b"));
    // A zone before it in the alphabet does not move a gateway whose zone is stated.
    assert_eq!(
        inputs(["b", "c"], Some("b"))["network/nat-gateway/b"],
        inputs(["a", "b"], Some("b"))["network/nat-gateway/b"]
    );
}

#[test]
fn elastic_ips_are_protected_in_prod() {
    for (name, env, expected) in [("dev", dev(), false), ("prod", prod(), true)] {
        let desired = declared(name, &env);
        assert_eq!(desired.resources["network/elastic-ip/nat-a"].options.protect, expected, "{name}");
    }
}

#[test]
fn firewall_and_app_allow_bodies_of_the_same_size() {
    let of = |body_limit: u32, count: &[&str]| {
        let mut env = dev();
        env.service.body_limit = body_limit;
        env.firewall.count = count.iter().map(|&name| name.to_owned()).collect();
        let desired = declared("dev", &env);
        let group = shown(&desired, "edge/web-acl/app")["rules"][0]["statement"]["managed"].clone();
        let overrides = group["rule_action_overrides"].as_array().cloned().unwrap_or_default();
        let counted: Vec<String> = overrides
            .iter()
            .map(|one| {
                assert_eq!(one["action_to_use"], "count");
                one["name"].as_str().unwrap().to_owned()
            })
            .collect();
        let task = shown(&desired, "service/task-definition/app");
        let app = task["container_definitions"][0]["environment"]["BODY_LIMIT_BYTES"].as_str().unwrap().to_owned();
        (app, counted)
    };
    assert_eq!(of(8192, &[]), ("8192".to_owned(), vec![]));
    assert_eq!(of(65_536, &[]), ("65536".to_owned(), vec!["SizeRestrictions_BODY".to_owned()]));
    let counted = ["GenericLFI_BODY".to_owned(), "SizeRestrictions_BODY".to_owned()];
    assert_eq!(of(8193, &["SizeRestrictions_BODY", "GenericLFI_BODY"]).1, counted);
    assert_eq!(of(1024, &["GenericLFI_BODY"]).1, counted[..1]);
}

#[test]
fn database_states_its_support_and_its_consent_to_upgrades() {
    let inputs_of = |extended: bool, upgrade: bool| {
        let mut env = dev();
        (env.database.extended_support, env.database.allow_major_upgrade) = (extended, upgrade);
        inputs(&declared("dev", &env), "database/instance/main").clone()
    };
    let row = inputs_of(false, false);
    assert_eq!(row["engine_lifecycle_support"], "open-source-rds-extended-support-disabled");
    assert!(row["allow_major_version_upgrade"].is_null());
    let row = inputs_of(true, true);
    assert_eq!(row["engine_lifecycle_support"], "open-source-rds-extended-support");
    assert_eq!(row["allow_major_version_upgrade"], true);
}

#[test]
fn database_is_restored_from_the_snapshot_of_the_environment_file() {
    let snapshot = |name: Option<&str>| {
        let mut env = dev();
        env.database.from_snapshot = name.map(str::to_owned);
        let row = inputs(&declared("dev", &env), "database/instance/main").clone();
        assert_eq!(row["manage_master_user_password"], true);
        row["db_snapshot_identifier"].clone()
    };
    assert_eq!(snapshot(None), Value::Null);
    assert_eq!(snapshot(Some("before")), "before");
}

#[test]
fn existing_network_is_used_as_it_is() {
    let mut env = dev();
    (env.network.cidr, env.network.zones, env.network.nat) = (String::new(), vec![], None);
    env.network.vpc = Some("vpc-00000001".to_owned());
    env.network.public_subnets = Some(Subnets::Ids(vec!["subnet-00000001".to_owned(), "subnet-00000002".to_owned()]));
    env.network.private_subnets = Some(Subnets::Tags(BTreeMap::from([("tier".to_owned(), "private".to_owned())])));
    let found = "subnet-00000003,subnet-00000004";
    let looked_up = BTreeMap::from([
        ("public-subnets".to_owned(), Some("subnet-00000001,subnet-00000002".to_owned())),
        ("private-subnets".to_owned(), Some(found.to_owned())),
    ]);
    let desired = declared_with("dev", &env, looked_up);
    let types: BTreeSet<&str> = desired
        .resources
        .iter()
        .filter(|(address, _)| address.starts_with("network/"))
        .map(|(_, row)| row.type_name)
        .collect();
    assert_eq!(types, BTreeSet::from(["aws:ec2:security-group", "aws:ec2:security-group-rules"]));
    assert!(!desired.resources.keys().any(|address| address.contains("flow")), "no flow logs");
    assert_eq!(inputs(&desired, "network/security-group/task")["vpc_id"], "vpc-00000001");
    assert_eq!(inputs(&desired, "edge/target-group/app")["vpc_id"], "vpc-00000001");
    let private = json!(["subnet-00000003", "subnet-00000004"]);
    assert_eq!(inputs(&desired, "edge/load-balancer/app")["subnets"], json!(["subnet-00000001", "subnet-00000002"]));
    assert_eq!(inputs(&desired, "service/service/app")["subnets"], private);
    assert_eq!(inputs(&desired, "database/subnet-group/main")["subnet_ids"], private);
    // Offline, the subnets with tags are not known, and the stack is checked all the same.
    assert!(declared("dev", &env).resources.len() > 40);
}

#[test]
fn adding_a_zone_moves_no_subnet() {
    let mut env = dev();
    let before = declared("dev", &env);
    env.network.zones.push("c".into());
    let after = declared("dev", &env);
    let changed: Vec<&String> = before
        .resources
        .iter()
        .filter(|(address, row)| after.resources.get(*address).map(|after| &after.inputs) != Some(&row.inputs))
        .map(|(address, _)| address)
        .collect();
    // Resources whose inputs list the zones, and no others.
    let lists = [
        "database/subnet-group/main",
        "edge/load-balancer/app",
        "network/network-acl/private",
        "network/vpc-endpoint/s3",
        "service/service/app",
    ];
    assert_eq!(changed, lists);
    let new: Vec<&String> = after.resources.keys().filter(|address| !before.resources.contains_key(*address)).collect();
    let made = [
        "network/route-table-association/private-c",
        "network/route-table-association/public-c",
        "network/route-table/private-c",
        "network/subnet/private-c",
        "network/subnet/public-c",
    ];
    assert_eq!(new, made);
}

#[test]
fn the_load_balancer_waits_for_the_internet_and_the_tasks_for_their_way_out() {
    let desired = declared("dev", &dev());
    let reaches = |from: &str, to: &str| {
        let (mut visited, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(address) = next.pop() {
            if visited.insert(address.clone()) {
                edges(inputs(&desired, &address), &mut next);
            }
        }
        visited.contains(to)
    };
    assert!(reaches("edge/load-balancer/app", "network/internet-gateway/main"));
    assert!(reaches("service/service/app", "network/nat-gateway/a"));
    assert!(!reaches("database/instance/main", "network/nat-gateway/a"));
}

#[test]
fn security_groups_reference_only_each_other() {
    let desired = declared("prod", &prod());
    let rules = |name: &str, way: &str| -> Vec<String> {
        let rules = shown(&desired, &format!("network/security-group-rules/{name}"));
        let line = |rule: &Value| {
            let peer = rule["peer"].as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
            format!("{} {}-{} {peer}", rule["ip_protocol"].as_str().unwrap(), rule["from_port"], rule["to_port"])
        };
        rules[way].as_array().unwrap().iter().map(line).collect()
    };
    let group = |name: &str| format!("<network/security-group/{name}.id>");
    assert_eq!(rules("load-balancer", "ingress"), ["tcp 80-80 0.0.0.0/0", "tcp 443-443 0.0.0.0/0"]);
    assert_eq!(rules("load-balancer", "egress"), [format!("tcp 8080-8080 {}", group("task"))]);
    assert_eq!(rules("task", "ingress"), [format!("tcp 8080-8080 {}", group("load-balancer"))]);
    assert_eq!(
        rules("task", "egress"),
        [format!("tcp 5432-5432 {}", group("database")), "tcp 443-443 0.0.0.0/0".to_owned()]
    );
    assert_eq!(rules("database", "ingress"), [format!("tcp 5432-5432 {}", group("task"))]);
    assert_eq!(rules("database", "egress"), [""; 0]);
}

#[test]
fn github_trust_policy_matches_exact_subjects() {
    let trust = |subjects: Value, id: Option<&str>| {
        let mut equals = json!({
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": subjects,
        });
        if let Some(id) = id {
            equals["token.actions.githubusercontent.com:repository_id"] = id.into();
        }
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": "<identity/oidc-provider/github.id>" },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": equals },
        }] })
    };
    let desired = declared("prod", &prod());
    let role = |name: &str| policy(&desired, &format!("identity/role/{name}"), "assume_role_policy_document");
    let pull_requests =
        json!(["repo:example/provisioner:pull_request", "repo:example@1001/provisioner@2002:pull_request"]);
    assert_eq!(role("plan"), trust(pull_requests, Some("2002")));
    let deployments =
        json!(["repo:example/provisioner:environment:prod", "repo:example@1001/provisioner@2002:environment:prod"]);
    assert_eq!(role("deploy"), trust(deployments, Some("2002")));

    let mut env = dev();
    (env.github.owner_id, env.github.repository_id) = (None, None);
    let desired = declared("dev", &env);
    let deploy = policy(&desired, "identity/role/deploy", "assume_role_policy_document");
    assert_eq!(deploy, trust(json!(["repo:example/provisioner:environment:dev"]), None));
    assert!(desired.resources["identity/oidc-provider/github"].options.share);
}

/// Returns every text in a value, and in the JSON documents inside of it.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            found.push(key.clone());
            texts(value, found);
        }),
        Value::Array(items) => items.iter().for_each(|value| texts(value, found)),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(document @ (Value::Object(_) | Value::Array(_))) => texts(&document, found),
            _ => found.push(text.clone()),
        },
        _ => {}
    }
}

#[test]
fn documents_name_only_their_own_partition() {
    let regions = [
        "us-east-1",
        "cn-north-1",
        "cn-northwest-1",
        "eusc-de-east-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "eu-isoe-west-1",
        "us-isof-south-1",
        "us-gov-west-1",
    ];
    let mut partitions = BTreeSet::new();
    for region in regions {
        let partition = Partition::of_region(region).unwrap();
        partitions.insert(partition.id);
        let env = Environment { region: region.to_owned(), ..prod() };
        let desired = declared("prod", &env);
        let (mut found, mut arns) = (vec![], 0);
        for address in desired.resources.keys() {
            texts(&shown(&desired, address), &mut found);
        }
        for text in &found {
            if let Some(rest) = text.strip_prefix("arn:") {
                arns += 1;
                assert_eq!(rest.split(':').next(), Some(partition.id), "{region}: {text}");
            }
            // A name with a region in it has the suffix of the region's partition.
            if let Some((_, suffix)) = text.split_once(&format!(".{region}.")).filter(|(_, rest)| *rest != "s3") {
                let logs = *text == partition.logs_principal(region);
                assert!(suffix == partition.dns_suffix || logs, "{region}: {text}");
            }
        }
        assert!(arns > 10, "{region}: {arns}");
        let via = partition.via_service("secretsmanager", region);
        assert!(found.contains(&via), "{via}");
        assert!(found.contains(&partition.logs_principal(region)), "{region}");
        let delivery = &policy(&desired, "edge/bucket/access-logs", "policy")["Statement"][0]["Principal"];
        let expected = match region {
            "cn-north-1" => json!({ "AWS": "arn:aws-cn:iam::638102146993:root" }),
            "cn-northwest-1" => json!({ "AWS": "arn:aws-cn:iam::037604701340:root" }),
            _ => json!({ "Service": "logdelivery.elasticloadbalancing.amazonaws.com" }),
        };
        assert_eq!(*delivery, expected, "{region}");
    }
    assert_eq!(partitions.len(), PARTITIONS.len());
}

#[test]
fn services_are_trusted_for_this_account_alone() {
    let desired = declared("dev", &dev());
    for (role, service) in [("task", "ecs-tasks"), ("execution", "ecs-tasks"), ("flow-logs", "vpc-flow-logs")] {
        let trust = policy(&desired, &format!("identity/role/{role}"), "assume_role_policy_document");
        let expected = json!([{
            "Effect": "Allow",
            "Principal": { "Service": format!("{service}.amazonaws.com") },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": "123456789012" } },
        }]);
        assert_eq!(trust["Statement"], expected);
    }
}

/// Statements about everything, and why each must be.
const EVERYTHING: [(&str, &str); 4] = [
    ("identity/managed-policy/", "the program's own calls, until they are narrowed by the stack's names"),
    ("identity/policy/", "the program's own calls, until they are narrowed by the stack's names"),
    ("secrets/key/main.policy", "in a key's policy, `*` is the key"),
    ("identity/role-policies/execution", "ecr:GetAuthorizationToken knows no resource"),
];

#[test]
fn no_policy_allows_all_actions() {
    for (name, env) in [("dev", dev()), ("prod", prod())] {
        let policies = policies(&declared(name, &env));
        assert!(policies.len() > 12, "{policies:#?}");
        for (at, policy) in policies {
            let free = EVERYTHING.iter().any(|(start, _)| at.starts_with(start));
            for statement in policy["Statement"].as_array().unwrap() {
                let (actions, resources) = (list(&statement["Action"]), list(&statement["Resource"]));
                if statement["Effect"] == "Deny" {
                    continue;
                }
                assert!(free || !resources.contains(&"*".to_owned()), "{at}: {statement:#}");
                // A boundary allows nothing by itself.
                let is_frame = at.starts_with("secrets/key/") || at.starts_with("identity/policy/boundary-jobs");
                assert!(is_frame || actions.iter().all(|action| !action.contains('*')), "{at}: {statement:#}");
            }
        }
    }
}

fn list(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(|item| item.as_str().unwrap().to_owned()).collect(),
        Value::String(one) => vec![one.clone()],
        _ => vec![],
    }
}

#[test]
fn policies_fit_iams_limits() {
    let desired = declared("prod", &prod());
    let (mut managed, mut own) = (0, 0);
    for (address, row) in &desired.resources {
        let shown = shown(&desired, address);
        match row.type_name {
            "aws:iam:policy" | "aws:iam:managed-policy" => {
                managed += 1;
                let size = shown["policy_document"].as_str().unwrap().len();
                assert!(size <= MANAGED_LIMIT, "{address}: {size}");
            }
            "aws:iam:role" => {
                assert!(shown["assume_role_policy_document"].as_str().unwrap().len() <= 2_048, "{address}");
            }
            "aws:iam:role-policies" => {
                own += 1;
                let size: usize =
                    shown["inline"].as_object().unwrap().values().map(|it| it.as_str().unwrap().len()).sum();
                assert!(size <= 10_240, "{address}: {size}");
                assert!(shown["managed"].as_array().unwrap().len() <= 10, "{address}");
            }
            _ => {}
        }
    }
    assert!(managed >= 3 && own == 5, "{managed} {own}");
}

#[test]
fn deploy_role_passes_only_this_environments_roles_to_services() {
    let desired = declared("dev", &dev());
    let all = policies(&desired);
    let deploy: Vec<&Value> = all
        .iter()
        .filter(|(at, _)| at.contains("/deploy-"))
        .flat_map(|(_, policy)| policy["Statement"].as_array().unwrap())
        .collect();
    let of = |action: &str| -> Vec<&&Value> {
        deploy.iter().filter(|statement| list(&statement["Action"]).contains(&action.to_owned())).collect()
    };
    let [pass] = of("iam:PassRole")[..] else { panic!("one statement") };
    let services = ["execution", "flow-logs", "task"];
    let services = services.map(|name| format!("arn:aws:iam::123456789012:role/dev-identity-{name}-*"));
    assert_eq!(list(&pass["Resource"]), services);
    assert!(pass["Condition"]["StringEquals"]["iam:PassedToService"].is_array());
    // Keys are usable for this environment's objects only.
    let [grant] = of("kms:CreateGrant")[..] else { panic!("one statement") };
    assert_eq!(grant["Condition"]["StringEquals"]["aws:ResourceTag/environment"], "dev");
    // It changes these roles only, and gives them permissions only with their boundary.
    for action in ["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"] {
        let [grant] = of(action)[..] else { panic!("{action}: one statement") };
        assert_eq!(list(&grant["Resource"]), services);
        let boundary = json!("<identity/policy/boundary-services.id>");
        assert_eq!(grant["Condition"], json!({ "StringEquals": { "iam:PermissionsBoundary": boundary } }));
    }
    for action in ["iam:UpdateAssumeRolePolicy", "iam:DeleteRole"] {
        let [write] = of(action)[..] else { panic!("{action}: one statement") };
        assert_eq!(list(&write["Resource"]), services);
    }
    for action in ["iam:CreatePolicyVersion", "iam:DeleteRolePermissionsBoundary", "iam:CreateOpenIDConnectProvider"] {
        assert_eq!(of(action), [&&Value::Null; 0], "{action}");
    }
    // The plan role cannot change anything.
    for (at, policy) in all.iter().filter(|(at, _)| at.contains("/plan-")) {
        for action in policy["Statement"].as_array().unwrap().iter().flat_map(|it| list(&it["Action"])) {
            let verb = action.split(':').nth(1).unwrap();
            assert!(
                ["BatchGet", "Describe", "Get", "List", "Simulate"].iter().any(|read| verb.starts_with(read)),
                "{at}: {action}"
            );
            assert_ne!(action, "secretsmanager:GetSecretValue");
        }
    }
}

#[test]
fn roles_and_policies_have_the_path_and_roles_have_the_boundary() {
    let mut env = dev();
    let boundary = "arn:aws:iam::123456789012:policy/boundary";
    env.identity.path = Some("/team/".to_owned());
    env.identity.permissions_boundary = Some(boundary.to_owned());
    let desired = declared("dev", &env);
    let (mut roles, mut managed) = (0, 0);
    for (address, row) in &desired.resources {
        match row.type_name {
            "aws:iam:role" => {
                roles += 1;
                assert_eq!(
                    (&row.inputs["path"], &row.inputs["permissions_boundary"]),
                    (&json!("/team/"), &json!(boundary))
                );
            }
            "aws:iam:policy" => {
                managed += 1;
                assert_eq!(row.inputs["path"], "/team/", "{address}");
            }
            _ => {}
        }
    }
    assert!(roles == 5 && managed >= 3, "{roles} {managed}");

    let deploy = policy(&desired, "identity/policy/deploy-1", "policy_document");
    let statements = deploy["Statement"].as_array().unwrap();
    assert!(deploy.to_string().len() <= MANAGED_LIMIT);
    let of = |action: &str| -> Vec<&Value> {
        statements.iter().filter(|statement| list(&statement["Action"]).contains(&action.to_owned())).collect()
    };
    let roles = ["execution", "flow-logs", "task"];
    let roles = roles.map(|name| format!("arn:aws:iam::123456789012:role/team/dev-identity-{name}-*"));
    assert_eq!(list(&of("iam:PassRole")[0]["Resource"]), roles);
    // Permissions go only to roles with the boundary, and no role loses it.
    for action in ["iam:CreateRole", "iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"] {
        let [statement] = of(action)[..] else { panic!("{action}: one statement") };
        assert_eq!(statement["Condition"], json!({ "StringEquals": { "iam:PermissionsBoundary": boundary } }));
        assert_eq!(list(&statement["Resource"]), roles);
    }
    assert_eq!(of("iam:DeleteRolePermissionsBoundary"), [&Value::Null; 0]);
    assert_eq!(of("iam:DeleteRole").len(), 1);
}

#[test]
fn roles_of_services_and_of_jobs_have_their_boundaries() {
    let desired = declared("dev", &dev());
    let boundary =
        |role: &str| desired.resources[&format!("identity/role/{role}")].inputs["permissions_boundary"].clone();
    for role in ["execution", "flow-logs", "task"] {
        assert_eq!(boundary(role)["$ref"], "identity/policy/boundary-services", "{role}");
    }
    for role in ["plan", "deploy"] {
        assert_eq!(boundary(role)["$ref"], "identity/policy/boundary-jobs", "{role}");
    }
    let services = policy(&desired, "identity/policy/boundary-services", "policy_document");
    for statement in services["Statement"].as_array().unwrap() {
        assert_eq!(statement["Effect"], "Allow");
        for action in list(&statement["Action"]) {
            assert!(!action.contains('*') && !action.starts_with("iam:") && !action.starts_with("sts:"), "{action}");
        }
    }
    let jobs = policy(&desired, "identity/policy/boundary-jobs", "policy_document");
    let denied: Vec<&Value> =
        jobs["Statement"].as_array().unwrap().iter().filter(|statement| statement["Effect"] == "Deny").collect();
    let own = "arn:aws:iam::123456789012:role/dev-identity-deploy-*".to_owned();
    assert!(list(&denied[0]["Resource"]).contains(&own), "{jobs:#}");
    assert!(list(&denied[0]["Resource"]).contains(&"arn:aws:iam::123456789012:policy/dev-identity-*".to_owned()));
}

#[test]
fn prod_is_protected_and_dev_is_not() {
    for (name, env, expected) in [("dev", dev(), false), ("prod", prod(), true)] {
        let desired = declared(name, &env);
        let row = &desired.resources["database/instance/main"];
        assert_eq!(row.options.protect, expected);
        assert_eq!(row.inputs["deletion_protection"], expected);
        assert_eq!(row.inputs["final_db_snapshot_identifier"].is_string(), expected);
        assert_eq!(row.inputs["multi_az"], expected);
        assert_eq!(desired.resources["secrets/key/main"].options.protect, expected);
    }
}

#[test]
fn the_certificate_follows_the_domain() {
    let kinds = |zone: Option<Option<&str>>| -> (Vec<String>, bool) {
        let mut env = prod();
        let domain = |zone: Option<&str>| Domain { name: "app.example.com".into(), zone: zone.map(Into::into) };
        env.domain = zone.map(domain);
        let desired = declared("prod", &env);
        let of_domains = |address: &&String| address.contains("certificate") || address.contains("/record/");
        let found = desired.resources.keys().filter(of_domains).cloned().collect();
        (found, desired.outputs.contains_key("validation-records"))
    };
    assert_eq!(kinds(None), (vec!["edge/imported-certificate/app".into()], false));
    let mut expected = vec!["edge/certificate-issued/app".to_owned(), "edge/certificate/app".into()];
    assert_eq!(kinds(Some(None)), (expected.clone(), true));
    expected.extend(["edge/record/app".into(), "edge/record/validation".into()]);
    assert_eq!(kinds(Some(Some("Z1"))), (expected, false));
}

#[test]
fn tasks_run_the_image_that_is_stated_or_else_the_one_that_is_built() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let run = |env: &Environment, found: Option<Option<&str>>| {
        let found = found.map(|digest| (IMAGE.to_owned(), digest.map(str::to_owned))).into_iter().collect();
        let desired = declared_with("dev", env, found);
        let pushed = desired.resources.get("service/image/app").map(|row| row.inputs["image_digest"].clone());
        let image = shown(&desired, "service/task-definition/app")["container_definitions"][0]["image"].clone();
        (pushed, image.as_str().unwrap().to_owned())
    };
    let mut stated = dev();
    stated.service.image = Some(format!("elsewhere/app@{digest}"));
    assert_eq!(run(&stated, Some(Some(&digest))), (None, format!("elsewhere/app@{digest}")));
    let pushed = "<service/image/app.uri>".to_owned();
    assert_eq!(run(&dev(), Some(Some(&digest))), (Some(json!(digest)), pushed.clone()));
    assert_eq!(run(&dev(), Some(None)), (Some(json!("<not built yet>")), pushed));
    let (image, placeholder) = run(&dev(), None);
    assert!(image.is_none() && placeholder.ends_with(&"0".repeat(64)), "{placeholder}");
}
