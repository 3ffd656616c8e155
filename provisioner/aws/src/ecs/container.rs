//! A container of a task definition.
//!
//! Lists and maps are managed whole: AWS answers with empty ones where nothing is stated. AWS chooses the value of an
//! absent `Option` (`hostPort`, `protocol`, `cpu` 0).

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    self, ContainerDefinition, EnvironmentFile, EnvironmentFileType, KernelCapabilities, LinuxParameters,
    RepositoryCredentials,
};
use serde_json::Value;

use super::task_definition::READ;
use crate::{prelude::*, sdk::Built};

/// A container of a task.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Container {
    /// The name within the task.
    pub name: String,
    /// The image, by digest: `…/app@sha256:…`.
    pub image: In<String>,
    /// `true` if the task ends with the container; AWS's default.
    pub essential: Option<bool>,
    /// CPU units, out of the task's.
    pub cpu: Option<i32>,
    /// MiB at which the container is killed.
    pub memory: Option<i32>,
    /// MiB reserved for the container.
    pub memory_reservation: Option<i32>,
    /// Ports on which the container listens.
    pub port_mappings: Vec<PortMapping>,
    /// Variables, by name. Not for secrets: every reader of the task definition sees them.
    #[field(convert = names_and_values)]
    pub environment: BTreeMap<String, In<String>>,
    /// Variables from secrets or parameters: name to ARN, with `:key::` for a part.
    #[field(convert = names_and_sources)]
    pub secrets: BTreeMap<String, In<String>>,
    /// ARNs of files of variables in buckets.
    #[field(convert = files)]
    pub environment_files: Vec<In<String>>,
    /// Entry point, instead of the image's.
    pub entry_point: Vec<String>,
    /// Arguments, instead of the image's.
    pub command: Vec<String>,
    /// Initial working directory in the container.
    pub working_directory: Option<String>,
    /// The user of the processes: `10000`, `10000:10000`, or a name.
    pub user: Option<String>,
    /// `true` if the container cannot write to its root file system.
    pub readonly_root_filesystem: Option<bool>,
    /// `true` if the container has root's privileges on the host.
    pub privileged: Option<bool>,
    /// Capabilities, init process, temporary file systems, swap.
    pub linux_parameters: Option<Linux>,
    /// Limits of the processes.
    pub ulimits: Vec<Ulimit>,
    /// The task's volumes that the container mounts.
    pub mount_points: Vec<MountPoint>,
    /// Containers that start before this one.
    pub depends_on: Vec<DependsOn>,
    /// Seconds to wait for those.
    pub start_timeout: Option<i32>,
    /// Seconds between SIGTERM and SIGKILL: 30 if absent.
    pub stop_timeout: Option<i32>,
    /// Destination of the output.
    pub log_configuration: Option<Log>,
    /// Health check inside the container.
    pub health_check: Option<ContainerHealthCheck>,
    /// Policy for restarts while the task runs.
    pub restart_policy: Option<ContainerRestart>,
    /// The ARN of a secret for a registry that is not ECR.
    #[field(property = "RepositoryCredentials.CredentialsParameter")]
    pub repository_credentials: Option<In<String>>,
    /// `enabled` (a tag is resolved to a digest once for each deployment) or `disabled`.
    pub version_consistency: Option<String>,
    /// The host name; not on Fargate.
    pub hostname: Option<String>,
    /// Labels of the container.
    pub docker_labels: BTreeMap<String, String>,
    /// Kernel parameters, by name.
    #[field(convert = controls)]
    pub system_controls: BTreeMap<String, String>,
    /// `true` if standard input stays open.
    pub interactive: Option<bool>,
    /// `true` if the container gets a terminal.
    pub pseudo_terminal: Option<bool>,
}

/// A port on which a container listens.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct PortMapping {
    /// TCP or UDP port of the container.
    pub container_port: Option<i32>,
    /// A range of ports, such as `8000-8010`.
    pub container_port_range: Option<String>,
    /// The port outside; the same one on Fargate.
    pub host_port: Option<i32>,
    /// `tcp` (AWS's default) or `udp`.
    pub protocol: Option<String>,
    /// Name for Service Connect.
    pub name: Option<String>,
    /// `http`, `http2` or `grpc`, for Service Connect.
    pub app_protocol: Option<String>,
}
sdk_struct!(
    PortMapping = types::PortMapping { container_port, container_port_range, host_port, protocol, name, app_protocol }
);

