//! A resource that the program no longer declares.

use provisioner_model::{
    ownership,
    state::{Origin, Row},
};

use crate::{
    decision::{Decision, Effect, Leftover},
    facts::ResourceFacts,
};

pub(super) fn decide<'a>(facts: &ResourceFacts<'a>, row: &Row, lineage: &str) -> Decision<'a> {
    let replaced = facts.replaced.iter().copied().map(Leftover::replaced);
    let leftovers: Vec<_> = replaced.chain(facts.successor.map(Leftover::abandoned)).collect();
    let (effect, reason) = match facts.current {
        None if leftovers.is_empty() => (Effect::Forget(None), "gone already"),
        None => (Effect::Delete(None), "the replaced object is deleted"),
        Some(current) if row.options.retain => (Effect::Forget(Some(current)), "no longer declared, and retained"),
        Some(current) => match current.object.origin {
            Origin::Made => (Effect::Delete(Some(current)), "no longer declared"),
            Origin::Adopted => (Effect::Forget(Some(current)), "no longer declared, and not created by Provisioner"),
            Origin::Shared if !facts.resource_type.info().tagged => (
                Effect::Release(current),
                "no longer declared, and kept for other users: it takes no tags that name them",
            ),
            Origin::Shared if ownership::is_last_user(&current.observation.observed.inputs, lineage) => {
                (Effect::Delete(Some(current)), "no longer declared, and not used by another environment")
            }
            Origin::Shared => (
                Effect::Release(current),
                "no longer declared, but another environment uses it or it was created outside Provisioner",
            ),
        },
    };
    Decision { leftovers, reasons: vec![reason.to_owned()], ..Decision::new(effect) }
}
