//! The verification of a rollout, which the engine delegates to its caller.

use std::{future::Future, pin::Pin};

use provisioner_model::Diagnostic;
use serde_json::Value;

/// A rollout that is ready according to the cloud.
#[derive(Clone, Copy, Debug)]
pub struct VerificationRequest<'a> {
    /// Address of the resource.
    pub address: &'a str,
    /// Resource type, such as `aws:ecs:service`.
    pub type_name: &'a str,
    /// Name of the provider instance.
    pub provider: &'a str,
    /// The object's ID in AWS.
    pub id: &'a str,
    /// The declared verification, with all outputs resolved.
    pub verification: &'a Value,
}

/// Verifies a rollout. The engine drops the future when the run is cancelled.
pub trait Verifier: Send + Sync {
    /// Ends once it is certain, either way. The error says which observation contradicts the verification. A warning is
    /// the reason for which a rollout counts although it was not verified.
    fn verify<'a>(
        &'a self,
        request: VerificationRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Diagnostic>, Diagnostic>> + Send + 'a>>;
}
