//! Keys and indexes, both ways.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{self, KeyType, ProjectionType, ScalarAttributeType};
use serde::{Deserialize, Serialize};

use super::{Billing, Field, Table};
use crate::prelude::*;

/// An attribute that is a key.
#[derive(Clone, Debug, PartialEq, Eq, Nested)]
pub struct KeyAttribute {
    /// Name of the attribute.
    pub attribute_name: String,
    /// `S`, `N` or `B`: text, number, bytes.
    pub attribute_type: String,
}

impl KeyAttribute {
    /// Returns a string attribute.
    pub fn text(name: impl Into<String>) -> Self {
        Self::new(name, "S")
    }
    /// Returns a number attribute.
    pub fn number(name: impl Into<String>) -> Self {
        Self::new(name, "N")
    }
}

/// The attributes of an index besides its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Projection {
    /// All attributes of the items.
    All,
    /// No attributes besides the keys.
    KeysOnly,
    /// Only the listed attributes.
    Include(Vec<String>),
}

/// Another key to find items by.
#[derive(Clone, Debug, PartialEq, Eq, Nested)]
pub struct GlobalIndex {
    /// Name of the index.
    pub index_name: String,
    /// Partition key of the index.
    pub hash_key: KeyAttribute,
    /// Sort key of the index.
    pub range_key: Option<KeyAttribute>,
    /// Attributes of the index.
    pub projection: Projection,
    /// Reads in a second, in a table that is provisioned.
    pub read_capacity_units: Option<i64>,
    /// Writes in a second, in a table that is provisioned.
    pub write_capacity_units: Option<i64>,
}

/// Another attribute to sort by.
#[derive(Clone, Debug, PartialEq, Eq, Nested)]
pub struct LocalIndex {
    /// Name of the index.
    pub index_name: String,
    /// Sort key of the index.
    pub range_key: KeyAttribute,
    /// Attributes of the index.
    pub projection: Projection,
}

impl Table {
    fn keys(&self) -> impl Iterator<Item = &KeyAttribute> {
        let global =
            self.global_secondary_indexes.iter().flat_map(|index| [Some(&index.hash_key), index.range_key.as_ref()]);
        let local = self.local_secondary_indexes.iter().map(|index| Some(&index.range_key));
        [Some(&self.hash_key), self.range_key.as_ref()].into_iter().chain(global).chain(local).flatten()
    }

    pub(super) fn key_problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let mut kinds: BTreeMap<&str, &str> = BTreeMap::new();
        for key in self.keys() {
            let KeyAttribute { attribute_name: name, attribute_type: kind } = key;
            if !matches!(kind.as_str(), "S" | "N" | "B") {
                problems.push(Problem::new(
                    Field::HashKey,
                    format!("`{name}`: expected the type `S`, `N` or `B`, found `{kind}`"),
                ));
            }
            if kinds.insert(name, kind).is_some_and(|other| other != kind) {
                problems.push(Problem::new(
                    Field::HashKey,
                    format!("`{name}` has two different types; an attribute has one"),
                ));
            }
        }
        if !self.local_secondary_indexes.is_empty() && self.range_key.is_none() {
            problems.push(Problem::new(
                Field::LocalSecondaryIndexes,
                "local secondary indexes require a `range_key` of the table",
            ));
        }
        problems
    }

    /// Returns every key attribute once.
    pub(super) fn attributes(&self) -> Result<Vec<types::AttributeDefinition>> {
        let once: BTreeMap<&str, &str> =
            self.keys().map(|key| (key.attribute_name.as_str(), key.attribute_type.as_str())).collect();
        let one = |(name, kind): (&str, &str)| {
            let one = types::AttributeDefinition::builder().attribute_name(name);
            built(one.attribute_type(ScalarAttributeType::from(kind)).build())
        };
        once.into_iter().map(one).collect()
    }
}

