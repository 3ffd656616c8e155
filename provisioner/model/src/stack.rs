//! The API for stack programs, which declare resources and pass typed handles to each other.

use std::{collections::BTreeMap, marker::PhantomData, panic::Location};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    diagnostic::Diagnostic,
    expr::{Expr, In, edges},
    resource::{Id, Name, Resource, Tags},
    secret::{Secret, SecretValues},
};

/// A declared resource. Its outputs are references until the engine resolves them.
pub struct Handle<R> {
    address: String,
    of: PhantomData<fn() -> R>,
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone(), of: PhantomData }
    }
}

/// One output of `R`, of type `T`. A constant of the type, so that any crate can declare its own:
/// `impl Subnet { pub const ARN: Output<Subnet, String> = Output::new("arn"); }`.
pub struct Output<R, T>(&'static str, PhantomData<fn() -> (R, T)>);

impl<R, T> Output<R, T> {
    /// The output at `path`.
    pub const fn new(path: &'static str) -> Self {
        Self(path, PhantomData)
    }
    /// Returns the output's path, such as `endpoint.port`.
    pub const fn path(&self) -> &'static str {
        self.0
    }
}

impl<R> Handle<R> {
    /// Returns a reference to the object's ID.
    pub fn id(&self) -> In<Id<R>> {
        self.get(Output::new("id"))
    }
    /// One of its outputs.
    pub fn get<T>(&self, output: Output<R, T>) -> In<T> {
        In::Later(Expr::Ref { address: self.address.clone(), path: output.0.to_owned() })
    }
    /// Returns the resource's address in the stack.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Engine options of one resource, besides its inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Requires explicit consent for deletion or replacement.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub protect: bool,
    /// Removes the resource from the state but keeps its object in the cloud when it leaves the program.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub retain: bool,
    /// Adopts an existing object with the same unique key. A destroy forgets it and leaves it in the cloud.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopt: bool,
    /// One object for several environments: each leaves a tag on it, and the last one deletes it, if we made it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub share: bool,
    /// The addresses that it had before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub renamed_from: Vec<String>,
    /// Inputs that others may change: set at creation, and ignored afterwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
}

/// Facts about the stack's target that are known before the stack is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Name of the environment.
    pub environment: String,
    /// Number of the cloud account.
    pub account: String,
    /// Region, such as `eu-central-1`.
    pub region: String,
    /// AWS partition: `aws`, except for China and `GovCloud`.
    pub partition: String,
    /// `true` while the environment is stopped: each type then has its own values for what costs money or calls people,
    /// see [`FieldSchema::stopped`](crate::resource::FieldSchema).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// Values that the command line discovered before the declaration, by name (an image's digest). `None` means known
    /// after apply; such a plan cannot be saved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub discovered: BTreeMap<String, Option<String>>,
}

/// A resource as the program declared it, and where in the program.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Resource type, such as `aws:ec2:subnet`.
    pub type_name: &'static str,
    /// As declared: references unresolved.
    pub inputs: Value,
    /// Engine options of the resource.
    pub options: Options,
    /// The provider instance that it lives on.
    pub provider: String,
    /// The verification of the resource's rollouts, with unresolved references.
    pub verification: Option<Value>,
    /// File, line and column.
    pub at: &'static Location<'static>,
}

/// The declared resources by address: component path, the last word of the type, and name, as in
/// `network/subnet/public-a`. Addresses must stay stable, because the state stores them.
pub struct Stack {
    declared: BTreeMap<String, Declared>,
    problems: Vec<Diagnostic>,
    outputs: BTreeMap<String, Value>,
    default_tags: Tags,
    secrets: SecretValues,
    facts: Facts,
    path: String,
}

impl Stack {
    /// Returns an empty stack with the given facts.
    pub fn new(facts: Facts) -> Self {
        Self {
            declared: BTreeMap::new(),
            problems: Vec::new(),
            outputs: BTreeMap::new(),
            default_tags: Tags::new(),
            secrets: SecretValues::default(),
            facts,
            path: String::new(),
        }
    }

    /// Returns the facts about the stack's target.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// A tag for every resource declared from here on whose type takes tags. A tag of the resource's own wins.
    pub fn default_tag(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.default_tags.insert(key.into(), value.into());
    }

    /// Declares a component: what `body` adds gets `name/` before its address.
    pub fn component<T>(&mut self, name: &str, body: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.path.len();
        self.path.push_str(name);
        self.path.push('/');
        let made = body(self);
        self.path.truncate(outer);
        made
    }

    /// Puts a secret's value into the run's table. A new value needs a higher version.
    pub fn secret(&mut self, slot: &str, version: u32, value: impl Into<String>) -> Secret {
        self.secrets.set(slot, value);
        Secret::new(slot, version)
    }

    /// A value that `provisioner outputs` shows.
    #[track_caller]
    pub fn output<T: Serialize>(&mut self, name: &str, value: In<T>) {
        let at = Location::caller();
        let value = value.part();
        self.refuse_foreign(name, &value, at);
        if self.outputs.insert(name.to_owned(), value).is_some() {
            self.problem(name, at, "an output with this name already exists");
        }
    }

