//! The types of the cloud in memory: each has something that an engine can get wrong.

use std::time::Duration;

use provisioner_model::{
    Actions, Field, Id, In, Name, Observed, Output, Owner, Phase, Receipt, Recorded, Resource, Result, Tags,
    erased::ResourceRegistry,
    resource::{Created, ReadResults},
};
use serde::{Deserialize, Serialize};
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
        .with::<JournalEntry>()
}

/// Inputs of a type, and the calls that all types share. `found by` says how `find` knows an object.
macro_rules! on_fake {
    (
        $(#[$doc:meta])* $name:ident = $type:literal, slow $slow:literal, later $later:expr, found by $found:ident;
        $(
            $(#[$attribute:meta])* $field:ident: $of:ty
        ),* ;
        $($extra:item)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            $(#[doc = "An input."] $(#[$attribute])* pub $field: $of,)*
        }

        impl OnFake for $name {
            const SLOW: u32 = $slow;
            const LATER: &'static [&'static str] = &$later;
            const UPSERT: bool = on_fake!(@upsert $found);
        }

        impl Resource for $name {
            const TYPE: &'static str = $type;
            const ACTIONS: Actions = Actions {
                read: &["test:Read"],
                create: &["test:Write"],
                update: &["test:Write"],
                delete: &["test:Write"],
            };
            const CONSISTENCY_WINDOW: Duration = Duration::from_millis(300);
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
            ) -> Result<Option<Receipt>> {
                c.update(self, recorded, observed).await
            }
            async fn delete(c: &Fake, recorded: &Recorded<Self>) -> Result<()> {
                c.delete(recorded).await
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
    Net = "test:net", slow 0, later ["label"], found by token;
    range: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")] label: Option<u8>,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] = &[Field::new("range").replaces(), Field::new("label"), Field::new("tags").map()];
    const TAGGED: bool = true;
}

on_fake! {
    /// A plain thing, which a gate needs.
    Address = "test:address", slow 0, later [], found by token;
    zone: u8,
    label: u8,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] = &[Field::new("zone").replaces(), Field::new("label"), Field::new("tags").map()];
    const TAGGED: bool = true;
}

on_fake! {
    /// Holds an address that nothing else may hold: never two at once. It takes a while to come and to go.
    Gate = "test:gate", slow 2, later [], found by token;
    net: In<Id<Net>>,
    address: In<Id<Address>>,
    label: u8,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] = &[
        Field::new("net").replaces(),
        Field::new("address").replaces(),
        Field::new("label"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["address"]];
    const TAGGED: bool = true;
}

on_fake! {
    /// Its routes may lead to gates that are gone.
    Table = "test:table", slow 0, later ["routes"], found by token;
    net: In<Id<Net>>,
    #[serde(default)] routes: Vec<In<Id<Gate>>>,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] =
        &[Field::new("net").replaces(), Field::new("routes").set().may_dangle(), Field::new("tags").map()];
    const TAGGED: bool = true;
}

on_fake! {
    /// Of no use without its policy.
    Role = "test:role", slow 0, later [], found by token;
    #[serde(default, skip_serializing_if = "Option::is_none")] name: Option<String>,
    path: u8,
    label: u8,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("path").replaces(),
        Field::new("label"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 24));
    const TAGGED: bool = true;
}

on_fake! {
    /// Completes a role: whoever uses that comes after this, and goes before it. It takes no tags, and is text only: what
    /// it allows may be gone.
    RolePolicy = "test:role-policy", slow 0, later [], found by key;
    role: In<Id<Role>>,
    allows: In<String>;
    const FIELDS: &'static [Field] = &[Field::new("role").replaces(), Field::new("allows").may_dangle()];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["role"]];
    const PART_OF: Option<&'static str> = Some("role");
}

on_fake! {
    /// Takes no tags, and is known by its key alone, as a record in a zone is. A create overwrites whatever holds the key.
    JournalEntry = "test:entry", slow 0, later [], found by key;
    zone: u8,
    name: String,
    value: u8;
    const FIELDS: &'static [Field] =
        &[Field::new("zone").replaces(), Field::new("name").replaces(), Field::new("value")];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["zone", "name"]];
}

on_fake! {
    /// Has a name that only one may have: stated, or generated. May be locked. Its key is never told.
    Named = "test:named", slow 1, later [], found by token;
    #[serde(default, skip_serializing_if = "Option::is_none")] name: Option<String>,
    class: u8,
    size: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")] net: Option<In<Id<Net>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")] key: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")] locked: Option<bool>,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("class").replaces(),
        Field::new("size"),
        Field::new("net"),
        Field::new("key").write_only(),
        Field::new("locked").deletion_protection(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 24));
    const TAGGED: bool = true;
}

on_fake! {
    /// An update makes another revision, and those who refer to the revision follow.
    Doc = "test:doc", slow 0, later [], found by token;
    family: u8,
    text: In<String>,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] = &[Field::new("family").replaces(), Field::new("text"), Field::new("tags").map()];
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["revision"];
    const TAGGED: bool = true;
}

on_fake! {
    /// Refers to nearly everything. Its count is its own once it runs. Should a write of it fail, it is undone.
    Service = "test:service", slow 1, later [], found by token;
    net: In<Id<Net>>,
    doc: In<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")] role: Option<In<Id<Role>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")] through: Option<In<Id<Gate>>>,
    #[serde(default)] uses: Vec<In<String>>,
    count: u8,
    note: u8,
    #[serde(default)] tags: Tags;
    const FIELDS: &'static [Field] = &[
        Field::new("net").replaces(),
        Field::new("doc"),
        Field::new("role"),
        Field::new("through"),
        Field::new("uses").set(),
        Field::new("count").initial(),
        Field::new("note"),
        Field::new("tags").map(),
    ];
    const TAGGED: bool = true;

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
