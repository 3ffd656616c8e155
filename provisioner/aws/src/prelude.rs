//! What nearly every resource type's file uses.

#![allow(unused_imports, reason = "a build with few features uses few of them")]

pub(crate) use provisioner_model::{
    Actions, Change, ChangedFields, Created, Error, ErrorKind, FieldName, Id, In, Nested, Observed, Output, Outputs,
    Owner, Phase, Problem, ReadResults, Receipt, Recorded, Resource, Result, Secret, Tags, schema::FieldSchema,
    schema_constants,
};

pub(crate) use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need, none_if},
    sdk::{from_sdk, member, set_changed, set_inputs, set_together},
    tags::{tag_conversions, write_tags},
    value::{text, texts},
};
