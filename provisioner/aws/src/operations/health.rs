//! The health of a service, according to AWS.

use provisioner_model::{
    error::Result,
    resource::{Id, Phase, Resource},
};

use crate::{cloud::Reader, ecs::Service};

/// Returns why a service, `cluster/name`, is not healthy: its current deployment is not complete, or fewer targets are
/// healthy than tasks are desired. `None` for a healthy service.
pub async fn unhealthy(c: &Reader, service: &str) -> Result<Option<String>> {
    let found = Service::read_many(c, &[Id::new(service)]).await?;
    let Some((_, observed)) = found.into_iter().next() else {
        return Ok(Some(format!("there is no service {service}")));
    };
    Ok(match Service::poll_rollout(c, &observed?, None, true).await? {
        Some(Phase::Ready) => None,
        Some(Phase::Failed { why, .. }) => Some(why),
        _ => Some("its deployment is not complete, or a target is not healthy".to_owned()),
    })
}
