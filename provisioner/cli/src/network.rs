//! The subnets of an existing network, for the stack's facts.

use std::collections::BTreeMap;

use provisioner_aws::{
    Aws,
    ec2::{DiscoveredNetwork, ExistingNetwork, PRIVATE_SUBNETS, PUBLIC_SUBNETS},
};
use provisioner_model::{
    environment::Mistake,
    erased::Clouds,
    stack::{Facts, MAIN},
};

use crate::{environment::EnvironmentFile, error::Failure};

type Wants<E> = Box<dyn Fn(&E) -> Option<ExistingNetwork> + Send + Sync>;
type Check<E> = Box<dyn Fn(&E, &DiscoveredNetwork) -> Vec<Mistake> + Send + Sync>;

/// The look-up of an existing network.
pub(crate) struct LookUp<E> {
    /// Returns the network that an environment names; `None` where the stack creates its own.
    pub(crate) wants: Wants<E>,
    /// Returns the reasons why the stack cannot use what was found.
    pub(crate) check: Check<E>,
}

impl<E> LookUp<E> {
    /// Looks the subnets up, and refuses those that the stack cannot use, each with its place in the environment file.
    pub(crate) async fn facts(
        &self,
        environment: &EnvironmentFile<E>,
        clouds: &Clouds,
    ) -> Result<BTreeMap<String, Option<String>>, Failure> {
        let Some(wanted) = (self.wants)(&environment.settings) else { return Ok(BTreeMap::new()) };
        let found = match clouds.get::<Aws>(MAIN) {
            Ok(aws) => wanted.look_up(aws).await,
            Err(error) => Err(error),
        };
        let found = found.map_err(Failure::Network)?;
        let mistakes = (self.check)(&environment.settings, &found);
        if mistakes.is_empty() { Ok(found.facts()) } else { Err(environment.refused(mistakes).into()) }
    }
}

/// Returns whether these facts contain values that AWS was asked for.
pub(crate) fn is_looked_up(facts: &Facts) -> bool {
    [PUBLIC_SUBNETS, PRIVATE_SUBNETS].iter().any(|name| facts.discovered.contains_key(*name))
}
