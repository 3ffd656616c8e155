//! The resources of Terraform's AWS provider that an object corresponds to, with the IDs by which Terraform imports them:
//! the way out of Provisioner. One object may be several resources there, such as a bucket and its settings.
//!
//! The IDs are those of the section *Import* of each resource's page, below
//! <https://registry.terraform.io/providers/hashicorp/aws/latest/docs>.

use serde_json::Value;

/// A resource of Terraform, and the ID by which it is imported.
pub type Import = (&'static str, String);

/// Returns the resources that an object corresponds to: none if Terraform has no such resource, as for an image in a
/// repository, or keeps it within another one, as the rules of a security group. `None` for a type that is not known.
pub fn imports(type_name: &str, id: &str, inputs: &Value, outputs: &Value) -> Option<Vec<Import>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |resource| vec![(resource, id.to_owned())];
    Some(match type_name {
        "aws:acm:certificate" | "aws:acm:imported-certificate" => one("aws_acm_certificate"),
        // A wait, an image, and rules that the security group has: no resources of their own.
        "aws:acm:certificate-issued" | "aws:ecr:image" | "aws:ec2:security-group-rules" => vec![],
        "aws:applicationautoscaling:scalable-target" => one("aws_appautoscaling_target"),
        "aws:applicationautoscaling:scaling-policy" => one("aws_appautoscaling_policy"),
        "aws:cloudwatch:alarm" => one("aws_cloudwatch_metric_alarm"),
        "aws:cloudwatch:dashboard" => one("aws_cloudwatch_dashboard"),
        "aws:cloudwatchlogs:log-group" => one("aws_cloudwatch_log_group"),
        "aws:dynamodb:table" => one("aws_dynamodb_table"),
        "aws:ec2:elastic-ip" => one("aws_eip"),
        "aws:ec2:flow-log" => one("aws_flow_log"),
        "aws:ec2:internet-gateway" => one("aws_internet_gateway"),
        "aws:ec2:nat-gateway" => one("aws_nat_gateway"),
        "aws:ec2:network-acl" => one("aws_network_acl"),
        "aws:ec2:route-table" => one("aws_route_table"),
        "aws:ec2:route-table-association" => {
            vec![("aws_route_table_association", format!("{id}/{}", text(&inputs["route_table_id"])))]
        }
        "aws:ec2:security-group" => one("aws_security_group"),
        "aws:ec2:subnet" => one("aws_subnet"),
        "aws:ec2:vpc" => one("aws_vpc"),
        "aws:ec2:vpc-endpoint" => one("aws_vpc_endpoint"),
        "aws:ecr:repository" => {
            let policies = [
                ("lifecycle_policy_text", "aws_ecr_lifecycle_policy"),
                ("repository_policy_text", "aws_ecr_repository_policy"),
            ];
            with_settings("aws_ecr_repository", id, inputs, &policies)
        }
        "aws:ecs:cluster" => one("aws_ecs_cluster"),
        "aws:ecs:service" => one("aws_ecs_service"),
        "aws:ecs:task-definition" => vec![("aws_ecs_task_definition", text(&outputs["arn"]))],
        "aws:elasticloadbalancingv2:listener" => one("aws_lb_listener"),
        "aws:elasticloadbalancingv2:listener-rule" => one("aws_lb_listener_rule"),
        "aws:elasticloadbalancingv2:load-balancer" => one("aws_lb"),
        "aws:elasticloadbalancingv2:target-group" => one("aws_lb_target_group"),
        "aws:iam:oidc-provider" => one("aws_iam_openid_connect_provider"),
        "aws:iam:policy" => one("aws_iam_policy"),
        "aws:iam:role" => one("aws_iam_role"),
        "aws:iam:role-policies" => role_policies(id, inputs),
        "aws:kms:alias" => one("aws_kms_alias"),
        "aws:kms:key" => one("aws_kms_key"),
        "aws:rds:instance" => one("aws_db_instance"),
        "aws:rds:parameter-group" => one("aws_db_parameter_group"),
        "aws:rds:subnet-group" => one("aws_db_subnet_group"),
        "aws:route53:record" => {
            let parts: Vec<&str> = id.split('|').filter(|part| !part.is_empty()).collect();
            vec![("aws_route53_record", parts.join("_"))]
        }
        "aws:s3:bucket" => {
            let settings = [
                ("versioning", "aws_s3_bucket_versioning"),
                ("server_side_encryption_configuration", "aws_s3_bucket_server_side_encryption_configuration"),
                ("public_access_block_configuration", "aws_s3_bucket_public_access_block"),
                ("object_ownership", "aws_s3_bucket_ownership_controls"),
                ("policy", "aws_s3_bucket_policy"),
                ("lifecycle_configuration", "aws_s3_bucket_lifecycle_configuration"),
            ];
            with_settings("aws_s3_bucket", id, inputs, &settings)
        }
        // The value would be in Terraform's state.
        "aws:secretsmanager:secret" => one("aws_secretsmanager_secret"),
        "aws:secretsmanager:secret-policy" => one("aws_secretsmanager_secret_policy"),
        "aws:sns:subscription" => one("aws_sns_topic_subscription"),
        "aws:sns:topic" => one("aws_sns_topic"),
        "aws:sqs:queue" => one("aws_sqs_queue"),
        "aws:wafv2:web-acl" => web_acl(id).into_iter().collect(),
        "aws:wafv2:web-acl-association" => {
            vec![("aws_wafv2_web_acl_association", format!("{},{id}", text(&inputs["web_acl_arn"])))]
        }
        _ => return None,
    })
}

