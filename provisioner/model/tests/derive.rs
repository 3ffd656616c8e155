//! The derived schema, constructor, setters and JSON of a type, and the compiler's answers to wrong declarations.

use std::collections::BTreeMap;

use provisioner_model::{
    FieldName, Id, In, Name, Nested, Output, Outputs, Resource, Schema, Tags,
    compare::Compare,
    schema::{CreateCall, Parameter},
};
use serde_json::json;

/// What a bucket's objects are encrypted with.
pub struct EncryptionKey;

/// A named bucket of objects.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "example:storage:bucket",
    create = "storage:CreateBucket",
    unique(name),
    unique(region, key_id),
    omitted(Acl | Grants = "policies only", "website.host" = "not so far")
)]
pub struct Bucket {
    /// The name.
    #[field(replaces, name(max = 63, prefix = "b-"))]
    pub name: Option<String>,
    /// The key.
    #[field(parameter = "EncryptionKeyId", parameter = "KeyType")]
    pub key_id: In<Id<EncryptionKey>>,
    /// Where it is.
    #[field(replaces, part_of)]
    pub region: String,
    /// Rules.
    #[field(set)]
    pub rules: Vec<Rule>,
    /// Groups that it is shared with.
    #[field(required)]
    pub groups: Vec<In<String>>,
    /// Settings.
    #[field(map)]
    pub settings: BTreeMap<String, In<String>>,
    /// Its kind.
    #[field(default = "standard")]
    pub r#type: String,
    /// Whether it keeps old versions.
    #[field(default = true, deletion_protection)]
    pub versioning: Option<bool>,
    /// Tags.
    pub tags: Tags,
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Nested)]
pub struct Rule {
    /// What it applies to.
    pub prefix: String,
    /// Days.
    pub days: Option<i32>,
}

/// What the service reports.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct BucketOutputs {
    /// The name.
    #[output(constant = "ID")]
    pub id: Id<Bucket>,
    /// The ARN.
    pub arn: Option<String>,
}

fn bucket() -> Bucket {
    Bucket::new(Id::new("key-1").into(), "here", ["a", "b"])
}

#[test]
fn schema_follows_from_the_declaration() {
    assert_eq!((Bucket::TYPE, Bucket::TAGGED, Bucket::PART_OF), ("example:storage:bucket", true, Some("region")));
    assert_eq!(Bucket::UNIQUE, [&["name"][..], &["region", "key_id"][..]]);
    assert!(matches!(Bucket::NAME, Some(Name { field: "name", max: 63, prefix: "b-", .. })));
    assert_eq!(Bucket::CREATE_CALL, Some(CreateCall { service: "storage", operation: "CreateBucket" }));
    let omitted = [("Acl", "policies only"), ("Grants", "policies only"), ("website.host", "not so far")];
    assert_eq!(Bucket::OMITTED_PARAMETERS, omitted);
    let rows =
        Bucket::FIELDS.iter().map(|field| (field.name, field.replaces, field.deletion_protection, field.compare));
    let expected = [
        ("name", true, false, Compare::Stated),
        ("key_id", false, false, Compare::Stated),
        ("region", true, false, Compare::Stated),
        ("rules", false, false, Compare::Set),
        ("groups", false, false, Compare::Stated),
        ("settings", false, false, Compare::Map),
        ("type", false, false, Compare::Stated),
        ("versioning", false, true, Compare::Stated),
        ("tags", false, false, Compare::Map),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    let of = |field| Bucket::PARAMETERS.iter().filter(move |row| row.field == field).collect::<Vec<_>>();
    assert_eq!(of("name"), [&Parameter { field: "name", member: "Name", stated: false }]);
    assert_eq!(
        of("key_id").iter().map(|row| (row.member, row.stated)).collect::<Vec<_>>(),
        [("EncryptionKeyId", true), ("KeyType", true)]
    );
}

#[test]
fn names_are_an_enum_in_the_order_of_declaration() {
    assert_eq!(Field::ALL.len(), Bucket::FIELDS.len());
    assert_eq!((Field::KeyId.name(), Field::Type.name()), ("key_id", "type"));
    assert!(Bucket::FIELDS.iter().zip(Field::ALL).all(|(schema, field)| Field::of(schema) == Some(*field)));
}

#[test]
fn new_takes_what_is_required_and_setters_state_the_rest() {
    let stated = bucket()
        .name("mine")
        .rules([Rule::new("logs/").days(7)])
        .settings([("speed", "high")])
        .versioning(false)
        .tags([("team", "a")]);
    let expected = Bucket {
        name: Some("mine".into()),
        key_id: In::Known(Id::new("key-1")),
        region: "here".into(),
        rules: vec![Rule { prefix: "logs/".into(), days: Some(7) }],
        groups: vec!["a".into(), "b".into()],
        settings: BTreeMap::from([("speed".into(), "high".into())]),
        r#type: "standard".into(),
        versioning: Some(false),
        tags: Tags::from([("team".into(), "a".into())]),
    };
    assert_eq!(stated, expected);
    assert_eq!(bucket().versioning, Some(true));
}

#[test]
fn json_leaves_out_none_and_takes_missing_and_unknown_keys() {
    let full = json!({
        "key_id": "key-1", "region": "here", "rules": [], "groups": ["a", "b"], "settings": {}, "type": "standard",
        "versioning": true, "tags": {},
    });
    assert_eq!(serde_json::to_value(bucket()).unwrap(), full);
    let least = json!({ "key_id": "key-1", "region": "here", "groups": ["a", "b"], "type": "standard", "other": 1 });
    assert_eq!(serde_json::from_value::<Bucket>(least).unwrap(), Bucket { versioning: None, ..bucket() });
    let error = serde_json::from_value::<Bucket>(json!({ "key_id": "key-1" })).unwrap_err();
    assert_eq!(error.to_string(), "missing field `region`");
}

#[test]
fn outputs_are_constants_of_the_resource_type() {
    let (id, arn): (Output<Bucket, String>, Output<Bucket, String>) = (Bucket::ID, Bucket::ARN);
    assert_eq!((id.path(), arn.path()), ("id", "arn"));
}

#[test]
fn wrong_declarations_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/derive/*.rs");
}
