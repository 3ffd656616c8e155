//! Checks of the declared resources by the rules of their cloud, before anything is read or planned.

use provisioner_model::{
    Diagnostic,
    erased::ResourceRegistry,
    stack::{Declared, Desired},
};

/// Checks every declared resource by the rules that its cloud publishes, without a call. References to values that are not
/// known yet pass; apply checks them before each call. A type that the registry lacks is an error of the plan.
pub fn findings(desired: &Desired, registry: &ResourceRegistry) -> Vec<Diagnostic> {
    let of_resource = |(address, declared): (&String, &Declared)| {
        let resource_type = registry.get(declared.type_name);
        let findings =
            resource_type.map(|one| one.findings(&declared.inputs, &desired.facts.region)).unwrap_or_default();
        let (address, at) = (address.clone(), declared.at);
        findings
            .into_iter()
            .map(move |finding| Diagnostic { address: Some(address.clone()), ..finding }.declared_at(at))
    };
    desired.resources.iter().flat_map(of_resource).collect()
}
