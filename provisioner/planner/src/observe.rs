//! The observed state, as a refresh returns it: the third side of the diff.

use std::collections::HashMap;

use provisioner_model::{erased::ObservedState, resource::Phase};

/// One object as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The object's ID in AWS.
    pub id: String,
    /// Its inputs and outputs.
    pub observed: ObservedState,
    /// Lifecycle phase of the object.
    pub phase: Phase,
}

/// The observed state of all objects that the refresh read.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// Observations by the object's token: `None` means deleted, and a missing entry means not read (the recorded state
    /// applies).
    pub objects: HashMap<String, Option<Observation>>,
    /// By address: an object that is not ours yet and holds the unique key of a resource to adopt or share.
    pub existing: HashMap<String, Observation>,
    /// `true` while another run works on the environment: its unfinished operations are not interrupted.
    pub run_in_progress: bool,
}
