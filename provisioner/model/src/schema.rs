//! A resource type's schema: its name, its inputs, and what the engine may assume about each of them.
//!
//! `#[derive(Resource)]` generates it from the inputs' declaration. A type may also implement [`Schema`] by hand.

use std::{fmt::Debug, hash::Hash};

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    cloudformation::{CloudFormation, Property},
    compare::Compare,
};

/// The declaration of a resource type's inputs. [`Resource`](crate::Resource) adds the behaviour.
pub trait Schema: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The inputs' names.
    type Field: FieldName;
    /// A stable name, part of every address and of the state: `aws:ec2:subnet`. Where a crate builds its types by
    /// cargo feature, the middle part is the feature's name, so that an error about a missing type can name it.
    const TYPE: &'static str;
    /// One row for each input, in the order in which plans show them.
    const FIELDS: &'static [FieldSchema];
    /// Groups of inputs that only one object may hold at a time (a name, an address, a route's table and range). The
    /// plan refuses duplicates, and a replacement that keeps a group is delete-first.
    const UNIQUE: &'static [&'static [&'static str]] = &[];
    /// The input that names the object which this one completes (a policy its role): that object's other dependents
    /// wait for this one, and this one outlives them. Parts never wait for other parts.
    const PART_OF: Option<&'static str> = None;
    /// The input (an `Option<String>`) that the engine fills with a generated name where the program has none.
    const NAME: Option<Name> = None;
    /// `true` if default and ownership tags go into an input `tags` of type [`Tags`](crate::Tags).
    const TAGGED: bool = false;
    /// The API call that creates an object. None where no single call does.
    const CREATE_CALL: Option<CreateCall> = None;
    /// The members of that call which the inputs cover.
    const PARAMETERS: &'static [Parameter] = &[];
    /// The members of that call which are no inputs, each with the reason.
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[];
    /// The CloudFormation resource type, whose published rules the inputs are checked against.
    const CLOUDFORMATION: CloudFormation = CloudFormation::Unstated;
    /// Outputs, and the attribute of the CloudFormation resource that has the same value: `Ref`, an attribute of
    /// `Fn::GetAtt`, or a text with such names, inputs and pseudo parameters in `${…}`, such as
    /// `arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:subnet/${Ref}`. Inputs begin with a lower-case letter.
    /// An `id` that is not listed is the `Ref`.
    const ATTRIBUTES: &'static [(&'static str, &'static str)] = &[];

    /// Returns the inputs that have a CloudFormation property, by name and in CloudFormation's form: see
    /// [`cloudformation::resources`](crate::cloudformation::resources).
    fn properties(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// The names of a type's inputs, as an enum.
pub trait FieldName: Copy + Debug + Ord + Hash + Into<&'static str> + Send + Sync + 'static {
    /// Every input, in the order of declaration.
    const ALL: &'static [Self];
    /// The name as in the struct and in JSON: `vpc_id`.
    fn name(self) -> &'static str;
    /// The input that `schema` describes.
    fn of(schema: &FieldSchema) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == schema.name)
    }
}

/// The API call that creates an object, by the names of botocore's service models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateCall {
    /// `ec2`, `elbv2`.
    pub service: &'static str,
    /// `CreateSubnet`.
    pub operation: &'static str,
}

/// A member of the create call that an input covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// The input.
    pub field: &'static str,
    /// The member. AWS's capitals differ between services (`DBName`, `dbName`), so compare without regard to case.
    pub member: &'static str,
    /// `true` if the declaration names the member. Otherwise it is the input's own name, which the call need not have:
    /// a second call may set that input.
    pub stated: bool,
}

