//! Build artifacts that a stack refers to: today, the app's image.

use std::collections::BTreeMap;

use provisioner_model::Diagnostic;

/// The artifacts as they are on this machine.
#[derive(Default)]
pub(crate) struct Artifacts {
    /// By name, for the stack's facts; none where an artifact has not been built.
    pub(crate) digests: BTreeMap<String, Option<String>>,
    /// Artifacts that are missing or out of date, for the reader of the plan.
    pub(crate) notices: Vec<Diagnostic>,
}
