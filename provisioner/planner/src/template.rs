//! The declared resources as a CloudFormation template, for linters and validators of such templates.
//!
//! [`template`] converts a whole stack; [`mod@provisioner_model::cloudformation`] converts each declaration. References become
//! `Ref` and `Fn::GetAtt`, by [`TypeInfo::attributes`]. Values that a template cannot have become parameters: secrets, and
//! outputs without an attribute. Generated names have the form of those that a plan generates, with other digits at the
//! end, since these follow from the state.
//!
//! The template is for checks, and for reading. It is not equivalent to an apply: nobody has created a stack from one,
//! and CloudFormation has neither consent, adoption nor shared objects. `Metadata` names what the template leaves out.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    CloudFormationResource, Error, Result, TypeInfo,
    cloudformation::{CloudFormation, Property},
    erased::{ResourceRegistry, ResourceType},
    expr::Expr,
    stack::{Declared, Desired},
};
use serde_json::{Map, Value, json};

use crate::name;

/// Returns the template. A resource type that the registry lacks is left out, and named.
pub fn template(desired: &Desired, registry: &ResourceRegistry) -> Result<Value> {
    let mut names = Names::default();
    let mut conversion = Conversion { desired, registry, logical_ids: BTreeMap::new(), parameters: BTreeMap::new() };
    let (mut left_out, mut converted) = (BTreeMap::new(), vec![]);
    for (address, declared) in &desired.resources {
        let Some(resource_type) = registry.get(declared.type_name) else {
            left_out.insert(address.clone(), format!("this program does not have the type {}", declared.type_name));
            continue;
        };
        let resources = resource_type.cloudformation(&declared.inputs)?;
        left_out.extend(reasons(address, declared, resource_type.info()));
        let main = names.unused(&pascal(address));
        let ids = resources.iter().map(|resource| match resource.item {
            Some((input, number)) => names.unused(&format!("{main}{}{}", pascal(input), number + 1)),
            None => main.clone(),
        });
        conversion.logical_ids.insert(address.clone(), ids.collect());
        converted.push((address, declared, resources));
    }
    let (mut resources, mut parts) = (BTreeMap::new(), vec![]);
    for (address, declared, of_declaration) in converted {
        let ids = conversion.logical_ids.get(address).cloned().unwrap_or_default();
        for (logical_id, resource) in ids.into_iter().zip(of_declaration) {
            if let (Some(whole), None) = (&resource.part_of, resource.item) {
                parts.push((address, whole.clone(), resource));
            } else {
                let one = conversion.resource(&logical_id, address, declared, &resource)?;
                resources.insert(logical_id, one);
            }
        }
    }
    for (address, whole, part) in parts.into_iter().filter(|(_, _, part)| !part.properties.is_empty()) {
        let whole_id = whole["$ref"].as_str().and_then(|address| conversion.main(address));
        let Some(one) = whole_id.and_then(|id| resources.get_mut(&id)) else {
            left_out.insert(address.clone(), "completes an object outside the stack".to_owned());
            continue;
        };
        let mut after = BTreeSet::new();
        for (name, value) in &part.properties {
            if let Some(value) = conversion.value(value, address, &mut after)? {
                one.properties.insert(name.clone(), value);
            }
        }
    }
    let mut outputs = Map::new();
    for (name, value) in &desired.outputs {
        if let Some(value) = conversion.value(value, name, &mut BTreeSet::new())? {
            outputs.insert(pascal(name), json!({ "Value": value }));
        }
    }
    let addresses: BTreeMap<&String, &String> = conversion
        .logical_ids
        .iter()
        .flat_map(|(address, ids)| ids.iter().map(move |id| (id, address)))
        .filter(|(id, _)| resources.contains_key(*id))
        .collect();
    let facts = &desired.facts;
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("The environment {}, as declared with Provisioner", facts.environment),
        "Metadata": {
            "Provisioner": {
                "Environment": facts.environment,
                "Account": facts.account,
                "Region": facts.region,
                "Addresses": addresses,
                "LeftOut": left_out,
            }
        },
        "Resources": resources.iter().map(|(id, one)| (id.clone(), one.to_json())).collect::<Map<_, _>>(),
    });
    // CloudFormation refuses empty sections.
    for (section, members) in
        [("Parameters", conversion.parameters.into_iter().collect::<Map<_, _>>()), ("Outputs", outputs)]
    {
        if !members.is_empty() {
            template[section] = Value::Object(members);
        }
    }
    Ok(template)
}

