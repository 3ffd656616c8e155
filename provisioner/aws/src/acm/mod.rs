//! Certificate Manager: certificates.

use provisioner_model::erased::Registry;

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types
}
