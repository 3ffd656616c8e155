//! A rollout's proof: asked of whoever runs the engine, which neither knows what is proven nor how.

use std::{future::Future, pin::Pin};

use serde_json::Value;

/// A rollout that is ready, as the cloud says.
#[derive(Clone, Copy, Debug)]
pub struct VerificationRequest<'a> {
    /// The resource.
    pub address: &'a str,
    /// Its type.
    pub type_name: &'a str,
    /// The provider instance.
    pub provider: &'a str,
    /// The object.
    pub id: &'a str,
    /// What the program wants to be shown, with every output filled in.
    pub verification: &'a Value,
}

/// Why a rollout is not proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationError {
    /// What was seen instead.
    pub why: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Shows that what was rolled out does what it is there for. Dropped where the run is cancelled.
pub trait Verifier: Send + Sync {
    /// Ends once it is certain, either way.
    fn verify<'a>(
        &'a self,
        request: VerificationRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), VerificationError>> + Send + 'a>>;
}
