//! Every resource type says what it is in CloudFormation, by names that AWS's schemas have.

use provisioner_aws::{
    registry,
    schemas::{cloudformation_types, schema},
};
use provisioner_model::cloudformation::{CloudFormation, Property};
use serde_json::Value;

/// A schema without its references.
fn resolved<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    while let Some(referred) = schema["$ref"].as_str().and_then(|name| root.pointer(name.trim_start_matches('#'))) {
        schema = referred;
    }
    schema
}

/// Returns the part of a path that the schema lacks.
fn missing<'p>(root: &Value, path: &'p str) -> Option<&'p str> {
    let (mut at, mut rest) = (root, path);
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, tail) = rest.split_at(end);
        if !name.is_empty() {
            let Some(property) = resolved(root, at)["properties"].get(name) else { return Some(rest) };
            at = property;
        }
        rest = match tail.strip_prefix('[').and_then(|tail| tail.split_once(']')) {
            Some((_, after)) => {
                let Some(items) = resolved(root, at).get("items") else { return Some(rest) };
                at = items;
                after
            }
            None => tail,
        };
        rest = rest.strip_prefix('.').unwrap_or(rest);
    }
    None
}

#[test]
fn every_type_states_its_cloudformation_type_which_the_archive_has() {
    let mut wrong = vec![];
    for resource_type in registry().all() {
        let info = resource_type.info();
        if info.cloudformation == CloudFormation::Unstated {
            wrong.push(format!("{}: state `cloudformation = …`", info.type_name));
        }
        for name in cloudformation_types(info) {
            if schema(name).is_none() {
                wrong.push(format!("{}: {name} is not in the archive: run schemas/refresh.py", info.type_name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_attribute_of_an_output_is_in_its_schema() {
    let mut wrong = vec![];
    for resource_type in registry().all() {
        let info = resource_type.info();
        let own = match info.cloudformation {
            CloudFormation::Type(name) => schema(name),
            _ => None,
        };
        for (output, attribute) in info.attributes {
            let names = if attribute.contains("${") {
                attribute.split("${").skip(1).filter_map(|rest| rest.split('}').next()).collect()
            } else {
                vec![*attribute]
            };
            for name in names {
                let is_input = info.fields.iter().any(|field| field.name == name);
                let is_attribute = own.is_some_and(|own| name == "Ref" || missing(own, name).is_none());
                if !is_input && !is_attribute && !name.starts_with("AWS::") {
                    wrong.push(format!("{}: {output} is not {name}", info.type_name));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn every_property_of_an_input_is_in_its_schema() {
    let mut wrong = vec![];
    for resource_type in registry().all() {
        let info = resource_type.info();
        let (CloudFormation::Type(name) | CloudFormation::Part(name)) = info.cloudformation else { continue };
        let own = schema(name).unwrap();
        for field in info.fields {
            let lacking = match field.property {
                Property::Path(path) => missing(own, path).map(str::to_owned),
                Property::Each(each) => {
                    let schema = schema(each.type_name).unwrap();
                    [Some(each.link), each.item]
                        .into_iter()
                        .flatten()
                        .find_map(|path| missing(schema, path))
                        .map(str::to_owned)
                }
                Property::None(reason) => reason.is_empty().then(|| "a reason".to_owned()),
                Property::Unstated => Some("a property".to_owned()),
            };
            if let Some(lacking) = lacking {
                wrong.push(format!("{}.{}: {name} lacks {lacking}", info.type_name, field.name));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
