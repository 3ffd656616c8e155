//! ECR: repositories of container images, and images in them.

mod image;
mod repository;

use provisioner_model::erased::ResourceRegistry;

pub use self::{
    image::{Image, ImageOutputs, push},
    repository::{Encryption, Repository, RepositoryOutputs},
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Repository>().with::<Image>()
}
