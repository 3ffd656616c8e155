//! `aws:ecs:cluster`: a place for services and tasks.
//!
//! A cluster's name is fixed at creation, so a change to it replaces the cluster.
//! API: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html>

use aws_sdk_ecs::types::{
    self, ClusterConfiguration, ClusterField, ClusterServiceConnectDefaultsRequest, ClusterSetting, ClusterSettingName,
};
use futures::future::join_all;

use super::{CapacityShare, is_name, our_tags, sdk_tags, sync_tags};
use crate::{cloud::Clients, prelude::*, tags::made_for};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_-]+$",
    page: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html",
    ..NameRule::ANY
};

/// A place for services and tasks.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ecs:cluster",
    cloudformation = "AWS::ECS::Cluster",
    attributes(arn = "Arn"),
    create = "ecs:CreateCluster",
    unique(cluster_name)
)]
pub struct Cluster {
    /// Letters, digits, `-` and `_`; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE))]
    pub cluster_name: Option<String>,
    /// Metrics of tasks and containers: `disabled`, `enabled` or `enhanced`.
    #[field(parameter = "settings", property = "ClusterSettings[Name=containerInsights].Value")]
    pub container_insights: Option<String>,
    /// Encryption and logging of commands in running containers.
    #[field(parameter = "configuration", cloud_default = none, property = "Configuration.ExecuteCommandConfiguration")]
    pub execute_command_configuration: Option<ExecuteCommand>,
    /// Keys that encrypt ECS's storage.
    #[field(parameter = "configuration", property = "Configuration.ManagedStorageConfiguration")]
    pub managed_storage_configuration: Option<ManagedStorage>,
    /// `FARGATE`, `FARGATE_SPOT`, or the account's own.
    #[field(set, cloud_default = none)]
    pub capacity_providers: Option<Vec<String>>,
    /// Capacity of tasks that state none.
    #[field(set, cloud_default = none)]
    pub default_capacity_provider_strategy: Option<Vec<CapacityShare>>,
    /// The ARN of the namespace for services that state none.
    #[field(cloud_default = none, property = "ServiceConnectDefaults.Namespace")]
    pub service_connect_defaults: Option<In<String>>,
    /// Tags of the cluster, by key.
    pub tags: Tags,
}

/// Encryption and logging of commands in running containers.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct ExecuteCommand {
    /// The key that encrypts the session between the client and the container.
    pub kms_key_id: Option<In<String>>,
    /// `NONE`, `DEFAULT` (the task's own log) or `OVERRIDE`.
    pub logging: Option<String>,
    /// Destination of the log, for `OVERRIDE`.
    pub log_configuration: Option<ExecuteCommandLog>,
}
sdk_struct!(ExecuteCommand = types::ExecuteCommandConfiguration { kms_key_id, logging, log_configuration });

/// The destination of the log of commands.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct ExecuteCommandLog {
    /// A log group's name.
    pub cloud_watch_log_group_name: Option<In<String>>,
    /// `true` if that group must be encrypted.
    pub cloud_watch_encryption_enabled: Option<bool>,
    /// Name of the bucket.
    pub s3_bucket_name: Option<In<String>>,
    /// `true` if that bucket must be encrypted.
    pub s3_encryption_enabled: Option<bool>,
    /// Prefix of the objects' keys.
    pub s3_key_prefix: Option<String>,
}
sdk_struct!(
    ExecuteCommandLog = types::ExecuteCommandLogConfiguration {
        cloud_watch_log_group_name,
        cloud_watch_encryption_enabled,
        s3_bucket_name,
        s3_encryption_enabled,
        s3_key_prefix
    }
);

/// Keys that encrypt ECS's storage.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct ManagedStorage {
    /// Key for managed volumes.
    pub kms_key_id: Option<In<String>>,
    /// Key for the disks of tasks on Fargate.
    pub fargate_ephemeral_storage_kms_key_id: Option<In<String>>,
}
sdk_struct!(ManagedStorage = types::ManagedStorageConfiguration { kms_key_id, fargate_ephemeral_storage_kms_key_id });

/// The outputs of a cluster.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ClusterOutputs {
    /// The name of the cluster.
    pub id: Id<Cluster>,
    /// The ARN of the cluster.
    pub arn: String,
    /// `PROVISIONING`, `ACTIVE`, `DEPROVISIONING`, `FAILED` or `INACTIVE`.
    pub status: String,
}

impl Cluster {
    fn settings(&self) -> Option<Vec<ClusterSetting>> {
        let value = self.container_insights.as_deref()?;
        Some(vec![ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(value).build()])
    }

