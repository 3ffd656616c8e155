//! `aws:ecs:task-definition`: what a task is made of: images, limits, roles, and where its output goes.
//!
//! Its id is the family. An update registers a new revision and replaces nothing; the ones before stay ACTIVE, so that
//! a rollout can go back. A change to the family replaces it. A read takes one call for each family: AWS has no call
//! for many.
//! API: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>

use aws_sdk_ecs::types::{
    self, EphemeralStorage, TaskDefinitionField, TaskDefinitionPlacementConstraint,
    TaskDefinitionPlacementConstraintType, TaskDefinitionStatus,
};
use serde_json::Value;

use super::{Container, Volume, container::comparable, is_name, our_tags, sdk_tags, sync_tags};
use crate::{
    cloud::Clients,
    each::one_by_one,
    prelude::*,
    tags::{TagChange, made_for},
};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_-]+$",
    page: "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html",
    ..NameRule::ANY
};

/// The containers and resources of a task.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ecs:task-definition",
    cloudformation = "AWS::ECS::TaskDefinition",
    attributes(id = "${family}", arn = "Ref"),
    create = "ecs:RegisterTaskDefinition",
    unique(family),
    omitted(
        proxyConfiguration = "for App Mesh, which AWS ends",
        inferenceAccelerators = "for Elastic Inference, which AWS ended",
        "volumes.dockerVolumeConfiguration" = "EC2 hosts only; so too FSx for Windows",
        "volumes.s3filesVolumeConfiguration" = "not so far",
        "containerDefinitions.links" = "bridge networks only; so too disableNetworking, dnsServers, extraHosts",
        "containerDefinitions.devices" = "EC2 hosts only; so too dockerSecurityOptions, credentialSpecs",
        "containerDefinitions.resourceRequirements" = "no GPUs so far",
        "containerDefinitions.volumesFrom" = "volumes of the task do the same",
        "containerDefinitions.firelensConfiguration" = "not so far",
        trustedExecutionConfiguration = "for managed instances only",
    )
)]
pub struct TaskDefinition {
    /// The name of all its revisions; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE))]
    pub family: Option<String>,
    /// Containers of the task.
    #[field(required)]
    pub container_definitions: Vec<Container>,
    /// CPU units, 1024 to a core; needed on Fargate.
    #[field(cloud_default = none, convert = text_of)]
    pub cpu: Option<u32>,
    /// MiB; needed on Fargate.
    #[field(cloud_default = none, convert = text_of)]
    pub memory: Option<u32>,
    /// `awsvpc` (on Fargate), `bridge`, `host` or `none`.
    #[field(cloud_default = none)]
    pub network_mode: Option<String>,
    /// Required launch types, such as `FARGATE`.
    #[field(set)]
    pub requires_compatibilities: Vec<String>,
    /// The ARN of the role that the containers' programs have.
    #[field(cloud_default = none)]
    pub task_role_arn: Option<In<String>>,
    /// The ARN of the role with which ECS pulls images, reads secrets and writes logs.
    #[field(cloud_default = none)]
    pub execution_role_arn: Option<In<String>>,
    /// Processor and operating system.
    #[field(cloud_default = none)]
    pub runtime_platform: Option<RuntimePlatform>,
    /// GiB of disk on Fargate, 21 to 200; 20 if absent.
    #[field(cloud_default = none, property = "EphemeralStorage.SizeInGiB")]
    pub ephemeral_storage: Option<i32>,
    /// Volumes that the containers can share.
    #[field(set)]
    pub volumes: Vec<Volume>,
    /// Expressions in the cluster's query language that select hosts; not on Fargate.
    #[field(set, convert = member_of)]
    pub placement_constraints: Vec<String>,
    /// `task` or `host`: whose processes containers see.
    #[field(cloud_default = none)]
    pub pid_mode: Option<String>,
    /// `task`, `host` or `none`; not on Fargate.
    #[field(cloud_default = none)]
    pub ipc_mode: Option<String>,
    /// `true` if faults may be injected.
    #[field(cloud_default = none)]
    pub enable_fault_injection: Option<bool>,
    /// Tags of the task definition, by key.
    pub tags: Tags,
}

/// The processor and operating system of a task.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct RuntimePlatform {
    /// `X86_64` (AWS's default) or `ARM64`, as in the image.
    pub cpu_architecture: Option<String>,
    /// `LINUX` (AWS's default) or a version of Windows.
    pub operating_system_family: Option<String>,
}
sdk_struct!(RuntimePlatform = types::RuntimePlatform { cpu_architecture, operating_system_family });

