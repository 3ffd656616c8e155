//! Application Auto Scaling: counts that follow load.

use provisioner_model::erased::Registry;

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types
}