/// Returns why a declaration, or some of its stated inputs, are not in the template, by address or `ADDRESS.INPUT`.
fn reasons(address: &str, declared: &Declared, info: &TypeInfo) -> Vec<(String, String)> {
    match info.cloudformation {
        CloudFormation::Unstated => {
            vec![(address.to_owned(), format!("{} states no CloudFormation type", info.type_name))]
        }
        CloudFormation::None(reason) => vec![(address.to_owned(), reason.to_owned())],
        CloudFormation::Type(_) | CloudFormation::Part(_) => {
            let is_stated = |input: &str| match &declared.inputs[input] {
                Value::Null => false,
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => !members.is_empty(),
                _ => true,
            };
            let left_out = info.fields.iter().filter_map(|field| match field.property {
                // The input that a part completes is in the other resource's place.
                Property::None(reason) if is_stated(field.name) && info.part_of != Some(field.name) => {
                    Some((format!("{address}.{}", field.name), reason.to_owned()))
                }
                _ => None,
            });
            left_out.collect()
        }
    }
}

/// One resource of the template.
struct TemplateResource {
    type_name: &'static str,
    properties: Map<String, Value>,
    retain: bool,
    depends_on: BTreeSet<String>,
}

impl TemplateResource {
    fn to_json(&self) -> Value {
        let mut json = json!({ "Type": self.type_name });
        if !self.properties.is_empty() {
            json["Properties"] = Value::Object(self.properties.clone());
        }
        if self.retain {
            json["DeletionPolicy"] = "Retain".into();
            json["UpdateReplacePolicy"] = "Retain".into();
        }
        if !self.depends_on.is_empty() {
            json["DependsOn"] = json!(self.depends_on);
        }
        json
    }
}

/// The conversion of the markers of [`mod@provisioner_model::cloudformation`] into functions of a template.
struct Conversion<'a> {
    desired: &'a Desired,
    registry: &'a ResourceRegistry,
    /// The logical IDs of each declaration's resources, by address, the main one first.
    logical_ids: BTreeMap<String, Vec<String>>,
    /// The template's parameters by name.
    parameters: BTreeMap<String, Value>,
}

