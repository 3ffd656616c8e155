//! Conversions that follow from names and types alone: an input to the SDK's setter of its name, and back.
//!
//! Inputs bear AWS's names, so [`set_inputs`], [`set_changed`] and [`from_sdk`] take a list of names. Whatever needs a
//! decision (another name in one call, a nested structure, a list that is merged) stays by hand beside the list.

#![allow(dead_code, unused_macros, unused_imports, reason = "a build with few features uses few of them")]

use std::collections::{BTreeMap, HashMap};

use aws_smithy_types::error::operation::BuildError;
use provisioner_model::{
    Secret,
    error::{Error, Result},
    expr::In,
    resource::Id,
};

/// An input as the SDK's setters take it. None for an input that is absent or not resolved.
pub(crate) trait ToSdk<T> {
    fn to_sdk(&self) -> Option<T>;
}

/// Text, and the SDK's enums.
impl<T: for<'a> From<&'a str>> ToSdk<T> for String {
    fn to_sdk(&self) -> Option<T> {
        Some(self.as_str().into())
    }
}
impl<I: Clone + Into<String>, T: for<'a> From<&'a str>> ToSdk<T> for In<I> {
    fn to_sdk(&self) -> Option<T> {
        self.known().cloned().map(|value| value.into().as_str().into())
    }
}
/// The value, inside a write call only.
impl ToSdk<String> for Secret {
    fn to_sdk(&self) -> Option<String> {
        self.expose().map(str::to_owned)
    }
}
impl<T, I: ToSdk<T>> ToSdk<T> for Option<I> {
    fn to_sdk(&self) -> Option<T> {
        self.as_ref().and_then(ToSdk::to_sdk)
    }
}
impl<T, I: ToSdk<T>> ToSdk<Vec<T>> for Vec<I> {
    fn to_sdk(&self) -> Option<Vec<T>> {
        Some(self.iter().filter_map(ToSdk::to_sdk).collect())
    }
}
impl<T, I: ToSdk<T>> ToSdk<HashMap<String, T>> for BTreeMap<String, I> {
    fn to_sdk(&self) -> Option<HashMap<String, T>> {
        Some(self.iter().filter_map(|(key, value)| Some((key.clone(), value.to_sdk()?))).collect())
    }
}

/// A list or map for an API to which an empty one means something else than none.
pub(crate) fn filled<C>(all: Option<C>) -> Option<C>
where
    for<'a> &'a C: IntoIterator,
{
    all.filter(|all| all.into_iter().next().is_some())
}

/// The end of a builder. Structs with required members build a `Result`, which fails for an input that is not resolved;
/// the engine resolves every input before a call, so that no part of a request is left out because of it.
pub(crate) trait Built<T> {
    fn built(self) -> Option<T>;
}
impl<T> Built<T> for T {
    fn built(self) -> Option<T> {
        Some(self)
    }
}
impl<T> Built<T> for Result<T, BuildError> {
    fn built(self) -> Option<T> {
        self.ok()
    }
}

/// An input or output from the SDK's getter. None where a required value is missing.
pub(crate) trait FromSdk<S>: Sized {
    fn from_sdk(value: S) -> Option<Self>;
}

impl<E: AsRef<str> + ?Sized> FromSdk<&E> for String {
    fn from_sdk(value: &E) -> Option<Self> {
        Some(value.as_ref().to_owned())
    }
}
impl<E: AsRef<str> + ?Sized> FromSdk<Option<&E>> for String {
    fn from_sdk(value: Option<&E>) -> Option<Self> {
        value.map(|value| value.as_ref().to_owned())
    }
}
impl<S, R> FromSdk<S> for Id<R>
where
    String: FromSdk<S>,
{
    fn from_sdk(value: S) -> Option<Self> {
        String::from_sdk(value).map(Self::new)
    }
}
impl<S, T: FromSdk<S>> FromSdk<S> for In<T> {
    fn from_sdk(value: S) -> Option<Self> {
        T::from_sdk(value).map(Self::Known)
    }
}
impl<S, T: FromSdk<S>> FromSdk<S> for Option<T> {
    fn from_sdk(value: S) -> Option<Self> {
        Some(T::from_sdk(value))
    }
}
impl<'a, E, T: FromSdk<&'a E>> FromSdk<&'a [E]> for Vec<T> {
    fn from_sdk(value: &'a [E]) -> Option<Self> {
        Some(value.iter().filter_map(T::from_sdk).collect())
    }
}
impl<'a, V, T: FromSdk<&'a V>> FromSdk<Option<&'a HashMap<String, V>>> for BTreeMap<String, T> {
    fn from_sdk(value: Option<&'a HashMap<String, V>>) -> Option<Self> {
        let all = value.into_iter().flatten();
        Some(all.filter_map(|(key, value)| Some((key.clone(), T::from_sdk(value)?))).collect())
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl ToSdk<$number> for $number {
            fn to_sdk(&self) -> Option<$number> {
                Some(*self)
            }
        }
        impl FromSdk<Option<$number>> for $number {
            fn from_sdk(value: Option<$number>) -> Option<$number> {
                value
            }
        }
        impl FromSdk<$number> for $number {
            fn from_sdk(value: $number) -> Option<$number> {
                Some(value)
            }
        }
        impl FromSdk<&$number> for $number {
            fn from_sdk(value: &$number) -> Option<$number> {
                Some(*value)
            }
        }
    )*};
}
numbers!(bool, i32, i64, f32, f64);

