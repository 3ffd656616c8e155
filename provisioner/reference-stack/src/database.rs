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
        let subnets = SubnetGroup::new("The private subnets", network.inner.clone()).vpc_id(network.vpc.clone());
        let subnets = stack.add("main", subnets);
        let settings = ParameterGroup::new(format!("postgres{}", wanted.version), "TLS only");
        let settings = stack.add("main", settings.parameters([("rds.force_ssl", "1")]));

        let snapshot = format!("{}-{}-final", env.project, stack.facts().environment);
        let mut instance = Instance::new("postgres", &wanted.version, &wanted.class, wanted.storage, NAME)
            .db_name(NAME)
            .db_subnet_group_name(subnets.id())
            .vpc_security_group_ids([network.database_group.id()])
            .port(DATABASE_PORT)
            .publicly_accessible(false)
            .db_parameter_group_name(settings.id())
            .multi_az(wanted.multi_az)
            .storage_type("gp3")
            // Encrypted with AWS's own key for RDS: the environment's key is deleted with it, and the final snapshot must stay readable.
            .storage_encrypted(true)
            .max_allocated_storage(wanted.max_storage)
            .master_user_secret_kms_key_id(key.get(Key::ARN))
            .backup_retention_period(wanted.backup_days)
            .copy_tags_to_snapshot(true)
            // AWS installs minor versions at night; changes by an apply take effect immediately.
            .auto_minor_version_upgrade(true)
            .engine_lifecycle_support(lifecycle_support(wanted.extended_support))
            .preferred_backup_window("03:00-04:00")
            .preferred_maintenance_window("sun:04:30-sun:05:30")
            .deletion_protection(wanted.deletion_protection);
        instance.final_db_snapshot_identifier = wanted.final_snapshot.then_some(snapshot);
        instance.db_snapshot_identifier.clone_from(&wanted.from_snapshot);
        instance.allow_major_version_upgrade = wanted.allow_major_upgrade.then_some(true);
        // Resources that AWS protects from deletion need explicit consent here too.
        stack.add_with("main", instance, Options { protect: wanted.deletion_protection, ..Options::default() })
    })
}

/// Returns RDS's word for what happens at the end of a version's standard support: paid support, or an upgrade.
fn lifecycle_support(extended: bool) -> &'static str {
    if extended { "open-source-rds-extended-support" } else { "open-source-rds-extended-support-disabled" }
}
