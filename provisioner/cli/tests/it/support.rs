//! Stacks, states and observations that the tests plan with the real planner.

use std::collections::BTreeMap;

use provisioner_model::{
    Actions, Diagnostic, Id, In, Observed, Owner, Receipt, Recorded, Resource, Result, Secret, Stack,
    plan::Plan,
    resource::{Created, ReadResults, Tags},
    state::ProviderTarget,
};
use provisioner_planner::plan;
use provisioner_testkit::{
    cloud::{Fake, Outputs},
    fixture::{Fixture, stack},
};
use serde_json::Value;

/// A type with inputs that those of the in-memory cloud lack: a document, a list of objects, a secret.
#[derive(Resource)]
#[resource(type = "test:function")]
pub(crate) struct Function {
    /// In MiB.
    pub(crate) memory: u16,
    pub(crate) description: Option<String>,
    pub(crate) note: Option<String>,
    #[field(document)]
    pub(crate) policy: Option<In<String>>,
    pub(crate) rules: Vec<Value>,
    #[field(write_only)]
    pub(crate) key: Option<Secret>,
    pub(crate) tags: Tags,
}

pub(crate) fn function() -> Function {
    Function::new(128)
}

impl Resource for Function {
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
