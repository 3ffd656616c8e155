//! The objects for the operations commands, found in the state by type.

use provisioner_model::{resource::Resource, stack::MAIN, state::Snapshot};

use crate::ecs::Service;

/// An object that the state knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Address of the resource.
    pub address: String,
    /// AWS's name for it.
    pub id: String,
}

/// Every object of one type, replaced ones left out.
pub fn all<R: Resource>(state: &Snapshot) -> Vec<At> {
    let rows = state.rows.iter().filter(|(_, row)| row.type_name == R::TYPE && row.provider == MAIN);
    rows.filter_map(|(address, row)| Some(At { address: address.clone(), id: row.current()?.id.clone()? })).collect()
}

/// A reason for which the service of an operation is missing or ambiguous.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoService {
    /// The stack has none.
    #[error("the state has no service that could be asked")]
    None,
    /// None of this address.
    #[error("{0} is no service in the state")]
    Unknown(String, Vec<String>),
    /// More than one, and none was named.
    #[error("there are {} services: which one?", .0.len())]
    Several(Vec<String>),
}

/// The service at this address, or the only one.
pub fn service(state: &Snapshot, address: Option<&str>) -> Result<At, NoService> {
    let mut all = all::<Service>(state);
    let names = |all: &[At]| all.iter().map(|at| at.address.clone()).collect();
    match address {
        Some(address) => match all.iter().find(|at| at.address == address) {
            Some(at) => Ok(at.clone()),
            None => Err(NoService::Unknown(address.to_owned(), names(&all))),
        },
        None if all.len() > 1 => Err(NoService::Several(names(&all))),
        None => all.pop().ok_or(NoService::None),
    }
}

/// The cluster and the name in a service's id.
pub(super) fn parts(id: &str) -> (&str, &str) {
    id.split_once('/').unwrap_or(("default", id))
}

/// The last part of an ARN: `…:task-definition/app:5` to `app:5`, `…:task/main/0123` to `0123`.
pub(super) fn short(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}
