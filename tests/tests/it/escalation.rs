//! The reach of a job with the deploy role: it deploys, and no known way makes it an administrator. On ministack, which
//! enforces policies and boundaries.

use provisioner_tests::{Emulator, skipped};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// A policy that allows everything.
fn everything() -> String {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] }).to_string()
}

/// A trust policy that lets everybody in.
fn anybody() -> String {
    let trust = json!({ "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": "sts:AssumeRole" });
    json!({ "Version": "2012-10-17", "Statement": [trust] }).to_string()
}

/// Lets the root user take the role, as GitHub's jobs do, and returns the session's keys.
fn assume(sandbox: &Sandbox, role: &str) -> [String; 3] {
    let name = sandbox.id("dev", role);
    let arn = format!("arn:aws:iam::{}:role/{name}", sandbox.account());
    let [trusted, assumed] = &sandbox.ask(&[
        json!(["iam", "update_assume_role_policy", { "RoleName": name, "PolicyDocument": anybody() }]),
        json!(["sts", "assume_role", { "RoleArn": arn, "RoleSessionName": "job" }]),
    ])[..] else {
        panic!("two answers")
    };
    assert!(trusted.get("error").is_none(), "{trusted}");
    ["AccessKeyId", "SecretAccessKey", "SessionToken"]
        .map(|name| assumed["Credentials"][name].as_str().unwrap_or_else(|| panic!("{assumed}")).to_owned())
}

