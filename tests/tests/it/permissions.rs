//! The simulation of the caller's permissions, on ministack, which evaluates policies.

use provisioner_aws::{Aws, ec2::Vpc, sns::Topic};
use provisioner_model::{
    Diagnostic, Stack,
    erased::Clouds,
    resource::Cloud,
    stack::{Desired, MAIN},
};
use provisioner_tests::{Emulator, skipped};
use serde_json::{Value, json};

use crate::engine::{EngineFixture, facts};

fn stack() -> Desired {
    let mut stack = Stack::new(facts());
    stack.default_tag("environment", "dev");
    stack.add("main", Vpc::new("10.0.0.0/16"));
    stack.add("alarms", Topic::new());
    stack.finish().unwrap()
}

/// An IAM user of the emulator.
struct User {
    emulator: Emulator,
    clouds: Clouds,
}

impl User {
    async fn new(emulator: Emulator) -> Self {
        let iam = emulator.aws().writer().iam().clone();
        iam.create_user().user_name("ci").send().await.unwrap();
        let key = iam.create_access_key().user_name("ci").send().await.unwrap().access_key.unwrap();
        let mut clouds = Clouds::default();
        clouds.add(MAIN, Aws::at(&emulator.url, "us-east-1", &key.access_key_id, &key.secret_access_key));
        Self { emulator, clouds }
    }

    /// Gives the user these statements, and returns the finding about them.
    async fn finding(&self, statements: Value) -> Option<Diagnostic> {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let iam = self.emulator.aws().writer().iam().clone();
        iam.put_user_policy().user_name("ci").policy_name("ci").policy_document(policy).send().await.unwrap();
        let desired = stack();
        let plan = EngineFixture::on(&self.emulator).plan(&desired).await;
        let findings = provisioner_aws::preflight::findings(&self.clouds, &desired, &plan).await.unwrap();
        findings.into_iter().find(|finding| finding.summary.contains("the policies of these credentials"))
    }
}

fn allow(actions: Value, resources: Value) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
}

#[tokio::test]
async fn plan_names_the_actions_that_the_callers_policies_refuse() {
    let Some(emulator) = Emulator::ministack() else {
        return skipped("plan_names_the_actions_that_the_callers_policies_refuse", "ministack is not installed");
    };
    let user = User::new(emulator).await;
    assert_eq!(user.finding(json!([allow(json!("*"), json!("*"))])).await, None);

    // A policy that is limited to the objects' ARNs allows them as well.
    let network = allow(json!(["ec2:*"]), json!("arn:aws:ec2:us-east-1:*:vpc/*"));
    let lists = allow(json!("sns:ListTopics"), json!("*"));
    let topics = |name: &str| allow(json!(["sns:*"]), json!(format!("arn:aws:sns:us-east-1:*:{name}")));
    assert_eq!(user.finding(json!([network, lists, topics("dev-*")])).await, None);

    let finding = user.finding(json!([network, lists, topics("prod-*")])).await.unwrap();
    assert!(finding.summary.contains("sns:CreateTopic (topic/alarms)"), "{finding:#?}");
    assert!(!finding.summary.contains("ec2:"), "{finding:#?}");

    let finding = user.finding(json!([allow(json!("ec2:Describe*"), json!("*"))])).await.unwrap();
    assert!(finding.summary.contains("ec2:CreateVpc (vpc/main)"), "{finding:#?}");
}