    fn configuration(&self) -> Option<ClusterConfiguration> {
        let configuration = set_inputs!(ClusterConfiguration::builder(), self =>
            execute_command_configuration, managed_storage_configuration);
        let any = self.execute_command_configuration.is_some() || self.managed_storage_configuration.is_some();
        any.then(|| configuration.build())
    }

    fn connect(&self) -> Option<ClusterServiceConnectDefaultsRequest> {
        // An empty name ends the setting.
        let namespace = self.service_connect_defaults.as_ref().and_then(text).unwrap_or_default();
        ClusterServiceConnectDefaultsRequest::builder().namespace(namespace).build().ok()
    }
}

impl Resource for Cluster {
    const IDEMPOTENT_CREATE: bool = true;
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
        let there = describe(c, self.cluster_name.as_deref()).await?;
        there.iter().filter(|one| is_live(one) && made_for(&our_tags(one.tags()), owner)).map(id_of).collect()
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let there = describe(c, self.cluster_name.as_deref()).await?;
        there.iter().filter(|one| is_live(one)).map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The API answers with a cluster of that name, whoever made it: so look first.
        if describe(c.read(), self.cluster_name.as_deref()).await?.iter().any(is_live) {
            return Err(Error::because(ErrorKind::Exists, CREATE, "a cluster of this name is there"));
        }
        let answer = set_inputs!(c.ecs().create_cluster(), self =>
            cluster_name, capacity_providers, default_capacity_provider_strategy)
        .set_settings(self.settings())
        .set_configuration(self.configuration())
        .set_service_connect_defaults(self.connect().filter(|_| self.service_connect_defaults.is_some()))
        .set_tags(filled(Some(sdk_tags(&self.tags))))
        .send()
        .await
        .map_err(api_with(CREATE, linked_role))?;
        Ok((id_of(&need(CREATE, answer.cluster(), "cluster")?)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let name = recorded.id.as_str();
        let settings = changed.contains(Field::ContainerInsights);
        let configuration =
            changed.contains_any(&[Field::ExecuteCommandConfiguration, Field::ManagedStorageConfiguration]);
        let connect = changed.contains(Field::ServiceConnectDefaults);
        // Commands whose settings are no longer stated are logged as the task's containers are, which is ECS's default.
        let mut desired = self.clone();
        if changed.contains(Field::ExecuteCommandConfiguration) {
            desired.execute_command_configuration.get_or_insert_with(|| ExecuteCommand::new().logging("DEFAULT"));
        }
        if settings || configuration || connect {
            let request = c.ecs().update_cluster().cluster(name);
            request
                .set_settings(self.settings().filter(|_| settings))
                .set_configuration(desired.configuration().filter(|_| configuration))
                .set_service_connect_defaults(self.connect().filter(|_| connect))
                .send()
                .await
                .map_err(api_with("ecs:UpdateCluster", busy))?;
        }
        if changed.contains_any(&[Field::CapacityProviders, Field::DefaultCapacityProviderStrategy]) {
            // One call sets both: what was never stated stays as it is.
            let mut both = self.clone();
            if !changed.contains(Field::CapacityProviders) {
                both.capacity_providers.clone_from(&observed.inputs.capacity_providers);
            }
            if !changed.contains(Field::DefaultCapacityProviderStrategy) {
                let strategy = &observed.inputs.default_capacity_provider_strategy;
                both.default_capacity_provider_strategy.clone_from(strategy);
            }
            both.capacity_providers.get_or_insert_default();
            both.default_capacity_provider_strategy.get_or_insert_default();
            let request = c.ecs().put_cluster_capacity_providers().cluster(name);
            set_inputs!(request, both => capacity_providers, default_capacity_provider_strategy)
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

/// Describes clusters, 100 per call. AWS lists a missing one among the failures, which is no error.
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
    let insights = one.settings().iter().find(|one| one.name() == Some(&ClusterSettingName::ContainerInsights));
    let configuration = one.configuration();
    let command = configuration.and_then(ClusterConfiguration::execute_command_configuration);
    let storage = configuration.and_then(ClusterConfiguration::managed_storage_configuration);
    let namespace = one.service_connect_defaults().and_then(|all| all.namespace());
    Ok(Observed {
        inputs: from_sdk!(READ, one => Cluster {
            cluster_name, capacity_providers, default_capacity_provider_strategy;
            container_insights: insights.and_then(ClusterSetting::value).map(str::to_owned),
            execute_command_configuration: command.and_then(FromSdk::from_sdk),
            managed_storage_configuration: storage.and_then(FromSdk::from_sdk),
            service_connect_defaults: namespace.map(In::from),
            tags: our_tags(one.tags()),
        }),
        outputs: from_sdk!(READ, one => ClusterOutputs { id = cluster_name, arn = cluster_arn, status }),
    })
}
