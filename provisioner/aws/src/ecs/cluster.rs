//! `aws:ecs:cluster` — a place for services and tasks.
//!
//! A cluster's name is fixed at creation, so a change to it replaces the cluster.
//! API: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html>

use aws_sdk_ecs::types::{
    self, ClusterConfiguration, ClusterField, ClusterServiceConnectDefaultsRequest, ClusterSetting, ClusterSettingName,
    ExecuteCommandConfiguration, ExecuteCommandLogConfiguration, ExecuteCommandLogging, ManagedStorageConfiguration,
};
use futures::future::join_all;
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{CapacityShare, is_name, observed_shares, our_tags, sdk_shares, sdk_tags, sync_tags};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Clients, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    tags::made_for,
    value::text,
};

/// A place for services and tasks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cluster {
    /// Letters, digits, `-` and `_`. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Metrics of tasks and containers: `disabled`, `enabled` or `enhanced`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_insights: Option<String>,
    /// Encryption and logging of commands in running containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execute_command: Option<ExecuteCommand>,
    /// Keys that encrypt ECS's storage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_storage: Option<ManagedStorage>,
    /// `FARGATE`, `FARGATE_SPOT`, or the account's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_providers: Option<Vec<String>>,
    /// Capacity of tasks that state none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_capacity: Option<Vec<CapacityShare>>,
    /// The ARN of the namespace for services that state none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_connect_namespace: Option<In<String>>,
    /// Tags of the cluster, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// Encryption and logging of commands in running containers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecuteCommand {
    /// The key for what is typed and answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<In<String>>,
    /// `NONE`, `DEFAULT` (the task's own log) or `OVERRIDE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<String>,
    /// Destination of the log, for `OVERRIDE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<ExecuteCommandLog>,
}

/// The destination of the log of commands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExecuteCommandLog {
    /// A log group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group: Option<In<String>>,
    /// `true` if that group must be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_group_encrypted: Option<bool>,
    /// Name of the bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<In<String>>,
    /// `true` if that bucket must be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket_encrypted: Option<bool>,
    /// Prefix of the objects' keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// Keys that encrypt ECS's storage.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ManagedStorage {
    /// Key for managed volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<In<String>>,
    /// For the disks of tasks on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fargate_key: Option<In<String>>,
}

/// The outputs of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterOutputs {
    /// The name of the cluster.
    pub id: Id<Cluster>,
    /// The ARN of the cluster.
    pub arn: String,
    /// `PROVISIONING`, `ACTIVE`, `DEPROVISIONING`, `FAILED` or `INACTIVE`.
    pub status: String,
}

impl Cluster {
    /// The ARN of the cluster.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// A cluster. It needs nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn settings(&self) -> Option<Vec<ClusterSetting>> {
        let value = self.container_insights.as_deref()?;
        Some(vec![ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(value).build()])
    }

    fn configuration(&self) -> Option<ClusterConfiguration> {
        let command = self.execute_command.as_ref().map(|desired| {
            let log = desired.log.as_ref().map(|log| {
                ExecuteCommandLogConfiguration::builder()
                    .set_cloud_watch_log_group_name(log.log_group.as_ref().and_then(text))
                    .cloud_watch_encryption_enabled(log.log_group_encrypted.unwrap_or_default())
                    .set_s3_bucket_name(log.bucket.as_ref().and_then(text))
                    .s3_encryption_enabled(log.bucket_encrypted.unwrap_or_default())
                    .set_s3_key_prefix(log.prefix.clone())
                    .build()
            });
            ExecuteCommandConfiguration::builder()
                .set_kms_key_id(desired.key.as_ref().and_then(text))
                .set_logging(desired.logging.as_deref().map(ExecuteCommandLogging::from))
                .set_log_configuration(log)
                .build()
        });
        let storage = self.managed_storage.as_ref().map(|desired| {
            ManagedStorageConfiguration::builder()
                .set_kms_key_id(desired.key.as_ref().and_then(text))
                .set_fargate_ephemeral_storage_kms_key_id(desired.fargate_key.as_ref().and_then(text))
                .build()
        });
        let configuration = ClusterConfiguration::builder()
            .set_execute_command_configuration(command.clone())
            .set_managed_storage_configuration(storage.clone());
        (command.is_some() || storage.is_some()).then(|| configuration.build())
    }

    fn shares(&self) -> Result<Option<Vec<types::CapacityProviderStrategyItem>>> {
        self.default_capacity.as_deref().map(sdk_shares).transpose()
    }

    fn connect(&self) -> Result<Option<ClusterServiceConnectDefaultsRequest>> {
        let Some(namespace) = self.service_connect_namespace.as_ref().and_then(text) else { return Ok(None) };
        let request = ClusterServiceConnectDefaultsRequest::builder().namespace(namespace).build();
        request.map(Some).map_err(super::unbuilt)
    }
}

