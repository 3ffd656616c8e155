//! The conformance test for resource types, against a cloud or an emulator: an object is created from its inputs, reads
//! back as declared, is found by its owner, accepts a change, and is deleted, twice without an error. The test does not
//! use the engine: it covers the contract of [`Resource`](provisioner_model::Resource) alone.
//!
//! The engine is not involved: this is the contract of [`Resource`](provisioner_model::Resource) alone.

use std::time::Duration;

use provisioner_model::{
    Phase,
    digest::sha256,
    erased::{Clouds, ObservedState, RecordedState, ResourceType},
    resource::{FieldSchema, Owner},
};
use provisioner_planner::diff::{fill_cloud_defaults, stops};
use serde_json::{Value, json};

/// One object under test.
pub struct TestObject<'a> {
    resource_type: &'a dyn ResourceType,
    clouds: &'a Clouds,
    owner: Owner,
    /// The object's ID in AWS.
    pub id: String,
    /// As declared, with the defaults, the name and the tags that the planner would fill in.
    pub inputs: Value,
    /// State at the last read.
    pub observed: ObservedState,
}

/// Types with a key that determines the object completely: any object with the key is the one to create.
const SAME_BY_KEY: &[&str] = &["aws:ecr:image"];

/// The provider instance that tests use.
pub const PROVIDER: &str = "main";

impl<'a> TestObject<'a> {
    /// Makes an object, waits until it is ready, brings it to what is declared, and checks all of that.
    pub async fn create(resource_type: &'a dyn ResourceType, clouds: &'a Clouds, inputs: Value) -> Self {
        // The same on every run.
        let mut token = sha256(format!("{}{inputs}", resource_type.info().type_name));
        token.truncate(32);
        let owner =
            Owner { lineage: "conformance".into(), address: "test/it".into(), token: token.clone(), generation: 1 };
        let inputs = filled(resource_type, inputs, &token);
        resource_type.check(&inputs).expect("inputs have the type's shape");
        for (name, _) in inputs.as_object().expect("inputs are a map") {
            assert!(resource_type.info().fields.iter().any(|field| field.name == name), "{name} is in FIELDS");
        }
        let (id, receipt) = resource_type.create(clouds, PROVIDER, inputs.clone(), &owner).await.unwrap_or_else(|e| {
            panic!("create {}: {}", resource_type.info().type_name, e.chain());
        });
        let observed = ready(resource_type, clouds, &id, Some(&inputs), receipt.as_ref()).await;
        let mut object = Self { resource_type, clouds, owner, id, inputs: inputs.clone(), observed };
        if !object.differences().is_empty() {
            object.update(inputs).await;
        }
        let found = resource_type
            .find_by_token(&clouds.round(), PROVIDER, object.inputs.clone(), &object.owner)
            .await
            .expect("find");
        assert_eq!(found, [object.id.clone()], "found by its owner");
        assert_eq!(object.observed.outputs["id"], json!(object.id), "outputs name the id");
        // Whoever states this key must find the object: without tags, nothing else tells whose it is.
        let found =
            resource_type.find_by_unique_key(&clouds.round(), PROVIDER, object.inputs.clone()).await.expect("existing");
        let is_known_by_key = !resource_type.info().unique.is_empty()
            && !resource_type.info().tagged
            && !SAME_BY_KEY.contains(&resource_type.info().type_name);
        assert!(found == [object.id.clone()] || (found.is_empty() && !is_known_by_key), "found by its key: {found:?}");
        object
    }

    /// Changes it in place to these inputs and checks that nothing differs after.
    pub async fn update(&mut self, inputs: Value) {
        let inputs = filled(self.resource_type, inputs, &self.owner.token);
        let recorded = self.recorded_state();
        let receipt = self
            .resource_type
            .update(self.clouds, PROVIDER, inputs.clone(), recorded, self.observed.clone())
            .await
            .unwrap_or_else(|e| panic!("update {}: {}", self.resource_type.info().type_name, e.chain()));
        self.inputs = inputs;
        self.observed = ready(self.resource_type, self.clouds, &self.id, Some(&self.inputs), receipt.as_ref()).await;
        let left = self.differences();
        assert!(left.is_empty(), "{} after an update differs in {left:#?}", self.resource_type.info().type_name);
    }