/// The value of one member of an answer, or the error that the answer lacks it.
pub(crate) fn member<S, T: FromSdk<S>>(action: &'static str, name: &'static str, value: S) -> Result<T> {
    T::from_sdk(value).ok_or_else(|| Error::missing(action, name))
}

/// Sets inputs on a request under their own names: `set_inputs!(c.ec2().create_subnet(), self => vpc_id, cidr_block)`.
macro_rules! set_inputs {
    ($request:expr, $inputs:expr => $($name:ident),* $(,)?) => {
        pastey::paste! {{
            let request = $request;
            $(let request = request.[<set_ $name>]($crate::sdk::ToSdk::to_sdk(&$inputs.$name));)*
            request
        }}
    };
}

/// As [`set_inputs`], for lists and maps, without those that are empty.
macro_rules! set_filled {
    ($request:expr, $inputs:expr => $($name:ident),* $(,)?) => {
        pastey::paste! {{
            let request = $request;
            $(let request = request.[<set_ $name>](
                $crate::sdk::filled($crate::sdk::ToSdk::to_sdk(&$inputs.$name)),
            );)*
            request
        }}
    };
}

/// As [`set_inputs`], with those inputs alone that changed. The type's `Field` must be in scope:
/// `set_changed!(c.rds().modify_db_instance(), self, changed => multi_az, iops)`.
macro_rules! set_changed {
    ($request:expr, $inputs:expr, $changed:expr => $($name:ident),* $(,)?) => {
        pastey::paste! {{
            let request = $request;
            $(let request = request.[<set_ $name>](
                $crate::sdk::ToSdk::to_sdk(&$inputs.$name).filter(|_| $changed.contains(Field::[<$name:camel>])),
            );)*
            request
        }}
    };
}

/// As [`set_changed`], with all of these inputs if one of them changed: the API takes them together only.
macro_rules! set_together {
    ($request:expr, $inputs:expr, $changed:expr => $($name:ident),* $(,)?) => {
        pastey::paste! {{
            let any = $changed.contains_any(&[$(Field::[<$name:camel>]),*]);
            let request = $request;
            $(let request = request.[<set_ $name>](
                $crate::sdk::ToSdk::to_sdk(&$inputs.$name).filter(|_| any),
            );)*
            request
        }}
    };
}

/// A struct from the SDK's, member by member; a member of another name is `id = subnet_id`. What needs more follows
/// after a semicolon: `from_sdk!(READ, subnet => Subnet { vpc_id, cidr_block; tags: our_tags(subnet.tags()) })`.
macro_rules! from_sdk {
    (@get $from:ident $name:ident) => { $from.$name() };
    (@get $from:ident $name:ident $getter:ident) => { $from.$getter() };
    ($action:expr, $from:ident => $type:ident {
        $($name:ident $(= $getter:ident)?),* $(,)? $(; $($rest:tt)*)?
    }) => {
        $type {
            $($name: $crate::sdk::member(
                $action,
                stringify!($name),
                $crate::sdk::from_sdk!(@get $from $name $($getter)?),
            )?,)*
            $($($rest)*)?
        }
    };
}

/// All items of a paginated call: `list_all!(READ, c.ec2().describe_subnets().filters(filter))?`.
macro_rules! list_all {
    ($action:expr, $request:expr) => {
        $request
            .into_paginator()
            .items()
            .send()
            .collect::<::std::result::Result<::std::vec::Vec<_>, _>>()
            .await
            .map_err($crate::error::api($action))
    };
}

/// Converts a struct inside the inputs to the SDK's struct and back, member by member. Lists and maps after a semicolon
/// are left out of a request if they are empty:
/// `sdk_struct!(Tmpfs = types::Tmpfs { container_path, size; mount_options })`.
macro_rules! sdk_struct {
    ($type:ident = $sdk:ty { $($name:ident),* $(,)? $(; $($list:ident),* $(,)?)? }) => {
        impl $crate::sdk::ToSdk<$sdk> for $type {
            fn to_sdk(&self) -> Option<$sdk> {
                let builder = $crate::sdk::set_inputs!(<$sdk>::builder(), self => $($name),*);
                $(let builder = $crate::sdk::set_filled!(builder, self => $($list),*);)?
                $crate::sdk::Built::built(builder.build())
            }
        }
        impl<'a> $crate::sdk::FromSdk<&'a $sdk> for $type {
            fn from_sdk(value: &'a $sdk) -> Option<Self> {
                Some(Self {
                    $($name: $crate::sdk::FromSdk::from_sdk(value.$name())?,)*
                    $($($list: $crate::sdk::FromSdk::from_sdk(value.$list())?,)*)?
                })
            }
        }
        impl<'a> $crate::sdk::FromSdk<Option<&'a $sdk>> for $type {
            fn from_sdk(value: Option<&'a $sdk>) -> Option<Self> {
                value.and_then($crate::sdk::FromSdk::from_sdk)
            }
        }
    };
}

pub(crate) use {from_sdk, list_all, sdk_struct, set_changed, set_filled, set_inputs, set_together};
