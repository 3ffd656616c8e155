//! The stack program's result for one environment.

use std::{collections::BTreeMap, panic::Location};

use provisioner_model::{
    Diagnostic, Environment, SourceLocation,
    erased::ResourceRegistry,
    stack::{Declared, Desired, MAIN},
    state::{ProviderTarget, Row, Snapshot},
};

use crate::{
    artifacts::Artifacts,
    environment::{EnvironmentFile, Folder},
    error::Failure,
    options::SchemaOptions,
    program::{Program, facts},
    state_store::StateStore,
};

/// The places of the declarations in the program, by address.
pub(crate) fn places(desired: &Desired) -> BTreeMap<String, SourceLocation> {
    desired.resources.iter().map(|(address, declared)| (address.clone(), declared.at.into())).collect()
}

/// The declared resources and outputs, and the notices that a plan of them carries.
#[derive(Clone)]
pub(crate) struct Declaration {
    pub(crate) desired: Desired,
    pub(crate) notices: Vec<Diagnostic>,
}

impl Declaration {
    /// Runs the stack program for `target`. `stopped`: the environment is stopped, or is to be. `discovered` are the values
    /// that the cloud was asked for.
    pub(crate) fn new<E: Environment>(
        program: &Program<E>,
        folder: &Folder,
        environment: &EnvironmentFile<E>,
        target: &ProviderTarget,
        stopped: bool,
        discovered: &BTreeMap<String, Option<String>>,
    ) -> Result<Self, Failure> {
        let Artifacts { mut digests, mut notices } = program.artifacts(folder, &environment.settings)?;
        digests.extend(discovered.iter().map(|(name, value)| (name.clone(), value.clone())));
        let facts = facts(&environment.name, target, stopped, digests);
        notices.extend(environment.warnings.iter().cloned());
        let desired = program.declare(&environment.settings, facts).map_err(Failure::Program)?;
        Ok(Self { desired, notices })
    }

    /// Runs the stack program without credentials, for the target that a local state records. Without one, the
    /// account is that of the environment file, or else a placeholder: only AWS knows it.
    pub(crate) async fn offline<E: Environment>(
        program: &Program<E>,
        folder: &Folder,
        environment: &EnvironmentFile<E>,
    ) -> Result<(Self, ProviderTarget), Failure> {
        let snapshot = match environment.state {
            None => StateStore::local(folder, &environment.name).load().await?,
            // To read it needs credentials.
            Some(_) => None,
        };
        let recorded = snapshot.and_then(|mut snapshot| snapshot.targets.remove(MAIN));
        let target = recorded.unwrap_or_else(|| ProviderTarget {
            account: environment.settings.account().unwrap_or("000000000000").to_owned(),
            region: environment.settings.region().to_owned(),
            endpoint: None,
        });
        Ok((Self::new(program, folder, environment, &target, false, &BTreeMap::new())?, target))
    }

    /// Returns every mistake that shows without a call, by the rules of the resource types and of AWS.
    pub(crate) fn check(&self, registry: &ResourceRegistry, options: SchemaOptions) -> Result<(), Failure> {
        if options.no_schemas {
            return Ok(());
        }
        let findings = provisioner_planner::findings(&self.desired, registry);
        if findings.is_empty() { Ok(()) } else { Err(Failure::Refused(findings)) }
    }

    /// The stack as the state records it, whatever the program declares by now: the plan of it changes nothing but what
    /// the caller changes in it. No rollout is verified: the program declares what its own version answers.
    pub(crate) fn into_recorded(self, snapshot: &Snapshot, registry: &ResourceRegistry) -> Self {
        let places = self.desired.resources;
        let recorded = |(address, row): (&String, &Row)| {
            let inputs = row.current()?.declared.clone();
            let type_name = registry.get(&row.type_name)?.info().type_name;
            let (options, provider) = (row.options.clone(), row.provider.clone());
            let at = places.get(address).map_or(Location::caller(), |declared| declared.at);
            Some((address.clone(), Declared { type_name, inputs, options, provider, verification: None, at }))
        };
        let resources = snapshot.rows.iter().filter_map(recorded).collect();
        let desired = Desired { resources, outputs: snapshot.outputs.clone(), ..self.desired };
        Self { desired, notices: vec![] }
    }

    /// The same stack without resources and outputs: the plan of it deletes everything.
    pub(crate) fn emptied(self) -> Self {
        let desired = Desired { resources: BTreeMap::new(), outputs: BTreeMap::new(), ..self.desired };
        Self { desired, notices: vec![] }
    }
}