/// An object whose settings are resources of their own, with the same ID.
fn with_settings(resource: &'static str, id: &str, inputs: &Value, settings: &[(&str, &'static str)]) -> Vec<Import> {
    let is_stated =
        |field: &str| inputs.get(field).is_some_and(|value| !value.is_null() && *value != Value::Bool(false));
    let stated = settings.iter().filter(|(field, _)| is_stated(field)).map(|(_, resource)| *resource);
    [resource].into_iter().chain(stated).map(|resource| (resource, id.to_owned())).collect()
}

fn role_policies(role: &str, inputs: &Value) -> Vec<Import> {
    let inline = inputs["inline"].as_object().into_iter().flat_map(serde_json::Map::keys);
    let inline = inline.map(|name| ("aws_iam_role_policy", format!("{role}:{name}")));
    let managed = inputs["managed"].as_array().into_iter().flatten().filter_map(Value::as_str);
    inline.chain(managed.map(|arn| ("aws_iam_role_policy_attachment", format!("{role}/{arn}")))).collect()
}

/// Returns the ID of an ARN of the form `arn:aws:wafv2:REGION:ACCOUNT:regional/webacl/NAME/ID`.
fn web_acl(arn: &str) -> Option<Import> {
    let mut parts = arn.rsplit('/');
    let (id, name) = (parts.next()?, parts.next()?);
    Some(("aws_wafv2_web_acl", format!("{id}/{name}/REGIONAL")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_type_is_known() {
        let unknown = crate::registry();
        let unknown = unknown.all().map(|one| one.info().type_name);
        let unknown: Vec<&str> = unknown.filter(|name| imports(name, "id", &json!({}), &json!({})).is_none()).collect();
        assert_eq!(unknown, Vec::<&str>::new());
        assert_eq!(imports("test:net", "id", &json!({}), &json!({})), None);
    }

    #[test]
    fn one_object_may_be_several_resources() {
        let imports = |type_name, id, inputs| imports(type_name, id, &inputs, &json!({ "arn": "arn" })).unwrap();
        let bucket = imports("aws:s3:bucket", "logs", json!({ "versioning": false, "policy": "{}" }));
        assert_eq!(bucket, [("aws_s3_bucket", "logs".to_owned()), ("aws_s3_bucket_policy", "logs".to_owned())]);
        let policies =
            imports("aws:iam:role-policies", "role", json!({ "inline": { "run": "{}" }, "managed": ["arn:p"] }));
        let expected = [("aws_iam_role_policy", "role:run"), ("aws_iam_role_policy_attachment", "role/arn:p")];
        assert_eq!(policies, expected.map(|(resource, id)| (resource, id.to_owned())));
        assert_eq!(imports("aws:ecs:task-definition", "app", json!({}))[0].1, "arn");
    }

    #[test]
    fn composed_ids() {
        let id = |type_name, id: &str, inputs: Value| imports(type_name, id, &inputs, &json!({})).unwrap().remove(0).1;
        let acl = "arn:aws:wafv2:us-east-1:1:regional/webacl/app/1234";
        assert_eq!(id("aws:wafv2:web-acl", acl, json!({})), "1234/app/REGIONAL");
        assert_eq!(
            id("aws:wafv2:web-acl-association", "arn:lb", json!({ "web_acl_arn": acl })),
            format!("{acl},arn:lb")
        );
        let association = json!({ "route_table_id": "rtb-1" });
        assert_eq!(id("aws:ec2:route-table-association", "subnet-1", association), "subnet-1/rtb-1");
        assert_eq!(id("aws:route53:record", "Z1|www.example.com|A|", json!({})), "Z1_www.example.com_A");
        assert_eq!(id("aws:route53:record", "Z1|www.example.com|A|blue", json!({})), "Z1_www.example.com_A_blue");
    }
}