    /// The inputs with one changed: `changed("retention_days", json!(7))`.
    pub fn changed(&self, field: &str, value: Value) -> Value {
        let mut inputs = self.inputs.clone();
        inputs[field] = value;
        inputs
    }

    /// Returns the fields whose observed value differs from the declared one: `(field, declared, observed)`.
    pub fn differences(&self) -> Vec<(&'static str, Value, Value)> {
        self.resource_type.info().fields.iter().filter_map(|field| self.difference(field)).collect()
    }

    fn difference(&self, field: &FieldSchema) -> Option<(&'static str, Value, Value)> {
        let desired = self.inputs.get(field.name).filter(|desired| !desired.is_null())?;
        let observed = self.observed.inputs.get(field.name).unwrap_or(&Value::Null);
        let exempt = field.write_only || field.initial;
        (!exempt && !self.resource_type.is_equivalent(field, desired, observed))
            .then(|| (field.name, desired.clone(), observed.clone()))
    }

    /// Reads the object again.
    pub async fn read(&mut self) -> Option<ObservedState> {
        let mut found = self
            .resource_type
            .read_many(&self.clouds.round(), PROVIDER, vec![self.id.clone(), "none-0123".into()])
            .await
            .expect("read");
        assert!(!found.contains_key("none-0123"), "an id that is not there has no row");
        let observed = found.remove(&self.id)?.expect("readable");
        self.observed = observed.clone();
        Some(observed)
    }

    /// Deletes it, twice, and checks that it is gone.
    pub async fn delete(mut self) {
        for _ in 0..2 {
            let recorded = self.recorded_state();
            self.resource_type
                .delete(self.clouds, PROVIDER, recorded)
                .await
                .unwrap_or_else(|e| panic!("delete {}: {}", self.resource_type.info().type_name, e.chain()));
        }
        if let Some(observed) = self.read().await {
            let phase = self.resource_type.phase(None, &observed, None).expect("phase");
            assert_eq!(phase, Phase::Gone, "{} after its delete", self.resource_type.info().type_name);
        }
    }

    fn recorded_state(&self) -> RecordedState {
        RecordedState {
            id: self.id.clone(),
            inputs: self.inputs.clone(),
            outputs: Some(self.observed.outputs.clone()),
            owner: self.owner.clone(),
        }
    }
}

async fn ready(
    resource_type: &dyn ResourceType,
    clouds: &Clouds,
    id: &str,
    desired: Option<&Value>,
    receipt: Option<&Value>,
) -> ObservedState {
    for _ in 0..120 {
        let mut found = resource_type.read_many(&clouds.round(), PROVIDER, vec![id.to_owned()]).await.expect("read");
        if let Some(observed) = found.remove(id) {
            let observed =
                observed.unwrap_or_else(|e| panic!("read {}: {}", resource_type.info().type_name, e.chain()));
            match resource_type.phase(desired, &observed, receipt).expect("phase") {
                Phase::Ready => return observed,
                Phase::Stopped { .. } if desired.is_some_and(|desired| stops(resource_type, desired)) => {
                    return observed;
                }
                Phase::Failed { why, .. } | Phase::Stopped { why, .. } => {
                    panic!("{} failed: {why}", resource_type.info().type_name)
                }
                Phase::Pending | Phase::Gone => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{} {id} was not ready in time", resource_type.info().type_name);
}

/// Fills in the cloud's defaults, the generated name and the ownership tags, as the planner does.
fn filled(resource_type: &dyn ResourceType, mut inputs: Value, token: &str) -> Value {
    fill_cloud_defaults(resource_type, &mut inputs);
    if let Some(name) = resource_type.info().name
        && inputs.get(name.field).is_none_or(Value::is_null)
    {
        let text = format!("{}test-{}", name.prefix, &token[..8]);
        inputs[name.field] = json!(text);
    }
    if resource_type.info().tagged {
        inputs["tags"]["provisioner:token"] = json!(token);
    }
    inputs
}
