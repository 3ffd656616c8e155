//! The bundled program as somebody changed it: resources under other names, or without some of them, or built without a
//! type. The bundled stack is declared as ever, and what it declared is declared again, changed.

use std::collections::{BTreeMap, BTreeSet};

use provisioner_aws::{acm, autoscaling, cloudwatch, ec2, ecr, ecs, elb, iam, kms, logs, rds, s3, secrets, sns, waf};
use provisioner_cli::Program;
use provisioner_model::{
    Resource, Schema,
    erased::ResourceRegistry,
    expr::{In, edges},
    stack::{Declared, Options, Stack},
};
use provisioner_reference_stack::Environment;
use serde_json::Value;

/// The changes to the program.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    /// Starts of addresses, and what they are now.
    pub renamed: BTreeMap<String, String>,
    /// Starts of addresses that are no longer declared.
    pub without: Vec<String>,
    /// An address that is no longer declared, nor anything that refers to it.
    pub pruned: Option<String>,
    /// A type that the program is built without.
    pub lacks: Option<String>,
}

impl Variant {
    /// `rename net/ network/`, `without edge/`, `prune network/vpc/main`, `lacks aws:ec2:vpc`: one a line.
    pub fn parse(text: &str) -> Option<Self> {
        let mut variant = Self::default();
        for line in text.lines() {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["rename", from, to] => drop(variant.renamed.insert(from.to_owned(), to.to_owned())),
                ["without", start] => variant.without.push(start.to_owned()),
                ["prune", address] => variant.pruned = Some(address.to_owned()),
                ["lacks", name] => variant.lacks = Some(name.to_owned()),
                _ => return None,
            }
        }
        Some(variant)
    }

    /// Returns the changed program.
    pub fn program(self) -> Program<Environment> {
        let types = self.types();
        Program::new(move |env: &Environment, stack: &mut Stack| self.declare(env, stack)).types(types)
    }

    fn declare(&self, env: &Environment, stack: &mut Stack) {
        let mut bundled = Stack::new(stack.facts().clone());
        provisioner_reference_stack::stack(env, &mut bundled);
        let Ok(bundled) = bundled.finish() else { return };
        let mut rows: BTreeMap<String, Declared> = bundled.resources;
        rows.retain(|address, _| !self.without.iter().any(|start| address.starts_with(start)));
        let mut pruned: BTreeSet<String> = self.pruned.iter().cloned().collect();
        rows.retain(|address, _| !pruned.contains(address));
        while let Some(address) = rows.iter().find(|(_, row)| refers(&row.inputs, &pruned)).map(|(at, _)| at.clone()) {
            rows.remove(&address);
            pruned.insert(address);
        }
        // Each after what it refers to.
        let mut done = BTreeSet::new();
        while let Some(address) = rows.iter().find(|(_, row)| needs(&row.inputs, &done)).map(|(at, _)| at.clone()) {
            let Some(mut row) = rows.remove(&address) else { break };
            let name = self.name(&address);
            self.rename(&mut row.inputs);
            if name != address {
                row.options.renamed_from = vec![address.clone()];
            }
            add(stack, &name, row);
            done.insert(address);
        }
        for (name, mut value) in bundled.outputs {
            if needs(&value, &done) {
                self.rename(&mut value);
                stack.output(&name, In::from(value));
            }
        }
        // What is left refers to what is no longer there: said as a mistake of this program.
        for (address, row) in rows {
            add(stack, &address, row);
        }
    }

    fn name(&self, address: &str) -> String {
        let renamed = self.renamed.iter().find_map(|(from, to)| Some(format!("{to}{}", address.strip_prefix(from)?)));
        renamed.unwrap_or_else(|| address.to_owned())
    }

    fn rename(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.rename(item)),
            Value::Object(map) => {
                if let Some(Value::String(address)) = map.get_mut("$ref") {
                    *address = self.name(address);
                }
                map.values_mut().for_each(|value| self.rename(value));
            }
            _ => {}
        }
    }

    fn types(&self) -> ResourceRegistry {
        let mut types = ResourceRegistry::default();
        for (name, with) in TYPES {
            if Some(*name) != self.lacks.as_deref() {
                types = with(types);
            }
        }
        types
    }
}

fn needs(value: &Value, done: &BTreeSet<String>) -> bool {
    let mut needs = vec![];
    edges(value, &mut needs);
    needs.iter().all(|need| done.contains(need))
}

fn refers(value: &Value, to: &BTreeSet<String>) -> bool {
    let mut needs = vec![];
    edges(value, &mut needs);
    needs.iter().any(|need| to.contains(need))
}

fn add(stack: &mut Stack, address: &str, row: Declared) {
    let parts: Vec<&str> = address.split('/').collect();
    let [component, _, name] = parts[..] else { return };
    let typed = ADD.iter().find(|(kind, _)| *kind == row.type_name);
    if let Some((_, typed)) = typed {
        stack.component(component, |stack| typed(stack, name, row.inputs, row.options));
    }
}

fn typed<R: Resource>(stack: &mut Stack, name: &str, inputs: Value, options: Options) {
    if let Ok(inputs) = serde_json::from_value::<R>(inputs) {
        stack.add_with(name, inputs, options);
    }
}

type Add = fn(&mut Stack, &str, Value, Options);
type With = fn(ResourceRegistry) -> ResourceRegistry;

macro_rules! types {
    ($($kind:ty),* $(,)?) => {
        const ADD: &[(&str, Add)] = &[$((<$kind as Schema>::TYPE, typed::<$kind>)),*];
        const TYPES: &[(&str, With)] = &[$((<$kind as Schema>::TYPE, |types| types.with::<$kind>())),*];
    };
}

// What the bundled stack declares without a domain.
types![
    acm::ImportedCertificate,
    autoscaling::ScalableTarget,
    autoscaling::ScalingPolicy,
    cloudwatch::Alarm,
    cloudwatch::Dashboard,
    ec2::ElasticIp,
    ec2::FlowLog,
    ec2::InternetGateway,
    ec2::NatGateway,
    ec2::NetworkAcl,
    ec2::RouteTable,
    ec2::RouteTableAssociation,
    ec2::SecurityGroup,
    ec2::SecurityGroupRules,
    ec2::Subnet,
    ec2::Vpc,
    ec2::VpcEndpoint,
    ecr::Repository,
    ecs::Cluster,
    ecs::Service,
    ecs::TaskDefinition,
    elb::Listener,
    elb::LoadBalancer,
    elb::TargetGroup,
    iam::ManagedPolicy,
    iam::OidcProvider,
    iam::Role,
    iam::RolePolicies,
    kms::Alias,
    kms::Key,
    logs::LogGroup,
    rds::Instance,
    rds::ParameterGroup,
    rds::SubnetGroup,
    s3::Bucket,
    secrets::ManagedSecret,
    sns::Subscription,
    sns::Topic,
    waf::WebAcl,
    waf::WebAclAssociation,
];
