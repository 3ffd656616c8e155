//! Stacks, states and observations that the tests plan with the real planner.

use std::collections::BTreeMap;

use provisioner_model::{
    Actions, Diagnostic, Field, Id, In, Observed, Owner, Receipt, Recorded, Resource, Result, Secret, Stack,
    plan::Plan,
    resource::{Created, ReadResults, Tags},
    state::ProviderTarget,
};
use provisioner_planner::plan;
use provisioner_testkit::{
    cloud::{Fake, Outputs},
    fixture::{Fixture, stack},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A type with inputs that those of the in-memory cloud lack: a document, a list of objects, a secret.
#[derive(Serialize, Deserialize)]
pub(crate) struct Function {
    pub(crate) memory: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<In<String>>,
    #[serde(default)]
    pub(crate) rules: Vec<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<Secret>,
    #[serde(default)]
    pub(crate) tags: Tags,
}

pub(crate) fn function() -> Function {
    Function { memory: 128, description: None, note: None, policy: None, rules: vec![], key: None, tags: Tags::new() }
}

impl Resource for Function {
    const TYPE: &'static str = "test:function";
    const FIELDS: &'static [Field] = &[
        Field::new("memory"),
        Field::new("description"),
        Field::new("note"),
        Field::new("policy").document(),
        Field::new("rules"),
        Field::new("key").write_only(),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions { read: &[], create: &[], update: &[], delete: &[] };
    type Cloud = Fake;
    type Outputs = Outputs;

    async fn read_many(_: &Fake, _: &[Id<Self>]) -> Result<ReadResults<Self>> {
        unreachable!("the planner calls no cloud")
    }
    async fn find_by_token(&self, _: &Fake, _: &Owner) -> Result<Vec<Id<Self>>> {
        unreachable!("the planner calls no cloud")
    }
    async fn create(&self, _: &Fake, _: &Owner) -> Result<Created<Self>> {
        unreachable!("the planner calls no cloud")
    }
    async fn update(&self, _: &Fake, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        unreachable!("the planner calls no cloud")
    }
    async fn delete(_: &Fake, _: &Recorded<Self>) -> Result<()> {
        unreachable!("the planner calls no cloud")
    }
}

/// An environment before its first apply, with the types of these tests.
pub(crate) fn environment() -> Fixture {
    let fixture = Fixture::empty();
    Fixture { registry: fixture.registry.with::<Function>(), ..fixture }
}

/// Plans a stack at an endpoint.
pub(crate) fn try_plan(
    fixture: &Fixture,
    declare: impl FnOnce(&mut Stack),
) -> std::result::Result<Plan, Vec<Diagnostic>> {
    let target = ProviderTarget {
        account: "000000000000".into(),
        region: "here".into(),
        endpoint: Some("http://127.0.0.1:5000".into()),
    };
    let targets = BTreeMap::from([("main".to_owned(), target)]);
    plan(&fixture.input(&stack(declare), &targets))
}
