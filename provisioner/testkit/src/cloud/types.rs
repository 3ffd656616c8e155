//! The types of the cloud in memory: each has something that an engine can get wrong.

use std::time::Duration;

use provisioner_model::{
    Actions, Id, In, Observed, Output, Owner, Phase, Receipt, Recorded, Resource, Result, Schema, Tags, Updated,
    erased::ResourceRegistry,
    resource::{Created, Obstacle, ReadResults},
};
use serde_json::{Value, json};

use super::{Fake, OnFake, Outputs, phase};

/// Returns a registry of all test types.
pub fn registry() -> ResourceRegistry {
    ResourceRegistry::default()
        .with::<Net>()
        .with::<Address>()
        .with::<Gate>()
        .with::<Table>()
        .with::<Role>()
        .with::<RolePolicy>()
        .with::<Named>()
        .with::<Doc>()
        .with::<Service>()
        .with::<ZoneRecord>()
        .with::<Port>()
        .with::<Issuer>()
}

/// Inputs of a type, and the calls that all types share. `found by` says how `find` knows an object.
macro_rules! on_fake {
    (
        $(#[$attribute:meta])* $name:ident: slow $slow:literal, later $later:expr, found by $found:ident;
        $(
            $(#[$field_attribute:meta])* $field:ident: $of:ty
        ),* ;
        $($extra:item)*
    ) => {
        #[derive(Clone, Debug, PartialEq, Resource)]
        $(#[$attribute])*
        pub struct $name {
            $(#[doc = "An input."] $(#[$field_attribute])* pub $field: $of,)*
        }

        impl OnFake for $name {
            const SLOW: u32 = $slow;
            const LATER: &'static [&'static str] = &$later;
            const UPSERT: bool = on_fake!(@upsert $found);
        }

        impl Resource for $name {
            const ACTIONS: Actions = Actions {
                read: &["test:Read"],
                create: &["test:Write"],
                update: &["test:Write"],
                delete: &["test:Write"],
            };
            const CONSISTENCY_WINDOW: Duration = Duration::from_millis(300);
            const IDEMPOTENT_CREATE: bool = !Self::UNIQUE.is_empty();
            const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
            const READY_TIMEOUT: Duration = Duration::from_secs(20);
            const POLL_INTERVAL: Duration = Duration::ZERO;
            $($extra)*
            type Cloud = Fake;
            type Outputs = Outputs;

            fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
                phase(&observed.outputs)
            }
            async fn read_many(c: &Fake, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
                c.read(ids).await
            }
            async fn find_by_token(&self, c: &Fake, owner: &Owner) -> Result<Vec<Id<Self>>> {
                on_fake!(@find $found, self, c, owner)
            }
            async fn create(&self, c: &Fake, owner: &Owner) -> Result<Created<Self>> {
                c.create(self, owner).await
            }
            async fn update(
                &self,
                c: &Fake,
                recorded: &Recorded<Self>,
                observed: &Observed<Self>,
            ) -> Result<Updated> {
                c.update(self, recorded, observed).await
            }
            async fn delete(c: &Fake, recorded: &Recorded<Self>) -> Result<()> {
                c.delete(recorded).await
            }
            async fn obstacles(c: &Fake, recorded: &Recorded<Self>) -> Vec<Obstacle> {
                c.obstacles(recorded.id.as_str())
            }
            async fn find_by_unique_key(&self, c: &Fake) -> Result<Vec<Id<Self>>> {
                let own = super::map(self);
                let groups = Self::UNIQUE;
                c.find(move |thing| {
                    groups.iter().any(|group| {
                        group.iter().all(|field| own.get(*field).is_some_and(|own| thing.inputs.get(*field) == Some(own)))
                    })
                })
                .await
            }
        }
    };
    (@upsert token) => { false };
    (@upsert key) => { true };
    (@find token, $self:ident, $c:ident, $owner:ident) => {{
        // As a tag, which is what an object keeps: the owner of a thing is only for the tests' own eyes.
        $c.find(|thing| {
            let tags = thing.inputs.get("tags");
            tags.and_then(|tags| tags.get("provisioner:token")).is_some_and(|token| *token == $owner.token)
        })
        .await
    }};
    (@find key, $self:ident, $c:ident, $owner:ident) => {{
        let _ = $owner;
        $self.find_by_unique_key($c).await
    }};
}

on_fake! {
    /// A network: what much else is in. Its label needs a second call.
    #[resource(type = "test:net", fields = NetField, cloudformation = "Test::Cloud::Net")]
    Net: slow 0, later ["label"], found by token;
    #[field(replaces)]
    range: u8,
    label: Option<u8>,
    tags: Tags;
}

on_fake! {
    /// A port of a network. The cloud closes it unless the create says otherwise.
    #[resource(type = "test:port", fields = PortField)]
    Port: slow 0, later [], found by token;
    #[field(replaces)]
    net: In<Id<Net>>,
    #[field(cloud_default = false)]
    open: Option<bool>,
    #[field(cloud_default = none)]
    rule: Option<Value>,
    #[field(write_only)]
    key: Option<u8>,
    tags: Tags;
}

on_fake! {
    /// An issuer of tokens. Others add their audiences to it.
    #[resource(type = "test:issuer", fields = IssuerField, unique(url))]
    Issuer: slow 0, later [], found by token;
    #[field(replaces)]
    url: String,
    #[field(items)]
    audiences: Vec<String>,
    tags: Tags;
}

on_fake! {
    /// A plain thing, which a gate needs.
    #[resource(type = "test:address", fields = AddressField)]
    Address: slow 0, later [], found by token;
    #[field(replaces)]
    zone: u8,
    label: u8,
    tags: Tags;
}

on_fake! {
    /// Holds an address that nothing else may hold: never two at once. It takes a while to come and to go.
    #[resource(type = "test:gate", fields = GateField, unique(address))]
    Gate: slow 2, later [], found by token;
    #[field(replaces)]
    net: In<Id<Net>>,
    #[field(replaces)]
    address: In<Id<Address>>,
    label: u8,
    tags: Tags;
}

on_fake! {
    /// Its routes may lead to gates that are gone.
    #[resource(type = "test:table", fields = TableField)]
    Table: slow 0, later ["routes"], found by token;
    #[field(replaces)]
    net: In<Id<Net>>,
    #[field(set, may_dangle)]
    routes: Vec<In<Id<Gate>>>,
    tags: Tags;
}

on_fake! {
    /// Of no use without its policy.
    #[resource(type = "test:role", fields = RoleField, unique(name))]
    Role: slow 0, later [], found by token;
    #[field(replaces, name(max = 24))]
    name: Option<String>,
    #[field(replaces)]
    path: u8,
    label: u8,
    tags: Tags;
}

on_fake! {
    /// Completes a role: whoever uses that comes after this, and goes before it. It takes no tags, and is text only: what
    /// it allows may be gone.
    #[resource(type = "test:role-policy", fields = RolePolicyField, unique(role))]
    RolePolicy: slow 0, later [], found by key;
    #[field(replaces, part_of)]
    role: In<Id<Role>>,
    #[field(may_dangle)]
    allows: In<String>;
}

on_fake! {
    /// Takes no tags, and is known by its key alone, as a record in a zone is. A create overwrites whatever holds the key.
    #[resource(type = "test:entry", fields = ZoneRecordField, unique(zone, name))]
    ZoneRecord: slow 0, later [], found by key;
    #[field(replaces)]
    zone: u8,
    #[field(replaces)]
    name: String,
    value: u8;
}

on_fake! {
    /// Has a name that only one may have: stated, or generated. May be locked, and may be off. Its key is never told.
    #[resource(type = "test:named", fields = NamedField, unique(name))]
    Named: slow 1, later [], found by token;
    #[field(replaces, name(max = 24))]
    name: Option<String>,
    #[field(replaces)]
    class: u8,
    size: u8,
    net: Option<In<Id<Net>>>,
    #[field(write_only)]
    key: Option<u8>,
    #[field(deletion_protection)]
    locked: Option<bool>,
    #[field(cloud_default = none, stopped = true)]
    off: Option<bool>,
    tags: Tags;
}

on_fake! {
    /// An update makes another revision, and those who refer to the revision follow.
    #[resource(type = "test:doc", fields = DocField, cloudformation = "Test::Cloud::Doc")]
    Doc: slow 0, later [], found by token;
    #[field(replaces)]
    family: u8,
    text: In<String>,
    tags: Tags;
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["revision"];
}

on_fake! {
    /// Refers to nearly everything. Its count is its own once it runs. Should a write of it fail, it is undone.
    #[resource(type = "test:service", fields = ServiceField)]
    Service: slow 1, later [], found by token;
    #[field(replaces)]
    net: In<Id<Net>>,
    doc: In<String>,
    role: Option<In<Id<Role>>>,
    through: Option<In<Id<Gate>>>,
    #[field(set)]
    uses: Vec<In<String>>,
    #[field(initial, stopped = 0)]
    count: u8,
    note: u8,
    tags: Tags;
    fn rollback_inputs(recorded: Option<&Self>) -> Option<Value> {
        let Some(recorded) = recorded.filter(|recorded| recorded.count > 0) else { return Some(json!({ "count": 0 })) };
        Some(json!({ "doc": recorded.doc, "note": recorded.note }))
    }
}

impl Doc {
    /// Its id and revision.
    pub const REVISION: Output<Self, String> = Output::new("revision");
}

impl Named {
    /// Its name, stated or generated.
    pub const NAME_OF: Output<Self, String> = Output::new("name");
    /// Its id, as text.
    pub const ID: Output<Self, String> = Output::new("id");
}
