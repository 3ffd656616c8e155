//! The declared resources as a CloudFormation template, for linters and validators of such templates: `template ENV`, and
//! `--template FILE` of `plan` and `apply`.
//!
//! [`template`] converts a whole stack; [`mod@provisioner_model::cloudformation`] converts each declaration. References become
//! `Ref` and `Fn::GetAtt`, by [`TypeInfo::attributes`]. Values that a template cannot have become parameters: secrets, and
//! outputs without an attribute. Generated names have the form of those that a plan generates, with other digits at the
//! end, since these follow from the state.
//!
//! The template is for checks, and for reading. It is not equivalent to an apply: nobody has created a stack from one,
//! and CloudFormation has neither consent, adoption nor shared objects. `Metadata` names what the template leaves out.

mod conversion;
mod names;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use provisioner_files::{WriteError, write_atomically};
use provisioner_model::{
    Hint, Result, TypeInfo,
    cloudformation::{CloudFormation, Property},
    erased::ResourceRegistry,
    stack::{Declared, Desired},
};
use serde_json::{Map, Value, json};

use self::{
    conversion::Conversion,
    names::{Names, pascal},
};

/// A reason for which there is no template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A declaration has no CloudFormation form.
    #[error("could not convert the stack into a CloudFormation template")]
    Convert(#[source] provisioner_model::Error),
    /// The file could not be written.
    #[error("could not write the template")]
    Write(#[source] WriteError),
}

impl Hint for TemplateError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Convert(error) => error.hint(),
            Self::Write(_) => Some(
                "check that the folder exists, that this user may write there, and that its disk has room".to_owned(),
            ),
        }
    }
}

/// Returns the template as text. It contains no secret: secrets are parameters.
pub(crate) fn text(desired: &Desired, registry: &ResourceRegistry) -> Result<String, TemplateError> {
    let template = template(desired, registry).map_err(TemplateError::Convert)?;
    Ok(format!("{template:#}\n"))
}

/// Writes the template into a file.
pub(crate) fn write(path: &Path, desired: &Desired, registry: &ResourceRegistry) -> Result<(), TemplateError> {
    write_atomically(path, text(desired, registry)?.as_bytes()).map_err(TemplateError::Write)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stack_without_resources_is_a_template_with_its_outputs() {
        let (environment, account, region, partition) =
            ("dev".into(), "123456789012".into(), "here".into(), "aws".into());
        let facts = provisioner_model::Facts {
            environment,
            account,
            region,
            partition,
            stopped: false,
            discovered: BTreeMap::new(),
        };
        let mut stack = provisioner_model::Stack::new(facts);
        stack.output("home-page", provisioner_model::In::from("https://example.com".to_owned()));
        let template = template(&stack.finish().unwrap(), &ResourceRegistry::default()).unwrap();
        assert_eq!(template["Outputs"], json!({ "HomePage": { "Value": "https://example.com" } }));
        assert_eq!(template["Resources"], json!({}));
        assert_eq!(template["Metadata"]["Provisioner"]["Environment"], "dev");
    }
}
