//! `aws:ecs:task-definition` — what a task is made of: images, limits, roles, and where its output goes.
//!
//! Its id is the family. An update registers a new revision and replaces nothing; the ones before stay ACTIVE, so that
//! a rollout can go back. A change to the family replaces it. A read takes one call for each family: AWS has no call
//! for many.
//! API: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>

use aws_sdk_ecs::types::{
    self, Compatibility, CpuArchitecture, EphemeralStorage, IpcMode, NetworkMode, OsFamily, PidMode,
    RuntimePlatform as SdkPlatform, TaskDefinitionField, TaskDefinitionPlacementConstraint,
    TaskDefinitionPlacementConstraintType, TaskDefinitionStatus,
};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Container, Volume,
    container::{comparable, full},
    is_name, our_tags, sdk_tags, sync_tags,
};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Aws, Clients, Reader, Writer},
    each::one_by_one,
    error::{api, api_with, gone_ok, need},
    tags::{TagChange, made_for},
    value::text,
};

/// The containers and resources of a task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// Its name. Generated where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Containers of the task.
    pub containers: Vec<Container>,
    /// CPU units, 1024 to a core; needed on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// MiB; needed on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// `awsvpc` (on Fargate), `bridge`, `host` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_mode: Option<String>,
    /// Required launch types, such as `FARGATE`.
    #[serde(default)]
    pub requires_compatibilities: Vec<String>,
    /// The ARN of the role that the containers' programs have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_role: Option<In<String>>,
    /// The ARN of the role with which ECS pulls images, reads secrets and writes logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution_role: Option<In<String>>,
    /// For which processor and system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_platform: Option<RuntimePlatform>,
    /// GiB of disk on Fargate, 21 to 200; 20 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<i32>,
    /// Volumes that the containers can share.
    #[serde(default)]
    pub volumes: Vec<Volume>,
    /// On which hosts, in the cluster's query language; not on Fargate.
    #[serde(default)]
    pub placement_constraints: Vec<String>,
    /// `task` or `host`: whose processes containers see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid_mode: Option<String>,
    /// `task`, `host` or `none`; not on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipc_mode: Option<String>,
    /// `true` if faults may be injected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault_injection: Option<bool>,
    /// Tags of the task definition, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// For which processor and system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RuntimePlatform {
    /// `X86_64` (if not stated) or `ARM64`: as the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_architecture: Option<String>,
    /// `LINUX` (if not stated) or a version of Windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_family: Option<String>,
}

/// The outputs of a task definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinitionOutputs {
    /// The family, which identifies the task definition.
    pub id: Id<TaskDefinition>,
    /// The latest active revision's ARN.
    pub arn: String,
    /// The latest active revision.
    pub revision: i32,
    /// `ACTIVE`; `INACTIVE` once deregistered.
    pub status: String,
}

impl TaskDefinition {
    /// The latest revision's ARN.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// Number of the latest revision.
    pub const REVISION: Output<Self, i32> = Output::new("revision");

    /// Tasks on Fargate of this size.
    pub fn fargate(cpu: u32, memory: u32, containers: Vec<Container>) -> Self {
        Self {
            containers,
            cpu: Some(cpu),
            memory: Some(memory),
            network_mode: Some("awsvpc".to_owned()),
            requires_compatibilities: vec!["FARGATE".to_owned()],
            ..Self::default()
        }
    }

    /// Tasks of these containers.
    pub fn new(containers: Vec<Container>) -> Self {
        Self { containers, ..Self::default() }
    }

    async fn register(&self, c: &Writer, tags: &Tags) -> Result<Id<Self>> {
        let storage = self.ephemeral_storage.map(|size| EphemeralStorage::builder().size_in_gib(size).build());
        let platform = self.runtime_platform.as_ref().map(|desired| {
            SdkPlatform::builder()
                .set_cpu_architecture(desired.cpu_architecture.as_deref().map(CpuArchitecture::from))
                .set_operating_system_family(desired.os_family.as_deref().map(OsFamily::from))
                .build()
        });
        let constraint = |text: &String| {
            let kind = TaskDefinitionPlacementConstraintType::MemberOf;
            TaskDefinitionPlacementConstraint::builder().r#type(kind).expression(text).build()
        };
        let requires = self.requires_compatibilities.iter().map(|kind| Compatibility::from(kind.as_str())).collect();
        let answer = c
            .ecs()
            .register_task_definition()
            .set_family(self.family.clone())
            .set_container_definitions(Some(self.containers.iter().map(Container::sdk).collect::<Result<_>>()?))
            .set_cpu(self.cpu.map(|units| units.to_string()))
            .set_memory(self.memory.map(|size| size.to_string()))
            .set_network_mode(self.network_mode.as_deref().map(NetworkMode::from))
            .set_requires_compatibilities(full(requires))
            .set_task_role_arn(self.task_role.as_ref().and_then(text))
            .set_execution_role_arn(self.execution_role.as_ref().and_then(text))
            .set_runtime_platform(platform)
            .set_ephemeral_storage(storage)
            .set_volumes(full(self.volumes.iter().map(Volume::sdk).collect::<Result<_>>()?))
            .set_placement_constraints(full(self.placement_constraints.iter().map(constraint).collect()))
            .set_pid_mode(self.pid_mode.as_deref().map(PidMode::from))
            .set_ipc_mode(self.ipc_mode.as_deref().map(IpcMode::from))
            .set_enable_fault_injection(self.fault_injection)
            .set_tags(full(sdk_tags(tags)))
            .send()
            .await
            .map_err(api_with(REGISTER, role_not_visible))?;
        let family = answer.task_definition().and_then(types::TaskDefinition::family);
        need(REGISTER, family, "family").map(Id::new)
    }
}