impl Conversion<'_> {
    fn resource(
        &mut self,
        logical_id: &str,
        address: &str,
        declared: &Declared,
        resource: &CloudFormationResource,
    ) -> Result<TemplateResource> {
        let (mut properties, mut depends_on) = (Map::new(), BTreeSet::new());
        for (name, value) in &resource.properties {
            if let Some(value) = self.value(value, address, &mut depends_on)? {
                properties.insert(name.clone(), value);
            }
        }
        depends_on.remove(logical_id);
        for property in properties.values() {
            remove_references(property, &mut depends_on);
        }
        // CloudFormation cannot ask before it deletes a protected object, so it must not delete it.
        let retain = resource.item.is_none() && (declared.options.retain || declared.options.protect);
        Ok(TemplateResource { type_name: resource.type_name, properties, retain, depends_on })
    }

    /// Returns the logical ID of a declaration's main resource.
    fn main(&self, address: &str) -> Option<String> {
        let info = self.info(address)?;
        let ids = self.logical_ids.get(address)?;
        matches!(info.cloudformation, CloudFormation::Type(_)).then(|| ids.first().cloned()).flatten()
    }

    fn info(&self, address: &str) -> Option<&'static TypeInfo> {
        let declared = self.desired.resources.get(address)?;
        self.registry.get(declared.type_name).map(ResourceType::info)
    }

    /// Converts a value of the declaration at `address`; `None` for a property to leave out. `after` gets the logical IDs
    /// of resources that must exist first, although no function names them.
    fn value(&mut self, value: &Value, address: &str, after: &mut BTreeSet<String>) -> Result<Option<Value>> {
        Ok(Some(match value {
            Value::Object(map) => {
                if let Some(expr) = Expr::from_map(map) {
                    return self.expression(&expr, address, after).map(Some);
                }
                if let Some(input) = map.get("$generated").and_then(Value::as_str) {
                    return Ok(self.generated_name(address, input));
                }
                if map.contains_key("$self") {
                    return self.output(address, "id", after).map(Some);
                }
                if let Some(slot) = map.get("$secret").and_then(Value::as_str) {
                    return Ok(Some(self.parameter(&format!("secret {slot}"), json!({ "NoEcho": true }))));
                }
                let mut members = Map::new();
                for (name, member) in map {
                    if let Some(member) = self.value(member, address, after)? {
                        members.insert(name.clone(), member);
                    }
                }
                Value::Object(members)
            }
            Value::Array(items) => {
                let mut converted = vec![];
                for item in items {
                    converted.extend(self.value(item, address, after)?);
                }
                Value::Array(converted)
            }
            other => other.clone(),
        }))
    }

    fn expression(&mut self, expr: &Expr, address: &str, after: &mut BTreeSet<String>) -> Result<Value> {
        match expr {
            Expr::Ref { address, path } => self.output(address, path, after),
            Expr::Join(parts) => {
                let mut text = Text::default();
                for part in parts {
                    let part = self.value(part, address, after)?.unwrap_or(Value::Null);
                    text.add(part);
                }
                Ok(text.into_value())
            }
            Expr::Json(document) => {
                let document = self.value(document, address, after)?.unwrap_or(Value::Null);
                let mut text = Text::default();
                text.add_json(&document)?;
                Ok(text.into_value())
            }
        }
    }

    /// Returns the function for an output of another resource, by its type's attributes.
    fn output(&mut self, address: &str, path: &str, after: &mut BTreeSet<String>) -> Result<Value> {
        let Some(info) = self.info(address) else {
            return Ok(self.parameter(&format!("{address} {path}"), json!({})));
        };
        let stated = info.attributes.iter().find(|(output, _)| *output == path).map(|(_, attribute)| *attribute);
        let own = self.main(address);
        let is_id = path == "id" && own.is_some();
        let Some(attribute) = stated.or(is_id.then_some("Ref")) else {
            return Ok(self.parameter(&format!("{address} {path}"), json!({})));
        };
        let mut text = Text::default();
        let mut names_itself = false;
        for piece in pieces(attribute) {
            match piece {
                Piece::Literal(literal) => text.add(literal.into()),
                Piece::Input(input) => {
                    let inputs = self.desired.resources.get(address).map(|declared| declared.inputs[input].clone());
                    let stated = self.value(&inputs.unwrap_or_default(), address, after)?;
                    let stated = stated.filter(|value| !value.is_null());
                    match stated.or_else(|| self.generated_name(address, input)) {
                        None => return Ok(self.parameter(&format!("{address} {path}"), json!({}))),
                        Some(value) => text.add(value),
                    }
                }
                Piece::Attribute(attribute) if attribute.starts_with("AWS::") => text.add(json!({ "Ref": attribute })),
                Piece::Attribute(attribute) => {
                    let Some(own) = &own else {
                        return Err(Error::bug(info.type_name, format!("the attribute {attribute} of no resource")));
                    };
                    names_itself = true;
                    text.add(match attribute {
                        "Ref" => json!({ "Ref": own }),
                        attribute => json!({ "Fn::GetAtt": [own, attribute] }),
                    });
                }
            }
        }
        if !names_itself {
            after.extend(self.logical_ids.get(address).into_iter().flatten().cloned());
        }
        Ok(text.into_value())
    }

    /// Returns a name such as the planner generates for an input.
    fn generated_name(&self, address: &str, input: &str) -> Option<Value> {
        let rule = self.info(address)?.name.filter(|rule| rule.field == input)?;
        let environment = &self.desired.facts.environment;
        Some(name::generated(rule, environment, "template", address, 1).into())
    }

    /// Returns the reference to a parameter for a value that the template cannot have.
    fn parameter(&mut self, what: &str, members: Value) -> Value {
        // A resource may have the same address as a secret has a name.
        let name = format!("Parameter{}", pascal(what));
        let mut parameter = json!({ "Type": "String", "Description": what });
        if let (Some(parameter), Some(members)) = (parameter.as_object_mut(), members.as_object()) {
            parameter.extend(members.clone());
        }
        self.parameters.insert(name.clone(), parameter);
        json!({ "Ref": name })
    }
}

