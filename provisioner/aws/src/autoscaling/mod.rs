//! Application Auto Scaling: counts that follow the load.

use std::{collections::BTreeSet, future::Future, sync::Arc};

use aws_sdk_applicationautoscaling::types::{ScalableDimension, ServiceNamespace};
use futures::future::try_join_all;
use provisioner_model::erased::ResourceRegistry;

use crate::prelude::*;

/// A function `list` that returns all objects of a service namespace, by one of the API's calls. It runs once for each
/// namespace in a round of reads.
macro_rules! list_function {
    ($sdk:ty, $describe:ident, $action:literal) => {
        const LIST: &str = $action;

        async fn list(c: &Reader, service: &str) -> Result<Arc<Vec<$sdk>>> {
            c.once(&format!("autoscaling:{}:{service}", stringify!($describe)), || async {
                let request = c.autoscaling().$describe().service_namespace(service.into());
                let pages = request.into_paginator().items().send();
                pages.collect::<Result<_, _>>().await.map_err(api(LIST))
            })
            .await
        }
    };
}

/// The part of `impl Resource` that targets and policies have: their own names are their identity, and one call writes
/// them whole. The type's module has `list`, `id_of`, `to_observed` and `PUT`; the type has `id` and `put`.
macro_rules! registration_methods {
    ($exists:literal) => {
        type Cloud = Aws;

        async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
            $crate::autoscaling::read_listed(ids, |service| list(c, service), id_of, to_observed).await
        }

        async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
            self.find_by_unique_key(c).await
        }

        async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
            let id = self.id();
            let Some((service, ..)) = $crate::autoscaling::parts(id.as_str()) else { return Ok(vec![]) };
            let exists = list(c, service).await?.iter().any(|one| id_of(one) == id);
            Ok(exists.then_some(id.clone()).into_iter().collect())
        }

        async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
            // The API overwrites an object of the same name, so a read comes first.
            if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
                return Err(Error::because(ErrorKind::Exists, PUT, $exists));
            }
            self.put(c).await?;
            Ok((self.id(), None))
        }
    };
}

mod scalable_target;
mod scaling_policy;

pub use self::{
    scalable_target::{ScalableTarget, ScalableTargetOutputs, Suspended},
    scaling_policy::{
        CustomMetric, PredefinedMetric, ScalingPolicy, ScalingPolicyOutputs, Step, StepScaling, TargetTracking,
    },
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<ScalableTarget>().with::<ScalingPolicy>()
}

/// Returns service, resource and dimension of a target's ID: `ecs/service/main/web/ecs:service:DesiredCount`.
fn parts(id: &str) -> Option<(&str, &str, &str)> {
    let (service, rest) = id.split_once('/')?;
    let (resource, dimension) = rest.rsplit_once('/')?;
    Some((service, resource, dimension))
}

/// The ID of a target: the reverse of [`parts`].
fn target_id(service: &ServiceNamespace, resource: &str, dimension: &ScalableDimension) -> String {
    format!("{}/{resource}/{}", service.as_str(), dimension.as_str())
}

/// Reads the objects with these IDs. The API lists by service namespace, so each namespace takes one `list`.
async fn read_listed<'a, R, T, F>(
    ids: &'a [Id<R>],
    list: impl Fn(&'a str) -> F,
    id_of: fn(&T) -> Id<R>,
    to_observed: fn(&T) -> Result<Observed<R>>,
) -> Result<ReadResults<R>>
where
    R: Resource,
    F: Future<Output = Result<Arc<Vec<T>>>>,
{
    let services: BTreeSet<&str> = ids.iter().filter_map(|id| Some(parts(id.as_str())?.0)).collect();
    let lists = try_join_all(services.into_iter().map(list)).await?;
    let all = lists.iter().flat_map(|list| list.iter());
    Ok(all.filter(|one| ids.contains(&id_of(one))).map(|one| (id_of(one), to_observed(one))).collect())
}

/// Recognises the two errors for a missing object: `ObjectNotFoundException`, and a validation error with a certain
/// message.
fn not_there(_: &str, message: &str) -> Option<ErrorKind> {
    let says = ["No scaling policy found", "No scalable target found", "No scalable target registered"];
    says.iter().any(|text| message.starts_with(text)).then_some(ErrorKind::Gone)
}
