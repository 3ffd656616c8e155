//! The role of the run itself: deleted with the rest, its policies go first, and the run ends without permissions in the
//! middle.

use provisioner_model::{
    Diagnostic,
    erased::Clouds,
    plan::{Plan, Step, StepAction},
    stack::MAIN,
};

use super::principal::role_of;
use crate::{iam::Role, prelude::*};

/// Returns an error if the plan deletes the role whose credentials the caller has.
pub async fn own_role(clouds: &Clouds, plan: &Plan) -> Result<Option<Diagnostic>> {
    let deletes = |step: &&Step| step.type_name == Role::TYPE && step.provider == MAIN;
    let deleted = plan.steps.iter().filter(deletes).filter_map(|step| match &step.action {
        StepAction::Delete { id, .. } => Some((step.address.as_str(), id.as_deref()?)),
        _ => None,
    });
    let deleted: Vec<(&str, &str)> = deleted.collect();
    if deleted.is_empty() {
        return Ok(None);
    }
    let identity = clouds.get::<Aws>(MAIN)?.identity().await?;
    let own = role_of(&identity);
    let own = deleted.into_iter().find(|(_, id)| own == Some(*id));
    Ok(own.map(|(address, id)| finding(address, id)))
}

fn finding(address: &str, id: &str) -> Diagnostic {
    let summary = format!("the plan deletes the role `{id}`, whose credentials this run has: it could not end");
    Diagnostic::resource_error(address, summary)
        .hint("run it with the credentials of an administrator, or of another role")
}
