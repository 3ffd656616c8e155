//! A container of a task definition.
//!
//! Lists and maps are managed whole: AWS answers with empty ones where nothing is stated. What is an `Option` is AWS's
//! to choose where it is not stated (`hostPort`, `protocol`, `cpu` 0).

use std::collections::BTreeMap;

use aws_sdk_ecs::types::{
    ApplicationProtocol, ContainerCondition, ContainerDefinition, ContainerDependency, ContainerRestartPolicy,
    HealthCheck, KernelCapabilities, KeyValuePair, LinuxParameters, LogConfiguration, LogDriver,
    MountPoint as SdkMount, PortMapping as SdkPort, RepositoryCredentials, Secret, SystemControl, Tmpfs as SdkTmpfs,
    TransportProtocol, Ulimit as SdkUlimit, UlimitName, VersionConsistency,
};
use provisioner_model::{error::Result, expr::In};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::unbuilt;
use crate::value::text;

/// A container of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its name within the task.
    pub name: String,
    /// The image, by digest: `…/app@sha256:…`.
    pub image: In<String>,
    /// `true` if the task ends with it; yes if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub essential: Option<bool>,
    /// CPU units of the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<i32>,
    /// MiB at which it is killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<i32>,
    /// MiB that are set aside for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<i32>,
    /// Ports on which it listens.
    #[serde(default)]
    pub port_mappings: Vec<PortMapping>,
    /// Variables, by name. Nothing secret: who may see the definition sees them.
    #[serde(default)]
    pub environment: BTreeMap<String, In<String>>,
    /// Variables from secrets or parameters: name to ARN, with `:key::` for a part.
    #[serde(default)]
    pub secrets: BTreeMap<String, In<String>>,
    /// ARNs of files of variables in buckets.
    #[serde(default)]
    pub environment_files: Vec<In<String>>,
    /// Entry point, instead of the image's.
    #[serde(default)]
    pub entry_point: Vec<String>,
    /// Its arguments, instead of the image's own.
    #[serde(default)]
    pub command: Vec<String>,
    /// Initial working directory in the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
    /// As whom it runs: `10000`, `10000:10000`, a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `true` if its root cannot be written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_root: Option<bool>,
    /// `true` if it may do to the host what root may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// `true` if a small init reaps what it leaves behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_process: Option<bool>,
    /// Capabilities, temporary file systems, swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linux: Option<Linux>,
    /// Limits of its processes.
    #[serde(default)]
    pub ulimits: Vec<Ulimit>,
    /// Volumes of the task that it sees.
    #[serde(default)]
    pub mount_points: Vec<MountPoint>,
    /// Containers that come first.
    #[serde(default)]
    pub depends_on: Vec<DependsOn>,
    /// Seconds to wait for those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_timeout: Option<i32>,
    /// Seconds between the request to end and the end: 30 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i32>,
    /// Destination of the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// Health check inside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<ContainerHealthCheck>,
    /// Policy for restarts while the task runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<ContainerRestart>,
    /// The ARN of a secret for a registry that is not ECR.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_credentials: Option<In<String>>,
    /// `enabled` (a tag is resolved to a digest once for each deployment) or `disabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_consistency: Option<String>,
    /// Its host name; not on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Labels of the container.
    #[serde(default)]
    pub docker_labels: BTreeMap<String, String>,
    /// Kernel parameters, by name.
    #[serde(default)]
    pub system_controls: BTreeMap<String, String>,
    /// `true` if its input stays open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interactive: Option<bool>,
    /// `true` if it gets a terminal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudo_terminal: Option<bool>,
}

/// A port on which a container listens.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PortMapping {
    /// TCP or UDP port of the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port: Option<i32>,
    /// A range of ports, such as `8000-8010`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container_port_range: Option<String>,
    /// The port outside; the same one on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<i32>,
    /// `tcp` (if not stated) or `udp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Name for Service Connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `http`, `http2` or `grpc`, for Service Connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
}

