//! The permissions boundary and the path of the environment's roles, on an emulator: set at creation, changed in place or
//! by replacement.

use provisioner_model::plan::Action;
use serde_json::Value;

use crate::sandbox::Sandbox;

const REPLACED: [Action; 2] = [Action::Replace, Action::ReplaceDeleteFirst];
const ROLES: [&str; 5] = ["deploy", "execution", "flow-logs", "plan", "task"];

/// Creates a policy outside Provisioner and returns its ARN.
fn policy(sandbox: &Sandbox, name: &str) -> String {
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
    let answer = sandbox.aws(&format!("iam create-policy --policy-name {name} --policy-document {document}"));
    answer["Policy"]["Arn"].as_str().unwrap().to_owned()
}

/// Without a stated boundary, the roles have those of the stack.
fn assert_roles(sandbox: &Sandbox, path: &str, boundary: Option<&str>) {
    for name in ROLES {
        let role = sandbox.id("dev", &format!("identity/role/{name}"));
        let role = &sandbox.aws(&format!("iam get-role --role-name {role}"))["Role"];
        assert_eq!(role["Path"], path, "{name}");
        let found = &role["PermissionsBoundary"]["PermissionsBoundaryArn"];
        let of = if ["deploy", "plan"].contains(&name) { "jobs" } else { "services" };
        let own = format!(":policy{path}dev-identity-boundary-{of}-");
        let found = found.as_str().unwrap_or_default();
        assert!(boundary.map_or(found.contains(&own), |stated| found == stated), "{name}: {found}");
    }
    let policies = sandbox.aws(&format!("iam list-policies --scope Local --path-prefix {path}"));
    let ours = |one: &&Value| one["PolicyName"].as_str().is_some_and(|name| name.starts_with("dev-"));
    let ours: Vec<&Value> = policies["Policies"].as_array().unwrap().iter().filter(ours).collect();
    assert!(ours.len() >= 3 && ours.iter().all(|one| one["Path"] == path), "{ours:#?}");
}

#[test]
fn roles_have_the_boundary_and_the_path_of_the_environment_file() {
    let Some(sandbox) = Sandbox::new("roles_have_the_boundary_and_the_path_of_the_environment_file") else { return };
    let (first, second) = (policy(&sandbox, "first-boundary"), policy(&sandbox, "second-boundary"));
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert_roles(&sandbox, "/", None);

    // A boundary is set, changed and removed in place.
    let end = "final_snapshot = false";
    sandbox.edit("dev", end, &format!("{end}\n\n[identity]\npermissions_boundary = \"{first}\""));
    let plan = sandbox.plan("dev");
    let replaced: Vec<&String> =
        plan.resources.iter().filter(|(_, row)| REPLACED.contains(&row.action)).map(|(address, _)| address).collect();
    assert_eq!(replaced, [""; 0]);
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    assert_roles(&sandbox, "/", Some(&first));
    sandbox.edit("dev", &first, &second);
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert_roles(&sandbox, "/", Some(&second));

    // Another path replaces roles and policies.
    sandbox.edit("dev", &format!("permissions_boundary = \"{second}\""), "path = \"/team/\"");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    sandbox.unchanged("dev");
    assert_roles(&sandbox, "/team/", None);
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    let left = sandbox.aws("iam list-roles --path-prefix /team/");
    assert_eq!(left["Roles"].as_array().unwrap().len(), 0, "{left:#}");
}