impl Resource for TaskDefinition {
    const TYPE: &'static str = "aws:ecs:task-definition";
    const FIELDS: &'static [Field] = &[
        Field::new("family").replaces(),
        Field::new("containers"),
        Field::new("cpu"),
        Field::new("memory"),
        Field::new("network_mode"),
        Field::new("requires_compatibilities").set(),
        Field::new("task_role"),
        Field::new("execution_role"),
        Field::new("runtime_platform"),
        Field::new("ephemeral_storage"),
        Field::new("volumes").set(),
        Field::new("placement_constraints").set(),
        Field::new("pid_mode"),
        Field::new("ipc_mode"),
        Field::new("fault_injection"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["family"]];
    const NAME: Option<Name> = Some(Name::new("family", 255));
    const TAGGED: bool = true;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["arn", "revision"];
    const ACTIONS: Actions = Actions {
        read: &["ecs:DescribeTaskDefinition"],
        create: &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"],
        update: &["ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UntagResource", "iam:PassRole"],
        delete: &["ecs:ListTaskDefinitions", "ecs:DeregisterTaskDefinition"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("proxyConfiguration", "for App Mesh, which AWS ends"),
        ("inferenceAccelerators", "for Elastic Inference, which AWS ended"),
        ("volumes.dockerVolumeConfiguration", "EC2 hosts only; so too FSx for Windows"),
        ("volumes.s3filesVolumeConfiguration", "not so far"),
        ("containerDefinitions.links", "bridge networks only; so too disableNetworking, dnsServers, extraHosts"),
        ("containerDefinitions.devices", "EC2 hosts only; so too dockerSecurityOptions, credentialSpecs"),
        ("containerDefinitions.resourceRequirements", "no GPUs so far"),
        ("containerDefinitions.volumesFrom", "volumes of the task do the same"),
        ("containerDefinitions.firelensConfiguration", "not so far"),
        ("trustedExecutionConfiguration", "for managed instances only"),
    ];
    type Cloud = Aws;
    type Outputs = TaskDefinitionOutputs;

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        match field.name {
            "containers" => field.compare.is_equivalent(&comparable(desired), &comparable(observed)),
            _ => field.compare.is_equivalent(desired, observed),
        }
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        if observed.outputs.status == TaskDefinitionStatus::Active.as_str() { Phase::Ready } else { Phase::Gone }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        Ok(one_by_one(ids, |id| async {
            latest(c, id.as_str()).await.and_then(|observed| to_observed(&observed.0, &observed.1))
        })
        .await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let observed = active(c, self.family.as_deref()).await?;
        Ok(observed
            .filter(|(_, tags)| made_for(tags, owner))
            .and(self.family.as_ref())
            .map(Id::new)
            .into_iter()
            .collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        Ok(active(c, self.family.as_deref()).await?.and(self.family.as_ref()).map(Id::new).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The API adds a revision to whoever's family it is: so look first.
        if active(c.read(), self.family.as_deref()).await?.is_some() {
            return Err(Error::because(ErrorKind::Exists, REGISTER, "this family has an active revision"));
        }
        Ok((self.register(c, &self.tags).await?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        if ChangedInputs::between(self, &recorded.inputs, &observed.inputs).only(&["tags"]) {
            sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
            return Ok(None);
        }
        // Each revision has tags of its own: others' go along.
        let change = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
        let mut tags = observed.inputs.tags.clone();
        tags.retain(|key, _| !change.drop.contains(key));
        tags.extend(change.set);
        self.register(c, &tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let family = recorded.id.as_str();
        let request = c.read().ecs().list_task_definitions().family_prefix(family);
        let mut pages = request.status(TaskDefinitionStatus::Active).into_paginator().items().send();
        let mut revisions = vec![];
        while let Some(arn) = pages.try_next().await.map_err(api("ecs:ListTaskDefinitions"))? {
            // The API calls it a prefix.
            if super::last_segment(&arn).rsplit_once(':').is_some_and(|(name, _)| name == family) {
                revisions.push(arn);
            }
        }
        for arn in revisions {
            let answer = c.ecs().deregister_task_definition().task_definition(arn).send().await;
            gone_ok(answer.map(drop).map_err(api_with("ecs:DeregisterTaskDefinition", not_there)))?;
        }
        Ok(())
    }
}

const READ: &str = "ecs:DescribeTaskDefinition";
const REGISTER: &str = "ecs:RegisterTaskDefinition";

/// ECS has one code for all that it does not find.
fn not_there(code: &str, message: &str) -> Option<ErrorKind> {
    let says = ["Unable to describe task definition", "does not exist", "not found"];
    (code == "ClientException" && says.iter().any(|text| message.contains(text))).then_some(ErrorKind::Gone)
}

fn role_not_visible(_: &str, message: &str) -> Option<ErrorKind> {
    message.contains("Role is not valid").then_some(ErrorKind::NotYet)
}

async fn latest(c: &Clients, family: &str) -> Result<(types::TaskDefinition, Tags)> {
    if !is_name(family) {
        return Err(Error::because(ErrorKind::Gone, READ, "no name of a family"));
    }
    let request = c.ecs().describe_task_definition().task_definition(family).include(TaskDefinitionField::Tags);
    let answer = request.send().await.map_err(api_with(READ, not_there))?;
    Ok((need(READ, answer.task_definition(), "taskDefinition")?, our_tags(answer.tags())))
}

async fn active(c: &Clients, family: Option<&str>) -> Result<Option<(types::TaskDefinition, Tags)>> {
    match latest(c, family.unwrap_or_default()).await {
        Ok(observed) => Ok(Some(observed).filter(|(one, _)| one.status() == Some(&TaskDefinitionStatus::Active))),
        Err(error) if error.kind == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::TaskDefinition, tags: &Tags) -> Result<Observed<TaskDefinition>> {
    let family = need(READ, one.family(), "family")?;
    Ok(Observed {
        inputs: TaskDefinition {
            family: Some(family.clone()),
            containers: one.container_definitions().iter().map(Container::to_observed).collect(),
            cpu: one.cpu().and_then(|units| units.parse().ok()),
            memory: one.memory().and_then(|size| size.parse().ok()),
            network_mode: one.network_mode().map(|mode| mode.as_str().to_owned()),
            requires_compatibilities: one.requires_compatibilities().iter().map(|k| k.as_str().to_owned()).collect(),
            task_role: one.task_role_arn().map(|arn| arn.to_owned().into()),
            execution_role: one.execution_role_arn().map(|arn| arn.to_owned().into()),
            runtime_platform: one.runtime_platform().map(|observed| RuntimePlatform {
                cpu_architecture: observed.cpu_architecture().map(|kind| kind.as_str().to_owned()),
                os_family: observed.operating_system_family().map(|kind| kind.as_str().to_owned()),
            }),
            ephemeral_storage: one.ephemeral_storage().map(EphemeralStorage::size_in_gib),
            volumes: one.volumes().iter().map(Volume::to_observed).collect(),
            placement_constraints: one
                .placement_constraints()
                .iter()
                .filter_map(|one| one.expression().map(str::to_owned))
                .collect(),
            pid_mode: one.pid_mode().map(|mode| mode.as_str().to_owned()),
            ipc_mode: one.ipc_mode().map(|mode| mode.as_str().to_owned()),
            fault_injection: one.enable_fault_injection(),
            tags: tags.clone(),
        },
        outputs: TaskDefinitionOutputs {
            id: Id::new(family),
            arn: need(READ, one.task_definition_arn(), "taskDefinitionArn")?,
            revision: one.revision(),
            status: need(READ, one.status().map(TaskDefinitionStatus::as_str), "status")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use provisioner_model::compare::Compare;
    use serde_json::json;

    use super::*;
    use crate::ecs::PortMapping;

    #[test]
    fn defaults_filled_in_by_aws_are_no_difference() {
        let mut app = Container::new("app", "image");
        app.port_mappings = vec![PortMapping { container_port: Some(8080), ..PortMapping::default() }];
        app.environment = [("A".to_owned(), "1".into()), ("B".to_owned(), "2".into())].into();
        let mut there = app.clone();
        there.cpu = Some(0);
        there.essential = Some(true);
        there.port_mappings[0].host_port = Some(8080);
        there.port_mappings[0].protocol = Some("tcp".into());
        let field = Field::new("containers");
        assert_eq!(field.compare, Compare::Stated);
        assert!(TaskDefinition::is_equivalent(&field, &json!([&app]), &json!([&there])));
        // A variable that another hand added is a difference.
        there.environment.insert("C".to_owned(), "3".into());
        assert!(!TaskDefinition::is_equivalent(&field, &json!([&app]), &json!([&there])));
        let other = Container::new("sidecar", "image");
        assert!(TaskDefinition::is_equivalent(&field, &json!([&app, &other]), &json!([&other, &app])));
    }

    #[test]
    fn a_container_reads_back() {
        let mut app = Container::new("app", "image");
        app.linux = Some(super::super::Linux { drop_capabilities: vec!["ALL".into()], ..Default::default() });
        app.secrets = [("KEY".to_owned(), "arn:secret".into())].into();
        app.user = Some("10000".into());
        let observed = Container::to_observed(&app.sdk().unwrap());
        assert!(TaskDefinition::is_equivalent(&Field::new("containers"), &json!([app]), &json!([observed])));
    }
}