/// The Linux capabilities and limits of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Linux {
    /// Added; on Fargate `SYS_PTRACE` alone.
    #[serde(default)]
    pub add_capabilities: Vec<String>,
    /// Capabilities to remove, such as `ALL`.
    #[serde(default)]
    pub drop_capabilities: Vec<String>,
    /// Temporary file systems in memory.
    #[serde(default)]
    pub tmpfs: Vec<Tmpfs>,
    /// MiB of `/dev/shm`; not on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_memory: Option<i32>,
    /// MiB of swap; not on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_swap: Option<i32>,
    /// From 0 to 100; not on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swappiness: Option<i32>,
}

/// A temporary file system in memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tmpfs {
    /// Mount path in the container.
    pub path: String,
    /// Size in MiB of the file system.
    pub size: i32,
    /// Mount options, such as `noexec`.
    #[serde(default)]
    pub options: Vec<String>,
}

/// A limit of a container's processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Name of the limit, such as `nofile` or `nproc`.
    pub name: String,
    /// Soft value of the limit.
    pub soft: i32,
    /// Maximum to which a process may raise the limit.
    pub hard: i32,
}

/// A volume of the task that a container sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MountPoint {
    /// Name of the volume.
    pub volume: String,
    /// Mount path in the container.
    pub path: String,
    /// `true` if it can only be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
}

/// A container that comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DependsOn {
    /// Name of the container.
    pub container: String,
    /// `START`, `COMPLETE`, `SUCCESS` or `HEALTHY`.
    pub condition: String,
}

/// The destination of a container's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Log {
    /// `awslogs`; on Fargate also `splunk` and `awsfirelens`.
    pub driver: String,
    /// The driver's options: `awslogs-group`, `awslogs-region`, `awslogs-stream-prefix`.
    #[serde(default)]
    pub options: BTreeMap<String, In<String>>,
    /// Options from secrets: name to ARN.
    #[serde(default)]
    pub secret_options: BTreeMap<String, In<String>>,
}

/// The health check inside a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerHealthCheck {
    /// `["CMD", "/app", "health"]`: 0 is healthy.
    pub command: Vec<String>,
    /// Seconds between two checks: 30 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i32>,
    /// Seconds to wait: 5 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i32>,
    /// Failures in a row that make it unhealthy: 3 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<i32>,
    /// Seconds at the start in which failures do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period: Option<i32>,
}

/// The policy for restarts of a container while its task runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ContainerRestart {
    /// `true` if it is.
    pub enabled: bool,
    /// Exit codes after which it is not.
    #[serde(default)]
    pub ignored_exit_codes: Vec<i32>,
    /// Seconds that it must have run for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_period: Option<i32>,
}

impl Container {
    /// A container from this image.
    pub fn new(name: impl Into<String>, image: impl Into<In<String>>) -> Self {
        Self {
            name: name.into(),
            image: image.into(),
            essential: None,
            cpu: None,
            memory: None,
            memory_reservation: None,
            port_mappings: Vec::new(),
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            environment_files: Vec::new(),
            entry_point: Vec::new(),
            command: Vec::new(),
            working_directory: None,
            user: None,
            read_only_root: None,
            privileged: None,
            init_process: None,
            linux: None,
            ulimits: Vec::new(),
            mount_points: Vec::new(),
            depends_on: Vec::new(),
            start_timeout: None,
            stop_timeout: None,
            log: None,
            health_check: None,
            restart: None,
            registry_credentials: None,
            version_consistency: None,
            hostname: None,
            docker_labels: BTreeMap::new(),
            system_controls: BTreeMap::new(),
            interactive: None,
            pseudo_terminal: None,
        }
    }

