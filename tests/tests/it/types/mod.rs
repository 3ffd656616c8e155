//! Every resource type against the emulators: one file for each family.

mod data;
mod ec2;
mod messaging;
mod security;
mod service;

use std::path::Path;

use provisioner_aws::registry as types;
use provisioner_cli::template::template;
use provisioner_model::{
    Resource,
    erased::{Clouds, ResourceRegistry as Types},
    stack::{MAIN, Stack},
};
use provisioner_testkit::conformance::TestObject;
use provisioner_tests::{Emulator, Templates, registry::LocalRegistry};
use serde_json::Value;
use tempfile::TempDir;

use crate::engine::facts;

/// Writes the inputs without this one, and checks what AWS then has in its place.
pub(crate) async fn end(object: &mut TestObject<'_>, field: &str, left: Value) {
    let changed = object.changed(field, Value::Null);
    object.update(changed).await;
    assert_eq!(object.observed.inputs.get(field).unwrap_or(&Value::Null), &left, "{field}");
}

/// An emulator, and the types that are tried on it.
pub(crate) struct Bench {
    /// Kept alive, and asked for its address.
    pub(crate) emulator: Emulator,
    pub(crate) clouds: Clouds,
    types: Types,
    /// The templates of the objects, which are judged at the end.
    templates: Templates,
    _folder: TempDir,
}

impl Bench {
    /// None, said loudly, where moto is not there.
    pub(crate) fn moto(test: &str) -> Option<Self> {
        let Some(emulator) = Emulator::moto() else {
            provisioner_tests::skipped(test, "moto is not installed");
            return None;
        };
        let clouds = emulator.clouds();
        Some(Self::of(emulator, clouds))
    }

    /// The same with a registry, which is kept alive by the caller, and a folder of images to push.
    pub(crate) fn with_images(test: &str, registry: &LocalRegistry, images: &Path) -> Option<Self> {
        let Some(emulator) = Emulator::moto_with(Some(registry)) else {
            provisioner_tests::skipped(test, "moto is not installed");
            return None;
        };
        let mut clouds = Clouds::default();
        clouds.add(MAIN, emulator.aws().with_images(images.to_owned()));
        Some(Self::of(emulator, clouds))
    }

    fn of(emulator: Emulator, clouds: Clouds) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let templates = Templates::in_folder(folder.path().join("templates")).unwrap();
        Self { emulator, clouds, types: types(), templates, _folder: folder }
    }

    /// Makes one and checks it; see [`TestObject::create`].
    pub(crate) async fn create<R: Resource>(&self, inputs: R) -> TestObject<'_> {
        let resource_type = self.types.get(R::TYPE).expect("registered");
        let values = serde_json::to_value(&inputs).unwrap();
        let mut stack = Stack::new(facts());
        stack.add("it", inputs);
        self.templates.add(&template(&stack.finish().unwrap(), &self.types).unwrap()).unwrap();
        TestObject::create(resource_type, &self.clouds, values).await
    }
}