impl GlobalIndex {
    pub(super) fn sdk(&self, billing: Billing) -> Result<types::GlobalSecondaryIndex> {
        let index = types::GlobalSecondaryIndex::builder()
            .index_name(&self.index_name)
            .set_key_schema(Some(schema(&self.hash_key, self.range_key.as_ref())?))
            .projection(projection(&self.projection))
            .set_provisioned_throughput(self.throughput(billing)?);
        built(index.build())
    }

    /// Returns the index's throughput, or the table's own if the index states none.
    pub(super) fn throughput(&self, billing: Billing) -> Result<Option<types::ProvisionedThroughput>> {
        let Billing::Provisioned { read_capacity_units: read, write_capacity_units: write } = billing else {
            return Ok(None);
        };
        throughput(self.read_capacity_units.unwrap_or(read), self.write_capacity_units.unwrap_or(write)).map(Some)
    }

    /// Returns whether two indexes differ in throughput at most, which alone can change.
    pub(super) fn same_but_throughput(&self, other: &Self) -> bool {
        let (read_capacity_units, write_capacity_units) = (self.read_capacity_units, self.write_capacity_units);
        *self == Self { read_capacity_units, write_capacity_units, ..other.clone() }
    }

    pub(super) fn observed(
        index: &types::GlobalSecondaryIndexDescription,
        attributes: &[types::AttributeDefinition],
    ) -> Option<Self> {
        let (hash_key, range_key) = keys(index.key_schema(), attributes)?;
        let throughput = index.provisioned_throughput();
        Some(Self {
            index_name: index.index_name()?.to_owned(),
            hash_key,
            range_key,
            projection: observed_projection(index.projection()),
            read_capacity_units: throughput.and_then(types::ProvisionedThroughputDescription::read_capacity_units),
            write_capacity_units: throughput.and_then(types::ProvisionedThroughputDescription::write_capacity_units),
        })
    }
}

impl LocalIndex {
    pub(super) fn sdk(&self, hash: &KeyAttribute) -> Result<types::LocalSecondaryIndex> {
        let index = types::LocalSecondaryIndex::builder()
            .index_name(&self.index_name)
            .set_key_schema(Some(schema(hash, Some(&self.range_key))?))
            .projection(projection(&self.projection));
        built(index.build())
    }

    pub(super) fn observed(
        index: &types::LocalSecondaryIndexDescription,
        attributes: &[types::AttributeDefinition],
    ) -> Option<Self> {
        Some(Self {
            index_name: index.index_name()?.to_owned(),
            range_key: keys(index.key_schema(), attributes)?.1?,
            projection: observed_projection(index.projection()),
        })
    }
}

pub(super) fn throughput(read: i64, write: i64) -> Result<types::ProvisionedThroughput> {
    built(types::ProvisionedThroughput::builder().read_capacity_units(read).write_capacity_units(write).build())
}

pub(super) fn schema(hash: &KeyAttribute, range: Option<&KeyAttribute>) -> Result<Vec<types::KeySchemaElement>> {
    let one = |key: &KeyAttribute, kind| {
        built(types::KeySchemaElement::builder().attribute_name(&key.attribute_name).key_type(kind).build())
    };
    let range = range.map(|key| one(key, KeyType::Range));
    std::iter::once(one(hash, KeyType::Hash)).chain(range).collect()
}

/// Returns the hash key, and the range key if there is one.
pub(super) fn keys(
    schema: &[types::KeySchemaElement],
    attributes: &[types::AttributeDefinition],
) -> Option<(KeyAttribute, Option<KeyAttribute>)> {
    let key = |kind: KeyType| {
        let name = schema.iter().find(|one| *one.key_type() == kind)?.attribute_name();
        let attribute = attributes.iter().find(|one| one.attribute_name() == name)?;
        Some(KeyAttribute::new(name, attribute.attribute_type().as_str()))
    };
    Some((key(KeyType::Hash)?, key(KeyType::Range)))
}

