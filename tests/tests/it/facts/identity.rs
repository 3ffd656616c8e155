//! Who may do what.

use serde_json::json;

use super::{ACCOUNT, Seen, arn};

pub(super) fn identity(seen: &mut Seen<'_>) {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com");
    let name = |role: &str| seen.id(&format!("identity/role/{role}"));
    let [plan, deploy, task, execution] = ["plan", "deploy", "task", "execution"].map(name);
    seen.ask(&[
        ("provider", "iam", "get_open_id_connect_provider", json!({ "OpenIDConnectProviderArn": provider })),
        ("plan role", "iam", "get_role", json!({ "RoleName": plan })),
        ("deploy role", "iam", "get_role", json!({ "RoleName": deploy })),
        ("task role", "iam", "get_role", json!({ "RoleName": task })),
        ("execution role", "iam", "get_role", json!({ "RoleName": execution })),
        ("task policies", "iam", "list_role_policies", json!({ "RoleName": task })),
        ("task policy", "iam", "get_role_policy", json!({ "RoleName": task, "PolicyName": "run" })),
        ("task managed", "iam", "list_attached_role_policies", json!({ "RoleName": task })),
        ("execution policies", "iam", "list_role_policies", json!({ "RoleName": execution })),
        ("execution policy", "iam", "get_role_policy", json!({ "RoleName": execution, "PolicyName": "start" })),
        ("execution managed", "iam", "list_attached_role_policies", json!({ "RoleName": execution })),
        ("plan managed", "iam", "list_attached_role_policies", json!({ "RoleName": plan })),
        ("deploy managed", "iam", "list_attached_role_policies", json!({ "RoleName": deploy })),
    ]);
    seen.fact("GitHub's provider", seen.at("provider", "/ClientIDList"), json!(["sts.amazonaws.com"]));
    let environment = format!("environment:{}", seen.row.environment);
    for (role, purpose) in [("plan role", "pull_request"), ("deploy role", &environment)] {
        // The repository alone, in both of GitHub's formats, and this purpose alone.
        let want = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Federated": provider },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:repository_id": "2002",
                "token.actions.githubusercontent.com:sub": [
                    format!("repo:example/provisioner:{purpose}"),
                    format!("repo:example@1001/provisioner@2002:{purpose}"),
                ],
            } },
        }] });
        seen.fact(role, seen.at(role, "/Role/AssumeRolePolicyDocument"), want);
    }
    for role in ["task role", "execution role"] {
        let want = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } },
        }] });
        seen.fact(role, seen.at(role, "/Role/AssumeRolePolicyDocument"), want);
    }
    // Least privilege: these statements and no others.
    let (secret, key) = (seen.id("secrets/secret/signing-key"), seen.id("secrets/key/main"));
    let (password, administrator) =
        (seen.at("database", "/DBInstances/0/MasterUserSecret/SecretArn"), seen.id("secrets/secret/administrator"));
    let run = json!([
        { "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": [secret, password] },
        { "Effect": "Allow", "Action": ["secretsmanager:PutSecretValue"], "Resource": [administrator] },
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": [arn("kms", &format!("key/{key}"))],
            "Condition": { "StringEquals": { "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com" } },
        },
    ]);
    seen.fact("task role's rights", seen.at("task policy", "/PolicyDocument/Statement"), run);
    let repository = arn("ecr", &format!("repository/{}", seen.id("registry/repository/app")));
    let streams = arn("logs", &format!("log-group:{}:*", seen.id("observability/log-group/app")));
    let fetch = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    let start = json!([
        { "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"] },
        { "Effect": "Allow", "Action": fetch, "Resource": [repository] },
        { "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": [streams] },
    ]);
    seen.fact("execution role's rights", seen.at("execution policy", "/PolicyDocument/Statement"), start);
    for (what, inline) in [("task", "run"), ("execution", "start")] {
        let list = ["task policies", "execution policies"][usize::from(what == "execution")];
        seen.fact(&format!("{what} role's policies"), seen.at(list, "/PolicyNames"), json!([inline]));
        let managed = ["task managed", "execution managed"][usize::from(what == "execution")];
        seen.fact(&format!("{what} role: no more"), seen.list(managed, "/AttachedPolicies").len(), 0);
    }
    for role in ["plan managed", "deploy managed"] {
        seen.fact(&format!("{role}: there"), !seen.list(role, "/AttachedPolicies").is_empty(), true);
    }
}
