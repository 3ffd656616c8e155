//! Buckets, tables, certificates, records, web ACLs and databases.

use provisioner_aws::{
    acm::{Certificate, CertificateIssued, ImportedCertificate},
    dynamodb::{self, Billing, GlobalIndex, KeyAttribute, LocalIndex, Projection, Table},
    ec2::{Subnet, Vpc},
    rds::{Instance, ParameterGroup, SubnetGroup},
    route53::{Alias, Record},
    s3::{self, Bucket, LifecycleRule, Logging, Transition},
    waf::{Action, ManagedRules, Override, Rule, Scope, Statement, Visibility, WebAcl, WebAclAssociation},
};
use provisioner_model::{Id, resource::Tags};
use provisioner_testkit::conformance::TestObject;
use serde_json::{Value, json};

use super::{Bench, end};

fn tags(all: &[(&str, &str)]) -> Tags {
    all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// One field after another: each change alone, and nothing differs after it.
async fn each(object: &mut TestObject<'_>, changes: &[(&str, Value)]) {
    for (field, value) in changes {
        let changed = object.changed(field, value.clone());
        object.update(changed).await;
    }
}

#[tokio::test]
async fn bucket() {
    let Some(bench) = Bench::moto("bucket") else { return };
    // S3 delivers logs only where its own service may write.
    let deliver = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "logging.s3.amazonaws.com" },
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::test-logs-of-bucket/*"
        }]
    });
    let logs = bench
        .create(
            Bucket::new()
                .bucket("test-logs-of-bucket")
                // moto writes access logs into it.
                .force_delete(true)
                .policy(deliver.to_string()),
        )
        .await;
    let rule = LifecycleRule::new("tmp")
        .prefix("tmp/")
        .expiration_days(60)
        .noncurrent_version_expiration_days(7)
        .transitions([Transition::new(30, "STANDARD_IA")]);
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::test-bucket/*",
            "Condition": { "Bool": { "aws:SecureTransport": "false" } }
        }]
    });
    let mut bucket = bench
        .create(
            Bucket::new()
                .bucket("test-bucket")
                .versioning(true)
                .server_side_encryption_configuration(s3::Encryption::kms(
                    "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000001",
                ))
                .policy(policy.to_string())
                .lifecycle_configuration([rule.clone()])
                .logging_enabled(Logging::new("test-logs-of-bucket", "s3/"))
                .force_delete(true)
                .tags([("a", "1"), ("b", "2")]),
        )
        .await;
    let aborting = LifecycleRule::new("abort").abort_incomplete_multipart_upload_days(3);
    let mut later = policy.clone();
    later["Statement"][0]["Action"] = json!("s3:PutObject");
    each(
        &mut bucket,
        &[
            ("versioning", json!(false)),
            ("server_side_encryption_configuration", json!(s3::Encryption::s3())),
            ("policy", json!(later.to_string())),
            ("lifecycle_configuration", json!([rule, aborting])),
            ("lifecycle_configuration", json!([])),
            ("lifecycle_configuration", json!([rule])),
            ("object_ownership", json!("BucketOwnerPreferred")),
            ("logging_enabled", json!({ "target_bucket": "test-logs-of-bucket", "target_prefix": "other/" })),
            (
                "public_access_block_configuration",
                json!({
                    "block_public_acls": true,
                    "ignore_public_acls": true,
                    "block_public_policy": false,
                    "restrict_public_buckets": false
                }),
            ),
            ("tags", json!({ "a": "2" })),
        ],
    )
    .await;
    assert!(!bucket.observed.inputs["tags"].as_object().unwrap().contains_key("b"), "a dropped tag goes");
    end(&mut bucket, "lifecycle_configuration", json!([])).await;
    end(&mut bucket, "logging_enabled", Value::Null).await;
    // moto holds a denial without looking at its condition, so that what follows needs the policy gone.
    end(&mut bucket, "policy", Value::Null).await;
    // S3 then encrypts with its own keys, and says so; moto says nothing.
    end(&mut bucket, "server_side_encryption_configuration", Value::Null).await;
    // Its delete empties it, old versions too.
    let client = bench.emulator.aws();
    let client = provisioner_model::resource::Cloud::writer(&client).s3();
    for body in ["one", "two"] {
        client.put_object().bucket("test-bucket").key("x").body(body.as_bytes().to_vec().into()).send().await.unwrap();
    }
    bucket.delete().await;
    let mut locked = bench
        .create(
            Bucket::new().object_lock_enabled_for_bucket(true).default_retention(s3::Retention::new("GOVERNANCE", 1)),
        )
        .await;
    each(&mut locked, &[("default_retention", json!({ "mode": "GOVERNANCE", "days": 2 }))]).await;
    end(&mut locked, "default_retention", Value::Null).await;
    locked.delete().await;
    logs.delete().await;
}

#[tokio::test]
async fn table() {
    let Some(bench) = Bench::moto("table") else { return };
    let mut table = bench
        .create(
            Table::new(KeyAttribute::text("id"))
                .range_key(KeyAttribute::number("at"))
                .global_secondary_indexes([GlobalIndex::new(
                    "by-kind",
                    KeyAttribute::text("kind"),
                    Projection::Include(vec!["note".into()]),
                )])
                .local_secondary_indexes([LocalIndex::new(
                    "by-size",
                    KeyAttribute::number("size"),
                    Projection::KeysOnly,
                )])
                .sse_specification(dynamodb::Encryption::new())
                .point_in_time_recovery_enabled(true)
                .time_to_live_specification("gone_at")
                .deletion_protection_enabled(true)
                .stream_view_type("NEW_IMAGE")
                .tags(tags(&[("a", "1")])),
        )
        .await;
    let by_day = GlobalIndex::new("by-day", KeyAttribute::text("day"), Projection::All);
    let by_day = by_day.range_key(KeyAttribute::number("at"));
    each(
        &mut table,
        &[
            ("global_secondary_indexes", json!([by_day])),
            ("billing_mode", json!(Billing::Provisioned { read_capacity_units: 2, write_capacity_units: 1 })),
            ("billing_mode", json!(Billing::PayPerRequest)),
            ("point_in_time_recovery_enabled", json!(false)),
            // moto refuses to turn a stream on where there once was one: another view cannot be shown there.
            ("deletion_protection_enabled", json!(false)),
            ("tags", json!({ "a": "2" })),
        ],
    )
    .await;
    end(&mut table, "time_to_live_specification", Value::Null).await;
    end(&mut table, "stream_view_type", Value::Null).await;
    // moto keeps a key of KMS for ever: its end cannot be shown there.
    each(&mut table, &[("point_in_time_recovery_enabled", json!(true))]).await;
    end(&mut table, "point_in_time_recovery_enabled", json!(false)).await;
    table.delete().await;
}

#[tokio::test]
async fn certificates_and_records() {
    let Some(bench) = Bench::moto("certificates_and_records") else { return };
    let mut certificate = bench
        .create(
            // moto makes RSA keys whatever is asked for: `key_algorithm` cannot be shown there.
            Certificate::new("example.com").subject_alternative_names(["www.example.com"]).tags(tags(&[("a", "1")])),
        )
        .await;
    each(&mut certificate, &[("tags", json!({ "b": "1" }))]).await;
    let validation = certificate.observed.outputs["main_validation"].clone();
    assert_eq!(validation["domain"], "example.com");
    let aws = bench.emulator.aws();
    let route53 = provisioner_model::resource::Cloud::writer(&aws).route53();
    let zone = route53.create_hosted_zone().name("example.com").caller_reference("1").send().await.unwrap();
    let zone = zone.hosted_zone().unwrap().id().to_owned();
    let text = |field: &str| validation[field].as_str().unwrap().to_owned();
    let validation = bench
        .create(Record::new(
            zone.as_str(),
            text("name").as_str(),
            text("type").as_str(),
            60,
            [text("value").as_str().into()],
        ))
        .await;
    let mut record = bench
        .create(Record::new(zone.as_str(), "*.example.com", "A", 60, ["192.0.2.1".into(), "192.0.2.2".into()]))
        .await;
    each(&mut record, &[("ttl", json!(300)), ("resource_records", json!(["192.0.2.3"]))]).await;
    let target = Alias::new("Z35SXDOTRQ7X7K", "Balancer.us-east-1.elb.amazonaws.com.", true);
    let alias = bench.create(Record::alias(zone.as_str(), "www.example.com", "A", target)).await;
    alias.delete().await;
    record.delete().await;
    validation.delete().await;
    certificate.delete().await;
}

#[tokio::test]
async fn imported_certificate() {
    let Some(bench) = Bench::moto("imported_certificate") else { return };
    let mut own = bench
        .create(ImportedCertificate::new(["app.internal", "www.app.internal"], 365).tags(tags(&[("a", "1")])))
        .await;
    assert!(own.observed.outputs["not_after"].as_str().is_some_and(|end| end.ends_with('Z')));
    each(&mut own, &[("tags", json!({ "a": "2", "b": "1" }))]).await;
    // moto issues a requested certificate after a minute; one that is issued shows the wait as well.
    let issued = bench.create(CertificateIssued::new(Id::new(&*own.id).into())).await;
    assert_eq!(issued.observed.outputs["arn"], json!(own.id));
    let observed = own.read().await.unwrap();
    let phase =
        provisioner_aws::registry().get("aws:acm:certificate-issued").unwrap().phase(None, &issued.observed, None);
    assert_eq!(phase.unwrap(), provisioner_model::Phase::Gone, "nobody waits for {}", observed.outputs["arn"]);
    own.delete().await;
}

#[tokio::test]
async fn web_acl_and_association() {
    let Some(bench) = Bench::moto("web_acl_and_association") else { return };
    let common = Rule {
        statement: Statement::Managed(
            ManagedRules::aws("AWSManagedRulesCommonRuleSet")
                .rule_action_overrides([Override::new("SizeRestrictions_BODY", Action::Count)]),
        ),
        ..Rule::managed("common", 1, "AWSManagedRulesCommonRuleSet")
    };
    let mut acl = bench
        .create(
            WebAcl::new(Scope::Regional, Action::Allow, Visibility::new("web"))
                .description("of a test")
                .rules([common.clone(), Rule::rate_limit("rate", 2, 2000)])
                .tags(tags(&[("a", "1")])),
        )
        .await;
    let geo = Rule::new("geo", 3, Statement::Geo(vec!["SE".into()]), Action::Count);
    each(
        &mut acl,
        &[
            ("rules", json!([Rule::rate_limit("rate", 2, 1000), geo, common])),
            ("default_action", json!("block")),
            ("description", json!("of another test")),
            ("visibility_config", json!(Visibility::new("other").sampled_requests_enabled(false))),
            ("tags", json!({ "b": "1" })),
        ],
    )
    .await;
    let other = WebAcl::new(Scope::Regional, Action::Allow, Visibility::new("o")).name("other");
    let other = bench.create(other).await;
    let balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/a/50dc6c495c0c9188";
    let association = bench.create(WebAclAssociation::new(Id::new(&*acl.id).into(), balancer)).await;
    // moto lists an association under each ACL that it ever had, and answers with the first: an update in place cannot
    // be shown there.
    association.delete().await;
    other.delete().await;
    acl.delete().await;
}

#[tokio::test]
async fn database() {
    let Some(bench) = Bench::moto("database") else { return };
    let vpc = bench.create(Vpc::new("10.0.0.0/16")).await;
    let vpc_id = || Id::new(&*vpc.id).into();
    let a = bench.create(Subnet::new(vpc_id(), "10.0.1.0/24", "us-east-1a")).await;
    let b = bench.create(Subnet::new(vpc_id(), "10.0.2.0/24", "us-east-1b")).await;
    let of = |subnets: &[&TestObject<'_>]| subnets.iter().map(|one| Id::new(&*one.id).into()).collect::<Vec<_>>();
    let mut subnets = bench.create(SubnetGroup::new("of a test", of(&[&a, &b])).tags([("a", "1")])).await;
    // moto's ModifyDBSubnetGroup loses the group: other subnets and another description cannot be shown there.
    each(&mut subnets, &[("tags", json!({ "b": "1" }))]).await;
    let mut parameters =
        bench.create(ParameterGroup::new("postgres17", "of a test").parameters([("rds.force_ssl", "1")])).await;
    // moto has no ResetDBParameterGroup: a dropped parameter cannot be shown there.
    each(
        &mut parameters,
        &[
            ("parameters", json!({ "rds.force_ssl": "1", "log_connections": "1" })),
            ("parameters", json!({ "rds.force_ssl": "0", "log_connections": "1" })),
            ("tags", json!({ "b": "1" })),
        ],
    )
    .await;
    let aws = bench.emulator.aws();
    let ec2 = provisioner_model::resource::Cloud::writer(&aws).ec2();
    let mut groups = vec![];
    for name in ["one", "two"] {
        let made = ec2.create_security_group().group_name(name).description(name).vpc_id(&vpc.id).send().await.unwrap();
        groups.push(made.group_id().unwrap().to_owned());
    }
    let mut database = bench
        .create(
            Instance::new("postgres", "17", "db.t3.micro", 20, "app")
                .storage_type("gp3")
                .max_allocated_storage(100)
                .storage_encrypted(true)
                .db_name("app")
                .multi_az(false)
                .db_subnet_group_name(Id::new(&*subnets.id).into())
                .vpc_security_group_ids([Id::new(&*groups[0]).into()])
                .publicly_accessible(false)
                .db_parameter_group_name(Id::new(&*parameters.id).into())
                .backup_retention_period(7)
                .preferred_backup_window("03:00-04:00")
                .preferred_maintenance_window("Mon:06:00-Mon:07:00")
                .copy_tags_to_snapshot(true)
                .auto_minor_version_upgrade(true)
                .deletion_protection(true)
                .final_db_snapshot_identifier("last")
                .enable_iam_database_authentication(true)
                .ca_certificate_identifier("rds-ca-rsa2048-g1")
                .enable_cloudwatch_logs_exports(["postgresql", "upgrade"])
                .tags([("a", "1")]),
        )
        .await;
    let out = &database.observed.outputs;
    assert!(out["endpoint"]["address"].is_string() && out["endpoint"]["port"].is_number(), "{out:#}");
    assert!(out["master_user_secret"]["arn"].is_string(), "{out:#}");
    each(
        &mut database,
        &[
            ("db_instance_class", json!("db.t3.small")),
            ("allocated_storage", json!(40)),
            ("max_allocated_storage", json!(200)),
            ("multi_az", json!(true)),
            ("vpc_security_group_ids", json!([groups[1], groups[0]])),
            ("backup_retention_period", json!(14)),
            ("preferred_backup_window", json!("04:00-05:00")),
            ("preferred_maintenance_window", json!("tue:07:00-tue:08:00")),
            ("copy_tags_to_snapshot", json!(false)),
            ("auto_minor_version_upgrade", json!(false)),
            ("enable_iam_database_authentication", json!(false)),
            ("enable_cloudwatch_logs_exports", json!(["postgresql"])),
            ("engine_version", json!("17.4")),
            ("deletion_protection", json!(false)),
            ("tags", json!({ "b": "1" })),
            ("publicly_accessible", json!(true)),
        ],
    )
    .await;
    each(&mut database, &[("stopped", json!(true))]).await;
    end(&mut database, "stopped", json!(false)).await;
    end(&mut database, "publicly_accessible", json!(false)).await;
    end(&mut database, "multi_az", json!(false)).await;
    end(&mut database, "auto_minor_version_upgrade", json!(true)).await;
    end(&mut database, "enable_cloudwatch_logs_exports", json!([])).await;
    end(&mut database, "backup_retention_period", json!(1)).await;
    database.delete().await;
    let rds = provisioner_model::resource::Cloud::writer(&aws).rds();
    let kept = rds.describe_db_snapshots().send().await.unwrap();
    let kept: Vec<_> = kept.db_snapshots().iter().filter_map(|one| one.db_snapshot_identifier()).collect();
    assert!(kept.iter().any(|name| name.starts_with("last-")), "{kept:?}");
    parameters.delete().await;
    subnets.delete().await;
    for one in [a, b] {
        one.delete().await;
    }
    for group in groups {
        ec2.delete_security_group().group_id(group).send().await.unwrap();
    }
    vpc.delete().await;
}