/// A piece of an attribute in the form of [`TypeInfo::attributes`].
enum Piece<'a> {
    Literal(&'a str),
    Input(&'a str),
    /// `Ref`, an attribute of `Fn::GetAtt`, or a pseudo parameter such as `AWS::Region`.
    Attribute(&'a str),
}

/// Splits an attribute: the name of one, or a text with `${…}` for attributes and inputs.
fn pieces(attribute: &str) -> Vec<Piece<'_>> {
    let name: fn(&str) -> Piece<'_> = |name| {
        if name.starts_with(|first: char| first.is_ascii_lowercase()) {
            Piece::Input(name)
        } else {
            Piece::Attribute(name)
        }
    };
    if !attribute.contains("${") {
        return vec![name(attribute)];
    }
    let (mut pieces, mut rest) = (vec![], attribute);
    while let Some((literal, tail)) = rest.split_once("${") {
        let (inside, after) = tail.split_once('}').unwrap_or((tail, ""));
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        pieces.push(name(inside));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    pieces
}

/// A text with functions inside: `Fn::Join` with an empty separator.
#[derive(Default)]
struct Text(Vec<Value>);

impl Text {
    /// Adds a literal or a function. Adjacent literals, and the parts of a `Fn::Join` like this one, become one list.
    fn add(&mut self, part: Value) {
        if let Some(parts) = joined(&part) {
            parts.iter().for_each(|part| self.add(part.clone()));
            return;
        }
        let part = match part {
            Value::Object(_) => part,
            Value::String(text) => text.into(),
            other => other.to_string().into(),
        };
        match (self.0.last_mut(), part) {
            (Some(Value::String(last)), Value::String(text)) => last.push_str(&text),
            (_, part) => self.0.push(part),
        }
    }

    /// Adds a document as JSON text. Functions inside are values of members or items, so their place is a JSON string.
    fn add_json(&mut self, document: &Value) -> Result<()> {
        let quoted = |text: &str| serde_json::to_string(text).map_err(|error| Error::bug("template", error));
        match document {
            Value::Object(map) if is_function(map) => {
                self.add("\"".into());
                for part in joined(document).map_or_else(|| vec![document.clone()], Clone::clone) {
                    match part {
                        // Without its quotes, but with its escapes.
                        Value::String(text) => {
                            let text = quoted(&text)?;
                            self.add(text[1..text.len() - 1].into());
                        }
                        function => self.add(function),
                    }
                }
                self.add("\"".into());
            }
            Value::Object(map) => {
                let mut start = "{";
                for (name, value) in map {
                    self.add(format!("{start}{}:", quoted(name)?).into());
                    self.add_json(value)?;
                    start = ",";
                }
                self.add(if map.is_empty() { "{}" } else { "}" }.into());
            }
            Value::Array(items) => {
                let mut start = "[";
                for item in items {
                    self.add(start.into());
                    self.add_json(item)?;
                    start = ",";
                }
                self.add(if items.is_empty() { "[]" } else { "]" }.into());
            }
            other => self.add(other.to_string().into()),
        }
        Ok(())
    }

    fn into_value(mut self) -> Value {
        match self.0.len() {
            0 => "".into(),
            1 => self.0.remove(0),
            _ => json!({ "Fn::Join": ["", self.0] }),
        }
    }
}

/// Returns the parts of a `Fn::Join` with an empty separator.
fn joined(value: &Value) -> Option<&Vec<Value>> {
    let arguments = value.as_object().filter(|map| map.len() == 1)?.get("Fn::Join")?;
    (arguments[0] == "").then(|| arguments[1].as_array()).flatten()
}

/// Removes the resources that functions in the value name: CloudFormation creates those first without being told.
fn remove_references(value: &Value, logical_ids: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if is_function(map) && !map.contains_key("Fn::Join") => {
            let named = map.get("Ref").or_else(|| map.get("Fn::GetAtt").map(|arguments| &arguments[0]));
            if let Some(named) = named.and_then(Value::as_str) {
                logical_ids.remove(named);
            }
        }
        Value::Object(map) => map.values().for_each(|member| remove_references(member, logical_ids)),
        Value::Array(items) => items.iter().for_each(|item| remove_references(item, logical_ids)),
        _ => {}
    }
}