/// The Linux capabilities and limits of a container.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Linux {
    /// Capabilities to add; only `SYS_PTRACE` on Fargate.
    #[field(property = "Capabilities.Add")]
    pub add_capabilities: Vec<String>,
    /// Capabilities to remove, such as `ALL`.
    #[field(property = "Capabilities.Drop")]
    pub drop_capabilities: Vec<String>,
    /// `true` if an init process reaps orphaned processes.
    pub init_process_enabled: Option<bool>,
    /// Temporary file systems in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// MiB of `/dev/shm`; not on Fargate.
    pub shared_memory_size: Option<i32>,
    /// MiB of swap; not on Fargate.
    pub max_swap: Option<i32>,
    /// From 0 to 100; not on Fargate.
    pub swappiness: Option<i32>,
}

/// A temporary file system in memory.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Tmpfs {
    /// Mount path in the container.
    pub container_path: String,
    /// Size in MiB of the file system.
    pub size: i32,
    /// Mount options, such as `noexec`.
    pub mount_options: Vec<String>,
}
sdk_struct!(Tmpfs = types::Tmpfs { container_path, size; mount_options });

/// A limit of a container's processes.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Ulimit {
    /// Name of the limit, such as `nofile` or `nproc`.
    pub name: String,
    /// Soft value of the limit.
    pub soft_limit: i32,
    /// Maximum to which a process may raise the limit.
    pub hard_limit: i32,
}
sdk_struct!(Ulimit = types::Ulimit { name, soft_limit, hard_limit });

/// A volume of the task that a container mounts.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct MountPoint {
    /// Name of the volume.
    pub source_volume: String,
    /// Mount path in the container.
    pub container_path: String,
    /// `true` if the container cannot write to the volume.
    pub read_only: Option<bool>,
}
sdk_struct!(MountPoint = types::MountPoint { source_volume, container_path, read_only });

/// A container that starts before another one.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct DependsOn {
    /// Name of the container.
    pub container_name: String,
    /// `START`, `COMPLETE`, `SUCCESS` or `HEALTHY`.
    pub condition: String,
}
sdk_struct!(DependsOn = types::ContainerDependency { container_name, condition });

/// The destination of a container's output.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Log {
    /// `awslogs`; on Fargate also `splunk` and `awsfirelens`.
    pub log_driver: String,
    /// The driver's options: `awslogs-group`, `awslogs-region`, `awslogs-stream-prefix`.
    pub options: BTreeMap<String, In<String>>,
    /// Options from secrets: name to ARN.
    #[field(convert = names_and_sources)]
    pub secret_options: BTreeMap<String, In<String>>,
}
sdk_struct!(Log = types::LogConfiguration { log_driver, options; secret_options });

/// The health check inside a container.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct ContainerHealthCheck {
    /// `["CMD", "/app", "health"]`: 0 is healthy.
    #[field(required)]
    pub command: Vec<String>,
    /// Seconds between two checks: 30 if absent.
    pub interval: Option<i32>,
    /// Seconds to wait for a result: 5 if absent.
    pub timeout: Option<i32>,
    /// Failures in a row that make it unhealthy: 3 if absent.
    pub retries: Option<i32>,
    /// Seconds at the start in which failures do not count.
    pub start_period: Option<i32>,
}
sdk_struct!(ContainerHealthCheck = types::HealthCheck { command, interval, timeout, retries, start_period });

/// The policy for restarts of a container while its task runs.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct ContainerRestart {
    /// `true` if ECS restarts the container.
    pub enabled: bool,
    /// Exit codes after which ECS does not.
    pub ignored_exit_codes: Vec<i32>,
    /// Seconds that the container must have run before a restart.
    pub restart_attempt_period: Option<i32>,
}
sdk_struct!(ContainerRestart = types::ContainerRestartPolicy {
    enabled, restart_attempt_period; ignored_exit_codes
});

impl ToSdk<ContainerDefinition> for Container {
    fn to_sdk(&self) -> Option<ContainerDefinition> {
        let file = |arn: &In<String>| {
            EnvironmentFile::builder().value(text(arn)?).r#type(EnvironmentFileType::S3).build().ok()
        };
        let registry = self.repository_credentials.as_ref().and_then(text);
        let registry =
            registry.and_then(|arn| RepositoryCredentials::builder().credentials_parameter(arn).build().ok());
        let container = set_inputs!(ContainerDefinition::builder(), self =>
            name, image, essential, cpu, memory, memory_reservation, working_directory, user, readonly_root_filesystem,
            privileged, linux_parameters, start_timeout, stop_timeout, log_configuration, health_check, restart_policy,
            version_consistency, hostname, interactive, pseudo_terminal);
        let container = set_filled!(container, self =>
            port_mappings, environment, secrets, entry_point, command, ulimits, mount_points, depends_on, docker_labels,
            system_controls);
        let files = filled(Some(self.environment_files.iter().filter_map(file).collect()));
        Some(container.set_environment_files(files).set_repository_credentials(registry).build())
    }
}

