//! A resource that takes over an existing object, alone or shared with other environments.

use provisioner_model::{
    resource::Change,
    state::{Object, ObjectRole, Origin},
};
use serde_json::Value;

use super::{Context, comparison};
use crate::{
    Observation,
    decision::{Decision, Effect},
    diff,
};

pub(super) fn decide<'a>(context: Context<'_, 'a>, found: &'a Observation) -> Decision<'a> {
    let options = &context.declared.options;
    let (origin, reason) = if options.share {
        (Origin::Shared, "exists already: shared with its creator")
    } else {
        (Origin::Adopted, "exists already: adopted, and forgotten on destroy")
    };
    let desired = context.desired_of_adopted();
    let unwritten = Object {
        id: Some(found.id.clone()),
        generation: 1,
        token: String::new(),
        made_at: 0,
        origin,
        role: ObjectRole::Current,
        pending: None,
        declared: Value::Null,
        inputs: Value::Object(diff::unreadable(context.facts.resource_type, &desired.resolved)),
        outputs: None,
    };
    let field_diffs =
        diff::differences(context.facts.resource_type, &desired.resolved, &unwritten, &found.observed, &options.ignore);
    let problems = if unwritten.is_used_as_is(context.info().tagged) {
        comparison::differing(context, &found.id, &field_diffs)
    } else {
        comparison::refused(context, &field_diffs, &[Change::Replace])
    };
    Decision {
        problems,
        changes: field_diffs.into_iter().map(|field_diff| field_diff.change).collect(),
        reasons: vec![reason.to_owned()],
        ..Decision::new(Effect::Adopt(found, context.write(desired, 1, origin)))
    }
}
