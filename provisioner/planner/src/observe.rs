//! What a refresh brought: the third side of the diff.

use std::collections::HashMap;

use provisioner_model::{erased::ObservedState, resource::Phase};

/// One object as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Its id.
    pub id: String,
    /// Its inputs and outputs.
    pub observed: ObservedState,
    /// Where it is in its life.
    pub phase: Phase,
}

/// What is there, as far as it was looked at.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// By the object's token: `None` is gone, and no entry means that nobody looked (the record is trusted).
    pub objects: HashMap<String, Option<Observation>>,
    /// By address: an object that is not ours yet and holds the unique key of a resource to adopt or share.
    pub existing: HashMap<String, Observation>,
}
