//! A resource's inputs as the properties of its CloudFormation resource.
//!
//! AWS publishes rules for properties (patterns, lengths, combinations). Each resource type states its CloudFormation type
//! and the property of each input ([`CloudFormation`], [`Property`]); `#[derive(Resource)]` and `#[derive(Properties)]`
//! generate the conversion. [`resources`] returns the result for one declaration. Nothing here knows a rule: the provider
//! checks the properties in [`Cloud::findings`](crate::Cloud::findings).
//!
//! A value that is not known yet stays a marker, a map with one of the keys of [`is_unknown`], so that a check can let it
//! pass and a template can name the other resource instead:
//!
//! | marker | meaning |
//! |---|---|
//! | `{"$ref": ADDRESS, "path": PATH}` | an output of another resource (`Ref` or `Fn::GetAtt`) |
//! | `{"$join": [...]}` | a text with such outputs inside (`Fn::Join`) |
//! | `{"$json": …}` | a document, with outputs inside, as text (`Fn::ToJsonString`) |
//! | `{"$secret": SLOT, "version": N}` | a secret, whose value no check and no file gets |
//! | `{"$generated": INPUT}` | the name that the planner generates (leave the property out) |
//! | `{"$self": "id"}` | the object of the declaration itself (`Ref` to its main resource) |

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::{
    expr::{Expr, In, edges, resolve},
    resource::{Id, Tags},
    secret::Secret,
    type_info::TypeInfo,
};

