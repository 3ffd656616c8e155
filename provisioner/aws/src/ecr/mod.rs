//! ECR: repositories of container images.

mod repository;

use provisioner_model::erased::Registry;

pub use self::repository::{Encryption, Repository, RepositoryOutputs};

/// Adds this service's types.
pub fn register(types: Registry) -> Registry {
    types.with::<Repository>()
}
