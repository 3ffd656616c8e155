//! What every resource type must do, checked against a real cloud or an emulator of one: made from its inputs, it
//! reads back as declared, is found by its owner, takes a change, and goes, twice without complaint.
//!
//! The engine is not involved: this is the contract of [`Resource`](provisioner_model::Resource) alone.

use std::time::Duration;

use provisioner_model::{
    Phase,
    digest::sha256,
    erased::{Clouds, Erased, Last, Seen},
    resource::{Field, Owner},
};
use serde_json::{Value, json};

/// One object under test.
pub struct Lived<'a> {
    kind: &'a dyn Erased,
    clouds: &'a Clouds,
    owner: Owner,
    /// Its id.
    pub id: String,
    /// As declared, with the name and tags that the engine would fill in.
    pub inputs: Value,
    /// As last read.
    pub seen: Seen,
}

/// The provider instance that tests use.
pub const ON: &str = "main";

impl<'a> Lived<'a> {
    /// Makes an object, waits until it is ready, brings it to what is declared, and checks all of that.
    pub async fn create(kind: &'a dyn Erased, clouds: &'a Clouds, inputs: Value) -> Self {
        // The same on every run.
        let mut token = sha256(format!("{}{inputs}", kind.type_name()));
        token.truncate(32);
        let owner =
            Owner { lineage: "conformance".into(), address: "test/it".into(), token: token.clone(), generation: 1 };
        let inputs = filled(kind, inputs, &token);
        kind.check(&inputs).expect("inputs have the type's shape");
        for (name, _) in inputs.as_object().expect("inputs are a map") {
            assert!(kind.fields().iter().any(|field| field.name == name), "{name} is in FIELDS");
        }
        let (id, receipt) = kind.create(clouds, ON, inputs.clone(), &owner).await.unwrap_or_else(|e| {
            panic!("create {}: {}", kind.type_name(), e.chain());
        });
        let seen = ready(kind, clouds, &id, Some(&inputs), receipt.as_ref()).await;
        let mut lived = Self { kind, clouds, owner, id, inputs: inputs.clone(), seen };
        if !lived.differences().is_empty() {
            lived.update(inputs).await;
        }
        let found = kind.find(&clouds.round(), ON, lived.inputs.clone(), &lived.owner).await.expect("find");
        assert_eq!(found, [lived.id.clone()], "found by its owner");
        assert_eq!(lived.seen.outputs["id"], json!(lived.id), "outputs name the id");
        lived
    }

    /// Changes it in place to these inputs and checks that nothing differs after.
    pub async fn update(&mut self, inputs: Value) {
        let inputs = filled(self.kind, inputs, &self.owner.token);
        let last = self.last();
        let receipt = self
            .kind
            .update(self.clouds, ON, inputs.clone(), last, self.seen.clone())
            .await
            .unwrap_or_else(|e| panic!("update {}: {}", self.kind.type_name(), e.chain()));
        self.inputs = inputs;
        self.seen = ready(self.kind, self.clouds, &self.id, Some(&self.inputs), receipt.as_ref()).await;
        let left = self.differences();
        assert!(left.is_empty(), "{} after an update differs in {left:#?}", self.kind.type_name());
    }

    /// The inputs with one changed: `changed("retention_days", json!(7))`.
    pub fn changed(&self, field: &str, value: Value) -> Value {
        let mut inputs = self.inputs.clone();
        inputs[field] = value;
        inputs
    }

    /// The fields in which what is there is not what is declared: `(field, declared, there)`.
    pub fn differences(&self) -> Vec<(&'static str, Value, Value)> {
        self.kind.fields().iter().filter_map(|field| self.difference(field)).collect()
    }

    fn difference(&self, field: &Field) -> Option<(&'static str, Value, Value)> {
        let want = self.inputs.get(field.name).filter(|want| !want.is_null())?;
        let seen = self.seen.inputs.get(field.name).unwrap_or(&Value::Null);
        let exempt = field.write_only || field.initial;
        (!exempt && !self.kind.same(field, want, seen)).then(|| (field.name, want.clone(), seen.clone()))
    }

    /// Reads it again.
    pub async fn read(&mut self) -> Option<Seen> {
        let mut found = self
            .kind
            .read_many(&self.clouds.round(), ON, vec![self.id.clone(), "none-0123".into()])
            .await
            .expect("read");
        assert!(!found.contains_key("none-0123"), "an id that is not there has no row");
        let seen = found.remove(&self.id)?.expect("readable");
        self.seen = seen.clone();
        Some(seen)
    }

    /// Deletes it, twice, and checks that it is gone.
    pub async fn delete(mut self) {
        for _ in 0..2 {
            let last = self.last();
            self.kind
                .delete(self.clouds, ON, last)
                .await
                .unwrap_or_else(|e| panic!("delete {}: {}", self.kind.type_name(), e.chain()));
        }
        if let Some(seen) = self.read().await {
            let phase = self.kind.phase(None, &seen, None).expect("phase");
            assert_eq!(phase, Phase::Gone, "{} after its delete", self.kind.type_name());
        }
    }

    fn last(&self) -> Last {
        Last {
            id: self.id.clone(),
            inputs: self.inputs.clone(),
            outputs: Some(self.seen.outputs.clone()),
            owner: self.owner.clone(),
        }
    }
}

async fn ready(kind: &dyn Erased, clouds: &Clouds, id: &str, want: Option<&Value>, receipt: Option<&Value>) -> Seen {
    for _ in 0..120 {
        let mut found = kind.read_many(&clouds.round(), ON, vec![id.to_owned()]).await.expect("read");
        if let Some(seen) = found.remove(id) {
            let seen = seen.unwrap_or_else(|e| panic!("read {}: {}", kind.type_name(), e.chain()));
            match kind.phase(want, &seen, receipt).expect("phase") {
                Phase::Ready => return seen,
                Phase::Failed { why, .. } => panic!("{} failed: {why}", kind.type_name()),
                Phase::Pending | Phase::Gone => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{} {id} was not ready in time", kind.type_name());
}

/// What the engine fills in: the generated name and the ownership tags.
fn filled(kind: &dyn Erased, mut inputs: Value, token: &str) -> Value {
    if let Some(name) = kind.name()
        && inputs.get(name.field).is_none_or(Value::is_null)
    {
        let text = format!("{}test-{}", name.prefix, &token[..8]);
        inputs[name.field] = json!(text);
    }
    if kind.tagged() {
        inputs["tags"]["provisioner:token"] = json!(token);
    }
    inputs
}
