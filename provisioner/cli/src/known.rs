//! What is known before a stack is declared, besides where it goes.

use std::collections::BTreeMap;

use provisioner_model::plan::Notice;

/// What was found out, for the stack and for whoever reads its plan.
#[derive(Default)]
pub(crate) struct Known {
    /// By name: facts for the stack.
    pub(crate) found: BTreeMap<String, Option<String>>,
    /// What a reader of the plan should know of it.
    pub(crate) notices: Vec<Notice>,
}
