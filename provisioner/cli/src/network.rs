//! The subnets of an existing network, for the stack's facts.

use std::collections::BTreeMap;

use provisioner_aws::{
    Aws,
    ec2::{DiscoveredNetwork, ExistingNetwork},
};
use provisioner_model::{erased::Clouds, stack::MAIN};

use crate::{environment::EnvironmentFile, error::Failure, program::SUBNETS};

/// Returns the existing network of an environment; `None` where the stack creates its own.
pub(crate) type Wants<E> = Box<dyn Fn(&E) -> Option<ExistingNetwork> + Send + Sync>;

/// Looks the subnets up, and refuses those that the stack cannot use, each with its place in the environment file.
pub(crate) async fn look_up<E>(
    wanted: &ExistingNetwork,
    environment: &EnvironmentFile<E>,
    clouds: &Clouds,
) -> Result<BTreeMap<String, Option<String>>, Failure> {
    let found = match clouds.get::<Aws>(MAIN) {
        Ok(aws) => wanted.look_up(aws).await,
        Err(error) => Err(error),
    };
    let DiscoveredNetwork { public_subnets, private_subnets, mistakes } = found.map_err(Failure::Network)?;
    if !mistakes.is_empty() {
        return Err(environment.refused(mistakes).into());
    }
    let facts = SUBNETS.into_iter().zip([public_subnets, private_subnets]);
    Ok(facts.map(|(name, ids)| (name.to_owned(), Some(ids.join(",")))).collect())
}