fn is_function(map: &Map<String, Value>) -> bool {
    map.len() == 1 && ["Ref", "Fn::GetAtt", "Fn::Join"].iter().any(|function| map.contains_key(*function))
}

/// The logical IDs and parameters so far. Two addresses may have one name in `PascalCase`.
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    fn unused(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}N{number}"));
        let candidates = std::iter::once(name.to_owned()).chain(numbered);
        let unused = candidates.into_iter().find(|candidate| !self.0.contains(candidate)).unwrap_or_default();
        self.0.insert(unused.clone());
        unused
    }
}

/// Returns the letters and digits of a text, with a capital at the start of each word: a logical ID may have no others.
fn pascal(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(document: &Value) -> Value {
        let mut text = Text::default();
        text.add_json(document).unwrap();
        text.into_value()
    }

    #[test]
    fn document_without_functions_is_one_text() {
        let document = json!({ "a": [1, "b\"c", true], "d": {}, "e": [] });
        assert_eq!(text(&document), Value::String(document.to_string()));
    }

    #[test]
    fn functions_in_a_document_are_parts_of_its_text() {
        let document = json!({ "a": { "Ref": "B" }, "c": { "Fn::Join": ["", ["x\"", { "Ref": "D" }]] } });
        let expected =
            json!({ "Fn::Join": ["", [r#"{"a":""#, { "Ref": "B" }, r#"","c":"x\""#, { "Ref": "D" }, "\"}"]] });
        assert_eq!(text(&document), expected);
    }

    #[test]
    fn stack_without_resources_is_a_template_with_its_outputs() {
        let (environment, account, region, partition) =
            ("dev".into(), "123456789012".into(), "here".into(), "aws".into());
        let facts = provisioner_model::Facts { environment, account, region, partition, discovered: BTreeMap::new() };
        let mut stack = provisioner_model::Stack::new(facts);
        stack.output("home-page", provisioner_model::In::from("https://example.com".to_owned()));
        let template = template(&stack.finish().unwrap(), &ResourceRegistry::default()).unwrap();
        assert_eq!(template["Outputs"], json!({ "HomePage": { "Value": "https://example.com" } }));
        assert_eq!(template["Resources"], json!({}));
        assert_eq!(template["Metadata"]["Provisioner"]["Environment"], "dev");
    }

    #[test]
    fn names_that_differ_in_punctuation_have_different_logical_ids() {
        let mut names = Names::default();
        assert_eq!(names.unused(&pascal("edge/listener-rule/a")), "EdgeListenerRuleA");
        assert_eq!(names.unused(&pascal("edge/listener/rule-a")), "EdgeListenerRuleAN2");
    }
}