/// One input. `Option` inputs are managed while they are `Some`; others always; a map, entry by entry.
#[derive(Clone, Copy, Debug)]
pub struct FieldSchema {
    /// The input's name, as in the struct.
    pub name: &'static str,
    /// The API cannot change it in place.
    pub replaces: bool,
    /// The API never tells it (a private key): compared with the state only.
    pub write_only: bool,
    /// Set at creation, somebody else's afterwards (a count that autoscaling moves).
    pub initial: bool,
    /// Counts only for a create: a later change is recorded, and changes no object. Such an input is `initial` as well.
    pub create_only: bool,
    /// While it is `true`, it keeps the object from being deleted: a delete is preceded by a step that lifts it.
    pub deletion_protection: bool,
    /// The referenced object may be deleted first: the cloud lets the reference dangle (a route to a gone gateway).
    pub may_dangle: bool,
    /// The value, as JSON, that AWS uses where the create call has none. The planner fills it in, so that the input is
    /// managed even if the program leaves it out. `null`: an input that the program no longer states is removed.
    pub cloud_default: Option<&'static str>,
    /// The value, as JSON, while the environment is stopped: no tasks, a stopped database, alarms that call nobody. It
    /// takes the place of the declared value.
    pub stopped: Option<&'static str>,
    /// The comparison rule for two values.
    pub compare: Compare,
    /// The CloudFormation property.
    pub property: Property,
}

impl FieldSchema {
    /// An input that can change in place.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            replaces: false,
            write_only: false,
            initial: false,
            create_only: false,
            deletion_protection: false,
            may_dangle: false,
            cloud_default: None,
            stopped: None,
            compare: Compare::Stated,
            property: Property::Unstated,
        }
    }
    /// Returns whether a value that the program no longer states is removed: from the cloud, whose default is none, or from
    /// the state, where only the state has it.
    pub const fn ends_when_dropped(&self) -> bool {
        self.write_only || matches!(self.cloud_default, Some(default) if matches!(default.as_bytes(), b"null"))
    }
    /// See [`FieldSchema::replaces`](struct@FieldSchema).
    #[must_use]
    pub const fn replaces(self) -> Self {
        Self { replaces: true, ..self }
    }
    /// See [`FieldSchema::write_only`](struct@FieldSchema).
    #[must_use]
    pub const fn write_only(self) -> Self {
        Self { write_only: true, ..self }
    }
    /// See [`FieldSchema::initial`](struct@FieldSchema).
    #[must_use]
    pub const fn initial(self) -> Self {
        Self { initial: true, ..self }
    }
    /// See [`FieldSchema::create_only`](struct@FieldSchema).
    #[must_use]
    pub const fn create_only(self) -> Self {
        Self { initial: true, create_only: true, ..self }
    }
    /// See [`FieldSchema::deletion_protection`](struct@FieldSchema).
    #[must_use]
    pub const fn deletion_protection(self) -> Self {
        Self { deletion_protection: true, ..self }
    }
    /// See [`FieldSchema::may_dangle`](struct@FieldSchema).
    #[must_use]
    pub const fn may_dangle(self) -> Self {
        Self { may_dangle: true, ..self }
    }
    /// See [`FieldSchema::cloud_default`](struct@FieldSchema).
    #[must_use]
    pub const fn cloud_default(self, json: &'static str) -> Self {
        Self { cloud_default: Some(json), ..self }
    }
    /// See [`FieldSchema::stopped`](struct@FieldSchema).
    #[must_use]
    pub const fn stopped(self, json: &'static str) -> Self {
        Self { stopped: Some(json), ..self }
    }
    /// Returns the value while the environment is stopped.
    pub fn stopped_value(&self) -> Option<Value> {
        self.stopped.and_then(|json| serde_json::from_str(json).ok())
    }
    /// See [`FieldSchema::property`](struct@FieldSchema).
    #[must_use]
    pub const fn property(self, property: Property) -> Self {
        Self { property, ..self }
    }
    /// A list whose order means nothing.
    #[must_use]
    pub const fn set(self) -> Self {
        Self { compare: Compare::Set, ..self }
    }
    /// A list whose order means nothing, managed item by item: others' items stay.
    #[must_use]
    pub const fn items(self) -> Self {
        Self { compare: Compare::Items, ..self }
    }
    /// A map, managed entry by entry: others' entries stay.
    #[must_use]
    pub const fn map(self) -> Self {
        Self { compare: Compare::Map, ..self }
    }
    /// Managed whole, to the letter.
    #[must_use]
    pub const fn exact(self) -> Self {
        Self { compare: Compare::Exact, ..self }
    }
    /// JSON in a string: compared, and shown, as a document.
    #[must_use]
    pub const fn document(self) -> Self {
        Self { compare: Compare::Document, ..self }
    }
}

