//! The constants of one resource type, in one value: the engine handles types without their Rust types.

use std::time::Duration;

use crate::{
    cloudformation::CloudFormation,
    resource::{Actions, Resource},
    schema::{CreateCall, FieldSchema, Name, Parameter},
};

/// The constants of a resource type. Each member has the meaning of the constant of [`Resource`] with its name.
#[derive(Clone, Copy, Debug)]
pub struct TypeInfo {
    /// The type's name: `aws:ec2:subnet`.
    pub type_name: &'static str,
    /// Version of the inputs' format.
    pub version: u32,
    /// One row for each input.
    pub fields: &'static [FieldSchema],
    /// Groups of inputs that only one object may hold.
    pub unique: &'static [&'static [&'static str]],
    /// The input that names the object which this type completes.
    pub part_of: Option<&'static str>,
    /// `true` if a replaced object stays in the cloud.
    pub retain_on_replace: bool,
    /// Outputs that an update may change.
    pub changes_on_update: &'static [&'static str],
    /// The input with a generated name.
    pub name: Option<Name>,
    /// `true` if default and ownership tags go into the input `tags`.
    pub tagged: bool,
    /// IAM actions of the type's calls.
    pub actions: Actions,
    /// Members of the create call that are no inputs, each with the reason.
    pub omitted_parameters: &'static [(&'static str, &'static str)],
    /// The API call that creates an object.
    pub create_call: Option<CreateCall>,
    /// Members of the create call that the inputs cover.
    pub parameters: &'static [Parameter],
    /// The CloudFormation resource type.
    pub cloudformation: CloudFormation,
    /// Outputs, and the attribute of the CloudFormation resource that has the same value, as in
    /// [`Schema::ATTRIBUTES`](crate::Schema::ATTRIBUTES).
    pub attributes: &'static [(&'static str, &'static str)],
    /// Maximum number of IDs in one read.
    pub read_batch: usize,
    /// Maximum time for which a new object may stay invisible.
    pub consistency_window: Duration,
    /// `true` if a create can be repeated before the outcome of the first attempt is known.
    pub idempotent_create: bool,
    /// Maximum time until other services can use a written object.
    pub propagation_window: Duration,
    /// Maximum time of one write call.
    pub write_timeout: Duration,
    /// Maximum time until a written object is ready.
    pub ready_timeout: Duration,
    /// Pause between two polls.
    pub poll_interval: Duration,
}

impl TypeInfo {
    /// Collects the constants of `R`.
    pub const fn of<R: Resource>() -> Self {
        Self {
            type_name: R::TYPE,
            version: R::VERSION,
            fields: R::FIELDS,
            unique: R::UNIQUE,
            part_of: R::PART_OF,
            retain_on_replace: R::RETAIN_ON_REPLACE,
            changes_on_update: R::CHANGES_ON_UPDATE,
            name: R::NAME,
            tagged: R::TAGGED,
            actions: R::ACTIONS,
            omitted_parameters: R::OMITTED_PARAMETERS,
            create_call: R::CREATE_CALL,
            parameters: R::PARAMETERS,
            cloudformation: R::CLOUDFORMATION,
            attributes: R::ATTRIBUTES,
            read_batch: R::READ_BATCH,
            consistency_window: R::CONSISTENCY_WINDOW,
            idempotent_create: R::IDEMPOTENT_CREATE,
            propagation_window: R::PROPAGATION_WINDOW,
            write_timeout: R::WRITE_TIMEOUT,
            ready_timeout: R::READY_TIMEOUT,
            poll_interval: R::POLL_INTERVAL,
        }
    }
}