/// The CloudFormation resource type of a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudFormation {
    /// The type does not say: nothing is checked.
    Unstated,
    /// A resource of this type for each declaration: `AWS::EC2::Subnet`.
    Type(&'static str),
    /// Some properties of the resource of this type that the input `PART_OF` names.
    Part(&'static str),
    /// CloudFormation has no such resource type, for this reason.
    None(&'static str),
}

/// The property of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The type has no CloudFormation type.
    Unstated,
    /// A property, by its path: `VpcId`, `VersioningConfiguration.Status`. `[]` is the only item of a list, and
    /// `[Key=idle_timeout.timeout_seconds]` the item with that member: `LoadBalancerAttributes[Key=…].Value`. Empty for an input that
    /// converts into several properties.
    Path(&'static str),
    /// Each item of the input is a resource of its own.
    Each(Each),
    /// There is none, for this reason.
    None(&'static str),
}

/// The CloudFormation resources that the items of one input are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Each {
    /// Their type: `AWS::EC2::Route`.
    pub type_name: &'static str,
    /// The property of each that names the declared object, or for a part the object that it completes: `RouteTableId`.
    pub link: &'static str,
    /// The property that the item is, where it is no object with properties: `SubnetId`.
    pub item: Option<&'static str>,
}

/// One CloudFormation resource of a declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudFormationResource {
    /// The resource type: `AWS::EC2::Subnet`.
    pub type_name: &'static str,
    /// The properties, with markers for values that are not known yet.
    pub properties: Map<String, Value>,
    /// The input and the number of the item that the resource stands for; `None` for the declaration's main resource.
    pub item: Option<(&'static str, usize)>,
    /// For a part, the object that it completes: the properties belong to the resource of that object. As a declared
    /// value, so usually a `$ref` marker.
    pub part_of: Option<Value>,
    /// The input of each property that an input wrote, by the property's JSON pointer.
    pub inputs: BTreeMap<String, &'static str>,
}

impl CloudFormationResource {
    /// Returns the input that wrote the property at a JSON pointer, and the rest of the pointer. A pointer to a property
    /// that is missing, or to the parent of several, belongs to the first input below it.
    pub fn input(&self, pointer: &str) -> Option<(&'static str, String)> {
        if let Some((input, _)) = self.item {
            return Some((input, pointer.to_owned()));
        }
        let is_at = |start: &str, whole: &str| {
            whole.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let above = self.inputs.iter().filter(|(start, _)| is_at(start, pointer)).max_by_key(|(start, _)| start.len());
        let below = || self.inputs.iter().find(|(start, _)| is_at(pointer, start));
        above
            .map(|(start, input)| (*input, pointer[start.len()..].to_owned()))
            .or_else(|| below().map(|(_, input)| (*input, String::new())))
    }
}

/// Returns whether a value is a marker for one that is not known yet.
pub fn is_unknown(value: &Value) -> bool {
    const MARKERS: [&str; 6] = ["$ref", "$join", "$json", "$secret", "$generated", "$self"];
    value.as_object().is_some_and(|map| MARKERS.iter().any(|marker| map.contains_key(*marker)))
}

/// Returns the CloudFormation resources of a declaration: the main one first, then those of its items. `values` are the
/// inputs in CloudFormation's form, as [`Schema::properties`](crate::Schema::properties) returns them.
pub fn resources(info: &TypeInfo, values: Vec<(&'static str, Value)>) -> Vec<CloudFormationResource> {
    let (type_name, part_of) = match info.cloudformation {
        CloudFormation::Unstated | CloudFormation::None(_) => return vec![],
        CloudFormation::Type(type_name) => (type_name, None),
        CloudFormation::Part(type_name) => {
            let whole = values.iter().find(|(name, _)| Some(*name) == info.part_of);
            (type_name, Some(whole.map_or(Value::Null, |(_, value)| value.clone())))
        }
    };
    let link = part_of.clone().unwrap_or_else(|| json!({ "$self": "id" }));
    let (mut properties, mut inputs, mut items) = (Value::Object(Map::new()), BTreeMap::new(), vec![]);
    for (name, value) in values.into_iter().filter(|(_, value)| !value.is_null()) {
        let property = info.fields.iter().find(|field| field.name == name).map(|field| field.property);
        match property {
            Some(Property::Path("")) => {
                inputs.extend(value.as_object().into_iter().flatten().map(|(key, _)| (format!("/{key}"), name)));
                merge(&mut properties, value);
            }
            Some(Property::Path(path)) => {
                inputs.insert(put(&mut properties, path, value), name);
            }
            Some(Property::Each(each)) => items.extend(each_resource(name, each, value, &link)),
            Some(Property::Unstated | Property::None(_)) | None => {}
        }
    }
    let properties = match properties {
        Value::Object(properties) => properties,
        _ => Map::new(),
    };
    let main = CloudFormationResource { type_name, properties, item: None, part_of, inputs };
    std::iter::once(main).chain(items).collect()
}

/// The resources of one input's items.
fn each_resource(name: &'static str, each: Each, value: Value, link: &Value) -> Vec<CloudFormationResource> {
    let items = match value {
        Value::Array(items) => items,
        one => vec![one],
    };
    let resource = |(number, item): (usize, Value)| {
        let mut properties = match (each.item, item) {
            (Some(property), item) => Map::from_iter([(property.to_owned(), item)]),
            (None, Value::Object(properties)) => properties,
            (None, _) => return None,
        };
        properties.insert(each.link.to_owned(), link.clone());
        let item = Some((name, number));
        let type_name = each.type_name;
        Some(CloudFormationResource { type_name, properties, item, part_of: None, inputs: BTreeMap::new() })
    };
    items.into_iter().enumerate().filter_map(resource).collect()
}

/// Adds a value at a path of [`Property::Path`], and returns the JSON pointer to it.
fn put(object: &mut Value, path: &str, value: Value) -> String {
    let (mut at, mut pointer) = (object, String::new());
    let mut rest = path;
    while !rest.is_empty() {
        let name_end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(name_end);
        rest = tail.strip_prefix('.').unwrap_or(tail);
        if !name.is_empty() {
            pointer.push('/');
            pointer.push_str(name);
            at = entry(at, name);
        }
        if let Some((selector, tail)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            rest = tail.strip_prefix('.').unwrap_or(tail);
            let (number, item) = select(at, selector);
            pointer.push('/');
            pointer.push_str(&number.to_string());
            at = item;
        }
    }
    merge(at, value);
    pointer
}

/// The member of an object, which the value becomes if it is none.
fn entry<'v>(value: &'v mut Value, name: &str) -> &'v mut Value {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    &mut value[name]
}

/// The item of a list: the only one for an empty selector, or else the one with that member.
fn select<'v>(value: &'v mut Value, selector: &str) -> (usize, &'v mut Value) {
    if !value.is_array() {
        *value = Value::Array(vec![]);
    }
    let wanted = selector.split_once('=').map(|(name, text)| json!({ name: text }));
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let found = match &wanted {
        None => (!items.is_empty()).then_some(0),
        Some(wanted) => items.iter().position(|item| contains(item, wanted)),
    };
    let number = found.unwrap_or(items.len());
    if let Some(items) = value.as_array_mut().filter(|_| found.is_none()) {
        items.push(wanted.unwrap_or_else(|| json!({})));
    }
    (number, &mut value[number])
}

fn contains(item: &Value, members: &Value) -> bool {
    members.as_object().into_iter().flatten().all(|(name, value)| item.get(name) == Some(value))
}

/// Lists are joined, each item once, and objects merged: several inputs may be parts of one property.
fn merge(at: &mut Value, value: Value) {
    match (at, value) {
        (Value::Array(items), Value::Array(more)) => {
            for item in more {
                if !items.contains(&item) {
                    items.push(item);
                }
            }
        }
        (Value::Object(members), Value::Object(more)) => {
            for (name, value) in more {
                merge(members.entry(name).or_insert(Value::Null), value);
            }
        }
        (at, value) => *at = value,
    }
}

/// A value in CloudFormation's form. `null` is a property that is absent.
pub trait ToProperty {
    /// Returns the value, with markers for what is not known yet.
    fn to_property(&self) -> Value;
}

macro_rules! as_json {
    ($($ty:ty),*) => {
        $(impl ToProperty for $ty {
            fn to_property(&self) -> Value {
                json!(self)
            }
        })*
    };
}

as_json!(String, bool, u8, i32, i64, u32, u64, f64);

impl<R: ?Sized> ToProperty for Id<R> {
    fn to_property(&self) -> Value {
        self.as_str().into()
    }
}

impl ToProperty for Secret {
    fn to_property(&self) -> Value {
        json!(self)
    }
}

impl<T: ToProperty> ToProperty for Option<T> {
    fn to_property(&self) -> Value {
        self.as_ref().map_or(Value::Null, ToProperty::to_property)
    }
}

impl<T: ToProperty> ToProperty for Box<T> {
    fn to_property(&self) -> Value {
        (**self).to_property()
    }
}

impl<T: ToProperty> ToProperty for Vec<T> {
    fn to_property(&self) -> Value {
        self.iter().map(ToProperty::to_property).collect()
    }
}

impl<T: ToProperty> ToProperty for BTreeSet<T> {
    fn to_property(&self) -> Value {
        self.iter().map(ToProperty::to_property).collect()
    }
}

impl<T: ToProperty> ToProperty for BTreeMap<String, T> {
    fn to_property(&self) -> Value {
        self.iter().map(|(key, value)| (key.clone(), value.to_property())).collect()
    }
}

impl<T: ToProperty> ToProperty for In<T> {
    fn to_property(&self) -> Value {
        match self {
            Self::Known(value) => value.to_property(),
            Self::Later(expr) => later(expr),
        }
    }
}

/// An expression: its value if it refers to nothing, and else the marker.
fn later(expr: &Expr) -> Value {
    let value = expr.to_value();
    let mut needs = vec![];
    edges(&value, &mut needs);
    if needs.is_empty() { resolve(&value, &|_, _| None, &mut vec![]) } else { value }
}

/// A JSON document in a text.
pub trait Document {
    /// Returns the document as an object, with markers for what is not known yet inside.
    fn document(&self) -> Value;
}

impl Document for In<String> {
    fn document(&self) -> Value {
        match self {
            Self::Known(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
            Self::Later(Expr::Json(document)) => document.clone(),
            Self::Later(expr) => later(expr),
        }
    }
}

impl Document for Option<In<String>> {
    fn document(&self) -> Value {
        self.as_ref().map_or(Value::Null, Document::document)
    }
}

/// Returns the value of a document property.
pub fn document(document: &impl Document) -> Value {
    document.document()
}

/// Returns `null` for an empty list or map, which AWS gets no more than an absent one.
pub fn unless_empty(value: Value) -> Value {
    match &value {
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Object(members) if members.is_empty() => Value::Null,
        _ => value,
    }
}

/// Returns a stated name, or the marker for the one that the planner generates.
pub fn name(input: &str, stated: &impl ToProperty) -> Value {
    match stated.to_property() {
        Value::Null => json!({ "$generated": input }),
        stated => stated,
    }
}

/// Returns tags as a list of keys and values.
pub fn tags(tags: &Tags) -> Value {
    unless_empty(pairs(tags, "Key", "Value"))
}

/// Returns a map as a list of objects with a member for the key and one for the value.
pub fn pairs<T: ToProperty>(map: &BTreeMap<String, T>, key: &str, value: &str) -> Value {
    map.iter().map(|(name, item)| json!({ key: name, value: item.to_property() })).collect()
}

/// Returns an object of the properties at the given paths. See [`Property::Path`]; an empty path merges the value.
pub fn object(values: Vec<(&str, Value)>) -> Value {
    let mut object = Value::Object(Map::new());
    for (path, value) in values.into_iter().filter(|(_, value)| !value.is_null()) {
        put(&mut object, path, value);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_share_lists_and_objects() {
        let mut value = json!({});
        assert_eq!(put(&mut value, "A.B", json!(1)), "/A/B");
        assert_eq!(put(&mut value, "A.C", json!(2)), "/A/C");
        assert_eq!(put(&mut value, "Attributes[Key=x.y].Value", json!("1")), "/Attributes/0/Value");
        assert_eq!(put(&mut value, "Attributes[Key=z].Value", json!("2")), "/Attributes/1/Value");
        assert_eq!(put(&mut value, "Attributes", json!([{ "Key": "q", "Value": "3" }])), "/Attributes");
        assert_eq!(put(&mut value, "Rules[].By.Default", json!(true)), "/Rules/0/By/Default");
        assert_eq!(put(&mut value, "Rules[].Key", json!(false)), "/Rules/0/Key");
        let expected = json!({
            "A": { "B": 1, "C": 2 },
            "Attributes": [{ "Key": "x.y", "Value": "1" }, { "Key": "z", "Value": "2" }, { "Key": "q", "Value": "3" }],
            "Rules": [{ "By": { "Default": true }, "Key": false }],
        });
        assert_eq!(value, expected);
        assert_eq!(
            object(vec![("", json!({ "A": 1 })), ("B", json!(2)), ("C", Value::Null)]),
            json!({ "A": 1, "B": 2 })
        );
    }

    #[test]
    fn references_stay_markers_and_constants_become_values() {
        let reference = json!({ "$ref": "subnet/a", "path": "id" });
        let text = |parts: Vec<Value>| In::<String>::Later(Expr::Join(parts));
        assert!(is_unknown(&text(vec!["arn:".into(), reference.clone()]).to_property()));
        assert_eq!(text(vec!["arn:".into(), "x".into()]).to_property(), json!("arn:x"));
        let policy = In::<String>::Later(Expr::Json(json!({ "Resource": reference })));
        assert_eq!(policy.document(), json!({ "Resource": reference }));
        assert!(is_unknown(&policy.to_property()));
        assert_eq!(In::<String>::Known("{\"A\":1}".into()).document(), json!({ "A": 1 }));
        assert!(is_unknown(&Secret::new("password", 1).to_property()));
        assert!(!is_unknown(&json!({ "Key": "x" })));
    }
}
