//! Verification of rollouts: the engine decides when, this module asks the new version itself.

#[cfg(feature = "aws")]
mod http;

use provisioner_engine::Verifier;
use provisioner_model::{
    erased::Clouds,
    plan::{Plan, StepAction},
};

use crate::{options::RolloutOptions, terminal::Terminal};

#[cfg(feature = "aws")]
pub(crate) use self::http::Reach;

/// Returns the verifier of a plan's rollouts; `None` with a message if the options turn it off.
#[cfg(feature = "aws")]
pub(crate) fn verifier<'a>(
    clouds: &'a Clouds,
    plan: &Plan,
    options: &'a RolloutOptions,
    terminal: &Terminal,
) -> Option<Box<dyn Verifier + 'a>> {
    if options.no_wait || !needs_verification(plan) {
        return None;
    }
    if options.no_verification {
        terminal.say("Rollouts are not verified (--no-verification): only AWS's report counts.");
        return None;
    }
    Some(Box::new(http::HttpVerifier::new(clouds, options.reach.as_ref())))
}

/// Returns no verifier, because the program has no AWS. Prints a message if a rollout needs one.
#[cfg(not(feature = "aws"))]
pub(crate) fn verifier(_: &Clouds, plan: &Plan, _: &RolloutOptions, terminal: &Terminal) -> Option<Box<dyn Verifier>> {
    if needs_verification(plan) {
        terminal.say("Rollouts are not verified: this program is built without verification.");
    }
    None
}

fn needs_verification(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| match &step.action {
        StepAction::Create(write) | StepAction::Update { write, .. } => write.verification.is_some(),
        _ => false,
    })
}
