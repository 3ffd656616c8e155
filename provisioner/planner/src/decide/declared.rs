//! A declared resource that the selection includes: it exists, or is adopted, shared or created.

use super::{Context, adopt, create, existing};
use crate::decision::{Decision, Leftover};

pub(super) fn decide<'a>(context: Context<'_, 'a>) -> Decision<'a> {
    if let Some(current) = context.facts.current {
        return existing::decide(context, current);
    }
    let options = &context.declared.options;
    let found = context.input.observed.existing.get(context.facts.address);
    let decision = match found {
        Some(found) if options.adopt || options.share => adopt::decide(context, found),
        _ => create::decide(context, found),
    };
    Decision { leftovers: context.facts.replaced.iter().copied().map(Leftover::replaced).collect(), ..decision }
}
