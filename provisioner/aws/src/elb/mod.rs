//! Elastic Load Balancing: load balancers, target groups, listeners, rules.

mod action;
mod listener;
mod listener_rule;
mod load_balancer;
mod target_group;

use std::{collections::HashMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{Tag, TagDescription};
use futures::future::join_all;
use provisioner_model::erased::ResourceRegistry;

pub use self::{
    action::{Action, FixedResponse, Forward, Redirect, Stickiness, WeightedTarget},
    listener::{Listener, ListenerOutputs, MutualAuthentication},
    listener_rule::{Condition, ListenerRule, ListenerRuleOutputs, QueryPair},
    load_balancer::{LoadBalancer, LoadBalancerOutputs, LogsTo},
    target_group::{HealthCheck, TargetGroup, TargetGroupOutputs, TargetStickiness},
};
use crate::{cloud::Clients, prelude::*, tags::made_for};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<LoadBalancer>().with::<TargetGroup>().with::<Listener>().with::<ListenerRule>()
}

tag_conversions!(Tag, key, value);

/// Reads the tags of objects, 20 per call. An object that was deleted meanwhile has no entry.
async fn tags_of(c: &Clients, arns: &[String]) -> Result<HashMap<String, Tags>> {
    let mut all = HashMap::new();
    for answer in join_all(arns.chunks(20).map(|arns| describe_tags(c, arns))).await {
        match answer {
            Ok(some) => all.extend(some),
            Err(error) if error.kind == ErrorKind::Gone => {
                for answer in join_all(arns.iter().map(|arn| describe_tags(c, std::slice::from_ref(arn)))).await {
                    match answer {
                        Ok(some) => all.extend(some),
                        Err(error) if error.kind == ErrorKind::Gone => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Reads the tags of objects by ID, with the same calls for all types. The IDs are ARNs.
async fn read_tags<R>(c: &Reader, ids: &[Id<R>]) -> Result<Arc<HashMap<String, Tags>>> {
    // Any other ID belongs to no object, and the call would fail.
    let arns = ids.iter().map(Id::as_str).filter(|id| id.starts_with("arn:"));
    c.together("elasticloadbalancing:DescribeTags", arns, |arns| async move { tags_of(c, &arns).await }).await
}

/// Selects the objects that were made for this owner.
async fn made_ours<R>(c: &Reader, ids: Vec<Id<R>>, owner: &Owner) -> Result<Vec<Id<R>>> {
    let arns: Vec<String> = ids.into_iter().map(String::from).collect();
    let tags = tags_of(c, &arns).await?;
    Ok(tags.into_iter().filter(|(_, tags)| made_for(tags, owner)).map(|(arn, _)| Id::new(arn)).collect())
}

/// Combines the reads of each ID. An object without tags or attributes was deleted between two calls.
fn paired<'a, R: Resource, T: 'a>(
    ids: &[Id<R>],
    one: impl Fn(&str) -> Option<&'a T>,
    tags: &HashMap<String, Tags>,
    attributes: Vec<Result<Attributes>>,
    to_observed: impl Fn(&T, Attributes, Tags) -> Result<Observed<R>>,
) -> ReadResults<R> {
    let row = |(id, attributes): (&Id<R>, Result<Attributes>)| {
        let (one, tags) = one(id.as_str()).zip(tags.get(id.as_str()))?;
        match attributes {
            Err(error) if error.kind == ErrorKind::Gone => None,
            attributes => Some((id.clone(), attributes.and_then(|all| to_observed(one, all, tags.clone())))),
        }
    };
    ids.iter().zip(attributes).filter_map(row).collect()
}

async fn describe_tags(c: &Clients, arns: &[String]) -> Result<Vec<(String, Tags)>> {
    let answer = c.elb().describe_tags().set_resource_arns(Some(arns.to_vec())).send().await;
    let answer = answer.map_err(api("elasticloadbalancing:DescribeTags"))?;
    let row = |one: &TagDescription| {
        let tags = our_tags(one.tags());
        Some((one.resource_arn()?.to_owned(), tags))
    };
    Ok(answer.tag_descriptions().iter().filter_map(row).collect())
}

/// Sets the tags that differ and removes those that are no longer declared. Foreign tags stay.
async fn sync_tags(c: &Writer, arn: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    write_tags!(desired, recorded, observed;
        c.elb().add_tags().resource_arns(arn) => "elasticloadbalancing:AddTags",
        c.elb().remove_tags().resource_arns(arn) => "elasticloadbalancing:RemoveTags");
    Ok(())
}

/// Returns the part of an ARN from `kind` on, as alarm dimensions use it.
fn suffix(arn: &str, after: &str) -> String {
    arn.split_once(after).map_or_else(String::new, |(_, suffix)| suffix.to_owned())
}

/// The load balancer of a listener, or the listener of a rule: their ARNs hold their parent's.
fn parent(arn: &str, kind: &str, parent_kind: &str) -> Option<String> {
    let (path, _) = arn.rsplit_once('/')?;
    let (head, tail) = path.split_once(&format!(":{kind}/"))?;
    Some(format!("{head}:{parent_kind}/{tail}"))
}

/// Attributes by name, as strings: the form of the API.
type Attributes = std::collections::BTreeMap<String, String>;

/// An input that is one attribute, or several attributes whose keys begin alike.
trait Attribute: Sized {
    /// The ends of the keys.
    const ENDS: &'static [&'static str] = &[""];
    fn put(&self, key: &str, into: &mut Attributes);
    fn take(key: &str, from: &mut Attributes) -> Option<Self>;
}

impl<T: Attribute> Attribute for Option<T> {
    const ENDS: &'static [&'static str] = T::ENDS;
    fn put(&self, key: &str, into: &mut Attributes) {
        if let Some(value) = self {
            value.put(key, into);
        }
    }
    fn take(key: &str, from: &mut Attributes) -> Option<Self> {
        Some(T::take(key, from))
    }
}

macro_rules! single_attributes {
    ($($type:ty: $to_text:expr, $from_text:expr;)*) => {$(
        impl Attribute for $type {
            fn put(&self, key: &str, into: &mut Attributes) {
                let to_text: fn(&Self) -> Option<String> = $to_text;
                into.extend(to_text(self).map(|text| (key.to_owned(), text)));
            }
            fn take(key: &str, from: &mut Attributes) -> Option<Self> {
                from.remove(key).and_then($from_text)
            }
        }
    )*};
}
single_attributes! {
    bool: |on| Some(on.to_string()), |text| Some(text == "true");
    i64: |number| Some(number.to_string()), |text| text.parse().ok();
    String: |text| Some(text.clone()), Some;
    In<String>: text, |text| Some(text.into());
}

/// Makes a struct inside the inputs an [`Attribute`]: each member, and the end of its key.
macro_rules! attribute_struct {
    ($type:ident { $($name:ident = $end:literal),* $(,)? }) => {
        impl Attribute for $type {
            const ENDS: &'static [&'static str] = &[$($end),*];
            fn put(&self, key: &str, into: &mut Attributes) {
                $(self.$name.put(&format!("{key}{}", $end), into);)*
            }
            fn take(key: &str, from: &mut Attributes) -> Option<Self> {
                $(let $name = Attribute::take(&format!("{key}{}", $end), from);)*
                Some(Self { $($name: $name?),* })
            }
        }
    };
}

/// States which inputs of a type are attributes: each input, and the key or the beginning of its keys. The other
/// attributes are in the input `attributes`.
macro_rules! attributes {
    ($type:ident { $($name:ident = $key:literal),* $(,)? }) => {
        pastey::paste! {
            impl $type {
                /// The key of each attribute that has an input, and that input.
                fn typed() -> Vec<(String, Field)> {
                    let mut all = vec![];
                    $(all.extend(super::keys(|inputs: &Self| &inputs.$name, $key).zip(
                        std::iter::repeat(Field::[<$name:camel>]),
                    ));)*
                    all
                }
                /// The attributes that the inputs state.
                fn stated(&self) -> Attributes {
                    let mut all = self.attributes.clone();
                    $(self.$name.put($key, &mut all);)*
                    all
                }
                fn with_attributes(mut self, mut all: Attributes) -> Self {
                    $(self.$name = Attribute::take($key, &mut all);)*
                    self.attributes = all;
                    self
                }
            }
        }
    };
}
use {attribute_struct, attributes};

fn keys<R, T: Attribute>(_: fn(&R) -> &T, key: &'static str) -> impl Iterator<Item = String> {
    T::ENDS.iter().map(move |end| format!("{key}{end}"))
}

/// Returns the mistake in a number of seconds. The attributes are text in AWS's schemas.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html>
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html>
fn seconds<F: FieldName>(field: F, seconds: Option<i64>, valid: std::ops::RangeInclusive<i64>) -> Option<Problem> {
    let found = seconds.filter(|seconds| !valid.contains(seconds))?;
    Some(Problem::new(field, format!("expected {} to {} seconds, found {found}", valid.start(), valid.end())))
}

/// Refuses attributes that have their own input. AWS's values are read into that input, so that they would differ from
/// `attributes` forever.
fn repeated<F: FieldName>(attributes: &Attributes, typed: &[(String, F)], input: F) -> Vec<Problem> {
    let own = |key: &String| typed.iter().find(|(typed, _)| typed == key);
    let problem = |(key, own): &(String, F)| {
        Problem::new(input, format!("`{key}` has its own input; set `{}` instead", own.name()))
    };
    attributes.keys().filter_map(own).map(problem).collect()
}

/// The attributes whose observed value is not the stated one, to be set in one call.
fn changed_attributes(desired: &Attributes, observed: &Attributes) -> Attributes {
    desired
        .iter()
        .filter(|(key, value)| observed.get(*key) != Some(value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arn_gives_its_parents() {
        let rule = "arn:aws:elasticloadbalancing:us-east-1:1:listener-rule/app/web/50dc/f2f7/9683";
        let listener = parent(rule, "listener-rule", "listener").unwrap();
        assert_eq!(listener, "arn:aws:elasticloadbalancing:us-east-1:1:listener/app/web/50dc/f2f7");
        let balancer = parent(&listener, "listener", "loadbalancer").unwrap();
        assert_eq!(balancer, "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/app/web/50dc");
        assert_eq!(suffix(&balancer, ":loadbalancer/"), "app/web/50dc");
        assert_eq!(parent("none-0123", "listener", "loadbalancer"), None);
    }
}
