//! The conversion of declared values into those of a template.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_model::{
    CloudFormationResource, Error, Result, TypeInfo,
    cloudformation::CloudFormation,
    erased::{ResourceRegistry, ResourceType},
    expr::Expr,
    stack::{Declared, Desired},
};
use provisioner_planner::generated_name;
use serde_json::{Map, Value, json};

use super::{
    names::pascal,
    text::{Text, is_function},
};

/// One resource of the template.
pub(super) struct TemplateResource {
    type_name: &'static str,
    pub(super) properties: Map<String, Value>,
    retain: bool,
    depends_on: BTreeSet<String>,
}

impl TemplateResource {
    pub(super) fn to_json(&self) -> Value {
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
pub(super) struct Conversion<'a> {
    pub(super) desired: &'a Desired,
    pub(super) registry: &'a ResourceRegistry,
    /// The logical IDs of each declaration's resources, by address, the main one first.
    pub(super) logical_ids: BTreeMap<String, Vec<String>>,
    /// The template's parameters by name.
    pub(super) parameters: BTreeMap<String, Value>,
}

impl Conversion<'_> {
    pub(super) fn resource(
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
    pub(super) fn main(&self, address: &str) -> Option<String> {
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
    pub(super) fn value(
        &mut self,
        value: &Value,
        address: &str,
        after: &mut BTreeSet<String>,
    ) -> Result<Option<Value>> {
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
                    return Ok(Some(self.parameter(&format!("secret {slot}"), true)));
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
            return Ok(self.parameter(&format!("{address} {path}"), false));
        };
        let stated = info.attributes.iter().find(|(output, _)| *output == path).map(|(_, attribute)| *attribute);
        let own = self.main(address);
        let is_id = path == "id" && own.is_some();
        let Some(attribute) = stated.or(is_id.then_some("Ref")) else {
            return Ok(self.parameter(&format!("{address} {path}"), false));
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
                        None => return Ok(self.parameter(&format!("{address} {path}"), false)),
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
        Some(generated_name(rule, environment, "template", address, 1).into())
    }

    /// Returns the reference to a parameter for a value that the template cannot have.
    fn parameter(&mut self, what: &str, is_secret: bool) -> Value {
        // A resource may have the same address as a secret has a name.
        let name = format!("Parameter{}", pascal(what));
        let mut parameter = json!({ "Type": "String", "Description": what });
        if is_secret {
            parameter["NoEcho"] = true.into();
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
