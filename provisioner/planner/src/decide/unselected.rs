//! A declared resource outside the selection: it stays as it is.

use provisioner_model::Diagnostic;

use super::Context;
use crate::{
    decision::{Decision, Effect},
    graph,
};

/// Changes nothing, and reports dependencies that the plan would replace.
pub(super) fn decide<'a>(context: Context<'_, 'a>) -> Decision<'a> {
    let decision = Decision::new(Effect::NoChange(context.facts.current));
    if context.facts.current.is_none() {
        return decision;
    }
    let address = context.facts.address;
    let needs = graph::needs(&context.declared.inputs);
    let replaced = needs.iter().filter(|need| context.decisions.effect(need).is_some_and(Effect::is_replacement));
    let problems = replaced.map(|need| {
        let what = format!("needs {need}, which is replaced, but the plan leaves it out");
        Diagnostic::resource_error(address, what).hint(format!("add --target {address}"))
    });
    Decision { problems: problems.collect(), ..decision }
}
