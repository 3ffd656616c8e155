//! The rollback inputs and the verification of a write. The planner decides both, because the engine makes no
//! decisions.

use provisioner_model::{
    plan::Write,
    state::{Object, Operation},
};
use serde_json::Value;

use super::Context;

/// Adds the inputs that the type writes after a failed create, and the reason for the reader.
pub(super) fn to_fixed_inputs(context: Context<'_, '_>, write: Write) -> (Write, Option<String>) {
    let inputs = inputs(context, None);
    let reason = inputs.as_ref().map(|inputs| format!("if it fails, these inputs are written: {inputs}"));
    (with_rollback(context, write, inputs), reason)
}

/// Adds the recorded inputs, which are restored after a failed update, and the reason for the reader.
pub(super) fn to_recorded_inputs(
    context: Context<'_, '_>,
    object: &Object,
    migrated: Object,
    write: Write,
) -> (Write, Option<String>) {
    let is_creating = object.pending.as_ref().is_some_and(|pending| pending.operation == Operation::Create);
    // An object that never was ready has no version to restore.
    if object.outputs.is_none() || is_creating {
        return to_fixed_inputs(context, write);
    }
    let inputs = inputs(context, Some(&migrated.inputs));
    let reason = inputs.as_ref().map(|_| "if it fails, the current version is restored".to_owned());
    (with_rollback(context, write, inputs), reason)
}

/// Returns the rollback inputs. A record in a shape that this program cannot read is not restored.
fn inputs(context: Context<'_, '_>, recorded: Option<&Value>) -> Option<Value> {
    context.facts.resource_type.rollback_inputs(recorded).ok().flatten()
}

fn with_rollback(context: Context<'_, '_>, write: Write, rollback_inputs: Option<Value>) -> Write {
    // A stopped service answers nothing.
    let verification = context.declared.verification.clone().filter(|_| !context.input.desired.facts.stopped);
    Write { rollback_inputs, verification, ..write }
}
