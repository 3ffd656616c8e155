//! Queues.

use provisioner_aws::sqs::Queue;
use provisioner_model::{ErrorKind, Schema, expr::In, resource::Owner};
use provisioner_testkit::conformance::PROVIDER;
use serde_json::{Value, json};

use super::Bench;

fn policy(action: &str) -> In<String> {
    let statement = json!({"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string().into()
}

fn redrive(arn: &Value, max_receive_count: u32) -> In<String> {
    json!({"deadLetterTargetArn": arn, "maxReceiveCount": max_receive_count}).to_string().into()
}

#[tokio::test]
async fn queue_and_its_dead_letter_queue() {
    let Some(bench) = Bench::moto("queue_and_its_dead_letter_queue") else { return };
    let dead_letters = bench.create(Queue::new().queue_name("dead-letters")).await;
    let dead_letters_arn = dead_letters.observed.outputs["arn"].clone();
    let mut queue = bench
        .create(
            Queue::new()
                .visibility_timeout(60)
                .message_retention_period(86_400)
                .delay_seconds(5)
                .maximum_message_size(2048)
                .receive_message_wait_time_seconds(20)
                .policy(policy("sqs:SendMessage"))
                .redrive_policy(redrive(&dead_letters_arn, 5))
                .kms_master_key_id("alias/aws/sqs")
                .kms_data_key_reuse_period_seconds(600)
                .sqs_managed_sse_enabled(false)
                .tags([("team", "1")]),
        )
        .await;

    let mut changed = queue.changed("visibility_timeout", json!(30));
    changed["message_retention_period"] = json!(345_600);
    changed["delay_seconds"] = json!(0);
    changed["maximum_message_size"] = json!(4096);
    changed["receive_message_wait_time_seconds"] = json!(0);
    changed["policy"] = json!(policy("sqs:ReceiveMessage"));
    changed["redrive_policy"] = json!(redrive(&dead_letters_arn, 10));
    changed["kms_master_key_id"] = json!("alias/other");
    changed["kms_data_key_reuse_period_seconds"] = json!(300);
    changed["tags"] = json!({"other": "2"});
    queue.update(changed).await;

    // What the program no longer states ends.
    let mut changed = queue.changed("policy", Value::Null);
    changed["redrive_policy"] = Value::Null;
    changed["kms_master_key_id"] = Value::Null;
    changed["sqs_managed_sse_enabled"] = json!(true);
    queue.update(changed).await;
    for field in ["policy", "redrive_policy", "kms_master_key_id"] {
        assert_eq!(queue.observed.inputs.get(field).unwrap_or(&Value::Null), &Value::Null, "{field}");
    }

    let again = bench.types.get(Queue::TYPE).unwrap();
    let owner = Owner { lineage: "other".into(), address: "test/other".into(), token: "another".into(), generation: 1 };
    let error = again.create(&bench.clouds, PROVIDER, queue.inputs.clone(), &owner).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Exists, "the equal queue of another owner is not taken over");
    queue.delete().await;
    dead_letters.delete().await;
}

// ANCHOR: conformance
#[tokio::test]
async fn fifo_queue() {
    let Some(bench) = Bench::moto("fifo_queue") else { return };
    let mut queue = bench
        .create(
            Queue::new()
                .queue_name("orders.fifo")
                .fifo_queue(true)
                .content_based_deduplication(true)
                .deduplication_scope("queue")
                .fifo_throughput_limit("perQueue"),
        )
        .await;
    let mut changed = queue.changed("content_based_deduplication", json!(false));
    changed["deduplication_scope"] = json!("messageGroup");
    changed["fifo_throughput_limit"] = json!("perMessageGroupId");
    queue.update(changed).await;
    queue.delete().await;
}
// ANCHOR_END: conformance
