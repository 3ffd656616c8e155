//! Imports of nearly every resource type's file.

#![allow(unused_imports, reason = "a build with few features uses few of them")]

pub(crate) use provisioner_model::{
    Actions, Change, ChangedFields, Created, Error, ErrorKind, FieldName, Id, In, NameRule, Nested, Observed, Obstacle,
    Output, Outputs, Owner, Phase, Problem, Properties, ReadResults, Receipt, Recorded, Resource, Result, Schema,
    Secret, Tags, ToProperty, UpdateReview, Updated,
    cloudformation::{self, is_unknown, unless_empty},
    schema::FieldSchema,
};

pub(crate) use serde_json::{Value, json};

pub(crate) use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_code, api_with, built, gone_ok, need, none_if},
    properties::{
        choice, enabled, filled_text, keys_and_values, kind_of_id, members, names_and_sources, names_and_values,
        text_of,
    },
    sdk::{
        FromSdk, ToSdk, filled, from_sdk, list_all, member, sdk_struct, set_changed, set_filled, set_inputs,
        set_together,
    },
    tags::{tag_conversions, write_tags},
    value::{text, texts},
};
