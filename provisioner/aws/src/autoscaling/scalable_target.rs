//! `aws:applicationautoscaling:scalable-target` — a count that may be moved, and how far.
//!
//! What is counted is its identity, so a change to that replaces it. A read takes one call for each service.
//! API: <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>

use std::sync::Arc;

use aws_sdk_applicationautoscaling::types::{self, ScalableDimension, ServiceNamespace, SuspendedState};
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, ReadResults, Receipt, Recorded, Resource},
};
use serde::{Deserialize, Serialize};

use super::{not_there, parts, read_listed, target_id};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok},
    value::text,
};

/// A count that may be moved, and how far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalableTarget {
    /// Service of the scaled resource: `ecs`, `dynamodb`, `rds`.
    pub service_namespace: String,
    /// ID of the scaled resource, such as `service/main/web`.
    pub resource_id: In<String>,
    /// Scaled dimension, such as `ecs:service:DesiredCount`.
    pub dimension: String,
    /// Minimum of the dimension.
    pub min_capacity: i32,
    /// Maximum of the dimension.
    pub max_capacity: i32,
    /// The ARN of the role that moves it; AWS's own for the service where none is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<In<String>>,
    /// Suspended kinds of scaling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<Suspended>,
}

/// The suspended kinds of scaling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Suspended {
    /// Policies take nothing away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_in: Option<bool>,
    /// Suspends scaling out by policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_out: Option<bool>,
    /// Suspends scaling by schedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<bool>,
}

/// The outputs of a scalable target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalableTargetOutputs {
    /// ID such as `ecs/service/main/web/ecs:service:DesiredCount`.
    pub id: Id<ScalableTarget>,
    /// Its ARN, for those registered since there are such.
    #[serde(default)]
    pub arn: Option<String>,
}

impl ScalableTarget {
    /// A service's number of tasks. `service` is its id: `cluster/name`.
    pub fn tasks(service: impl Into<In<String>>, min_capacity: i32, max_capacity: i32) -> Self {
        let service = service.into();
        let resource_id = match service.known() {
            Some(path) => format!("service/{path}").into(),
            None => provisioner_model::join(["service/".into(), service.part()]),
        };
        Self::new("ecs", resource_id, "ecs:service:DesiredCount", min_capacity, max_capacity)
    }

    /// A count between two bounds.
    pub fn new(
        service_namespace: impl Into<String>,
        resource_id: In<String>,
        dimension: impl Into<String>,
        min_capacity: i32,
        max_capacity: i32,
    ) -> Self {
        Self {
            service_namespace: service_namespace.into(),
            resource_id,
            dimension: dimension.into(),
            min_capacity,
            max_capacity,
            role: None,
            suspended: None,
        }
    }

    fn id(&self) -> Id<Self> {
        let resource = text(&self.resource_id).unwrap_or_default();
        Id::new(format!("{}/{resource}/{}", self.service_namespace, self.dimension))
    }

    async fn put(&self, c: &Writer) -> Result<()> {
        let suspended = self.suspended.as_ref().map(|desired| {
            SuspendedState::builder()
                .set_dynamic_scaling_in_suspended(desired.scale_in)
                .set_dynamic_scaling_out_suspended(desired.scale_out)
                .set_scheduled_scaling_suspended(desired.scheduled)
                .build()
        });
        let request = c.autoscaling().register_scalable_target();
        let answer = request
            .service_namespace(ServiceNamespace::from(self.service_namespace.as_str()))
            .set_resource_id(text(&self.resource_id))
            .scalable_dimension(ScalableDimension::from(self.dimension.as_str()))
            .min_capacity(self.min_capacity)
            .max_capacity(self.max_capacity)
            .set_role_arn(self.role.as_ref().and_then(text))
            .set_suspended_state(suspended)
            .send()
            .await;
        answer.map(drop).map_err(api_with(REGISTER, |_, message| {
            message.contains("service doesn't exist").then_some(ErrorKind::NotYet)
        }))
    }
}

impl Resource for ScalableTarget {
    const TYPE: &'static str = "aws:applicationautoscaling:scalable-target";
    const FIELDS: &'static [Field] = &[
        Field::new("service_namespace").replaces(),
        Field::new("resource_id").replaces(),
        Field::new("dimension").replaces(),
        Field::new("min_capacity"),
        Field::new("max_capacity"),
        Field::new("role"),
        Field::new("suspended"),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["service_namespace", "resource_id", "dimension"]];
    const ACTIONS: Actions = Actions {
        read: &["application-autoscaling:DescribeScalableTargets"],
        create: &["application-autoscaling:RegisterScalableTarget", "iam:CreateServiceLinkedRole"],
        update: &["application-autoscaling:RegisterScalableTarget"],
        delete: &["application-autoscaling:DeregisterScalableTarget"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("Tags", "what it scales carries them; to read them here would take a call for each target")];
    type Cloud = Aws;
    type Outputs = ScalableTargetOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        read_listed(ids, |service| of(c, service), id_of, to_observed).await
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let id = self.id();
        let there = of(c, &self.service_namespace).await?.iter().any(|one| id_of(one) == id);
        Ok(there.then_some(id).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The API takes over whatever is registered: so look first.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, REGISTER, "this count is registered already"));
        }
        self.put(c).await?;
        Ok((self.id(), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        self.put(c).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((service, resource, dimension)) = parts(recorded.id.as_str()) else { return Ok(()) };
        let request = c.autoscaling().deregister_scalable_target().resource_id(resource);
        let request = request.service_namespace(ServiceNamespace::from(service));
        let answer = request.scalable_dimension(ScalableDimension::from(dimension)).send().await;
        gone_ok(answer.map(drop).map_err(api_with("application-autoscaling:DeregisterScalableTarget", not_there)))
    }
}

const REGISTER: &str = "application-autoscaling:RegisterScalableTarget";

/// All of a service's.
async fn of(c: &Reader, service: &str) -> Result<Arc<Vec<types::ScalableTarget>>> {
    c.once(&format!("autoscaling:targets:{service}"), || async {
        let request = c.autoscaling().describe_scalable_targets().service_namespace(ServiceNamespace::from(service));
        let pages = request.into_paginator().items().send();
        let all = pages.collect::<std::result::Result<Vec<_>, _>>().await;
        all.map_err(api("application-autoscaling:DescribeScalableTargets"))
    })
    .await
}

fn id_of(one: &types::ScalableTarget) -> Id<ScalableTarget> {
    Id::new(target_id(one.service_namespace(), one.resource_id(), one.scalable_dimension()))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(one: &types::ScalableTarget) -> Observed<ScalableTarget> {
    Observed {
        inputs: ScalableTarget {
            service_namespace: one.service_namespace().as_str().to_owned(),
            resource_id: one.resource_id().to_owned().into(),
            dimension: one.scalable_dimension().as_str().to_owned(),
            min_capacity: one.min_capacity(),
            max_capacity: one.max_capacity(),
            role: Some(one.role_arn().to_owned().into()),
            suspended: one.suspended_state().map(|observed| Suspended {
                scale_in: observed.dynamic_scaling_in_suspended(),
                scale_out: observed.dynamic_scaling_out_suspended(),
                scheduled: observed.scheduled_scaling_suspended(),
            }),
        },
        outputs: ScalableTargetOutputs { id: id_of(one), arn: one.scalable_target_arn().map(str::to_owned) },
    }
}
