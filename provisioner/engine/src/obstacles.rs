//! Deletes that the cloud refuses because other objects depend on the object. The error names them, and is final soon if
//! they do not go away by themselves.

use std::time::Duration;

use provisioner_model::{
    erased::RecordedState,
    error::{Error, ErrorKind},
    resource::Obstacle,
};
use tokio::time::Instant;

use crate::{step::StepExecution, step_error::StepError};

/// Time in which the objects that this run has deleted disappear from the API's view. What is left then and does not go
/// away by itself belongs to others.
const WINDOW: Duration = Duration::from_mins(1);

impl StepExecution<'_, '_> {
    /// Sends a delete once. An error that says that the object is in use names the objects that depend on it. `first` is
    /// the time of the first attempt.
    pub(crate) async fn delete_once(&self, recorded: &RecordedState, first: Instant) -> Result<(), StepError> {
        let call = self.resource_type.delete(self.run.clouds, &self.step.provider, recorded.clone());
        let error = match self.attempt(self.resource_type.info().actions.delete, call).await {
            Err(StepError::Call(error)) if error.kind == ErrorKind::InUse => error,
            result => return result,
        };
        let round = self.run.clouds.round();
        let obstacles =
            match self.look(self.resource_type.obstacles(&round, &self.step.provider, recorded.clone())).await {
                // Without the obstacles, the API's own error remains.
                Err(StepError::Call(_)) => vec![],
                obstacles => obstacles?,
            };
        Err(explained(error, &obstacles, first.elapsed() >= self.run.tuning.waits(WINDOW)).into())
    }
}

fn explained(error: Error, obstacles: &[Obstacle], window_elapsed: bool) -> Error {
    if obstacles.is_empty() {
        return error;
    }
    let is_blocked = window_elapsed && obstacles.iter().any(|obstacle| !obstacle.is_temporary);
    let kind = if is_blocked { ErrorKind::Blocked } else { ErrorKind::InUse };
    let list = obstacles.iter().map(|obstacle| {
        let note = if obstacle.is_temporary { ", which AWS deletes by itself" } else { "" };
        format!("{}{note}", obstacle.description)
    });
    let list = list.collect::<Vec<_>>().join("; ");
    let reason = error.source.as_ref().map(|source| format!("{}. ", source.to_string().trim_end_matches('.')));
    let reason = reason.unwrap_or_default();
    let why = format!("{reason}These objects depend on it: {list}");
    Error { code: error.code, request_id: error.request_id, ..Error::because(kind, error.action, why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(is_temporary: bool) -> Obstacle {
        Obstacle { description: "the interface eni-1".to_owned(), is_temporary }
    }

    #[test]
    fn error_is_final_once_only_others_can_help() {
        let refused = || Error::because(ErrorKind::InUse, "ec2:DeleteVpc", "it has dependencies.");
        let kind = |obstacles: &[Obstacle], elapsed| explained(refused(), obstacles, elapsed).kind;
        assert_eq!(kind(&[obstacle(false)], false), ErrorKind::InUse);
        assert_eq!(kind(&[obstacle(false)], true), ErrorKind::Blocked);
        assert_eq!(kind(&[obstacle(true)], true), ErrorKind::InUse);
        assert_eq!(kind(&[obstacle(true), obstacle(false)], true), ErrorKind::Blocked);
        assert_eq!(kind(&[], true), ErrorKind::InUse);
    }

    #[test]
    fn error_names_the_obstacles_after_the_reason_of_the_api() {
        let refused = Error::because(ErrorKind::InUse, "ec2:DeleteVpc", "it has dependencies.");
        assert_eq!(
            explained(refused, &[obstacle(true)], false).chain(),
            "ec2:DeleteVpc failed: it has dependencies. These objects depend on it: the interface eni-1, which AWS deletes \
             by itself"
        );
    }
}
