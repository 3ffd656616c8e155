//! Elastic Load Balancing: load balancers, target groups, listeners, rules.

mod action;
mod listener;
mod listener_rule;
mod load_balancer;
mod target_group;

use std::{collections::HashMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{Tag, TagDescription};
use futures::future::join_all;
use provisioner_model::{
    erased::ResourceRegistry,
    error::{ErrorKind, Result},
    resource::{Id, Observed, Owner, Problem, ReadResults, Resource, Tags},
};

pub use self::{
    action::{Action, FixedResponse, Forward, Redirect, Stickiness, WeightedTarget},
    listener::{Listener, ListenerOutputs, MutualAuthentication},
    listener_rule::{Condition, ListenerRule, ListenerRuleOutputs, QueryPair},
    load_balancer::{LoadBalancer, LoadBalancerOutputs, LogsTo},
    target_group::{HealthCheck, TargetGroup, TargetGroupOutputs, TargetStickiness},
};
use crate::{
    cloud::{Clients, Reader, Writer},
    error::api,
    tags::{TagChange, made_for, observed_tags},
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<LoadBalancer>().with::<TargetGroup>().with::<Listener>().with::<ListenerRule>()
}

fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    (!tags.is_empty()).then_some(tags)
}

/// The tags of each of these, 20 a call. One that went meanwhile has none and harms no other.
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

/// The same for what is read: one call for all types. ARNs are the ids here.
async fn read_tags<R>(c: &Reader, ids: &[Id<R>]) -> Result<Arc<HashMap<String, Tags>>> {
    // What is no ARN is nothing's id here; asking for it would be an error.
    let arns = ids.iter().map(Id::as_str).filter(|id| id.starts_with("arn:"));
    c.together("elasticloadbalancing:DescribeTags", arns, |arns| async move { tags_of(c, &arns).await }).await
}

/// Those that were made for this owner.
async fn made_ours<R>(c: &Reader, there: Vec<Id<R>>, owner: &Owner) -> Result<Vec<Id<R>>> {
    let arns: Vec<String> = there.into_iter().map(String::from).collect();
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
        let tags = observed_tags(one.tags().iter().map(|tag| (tag.key(), tag.value())));
        Some((one.resource_arn()?.to_owned(), tags))
    };
    Ok(answer.tag_descriptions().iter().filter_map(row).collect())
}

/// Sets what differs, and drops what we set once and no longer want. Others' tags stay.
async fn sync_tags(c: &Writer, arn: &str, desired: &Tags, recorded: &Tags, observed: &Tags) -> Result<()> {
    let change = TagChange::between(desired, recorded, observed);
    if !change.set.is_empty() {
        let request = c.elb().add_tags().resource_arns(arn).set_tags(sdk_tags(&change.set));
        request.send().await.map_err(api("elasticloadbalancing:AddTags"))?;
    }
    if !change.drop.is_empty() {
        let request = c.elb().remove_tags().resource_arns(arn).set_tag_keys(Some(change.drop));
        request.send().await.map_err(api("elasticloadbalancing:RemoveTags"))?;
    }
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

/// Attributes by name: what the API takes and tells as strings.
type Attributes = std::collections::BTreeMap<String, String>;

fn flag(attributes: &mut Attributes, key: &str) -> Option<bool> {
    attributes.remove(key).map(|value| value == "true")
}

fn number(attributes: &mut Attributes, key: &str) -> Option<i64> {
    attributes.remove(key).and_then(|value| value.parse().ok())
}

/// The attributes that are stated and not there, to be set in one call.
fn changed(desired: &Attributes, observed: &Attributes) -> Attributes {
    desired
        .iter()
        .filter(|(key, value)| observed.get(*key) != Some(value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// Attributes that have an input of their own, which is where they are read back into: among `attributes` they would
/// differ for ever. `typed` holds each one's key and input.
fn repeated(attributes: &Attributes, typed: &[(&str, &str)]) -> Vec<Problem> {
    let own = |key: &&String| typed.iter().find(|(typed, _)| typed == key);
    let problem = |(key, input): &(&str, &str)| Problem::new("attributes", format!("`{key}`: say it by `{input}`"));
    attributes.keys().filter_map(|key| own(&key)).map(problem).collect()
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