fn projection(desired: &Projection) -> types::Projection {
    let projection = types::Projection::builder();
    match desired {
        Projection::All => projection.projection_type(ProjectionType::All),
        Projection::KeysOnly => projection.projection_type(ProjectionType::KeysOnly),
        Projection::Include(names) => {
            projection.projection_type(ProjectionType::Include).set_non_key_attributes(Some(names.clone()))
        }
    }
    .build()
}

fn observed_projection(observed: Option<&types::Projection>) -> Projection {
    match observed.and_then(types::Projection::projection_type) {
        Some(ProjectionType::KeysOnly) => Projection::KeysOnly,
        Some(ProjectionType::Include) => {
            Projection::Include(observed.map(|observed| observed.non_key_attributes().to_vec()).unwrap_or_default())
        }
        _ => Projection::All,
    }
}

fn key(key: &KeyAttribute, kind: &str) -> Value {
    json!({ "AttributeName": key.attribute_name, "KeyType": kind })
}

/// Returns the definitions of the attributes of keys, which CloudFormation wants once for the whole table.
fn definitions<'k>(keys: impl Iterator<Item = &'k KeyAttribute>) -> Value {
    keys.map(|key| json!({ "AttributeName": key.attribute_name, "AttributeType": key.attribute_type })).collect()
}

/// Returns the properties of the partition key.
pub(super) fn hash(hash: &KeyAttribute) -> Value {
    json!({ "KeySchema": [key(hash, "HASH")], "AttributeDefinitions": definitions([hash].into_iter()) })
}

/// Returns the properties of the sort key.
pub(super) fn range(range: &KeyAttribute) -> Value {
    json!({ "KeySchema": [key(range, "RANGE")], "AttributeDefinitions": definitions([range].into_iter()) })
}

/// Returns the properties of the global indexes.
pub(super) fn global(indexes: &[GlobalIndex]) -> Value {
    let index = |index: &GlobalIndex| {
        let keys = [Some(key(&index.hash_key, "HASH")), index.range_key.as_ref().map(|range| key(range, "RANGE"))];
        let throughput = members([
            ("ReadCapacityUnits", index.read_capacity_units.to_property()),
            ("WriteCapacityUnits", index.write_capacity_units.to_property()),
        ]);
        members([
            ("IndexName", index.index_name.to_property()),
            ("KeySchema", keys.into_iter().flatten().collect()),
            ("Projection", index.projection.to_property()),
            ("ProvisionedThroughput", throughput),
        ])
    };
    let keys = indexes.iter().flat_map(|index| [Some(&index.hash_key), index.range_key.as_ref()]).flatten();
    members([
        ("GlobalSecondaryIndexes", indexes.iter().map(index).collect()),
        ("AttributeDefinitions", definitions(keys)),
    ])
}

/// Returns the properties of the local indexes. Their partition key is the table's.
pub(super) fn local(table: &Table) -> Value {
    let index = |index: &LocalIndex| {
        members([
            ("IndexName", index.index_name.to_property()),
            ("KeySchema", json!([key(&table.hash_key, "HASH"), key(&index.range_key, "RANGE")])),
            ("Projection", index.projection.to_property()),
        ])
    };
    let indexes = &table.local_secondary_indexes;
    members([
        ("LocalSecondaryIndexes", indexes.iter().map(index).collect()),
        ("AttributeDefinitions", definitions(indexes.iter().map(|index| &index.range_key))),
    ])
}

impl ToProperty for Projection {
    fn to_property(&self) -> Value {
        let (kind, attributes) = match self {
            Self::All => ("ALL", Value::Null),
            Self::KeysOnly => ("KEYS_ONLY", Value::Null),
            Self::Include(names) => ("INCLUDE", names.to_property()),
        };
        members([("ProjectionType", kind.into()), ("NonKeyAttributes", attributes)])
    }
}