#[test]
fn deploy_role_cannot_make_itself_an_administrator() {
    let Some(ministack) = Emulator::ministack_enforcing() else {
        return skipped("deploy_role_cannot_make_itself_an_administrator", "ministack is not installed");
    };
    let mut sandbox = Sandbox::on(ministack);
    // See `emulators.rs`.
    sandbox.run(&["apply", "dev", "--yes", "--exclude", "network/network-acl/private"]).ok();
    let id = |address: &str| sandbox.id("dev", address);
    let [deploy, plan, task] = ["deploy", "plan", "task"].map(|role| id(&format!("identity/role/{role}")));
    let [services, jobs, own] =
        ["boundary-services", "boundary-jobs", "deploy-1"].map(|policy| id(&format!("identity/policy/{policy}")));
    let account = sandbox.account();
    let provider = format!("arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com");
    let made = sandbox.ask(&[
        json!(["iam", "create_role", { "RoleName": "theirs", "AssumeRolePolicyDocument": anybody() }]),
        json!(["iam", "create_role", { "RoleName": "dev-2-identity-task-1", "AssumeRolePolicyDocument": anybody() }]),
        json!(["iam", "create_user", { "UserName": "somebody" }]),
    ]);
    assert!(made.iter().all(|answer| answer.get("error").is_none()), "{made:#?}");
    sandbox.session = Some(assume(&sandbox, "identity/role/deploy"));

    let attach = |role: &str| json!(["iam", "attach_role_policy", { "RoleName": role, "PolicyArn": ADMINISTRATOR }]);
    let put = |role: &str| json!(["iam", "put_role_policy", { "RoleName": role, "PolicyName": "more", "PolicyDocument": everything() }]);
    let trust =
        |role: &str| json!(["iam", "update_assume_role_policy", { "RoleName": role, "PolicyDocument": anybody() }]);
    let version = |policy: &str| {
        let members = json!({ "PolicyArn": policy, "PolicyDocument": everything(), "SetAsDefault": true });
        json!(["iam", "create_policy_version", members])
    };
    let bound = |role: &str, boundary: &str| json!(["iam", "put_role_permissions_boundary", { "RoleName": role, "PermissionsBoundary": boundary }]);
    let create = |role: &str, boundary: Option<&str>| {
        let mut members = json!({ "RoleName": role, "AssumeRolePolicyDocument": anybody() });
        if let Some(boundary) = boundary {
            members["PermissionsBoundary"] = boundary.into();
        }
        json!(["iam", "create_role", members])
    };
    let theirs = format!("arn:aws:iam::{account}:role/theirs");
    let ways: Vec<Value> = vec![
        // More permissions for its own role, or for that of the plans.
        attach(&deploy),
        put(&deploy),
        attach(&plan),
        put(&plan),
        trust(&plan),
        trust(&deploy),
        // A new version of its policies or of the boundaries.
        version(&own),
        version(&services),
        version(&jobs),
        json!(["iam", "set_default_policy_version", { "PolicyArn": own, "VersionId": "v1" }]),
        json!(["iam", "delete_policy", { "PolicyArn": services }]),
        // A boundary that is wider, or none.
        bound(&deploy, ADMINISTRATOR),
        bound(&task, ADMINISTRATOR),
        bound(&task, &jobs),
        json!(["iam", "delete_role_permissions_boundary", { "RoleName": deploy }]),
        json!(["iam", "delete_role_permissions_boundary", { "RoleName": task }]),
        // A role without the boundary, or with another name.
        create("dev-identity-task-more", None),
        create("dev-identity-task-more", Some(&jobs)),
        create("dev-identity-deploy-more", Some(&services)),
        create("more", Some(&services)),
        // Roles of others, and of an environment whose name begins with this one's.
        attach("theirs"),
        put("dev-2-identity-task-1"),
        trust("dev-2-identity-task-1"),
        json!(["sts", "assume_role", { "RoleArn": theirs, "RoleSessionName": "more" }]),
        // Users, groups, keys and providers.
        json!(["iam", "create_user", { "UserName": "more" }]),
        json!(["iam", "create_access_key", { "UserName": "somebody" }]),
        json!(["iam", "create_login_profile", { "UserName": "somebody", "Password": "correct horse 1 Battery" }]),
        json!(["iam", "attach_user_policy", { "UserName": "somebody", "PolicyArn": ADMINISTRATOR }]),
        json!(["iam", "put_user_policy", {
            "UserName": "somebody", "PolicyName": "more", "PolicyDocument": everything(),
        }]),
        json!(["iam", "create_policy", { "PolicyName": "dev-identity-more", "PolicyDocument": everything() }]),
        json!(["iam", "add_client_id_to_open_id_connect_provider", {
            "OpenIDConnectProviderArn": provider, "ClientID": "more",
        }]),
        json!(["iam", "create_open_id_connect_provider", { "Url": "https://example.com", "ClientIDList": ["more"] }]),
        // Services that run code with a role.
        json!(["cloudformation", "create_stack", { "StackName": "more", "TemplateBody": "{}", "RoleARN": theirs }]),
        json!(["ec2", "run_instances", {
            "ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "IamInstanceProfile": { "Name": "theirs" },
        }]),
    ];
    for (way, answer) in ways.iter().zip(sandbox.ask(&ways)) {
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{way} succeeded: {answer}"));
        assert!(error.contains("AccessDenied") || error.contains("UnauthorizedOperation"), "{way}: {error}");
    }
}

/// Without enforcement: the policy of a bucket refuses calls without TLS, which an emulator has not.
#[test]
fn destroy_with_the_deploy_role_is_refused() {
    let Some(ministack) = Emulator::ministack() else {
        return skipped("destroy_with_the_deploy_role_is_refused", "ministack is not installed");
    };
    let mut sandbox = Sandbox::on(ministack);
    sandbox.run(&["apply", "dev", "--yes", "--exclude", "network/network-acl/private"]).ok();
    sandbox.session = Some(assume(&sandbox, "identity/role/deploy"));
    // It would take the role's own permissions away in the middle.
    let refused = sandbox.run(&["destroy", "dev", "--yes"]).ended(1).err;
    let deploy = sandbox.id("dev", "identity/role/deploy");
    assert!(refused.contains("whose credentials this run has") && refused.contains(&deploy), "{refused}");
    sandbox.session = None;
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}
