//! A volume of a task definition.

use aws_sdk_ecs::types::{self, EfsAuthorizationConfig, EfsVolumeConfiguration, HostVolumeProperties};

use super::{is_enabled, switch, task_definition::READ};
use crate::prelude::*;

/// A volume that containers of a task share. With nothing but a name, it is an empty directory that ends with the task.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Volume {
    /// The name within the task.
    pub name: String,
    /// A directory of the host; not on Fargate.
    #[field(property = "Host.SourcePath")]
    pub host: Option<String>,
    /// A file system of EFS.
    #[field(property = "EFSVolumeConfiguration")]
    pub efs_volume_configuration: Option<Efs>,
    /// `true` if the service configures the volume at launch.
    pub configured_at_launch: Option<bool>,
}

/// A file system of EFS.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Efs {
    /// ID of the file system.
    #[field(property = "FilesystemId")]
    pub file_system_id: In<String>,
    /// Root directory in the file system.
    pub root_directory: Option<String>,
    /// `true` if traffic between the host and EFS is encrypted.
    #[field(convert = enabled)]
    pub transit_encryption: Option<bool>,
    /// The port for encrypted traffic; chosen by the mount helper if absent.
    pub transit_encryption_port: Option<i32>,
    /// ID of the access point.
    #[field(property = "AuthorizationConfig.AccessPointId")]
    pub access_point_id: Option<In<String>>,
    /// `true` if the task's role authorizes access.
    #[field(property = "AuthorizationConfig.IAM", convert = enabled)]
    pub iam: Option<bool>,
}

impl ToSdk<types::Volume> for Volume {
    fn to_sdk(&self) -> Option<types::Volume> {
        let host = self.host.as_ref().map(|path| HostVolumeProperties::builder().source_path(path).build());
        let volume = set_inputs!(types::Volume::builder(), self =>
            name, efs_volume_configuration, configured_at_launch);
        Some(volume.set_host(host).build())
    }
}

impl ToSdk<EfsVolumeConfiguration> for Efs {
    fn to_sdk(&self) -> Option<EfsVolumeConfiguration> {
        let access = set_inputs!(EfsAuthorizationConfig::builder(), self => access_point_id);
        let access = access.set_iam(self.iam.map(switch)).build();
        let any = self.access_point_id.is_some() || self.iam.is_some();
        set_inputs!(EfsVolumeConfiguration::builder(), self => file_system_id, root_directory, transit_encryption_port)
            .set_transit_encryption(self.transit_encryption.map(switch))
            .set_authorization_config(any.then_some(access))
            .build()
            .ok()
    }
}

impl Volume {
    /// The only place where the SDK's type becomes ours.
    pub(super) fn to_observed(one: &types::Volume) -> Result<Self> {
        let host = one.host().and_then(HostVolumeProperties::source_path);
        Ok(from_sdk!(READ, one => Volume {
            configured_at_launch;
            name: one.name().unwrap_or_default().to_owned(),
            host: host.map(str::to_owned),
            efs_volume_configuration: one.efs_volume_configuration().map(Efs::to_observed).transpose()?,
        }))
    }
}

impl Efs {
    fn to_observed(one: &EfsVolumeConfiguration) -> Result<Self> {
        let access = one.authorization_config();
        Ok(from_sdk!(READ, one => Efs {
            file_system_id, root_directory, transit_encryption_port;
            transit_encryption: one.transit_encryption().map(is_enabled),
            access_point_id: access.and_then(EfsAuthorizationConfig::access_point_id).map(In::from),
            iam: access.and_then(EfsAuthorizationConfig::iam).map(is_enabled),
        }))
    }
}