    pub(super) fn sdk(&self) -> Result<ContainerDefinition> {
        let secret = |(name, arn): (&String, &In<String>)| {
            Secret::builder().name(name).value_from(text(arn).unwrap_or_default()).build().map_err(unbuilt)
        };
        let file = |arn: &In<String>| {
            aws_sdk_ecs::types::EnvironmentFile::builder()
                .value(text(arn).unwrap_or_default())
                .r#type(aws_sdk_ecs::types::EnvironmentFileType::S3)
                .build()
                .map_err(unbuilt)
        };
        let log = self.log.as_ref().map(|log| {
            let options = log.options.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
            LogConfiguration::builder()
                .log_driver(LogDriver::from(log.driver.as_str()))
                .set_options(Some(options.collect()))
                .set_secret_options(full(log.secret_options.iter().map(secret).collect::<Result<_>>()?))
                .build()
                .map_err(unbuilt)
        });
        let restart = self.restart.as_ref().map(|desired| {
            ContainerRestartPolicy::builder()
                .enabled(desired.enabled)
                .set_ignored_exit_codes(full(desired.ignored_exit_codes.clone()))
                .set_restart_attempt_period(desired.attempt_period)
                .build()
                .map_err(unbuilt)
        });
        let health = self.health_check.as_ref().map(|desired| {
            HealthCheck::builder()
                .set_command(Some(desired.command.clone()))
                .set_interval(desired.interval)
                .set_timeout(desired.timeout)
                .set_retries(desired.retries)
                .set_start_period(desired.start_period)
                .build()
                .map_err(unbuilt)
        });
        let registry = self
            .registry_credentials
            .as_ref()
            .and_then(text)
            .map(|arn| RepositoryCredentials::builder().credentials_parameter(arn).build().map_err(unbuilt));
        let ulimit = |desired: &Ulimit| {
            let name = UlimitName::from(desired.name.as_str());
            SdkUlimit::builder().name(name).soft_limit(desired.soft).hard_limit(desired.hard).build().map_err(unbuilt)
        };
        let depends = |desired: &DependsOn| {
            let condition = ContainerCondition::from(desired.condition.as_str());
            ContainerDependency::builder()
                .container_name(&desired.container)
                .condition(condition)
                .build()
                .map_err(unbuilt)
        };
        let pair =
            |(name, value): (&String, &In<String>)| KeyValuePair::builder().name(name).set_value(text(value)).build();
        let mount = |desired: &MountPoint| {
            let mount = SdkMount::builder().source_volume(&desired.volume).container_path(&desired.path);
            mount.set_read_only(desired.read_only).build()
        };
        let control = |(name, value): (&String, &String)| SystemControl::builder().namespace(name).value(value).build();
        let labels = self.docker_labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let sdk = ContainerDefinition::builder()
            .name(&self.name)
            .set_image(text(&self.image))
            .set_essential(self.essential)
            .set_cpu(self.cpu)
            .set_memory(self.memory)
            .set_memory_reservation(self.memory_reservation)
            .set_port_mappings(full(self.port_mappings.iter().map(PortMapping::sdk).collect()))
            .set_environment(full(self.environment.iter().map(pair).collect()))
            .set_secrets(full(self.secrets.iter().map(secret).collect::<Result<_>>()?))
            .set_environment_files(full(self.environment_files.iter().map(file).collect::<Result<_>>()?))
            .set_entry_point(full(self.entry_point.clone()))
            .set_command(full(self.command.clone()))
            .set_working_directory(self.working_directory.clone())
            .set_user(self.user.clone())
            .set_readonly_root_filesystem(self.read_only_root)
            .set_privileged(self.privileged)
            .set_linux_parameters(self.linux()?)
            .set_ulimits(full(self.ulimits.iter().map(ulimit).collect::<Result<_>>()?))
            .set_mount_points(full(self.mount_points.iter().map(mount).collect()))
            .set_depends_on(full(self.depends_on.iter().map(depends).collect::<Result<_>>()?))
            .set_start_timeout(self.start_timeout)
            .set_stop_timeout(self.stop_timeout)
            .set_log_configuration(log.transpose()?)
            .set_health_check(health.transpose()?)
            .set_restart_policy(restart.transpose()?)
            .set_repository_credentials(registry.transpose()?)
            .set_version_consistency(self.version_consistency.as_deref().map(VersionConsistency::from))
            .set_hostname(self.hostname.clone())
            .set_docker_labels((!self.docker_labels.is_empty()).then_some(labels))
            .set_system_controls(full(self.system_controls.iter().map(control).collect()))
            .set_interactive(self.interactive)
            .set_pseudo_terminal(self.pseudo_terminal);
        Ok(sdk.build())
    }

