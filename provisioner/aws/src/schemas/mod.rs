//! Checks of declared resources by AWS's own CloudFormation resource schemas, offline.
//!
//! `archive` has the schemas, `evaluate` applies one to the properties of a resource, and `findings` words the result for
//! the user. The schemas are in `provisioner/aws/schemas`, whose `refresh.py` says where they come from and what is left
//! out. Values that are not known yet pass every rule; apply checks again once they are known.

mod archive;
mod evaluate;
mod format;

use self::archive::regional;
pub use self::archive::{date, schema};

use provisioner_model::{
    CloudFormationResource, Diagnostic, TypeInfo,
    cloudformation::{CloudFormation, Property},
};
use serde_json::Value;

use self::evaluate::{Violation, check, check_part};

/// Returns what AWS would refuse in a declared resource, by the schemas of its CloudFormation resources.
pub(crate) fn findings(info: &TypeInfo, resources: &[CloudFormationResource], region: &str) -> Vec<Diagnostic> {
    resources.iter().flat_map(|resource| of_resource(info, resource, region)).collect()
}

fn of_resource(info: &TypeInfo, resource: &CloudFormationResource, region: &str) -> Vec<Diagnostic> {
    let properties = Value::Object(resource.properties.clone());
    let schemas = [schema(resource.type_name), schema(&format!("{} {region}", resource.type_name))];
    let mut violations: Vec<Violation> = vec![];
    for schema in schemas.into_iter().flatten() {
        let found =
            if resource.part_of.is_some() { check_part(schema, &properties) } else { check(schema, &properties) };
        for violation in found {
            // Two rules may say the same.
            if !violations.iter().any(|other| other.pointer == violation.pointer) {
                violations.push(violation);
            }
        }
    }
    violations.iter().map(|violation| diagnostic(info, resource, violation)).collect()
}

fn diagnostic(info: &TypeInfo, resource: &CloudFormationResource, violation: &Violation) -> Diagnostic {
    let Violation { pointer, expected, found } = violation;
    let place = match (resource.input(pointer), resource.item) {
        (Some((input, rest)), Some((_, number))) => format!("{input}[{number}]{}", path(&rest)),
        // One input that converts into several properties is not in the pointer.
        (Some((input, _)), None) if has_several_properties(info, input) => format!("{input}{}", path(pointer)),
        (Some((input, rest)), None) => format!("{input}{}", path(&rest)),
        (None, _) => input_of(info, pointer).map_or_else(|| path(pointer), str::to_owned),
    };
    let place = place.trim_start_matches('.');
    let place = if place.is_empty() { resource.type_name } else { place };
    let property = pointer.split('/').nth(1).unwrap_or_default();
    let rule = format!("AWS's rules of {}, property {property}: {}", date(), page(resource.type_name));
    Diagnostic::error(format!("{place}: expected {expected}, found {found}")).hint(rule)
}

fn has_several_properties(info: &TypeInfo, input: &str) -> bool {
    info.fields.iter().any(|field| field.name == input && field.property == Property::Path(""))
}

/// Returns the input of a property that no input has written: it is missing.
fn input_of(info: &TypeInfo, pointer: &str) -> Option<&'static str> {
    let name = pointer.strip_prefix('/')?;
    let is_it = |property: Property| match property {
        Property::Path(path) => path.split(['.', '[']).next() == Some(name),
        _ => false,
    };
    info.fields.iter().find(|field| is_it(field.property)).map(|field| field.name)
}

/// Returns a JSON pointer as a path: `[0].LogConfiguration`.
fn path(pointer: &str) -> String {
    let part = |part: &str| if part.parse::<usize>().is_ok() { format!("[{part}]") } else { format!(".{part}") };
    pointer.split('/').skip(1).map(part).collect()
}

/// Returns the documentation page of a CloudFormation type.
fn page(type_name: &str) -> String {
    let name = type_name.trim_start_matches("AWS::").replace("::", "-").to_lowercase();
    format!("https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-{name}.html")
}

/// Returns why RDS has no such class of databases for an engine in a region, as "expected …, found …". In a region that the
/// data lack, the class must be one of any region.
pub fn database_class_problem(engine: &str, class: &str, region: &str) -> Option<String> {
    const DATABASE: &str = "AWS::RDS::DBInstance";
    let properties = serde_json::json!({ "Engine": engine, "DBInstanceClass": class });
    let problem = |schema: &Value| {
        let violation = check(schema, &properties).into_iter().next()?;
        Some(format!("expected {}, found {}", violation.expected, violation.found))
    };
    if let Some(schema) = schema(&format!("{DATABASE} {region}")) {
        return problem(schema);
    }
    let mut problems: Vec<Option<String>> = regional(DATABASE).map(problem).collect();
    if problems.iter().any(Option::is_none) { None } else { problems.pop().flatten() }
}

/// Returns the names of the CloudFormation types of a resource type, its own and those of its items.
pub fn cloudformation_types(info: &TypeInfo) -> Vec<&'static str> {
    let own = match info.cloudformation {
        CloudFormation::Type(name) | CloudFormation::Part(name) => Some(name),
        CloudFormation::None(_) | CloudFormation::Unstated => None,
    };
    let items = info.fields.iter().filter_map(|field| match field.property {
        Property::Each(each) => Some(each.type_name),
        _ => None,
    });
    own.into_iter().chain(items).collect()
}