/// The outputs of a task definition.
#[derive(Clone, Debug, PartialEq, Outputs)]
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
    /// Creates a definition of tasks on Fargate of this size, in CPU units and MiB.
    pub fn fargate(cpu: u32, memory: u32, containers: impl IntoIterator<Item = Container>) -> Self {
        let definition = Self::new(containers).cpu(cpu).memory(memory);
        definition.network_mode("awsvpc").requires_compatibilities(["FARGATE"])
    }

    async fn register(&self, c: &Writer, tags: &Tags) -> Result<Id<Self>> {
        let storage = self.ephemeral_storage.map(|size| EphemeralStorage::builder().size_in_gib(size).build());
        let constraint = |text: &String| {
            let kind = TaskDefinitionPlacementConstraintType::MemberOf;
            TaskDefinitionPlacementConstraint::builder().r#type(kind).expression(text).build()
        };
        let request = set_inputs!(c.ecs().register_task_definition(), self =>
            family, container_definitions, network_mode, task_role_arn, execution_role_arn, runtime_platform, pid_mode,
            ipc_mode, enable_fault_injection);
        let answer = set_filled!(request, self => requires_compatibilities, volumes)
            .set_cpu(self.cpu.map(|units| units.to_string()))
            .set_memory(self.memory.map(|size| size.to_string()))
            .set_ephemeral_storage(storage)
            .set_placement_constraints(filled(Some(self.placement_constraints.iter().map(constraint).collect())))
            .set_tags(filled(Some(sdk_tags(tags))))
            .send()
            .await
            .map_err(api_with(REGISTER, role_not_visible))?;
        let family = answer.task_definition().and_then(types::TaskDefinition::family);
        member(REGISTER, "family", family)
    }
}

impl Resource for TaskDefinition {
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["arn", "revision"];
    const ACTIONS: Actions = Actions {
        read: &["ecs:DescribeTaskDefinition"],
        create: &["ecs:RegisterTaskDefinition", "ecs:TagResource", "iam:PassRole"],
        update: &["ecs:RegisterTaskDefinition", "ecs:TagResource", "ecs:UntagResource", "iam:PassRole"],
        delete: &["ecs:ListTaskDefinitions", "ecs:DeregisterTaskDefinition"],
    };
    type Cloud = Aws;
    type Outputs = TaskDefinitionOutputs;

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        match Field::of(field) {
            Some(Field::ContainerDefinitions) => {
                field.compare.is_equivalent(&comparable(desired), &comparable(observed))
            }
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
        let ours = active(c, self.family.as_deref()).await?.filter(|(_, tags)| made_for(tags, owner));
        Ok(ours.and(self.family.as_ref()).map(Id::new).into_iter().collect())
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

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        if ChangedFields::between(self, &recorded.inputs, &observed.inputs).is_subset(&[Field::Tags]) {
            sync_tags(c, &observed.outputs.arn, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
            return Ok(None);
        }
        // Each revision has its own tags: foreign tags are copied to the new one.
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
        let pages = request.status(TaskDefinitionStatus::Active).into_paginator().items().send();
        let revisions = pages.collect::<Result<Vec<_>, _>>().await.map_err(api("ecs:ListTaskDefinitions"))?;
        // The API takes the family as a prefix.
        let is_own = |arn: &&String| super::last_segment(arn).rsplit_once(':').is_some_and(|(name, _)| name == family);
        for arn in revisions.iter().filter(is_own) {
            let answer = c.ecs().deregister_task_definition().task_definition(arn).send().await;
            gone_ok(answer.map(drop).map_err(api_with("ecs:DeregisterTaskDefinition", not_there)))?;
        }
        Ok(())
    }
}

pub(super) const READ: &str = "ecs:DescribeTaskDefinition";
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
    let latest = gone_ok(latest(c, family.unwrap_or_default()).await.map(Some))?;
    Ok(latest.filter(|(one, _)| one.status() == Some(&TaskDefinitionStatus::Active)))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::TaskDefinition, tags: &Tags) -> Result<Observed<TaskDefinition>> {
    let constraints = one.placement_constraints().iter().filter_map(|one| one.expression());
    let containers: Result<_> = one.container_definitions().iter().map(Container::to_observed).collect();
    let volumes: Result<_> = one.volumes().iter().map(Volume::to_observed).collect();
    Ok(Observed {
        inputs: from_sdk!(READ, one => TaskDefinition {
            family, network_mode, requires_compatibilities, task_role_arn, execution_role_arn, runtime_platform,
            pid_mode, ipc_mode, enable_fault_injection;
            container_definitions: containers?,
            cpu: one.cpu().and_then(|units| units.parse().ok()),
            memory: one.memory().and_then(|size| size.parse().ok()),
            ephemeral_storage: one.ephemeral_storage().map(EphemeralStorage::size_in_gib),
            volumes: volumes?,
            placement_constraints: constraints.map(str::to_owned).collect(),
            tags: tags.clone(),
        }),
        outputs: from_sdk!(READ, one => TaskDefinitionOutputs {
            id = family, arn = task_definition_arn, revision, status
        }),
    })
}