impl ToSdk<LinuxParameters> for Linux {
    fn to_sdk(&self) -> Option<LinuxParameters> {
        let capabilities = KernelCapabilities::builder()
            .set_add(filled(self.add_capabilities.to_sdk()))
            .set_drop(filled(self.drop_capabilities.to_sdk()))
            .build();
        let any = !self.add_capabilities.is_empty() || !self.drop_capabilities.is_empty();
        let linux = set_inputs!(LinuxParameters::builder(), self =>
            init_process_enabled, shared_memory_size, max_swap, swappiness);
        Some(set_filled!(linux, self => tmpfs).set_capabilities(any.then_some(capabilities)).build())
    }
}

impl Container {
    /// The only place where the SDK's type becomes ours.
    pub(super) fn to_observed(one: &ContainerDefinition) -> Result<Self> {
        let files = one.environment_files().iter().map(EnvironmentFile::value);
        let registry = one.repository_credentials().map(RepositoryCredentials::credentials_parameter);
        Ok(from_sdk!(READ, one => Container {
            essential, cpu, memory, memory_reservation, port_mappings, environment, secrets, entry_point, command,
            working_directory, user, readonly_root_filesystem, privileged, ulimits, mount_points, depends_on,
            start_timeout, stop_timeout, log_configuration, health_check, restart_policy, version_consistency, hostname,
            docker_labels, system_controls, interactive, pseudo_terminal;
            name: one.name().unwrap_or_default().to_owned(),
            image: one.image().unwrap_or_default().into(),
            environment_files: files.map(In::from).collect(),
            linux_parameters: one.linux_parameters().map(Linux::to_observed).transpose()?,
            repository_credentials: registry.map(In::from),
        }))
    }
}

impl PortMapping {
    /// Returns a mapping of this port over TCP.
    pub fn tcp(port: i32) -> Self {
        Self::new().container_port(port).protocol("tcp")
    }
}

impl Linux {
    fn to_observed(one: &LinuxParameters) -> Result<Self> {
        let capabilities = one.capabilities();
        Ok(from_sdk!(READ, one => Linux {
            init_process_enabled, tmpfs, shared_memory_size, max_swap, swappiness;
            add_capabilities: capabilities.map(|all| all.add().to_vec()).unwrap_or_default(),
            drop_capabilities: capabilities.map(|all| all.drop().to_vec()).unwrap_or_default(),
        }))
    }
}

/// Converts maps to ECS's lists of pairs and back.
macro_rules! pairs {
    ($($sdk:ident { $key:ident, $value:ident })*) => {
        pastey::paste! {$(
            impl<T: ToSdk<String>> ToSdk<Vec<types::$sdk>> for BTreeMap<String, T> {
                fn to_sdk(&self) -> Option<Vec<types::$sdk>> {
                    let pair = |(key, value): (&String, &T)| {
                        types::$sdk::builder().$key(key).[<set_ $value>](value.to_sdk()).build().built()
                    };
                    Some(self.iter().filter_map(pair).collect())
                }
            }
            impl<'a, T: From<String>> FromSdk<&'a [types::$sdk]> for BTreeMap<String, T> {
                fn from_sdk(all: &'a [types::$sdk]) -> Option<Self> {
                    let pair = |one: &types::$sdk| {
                        let value = String::from_sdk(one.$value()).unwrap_or_default();
                        (String::from_sdk(one.$key()).unwrap_or_default(), value.into())
                    };
                    Some(all.iter().map(pair).collect())
                }
            }
        )*}
    };
}
pairs! {
    KeyValuePair { name, value }
    Secret { name, value_from }
    SystemControl { namespace, value }
}

/// Prepares containers for a comparison in which their order is irrelevant and an additional entry of a map counts.
pub(super) fn comparable(containers: &Value) -> Value {
    let mut containers = containers.clone();
    if let Some(list) = containers.as_array_mut() {
        list.sort_by_key(|one| one["name"].as_str().unwrap_or_default().to_owned());
        for one in list {
            for map in ["environment", "secrets", "docker_labels", "system_controls"] {
                pairs(&mut one[map]);
            }
            if one["log_configuration"].is_object() {
                pairs(&mut one["log_configuration"]["options"]);
                pairs(&mut one["log_configuration"]["secret_options"]);
            }
        }
    }
    containers
}

fn pairs(map: &mut Value) {
    let all = map.as_object().into_iter().flatten();
    *map = all.map(|(name, value)| serde_json::json!([name, value])).collect();
}

fn files(arns: &[In<String>]) -> Value {
    arns.iter().map(|arn| json!({ "Type": "s3", "Value": arn.to_property() })).collect()
}

fn controls(parameters: &BTreeMap<String, String>) -> Value {
    cloudformation::pairs(parameters, "Namespace", "Value")
}