    fn linux(&self) -> Result<Option<LinuxParameters>> {
        if self.linux.is_none() && self.init_process.is_none() {
            return Ok(None);
        }
        let desired = self.linux.clone().unwrap_or_default();
        let tmpfs = |desired: &Tmpfs| {
            let tmpfs = SdkTmpfs::builder().container_path(&desired.path).size(desired.size);
            tmpfs.set_mount_options(full(desired.options.clone())).build().map_err(unbuilt)
        };
        let capabilities = KernelCapabilities::builder()
            .set_add(full(desired.add_capabilities.clone()))
            .set_drop(full(desired.drop_capabilities.clone()))
            .build();
        let any = !desired.add_capabilities.is_empty() || !desired.drop_capabilities.is_empty();
        let sdk = LinuxParameters::builder()
            .set_capabilities(any.then_some(capabilities))
            .set_init_process_enabled(self.init_process)
            .set_tmpfs(full(desired.tmpfs.iter().map(tmpfs).collect::<Result<_>>()?))
            .set_shared_memory_size(desired.shared_memory)
            .set_max_swap(desired.max_swap)
            .set_swappiness(desired.swappiness);
        Ok(Some(sdk.build()))
    }

    /// The only place where the SDK's type becomes ours.
    pub(super) fn to_observed(sdk: &ContainerDefinition) -> Self {
        let owned = |value: Option<&str>| value.map(str::to_owned);
        let secrets = |all: &[Secret]| {
            all.iter().map(|one| (one.name().to_owned(), In::from(one.value_from().to_owned()))).collect()
        };
        let linux = sdk.linux_parameters();
        Self {
            name: sdk.name().unwrap_or_default().to_owned(),
            image: sdk.image().unwrap_or_default().to_owned().into(),
            essential: sdk.essential(),
            cpu: Some(sdk.cpu()),
            memory: sdk.memory(),
            memory_reservation: sdk.memory_reservation(),
            port_mappings: sdk.port_mappings().iter().map(PortMapping::to_observed).collect(),
            environment: sdk
                .environment()
                .iter()
                .map(|one| {
                    (one.name().unwrap_or_default().to_owned(), one.value().unwrap_or_default().to_owned().into())
                })
                .collect(),
            secrets: secrets(sdk.secrets()),
            environment_files: sdk.environment_files().iter().map(|file| file.value().to_owned().into()).collect(),
            entry_point: sdk.entry_point().to_vec(),
            command: sdk.command().to_vec(),
            working_directory: owned(sdk.working_directory()),
            user: owned(sdk.user()),
            read_only_root: sdk.readonly_root_filesystem(),
            privileged: sdk.privileged(),
            init_process: linux.and_then(LinuxParameters::init_process_enabled),
            linux: linux.map(Linux::to_observed),
            ulimits: sdk
                .ulimits()
                .iter()
                .map(|one| Ulimit {
                    name: one.name().as_str().to_owned(),
                    soft: one.soft_limit(),
                    hard: one.hard_limit(),
                })
                .collect(),
            mount_points: sdk
                .mount_points()
                .iter()
                .map(|one| MountPoint {
                    volume: one.source_volume().unwrap_or_default().to_owned(),
                    path: one.container_path().unwrap_or_default().to_owned(),
                    read_only: one.read_only(),
                })
                .collect(),
            depends_on: sdk
                .depends_on()
                .iter()
                .map(|one| DependsOn {
                    container: one.container_name().to_owned(),
                    condition: one.condition().as_str().to_owned(),
                })
                .collect(),
            start_timeout: sdk.start_timeout(),
            stop_timeout: sdk.stop_timeout(),
            log: sdk.log_configuration().map(|log| Log {
                driver: log.log_driver().as_str().to_owned(),
                options: log
                    .options()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), value.clone().into()))
                    .collect(),
                secret_options: secrets(log.secret_options()),
            }),
            health_check: sdk.health_check().map(|observed| ContainerHealthCheck {
                command: observed.command().to_vec(),
                interval: observed.interval(),
                timeout: observed.timeout(),
                retries: observed.retries(),
                start_period: observed.start_period(),
            }),
            restart: sdk.restart_policy().map(|observed| ContainerRestart {
                enabled: observed.enabled(),
                ignored_exit_codes: observed.ignored_exit_codes().to_vec(),
                attempt_period: observed.restart_attempt_period(),
            }),
            registry_credentials: sdk
                .repository_credentials()
                .map(|observed| observed.credentials_parameter().to_owned().into()),
            version_consistency: sdk.version_consistency().map(|observed| observed.as_str().to_owned()),
            hostname: owned(sdk.hostname()),
            docker_labels: sdk
                .docker_labels()
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            system_controls: sdk
                .system_controls()
                .iter()
                .filter_map(|one| Some((one.namespace()?.to_owned(), one.value()?.to_owned())))
                .collect(),
            interactive: sdk.interactive(),
            pseudo_terminal: sdk.pseudo_terminal(),
        }
    }
}