fn member_of(expressions: &[String]) -> Value {
    expressions.iter().map(|expression| json!({ "Type": "memberOf", "Expression": expression })).collect()
}

#[cfg(test)]
mod tests {
    use provisioner_model::compare::Compare;
    use serde_json::json;

    use super::*;
    use crate::ecs::{ContainerHealthCheck, Linux, PortMapping};

    fn containers() -> &'static FieldSchema {
        let name = Field::ContainerDefinitions.name();
        TaskDefinition::FIELDS.iter().find(|field| field.name == name).unwrap()
    }

    #[test]
    fn defaults_filled_in_by_aws_are_no_difference() {
        let mut app = Container::new("app", "image");
        app.port_mappings = vec![PortMapping::new().container_port(8080)];
        app.environment = [("A".to_owned(), "1".into()), ("B".to_owned(), "2".into())].into();
        let mut there = app.clone();
        there.cpu = Some(0);
        there.essential = Some(true);
        there.port_mappings[0].host_port = Some(8080);
        there.port_mappings[0].protocol = Some("tcp".into());
        let field = containers();
        assert_eq!(field.compare, Compare::Stated);
        assert!(TaskDefinition::is_equivalent(field, &json!([&app]), &json!([&there])));
        // A variable that was added out of band is a difference.
        there.environment.insert("C".to_owned(), "3".into());
        assert!(!TaskDefinition::is_equivalent(field, &json!([&app]), &json!([&there])));
        let other = Container::new("sidecar", "image");
        assert!(TaskDefinition::is_equivalent(field, &json!([&app, &other]), &json!([&other, &app])));
    }

    #[test]
    fn health_check_that_is_no_longer_stated_is_registered_no_more() {
        let bare = Container::new("app", "image");
        let checked = bare.clone().health_check(ContainerHealthCheck::new(["CMD", "/app", "health"]).interval(10));
        // AWS adds the values that the program left out.
        let check = ContainerHealthCheck::new(["CMD", "/app", "health"]).interval(10).timeout(5).retries(3);
        let observed = bare.clone().health_check(check);
        let [desired, recorded, observed] =
            [bare, checked, observed].map(|one| TaskDefinition::fargate(256, 512, [one]));
        let changed = ChangedFields::between(&desired, &recorded, &observed);
        assert!(changed.contains(Field::ContainerDefinitions));
        // A revision is written whole, from what is declared.
        assert_eq!(desired.container_definitions[0].to_sdk().unwrap().health_check(), None);
        // Nobody stated the values that AWS chose.
        assert!(ChangedFields::between(&recorded, &recorded, &observed).is_subset(&[]));
    }

    #[test]
    fn role_that_is_no_longer_stated_is_a_change() {
        let bare = TaskDefinition::fargate(256, 512, [Container::new("app", "image")]);
        let with_role = bare.clone().task_role_arn("arn:aws:iam::123456789012:role/task");
        assert!(ChangedFields::between(&bare, &with_role, &with_role).contains(Field::TaskRoleArn));
        assert!(ChangedFields::between(&bare, &bare, &with_role).is_subset(&[]));
    }

    #[test]
    fn a_container_reads_back() {
        let mut app = Container::new("app", "image");
        app.linux_parameters = Some(Linux::new().drop_capabilities(["ALL"]));
        app.secrets = [("KEY".to_owned(), "arn:secret".into())].into();
        app.user = Some("10000".into());
        let observed = Container::to_observed(&app.to_sdk().unwrap()).unwrap();
        assert!(TaskDefinition::is_equivalent(containers(), &json!([app]), &json!([observed])));
    }
}
