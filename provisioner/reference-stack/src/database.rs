//! PostgreSQL, in the private subnets, reached by the tasks alone and over TLS alone.

use provisioner_aws::{
    kms::Key,
    rds::{Instance, ParameterGroup, SubnetGroup},
};
use provisioner_model::stack::{Handle, Options, Stack};

use crate::{
    environment::Environment,
    network::{DATABASE_PORT, Network},
};

/// The database's name, and its master user's.
pub const NAME: &str = "app";

/// Declares the database. Secrets Manager generates and stores its password, and rotates it every seven days.
pub fn database(env: &Environment, network: &Network, key: &Handle<Key>, stack: &mut Stack) -> Handle<Instance> {
    let wanted = &env.database;
    stack.component("database", |stack| {
        let subnets = SubnetGroup::new("The private subnets", network.inner.clone());
        let subnets = stack.add("main", SubnetGroup { vpc: Some(network.vpc.id()), ..subnets });
        let mut settings = ParameterGroup::new(format!("postgres{}", wanted.version), "TLS only");
        settings.parameters.insert("rds.force_ssl".into(), "1".into());
        let settings = stack.add("main", settings);

        let snapshot = format!("{}-{}-final", env.project, stack.facts().environment);
        let instance = Instance {
            db_name: Some(NAME.into()),
            subnet_group: Some(subnets.id()),
            security_groups: Some(vec![network.database_group.id()]),
            port: Some(DATABASE_PORT),
            publicly_accessible: Some(false),
            parameter_group: Some(settings.id()),
            multi_az: Some(wanted.multi_az),
            storage_type: Some("gp3".into()),
            storage_encrypted: Some(true),
            // By AWS's own key for RDS: ours goes with the environment, and the final snapshot is to stay readable.
            kms_key: None,
            max_allocated_storage: Some(wanted.max_storage),
            manage_master_user_password: Some(true),
            master_user_secret_kms_key: Some(key.get(Key::ARN)),
            backup_retention_period: Some(wanted.backup_days),
            copy_tags_to_snapshot: Some(true),
            // A minor version comes by itself, while most people sleep; what we change ourselves comes at once.
            auto_minor_version_upgrade: Some(true),
            backup_window: Some("03:00-04:00".into()),
            maintenance_window: Some("sun:04:30-sun:05:30".into()),
            deletion_protection: Some(wanted.deletion_protection),
            final_snapshot: wanted.final_snapshot.then_some(snapshot),
            ..Instance::new("postgres", &wanted.version, &wanted.class, wanted.storage, NAME)
        };
        // What AWS refuses to delete, we refuse to delete without consent of its own.
        stack.add_with("main", instance, Options { protect: wanted.deletion_protection, ..Options::default() })
    })
}