    /// Declares a resource and returns its handle.
    #[track_caller]
    pub fn add<R: Resource>(&mut self, name: &str, inputs: R) -> Handle<R> {
        self.add_with(name, inputs, Options::default())
    }

    /// Declares a resource with engine options.
    #[track_caller]
    pub fn add_with<R: Resource>(&mut self, name: &str, inputs: R, options: Options) -> Handle<R> {
        let kind = R::TYPE.rsplit(':').next().unwrap_or(R::TYPE);
        let (address, at) = (format!("{}{kind}/{name}", self.path), Location::caller());
        let good = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !address.split('/').all(good) {
            self.problem(&address, at, "each part of an address may only have lower-case letters, digits and dashes");
        }
        for problem in inputs.problems() {
            self.problem(&address, at, &problem.to_string());
        }
        for field in options.ignore.iter().filter(|name| !R::FIELDS.iter().any(|field| field.name == **name)) {
            self.problem(&address, at, &format!("ignore: `{field}` is not an input of {}", R::TYPE));
        }
        match serde_json::to_value(inputs) {
            Ok(mut inputs) => {
                if R::TAGGED && !options.share {
                    self.tag(&mut inputs);
                }
                self.check_stated_name(R::NAME, &address, &inputs, at);
                self.refuse_foreign(&address, &inputs, at);
                let provider = MAIN.to_owned();
                let row = Declared { type_name: R::TYPE, inputs, options, provider, verification: None, at };
                if let Some(first) = self.declared.insert(address.clone(), row) {
                    self.problem(&address, at, &format!("declared already, at {}", first.at));
                }
            }
            Err(error) => self.problem(&address, at, &error.to_string()),
        }
        Handle { address, of: PhantomData }
    }

    /// Declares the verification of a create or update of this resource; if it fails, the engine rolls back as the type
    /// defines. It may refer to the dependencies of the resource and to the resource's own outputs. The command line
    /// reads it.
    #[track_caller]
    pub fn verify<R: Resource>(&mut self, handle: &Handle<R>, verification: &impl Serialize) {
        let at = Location::caller();
        match serde_json::to_value(verification) {
            Ok(verification) => {
                self.refuse_foreign(handle.address(), &verification, at);
                if let Some(declared) = self.declared.get_mut(handle.address()) {
                    declared.verification = Some(verification);
                }
            }
            Err(error) => self.problem(handle.address(), at, &error.to_string()),
        }
    }

    /// Adds the default tags that the resource does not set.
    fn tag(&self, inputs: &mut Value) {
        if let Some(inputs) = inputs.as_object_mut() {
            let tags = inputs.entry("tags").or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Some(tags) = tags.as_object_mut() {
                for (key, value) in &self.default_tags {
                    tags.entry(key.as_str()).or_insert_with(|| Value::String(value.clone()));
                }
            }
        }
    }

    /// Reports a stated name that the cloud refuses. The planner checks the names that it generates.
    fn check_stated_name(&mut self, name: Option<Name>, address: &str, inputs: &Value, at: &'static Location<'static>) {
        let Some(name) = name else { return };
        let stated = inputs.get(name.field).and_then(Value::as_str);
        if let Some(why) = stated.and_then(|stated| name.problem(stated)) {
            let problem = Diagnostic::resource_error(address, format!("{}: {why}", name.field)).declared_at(at);
            let page = name.rule.page;
            self.problems.push(if page.is_empty() { problem } else { problem.hint(format!("the rules: {page}")) });
        }
    }

    /// Handles come from `add`, so what a stack refers to is declared: else it is another stack's.
    fn refuse_foreign(&mut self, address: &str, inputs: &Value, at: &'static Location<'static>) {
        let mut needs = vec![];
        edges(inputs, &mut needs);
        needs.sort_unstable();
        needs.dedup();
        needs.retain(|need| !self.declared.contains_key(need));
        for need in needs {
            let what =
                format!("refers to {need}, which is not declared in this stack: use the handles that `add` returned");
            self.problem(address, at, &what);
        }
    }

    fn problem(&mut self, address: &str, at: &Location<'_>, why: &str) {
        self.problems.push(Diagnostic::resource_error(address, why).declared_at(at));
    }

    /// Returns the declared resources, or all errors in them.
    pub fn finish(self) -> Result<Desired, Vec<Diagnostic>> {
        if self.problems.is_empty() {
            Ok(Desired { facts: self.facts, resources: self.declared, outputs: self.outputs, secrets: self.secrets })
        } else {
            Err(self.problems)
        }
    }
}

/// The default provider instance.
pub const MAIN: &str = "main";

/// A stack as declared: what the planner starts from.
#[derive(Clone, Debug)]
pub struct Desired {
    /// Facts that the declaration was based on.
    pub facts: Facts,
    /// Declared resources by address.
    pub resources: BTreeMap<String, Declared>,
    /// By name, references unresolved.
    pub outputs: BTreeMap<String, Value>,
    /// The values of its secret inputs.
    pub secrets: SecretValues,
}
