//! The table `[state]` of an environment file: where the state is. The command line reads it, so that every program has it.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::Value;

/// Key of the table.
pub const KEY: &str = "state";

/// The place of the state, if it is not the folder `state` on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateSettings {
    /// Kind of the storage.
    pub backend: Backend,
    /// Name of the bucket. `provisioner bootstrap` creates it.
    #[schemars(regex(pattern = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"))]
    pub bucket: String,
    /// Beginning of the keys in the bucket, without a slash at the end. Default: the project's name.
    #[schemars(regex(pattern = r"^([A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*)?$"), length(max = 512))]
    pub prefix: Option<String>,
    /// Region of the bucket. Default: the environment's region.
    #[schemars(regex(pattern = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]$"))]
    pub region: Option<String>,
    /// ARN of the KMS key that encrypts the state. Default: the encryption of the bucket.
    #[schemars(regex(pattern = r"^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+$"))]
    pub kms_key: Option<String>,
    /// Table of DynamoDB that holds a lock besides the lease in the bucket, with the layout of Terraform's lock tables.
    /// `provisioner bootstrap` creates it.
    #[schemars(regex(pattern = r"^[A-Za-z0-9_.-]{3,255}$"))]
    pub lock_table: Option<String>,
}

/// The kind of a storage of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// A bucket of Amazon S3.
    S3,
}

/// Returns the schema of the table.
pub(super) fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<StateSettings>().to_value();
    if let Some(map) = schema.as_object_mut() {
        map.remove("title");
    }
    schema
}

/// Returns the table of a file.
pub(super) fn of(file: &Value) -> serde_json::Result<Option<StateSettings>> {
    file.get(KEY).map(|table| serde_json::from_value(table.clone())).transpose()
}