impl PortMapping {
    /// This port over TCP.
    pub fn tcp(port: i32) -> Self {
        Self { container_port: Some(port), protocol: Some("tcp".to_owned()), ..Self::default() }
    }

    fn sdk(&self) -> SdkPort {
        SdkPort::builder()
            .set_container_port(self.container_port)
            .set_container_port_range(self.container_port_range.clone())
            .set_host_port(self.host_port)
            .set_protocol(self.protocol.as_deref().map(TransportProtocol::from))
            .set_name(self.name.clone())
            .set_app_protocol(self.app_protocol.as_deref().map(ApplicationProtocol::from))
            .build()
    }

    fn to_observed(sdk: &SdkPort) -> Self {
        Self {
            container_port: sdk.container_port(),
            container_port_range: sdk.container_port_range().map(str::to_owned),
            host_port: sdk.host_port(),
            protocol: sdk.protocol().map(|protocol| protocol.as_str().to_owned()),
            name: sdk.name().map(str::to_owned),
            app_protocol: sdk.app_protocol().map(|protocol| protocol.as_str().to_owned()),
        }
    }
}

impl Linux {
    fn to_observed(sdk: &LinuxParameters) -> Self {
        let capabilities = sdk.capabilities();
        Self {
            add_capabilities: capabilities.map(|all| all.add().to_vec()).unwrap_or_default(),
            drop_capabilities: capabilities.map(|all| all.drop().to_vec()).unwrap_or_default(),
            tmpfs: sdk
                .tmpfs()
                .iter()
                .map(|one| Tmpfs {
                    path: one.container_path().to_owned(),
                    size: one.size(),
                    options: one.mount_options().to_vec(),
                })
                .collect(),
            shared_memory: sdk.shared_memory_size(),
            max_swap: sdk.max_swap(),
            swappiness: sdk.swappiness(),
        }
    }
}

/// A list as the SDK takes it: none rather than an empty one.
pub(super) fn full<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// Containers so that their order means nothing, and that an entry too many in a map counts as a difference.
pub(super) fn comparable(containers: &Value) -> Value {
    let mut containers = containers.clone();
    if let Some(list) = containers.as_array_mut() {
        list.sort_by_key(|one| one["name"].as_str().unwrap_or_default().to_owned());
        for one in list {
            for map in ["environment", "secrets", "docker_labels", "system_controls"] {
                pairs(&mut one[map]);
            }
            if one["log"].is_object() {
                pairs(&mut one["log"]["options"]);
                pairs(&mut one["log"]["secret_options"]);
            }
        }
    }
    containers
}

fn pairs(map: &mut Value) {
    let all = map.as_object().into_iter().flatten();
    *map = all.map(|(name, value)| serde_json::json!([name, value])).collect();
}