/// The input with a generated name: environment, the resource's name, and some hex of lineage, address and generation.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// The input.
    pub field: &'static str,
    /// The API's limit in characters.
    pub max: usize,
    /// The fixed beginning of the name (`alias/`, `/ecs/`).
    pub prefix: &'static str,
    /// The API's rules for the name, besides its length.
    pub rule: NameRule,
}

impl Name {
    /// A name of at most `max` characters in `field`.
    pub const fn new(field: &'static str, max: usize) -> Self {
        Self { field, max, prefix: "", rule: NameRule::ANY }
    }

    /// Returns the reason why the API refuses `name`, whether the program states the name or the planner generates it.
    pub fn problem(&self, name: &str) -> Option<String> {
        let length = name.chars().count();
        if length > self.max {
            return Some(format!("expected at most {} characters, found {length}", self.max));
        }
        self.rule.problem(name)
    }
}

/// The rules of an API for the names of one resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRule {
    /// The regular expression that matches every valid name, from `^` to `$`.
    pub pattern: &'static str,
    /// Beginnings that the API reserves, in lower case. The API compares without regard to case.
    pub reserved_prefixes: &'static [&'static str],
    /// Endings that the API reserves, in lower case.
    pub reserved_suffixes: &'static [&'static str],
    /// Whole names that the API reserves, in lower case.
    pub reserved_names: &'static [&'static str],
    /// Sequences that a name cannot contain, such as two hyphens.
    pub excluded: &'static [&'static str],
    /// The URL of the documentation that states the rules.
    pub page: &'static str,
}

impl NameRule {
    /// Allows every name.
    pub const ANY: Self = Self {
        pattern: "",
        reserved_prefixes: &[],
        reserved_suffixes: &[],
        reserved_names: &[],
        excluded: &[],
        page: "",
    };

    /// Returns the reason why the API refuses `name`.
    pub fn problem(&self, name: &str) -> Option<String> {
        let lower = name.to_ascii_lowercase();
        let reserved = |what: &str| format!("`{name}` {what}, which is reserved");
        if self.reserved_names.contains(&lower.as_str()) {
            return Some(format!("`{name}` is reserved"));
        }
        if let Some(start) = self.reserved_prefixes.iter().find(|start| lower.starts_with(**start)) {
            return Some(reserved(&format!("begins with `{start}`")));
        }
        if let Some(end) = self.reserved_suffixes.iter().find(|end| lower.ends_with(**end)) {
            return Some(reserved(&format!("ends with `{end}`")));
        }
        if let Some(part) = self.excluded.iter().find(|part| name.contains(**part)) {
            return Some(format!("`{name}` contains `{part}`"));
        }
        if self.pattern.is_empty() {
            return None;
        }
        match regex_lite::Regex::new(self.pattern) {
            Ok(regex) if regex.is_match(name) => None,
            Ok(_) => Some(format!("`{name}` does not match `{}`", self.pattern)),
            Err(error) => Some(format!("the type has an invalid pattern: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_rule_says_what_is_wrong_with_a_name() {
        let rule = NameRule {
            pattern: "^[A-Za-z][A-Za-z0-9-]*$",
            reserved_prefixes: &["internal-"],
            reserved_suffixes: &["-x"],
            reserved_names: &["default"],
            excluded: &["--"],
            page: "",
        };
        let name = Name { rule, ..Name::new("name", 12) };
        let cases = [
            ("a-b", None),
            ("Internal-a", Some("`Internal-a` begins with `internal-`, which is reserved")),
            ("a-X", Some("`a-X` ends with `-x`, which is reserved")),
            ("Default", Some("`Default` is reserved")),
            ("a--b", Some("`a--b` contains `--`")),
            ("a_b", Some("`a_b` does not match `^[A-Za-z][A-Za-z0-9-]*$`")),
            ("abcdefghijklm", Some("expected at most 12 characters, found 13")),
        ];
        for (text, expected) in cases {
            assert_eq!(name.problem(text).as_deref(), expected, "{text}");
        }
        assert_eq!(NameRule::ANY.problem("any thing"), None);
    }
}
