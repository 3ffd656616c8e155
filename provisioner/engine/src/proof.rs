//! A rollout's proof: asked of whoever runs the engine, which neither knows what is proven nor how.

use std::{future::Future, pin::Pin};

use serde_json::Value;

/// A rollout that is ready, as the cloud says.
#[derive(Clone, Copy, Debug)]
pub struct Proving<'a> {
    /// The resource.
    pub address: &'a str,
    /// Its type.
    pub type_name: &'a str,
    /// The provider instance.
    pub provider: &'a str,
    /// The object.
    pub id: &'a str,
    /// What the program wants to be shown, with every output filled in.
    pub proof: &'a Value,
}

/// Why a rollout is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unproven {
    /// What was seen instead.
    pub why: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Shows that what was rolled out does what it is there for. Dropped where the run is cancelled.
pub trait Proof: Send + Sync {
    /// Ends once it is certain, either way.
    fn prove<'a>(&'a self, asked: Proving<'a>) -> Pin<Box<dyn Future<Output = Result<(), Unproven>> + Send + 'a>>;
}
