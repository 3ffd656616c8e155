//! The roles of the reference stack and their permissions.

use serde_json::json;

use super::{ACCOUNT, Inspection, arn};

pub(super) fn identity(inspection: &mut Inspection<'_>) {
    let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com");
    let name = |role: &str| inspection.id(&format!("identity/role/{role}"));
    let [plan, deploy, task, execution] = ["plan", "deploy", "task", "execution"].map(name);
    inspection.ask(&[
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
    inspection.fact("GitHub's provider", inspection.at("provider", "/ClientIDList"), json!(["sts.amazonaws.com"]));
    let environment = format!("environment:{}", inspection.row.environment);
    for (role, purpose) in [("plan role", "pull_request"), ("deploy role", &environment)] {
        // The repository alone, in both of GitHub's formats, and this purpose alone.
        let expected = json!({ "Version": "2012-10-17", "Statement": [{
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
        inspection.fact(role, inspection.at(role, "/Role/AssumeRolePolicyDocument"), expected);
    }
    for role in ["task role", "execution role"] {
        let expected = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": ACCOUNT } },
        }] });
        inspection.fact(role, inspection.at(role, "/Role/AssumeRolePolicyDocument"), expected);
    }
    // Least privilege: these statements and no others.
    let (secret, key) = (inspection.id("secrets/secret/signing-key"), inspection.id("secrets/key/main"));
    let (password, administrator) = (
        inspection.at("database", "/DBInstances/0/MasterUserSecret/SecretArn"),
        inspection.id("secrets/secret/administrator"),
    );
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
    inspection.fact("task role's rights", inspection.at("task policy", "/PolicyDocument/Statement"), run);
    let repository = arn("ecr", &format!("repository/{}", inspection.id("registry/repository/app")));
    let streams = arn("logs", &format!("log-group:{}:*", inspection.id("observability/log-group/app")));
    let fetch = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    let start = json!([
        { "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"] },
        { "Effect": "Allow", "Action": fetch, "Resource": [repository] },
        { "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": [streams] },
    ]);
    inspection.fact("execution role's rights", inspection.at("execution policy", "/PolicyDocument/Statement"), start);
    for (what, inline) in [("task", "run"), ("execution", "start")] {
        let list = ["task policies", "execution policies"][usize::from(what == "execution")];
        inspection.fact(&format!("{what} role's policies"), inspection.at(list, "/PolicyNames"), json!([inline]));
        let managed = ["task managed", "execution managed"][usize::from(what == "execution")];
        inspection.fact(&format!("{what} role: no more"), inspection.list(managed, "/AttachedPolicies").len(), 0);
    }
    for role in ["plan managed", "deploy managed"] {
        inspection.fact(&format!("{role}: there"), !inspection.list(role, "/AttachedPolicies").is_empty(), true);
    }
}
