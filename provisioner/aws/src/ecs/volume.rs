//! A volume of a task definition.

use aws_sdk_ecs::types::{
    EfsAuthorizationConfig, EfsAuthorizationConfigIam, EfsTransitEncryption, EfsVolumeConfiguration,
    HostVolumeProperties, Volume as SdkVolume,
};
use provisioner_model::{error::Result, expr::In};
use serde::{Deserialize, Serialize};

use super::unbuilt;
use crate::value::text;

/// A volume that containers of a task share. With nothing but a name, it is an empty directory that ends with the task.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name within the task.
    pub name: String,
    /// A directory of the host; not on Fargate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_path: Option<String>,
    /// A file system of EFS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efs: Option<Efs>,
    /// `true` if the service says what it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configured_at_launch: Option<bool>,
}

/// A file system of EFS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Efs {
    /// ID of the file system.
    pub file_system: In<String>,
    /// Root directory in the file system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_directory: Option<String>,
    /// `true` if it is encrypted on the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_encryption: Option<bool>,
    /// The port for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transit_encryption_port: Option<i32>,
    /// The id of an access point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_point: Option<In<String>>,
    /// `true` if the task's role decides about access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iam: Option<bool>,
}

impl Volume {
    /// Returns an empty volume with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(super) fn sdk(&self) -> Result<SdkVolume> {
        let efs = self.efs.as_ref().map(|desired| {
            let transit = |on| if on { EfsTransitEncryption::Enabled } else { EfsTransitEncryption::Disabled };
            let iam = |on| if on { EfsAuthorizationConfigIam::Enabled } else { EfsAuthorizationConfigIam::Disabled };
            let access = EfsAuthorizationConfig::builder()
                .set_access_point_id(desired.access_point.as_ref().and_then(text))
                .set_iam(desired.iam.map(iam))
                .build();
            let any = desired.access_point.is_some() || desired.iam.is_some();
            EfsVolumeConfiguration::builder()
                .file_system_id(text(&desired.file_system).unwrap_or_default())
                .set_root_directory(desired.root_directory.clone())
                .set_transit_encryption(desired.transit_encryption.map(transit))
                .set_transit_encryption_port(desired.transit_encryption_port)
                .set_authorization_config(any.then_some(access))
                .build()
                .map_err(unbuilt)
        });
        let host = self.host_path.as_ref().map(|path| HostVolumeProperties::builder().source_path(path).build());
        let sdk = SdkVolume::builder().name(&self.name).set_host(host).set_efs_volume_configuration(efs.transpose()?);
        Ok(sdk.set_configured_at_launch(self.configured_at_launch).build())
    }

    /// The only place where the SDK's type becomes ours.
    pub(super) fn to_observed(sdk: &SdkVolume) -> Self {
        Self {
            name: sdk.name().unwrap_or_default().to_owned(),
            host_path: sdk.host().and_then(|host| host.source_path()).map(str::to_owned),
            efs: sdk.efs_volume_configuration().map(|observed| Efs {
                file_system: observed.file_system_id().to_owned().into(),
                root_directory: observed.root_directory().map(str::to_owned),
                transit_encryption: observed.transit_encryption().map(|kind| *kind == EfsTransitEncryption::Enabled),
                transit_encryption_port: observed.transit_encryption_port(),
                access_point: observed
                    .authorization_config()
                    .and_then(|access| access.access_point_id())
                    .map(|id| id.to_owned().into()),
                iam: observed
                    .authorization_config()
                    .and_then(|access| access.iam())
                    .map(|kind| *kind == EfsAuthorizationConfigIam::Enabled),
            }),
            configured_at_launch: sdk.configured_at_launch(),
        }
    }
}
