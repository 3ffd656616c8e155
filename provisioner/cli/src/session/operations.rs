//! Access to running services, for `status`, `logs`, `run` and `rollback`. The state lists their objects.

use provisioner_aws::{
    Aws,
    operations::objects::{self, At, NoService},
};
use provisioner_model::{Environment, stack::MAIN};

use super::Session;
use crate::error::{Failure, OperationError};

impl<E: Environment> Session<'_, E> {
    /// The client of the account that the environment is in.
    pub(crate) fn aws(&self) -> Result<&Aws, Failure> {
        self.clouds.get::<Aws>(MAIN).map_err(OperationError::call("this program has no AWS provider"))
    }

    /// The service at `address`, or the only one.
    pub(crate) fn service(&self, address: Option<&str>) -> Result<At, Failure> {
        objects::service(&self.snapshot, address).map_err(|error| {
            let what = error.to_string();
            let known = match error {
                NoService::None => vec![],
                NoService::Unknown(_, known) | NoService::Several(known) => known,
            };
            OperationError::Service { what, known }.into()
        })
    }
}
