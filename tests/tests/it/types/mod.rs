//! Every resource type against the emulators: one file for each family.

mod data;
mod ec2;
mod security;
mod service;

use provisioner_aws::registry;
use provisioner_model::{Resource, erased::Registry};
use provisioner_testkit::conformance::Lived;
use provisioner_tests::Emulator;

/// An emulator, and the types that are tried on it.
pub(crate) struct Bench {
    /// Kept alive, and asked for its address.
    pub(crate) emulator: Emulator,
    pub(crate) clouds: provisioner_model::erased::Clouds,
    types: Registry,
}

impl Bench {
    /// None, said loudly, where moto is not there.
    pub(crate) fn moto(test: &str) -> Option<Self> {
        let Some(emulator) = Emulator::moto() else {
            provisioner_tests::skipped(test, "moto is not installed");
            return None;
        };
        Some(Self { clouds: emulator.clouds(), emulator, types: registry() })
    }

    /// Makes one and checks it; see [`Lived::create`].
    pub(crate) async fn create<R: Resource>(&self, inputs: R) -> Lived<'_> {
        let kind = self.types.get(R::TYPE).expect("registered");
        Lived::create(kind, &self.clouds, serde_json::to_value(inputs).unwrap()).await
    }
}