impl Resource for Cluster {
    const TYPE: &'static str = "aws:ecs:cluster";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("container_insights"),
        Field::new("execute_command"),
        Field::new("managed_storage"),
        Field::new("capacity_providers").set(),
        Field::new("default_capacity").set(),
        Field::new("service_connect_namespace"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ecs:DescribeClusters"],
        create: &["ecs:CreateCluster", "ecs:TagResource", "iam:CreateServiceLinkedRole"],
        update: &["ecs:UpdateCluster", "ecs:PutClusterCapacityProviders", "ecs:TagResource", "ecs:UntagResource"],
        delete: &["ecs:DeleteCluster"],
    };
    type Cloud = Aws;
    type Outputs = ClusterOutputs;

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match observed.outputs.status.as_str() {
            "ACTIVE" => Phase::Ready,
            "INACTIVE" => Phase::Gone,
            "FAILED" => Phase::Failed { why: "its capacity could not be made".to_owned(), remedy: None },
            _ => Phase::Pending,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = describe(c, ids.iter().map(Id::as_str)).await?;
        all.iter().map(|one| Ok((id_of(one)?, to_observed(one)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let there = describe(c, self.name.as_deref()).await?;
        there.iter().filter(|one| is_live(one) && made_for(&our_tags(one.tags()), owner)).map(id_of).collect()
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let there = describe(c, self.name.as_deref()).await?;
        there.iter().filter(|one| is_live(one)).map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The API answers with a cluster of that name, whoever made it: so look first.
        if describe(c.read(), self.name.as_deref()).await?.iter().any(is_live) {
            return Err(Error::because(ErrorKind::Exists, CREATE, "a cluster of this name is there"));
        }
        let request = c.ecs().create_cluster().set_cluster_name(self.name.clone()).set_settings(self.settings());
        let answer = request
            .set_configuration(self.configuration())
            .set_capacity_providers(self.capacity_providers.clone())
            .set_default_capacity_provider_strategy(self.shares()?)
            .set_service_connect_defaults(self.connect()?)
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api_with(CREATE, linked_role))?;
        Ok((id_of(&need(CREATE, answer.cluster(), "cluster")?)?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (differs, name) = (ChangedInputs::between(self, &recorded.inputs, &observed.inputs), recorded.id.as_str());
        let configured = ["execute_command", "managed_storage"];
        if differs.any(&["container_insights", "service_connect_namespace"]) || differs.any(&configured) {
            let request = c.ecs().update_cluster().cluster(name);
            request
                .set_settings(self.settings().filter(|_| differs.has("container_insights")))
                .set_configuration(self.configuration().filter(|_| differs.any(&configured)))
                .set_service_connect_defaults(self.connect()?.filter(|_| differs.has("service_connect_namespace")))
                .send()
                .await
                .map_err(api_with("ecs:UpdateCluster", busy))?;
        }
        if differs.any(&["capacity_providers", "default_capacity"]) {
            // One call sets both: what is not stated stays as it is.
            let providers = self.capacity_providers.clone().or_else(|| observed.inputs.capacity_providers.clone());
            let shares = self.shares()?.map_or_else(|| observed.inputs.shares(), |own| Ok(Some(own)))?;
            let request = c.ecs().put_cluster_capacity_providers().cluster(name);
            request
                .set_capacity_providers(Some(providers.unwrap_or_default()))
                .set_default_capacity_provider_strategy(Some(shares.unwrap_or_default()))
                .send()
                .await
                .map_err(api_with("ecs:PutClusterCapacityProviders", busy))?;
        }
        sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.ecs().delete_cluster().cluster(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api_with("ecs:DeleteCluster", busy)))
    }
}

const READ: &str = "ecs:DescribeClusters";
const CREATE: &str = "ecs:CreateCluster";

fn linked_role(_: &str, message: &str) -> Option<ErrorKind> {
    message.contains("Unable to assume the service linked role").then_some(ErrorKind::NotYet)
}

fn busy(code: &str, _: &str) -> Option<ErrorKind> {
    match code {
        "UpdateInProgressException" => Some(ErrorKind::Busy),
        code if code.starts_with("ClusterContains") => Some(ErrorKind::InUse),
        _ => None,
    }
}

/// 100 a call. One that is not there is named among the failures, and no error.
async fn describe<'a>(c: &Clients, names: impl IntoIterator<Item = &'a str>) -> Result<Vec<types::Cluster>> {
    let names: Vec<String> = names.into_iter().filter(|name| is_name(name)).map(str::to_owned).collect();
    let calls = names.chunks(100).map(|some| {
        let include = vec![ClusterField::Tags, ClusterField::Settings, ClusterField::Configurations];
        c.ecs().describe_clusters().set_clusters(Some(some.to_vec())).set_include(Some(include)).send()
    });
    let mut all = vec![];
    for answer in join_all(calls).await {
        all.extend(answer.map_err(api(READ))?.clusters.unwrap_or_default());
    }
    Ok(all)
}

fn id_of(one: &types::Cluster) -> Result<Id<Cluster>> {
    need(READ, one.cluster_name(), "clusterName").map(Id::new)
}

fn is_live(one: &types::Cluster) -> bool {
    one.status() != Some("INACTIVE")
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::Cluster) -> Result<Observed<Cluster>> {
    let known = |value: Option<&str>| value.map(|value| In::from(value.to_owned()));
    let insights = one.settings().iter().find(|one| one.name() == Some(&ClusterSettingName::ContainerInsights));
    let command = one.configuration().and_then(|all| all.execute_command_configuration());
    let storage = one.configuration().and_then(|all| all.managed_storage_configuration());
    Ok(Observed {
        inputs: Cluster {
            name: one.cluster_name().map(str::to_owned),
            container_insights: insights.and_then(|one| one.value().map(str::to_owned)),
            execute_command: command.map(|observed| ExecuteCommand {
                key: known(observed.kms_key_id()),
                logging: observed.logging().map(|kind| kind.as_str().to_owned()),
                log: observed.log_configuration().map(|log| ExecuteCommandLog {
                    log_group: known(log.cloud_watch_log_group_name()),
                    log_group_encrypted: Some(log.cloud_watch_encryption_enabled()),
                    bucket: known(log.s3_bucket_name()),
                    bucket_encrypted: Some(log.s3_encryption_enabled()),
                    prefix: log.s3_key_prefix().map(str::to_owned),
                }),
            }),
            managed_storage: storage.map(|observed| ManagedStorage {
                key: known(observed.kms_key_id()),
                fargate_key: known(observed.fargate_ephemeral_storage_kms_key_id()),
            }),
            capacity_providers: Some(one.capacity_providers().to_vec()),
            default_capacity: Some(observed_shares(one.default_capacity_provider_strategy())),
            service_connect_namespace: known(one.service_connect_defaults().and_then(|all| all.namespace())),
            tags: our_tags(one.tags()),
        },
        outputs: ClusterOutputs {
            id: id_of(one)?,
            arn: need(READ, one.cluster_arn(), "clusterArn")?,
            status: need(READ, one.status(), "status")?,
        },
    })
}
