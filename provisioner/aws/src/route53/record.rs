//! `aws:route53:record` — a name's answers in a hosted zone.
//!
//! A record is its zone, name, type and set identifier: a change to one of them is another record.
//! Reads: one call for 300 records of a zone, shared by all records of that zone.
//! API: <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_route53::types::{
    AliasTarget, Change as SdkChange, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet,
    ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use aws_smithy_types::error::operation::BuildError;
use futures::future::join_all;
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource},
    stack::Output,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    cloud::{Aws, Clients, Reader, Writer},
    error::{api, api_with, gone_ok},
    value::{text, texts},
};

/// A name's answers in a hosted zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The hosted zone's id: `Z…`.
    pub zone: In<String>,
    /// The whole name: `www.example.com`.
    pub name: In<String>,
    /// `A`, `CNAME`, `TXT`, …
    #[serde(rename = "type")]
    pub kind: In<String>,
    /// Identifier among records of the same name and type, with `weight`, `region`, `failover` or `multi_value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<String>,
    /// Seconds that the answers may be kept. Not with `alias`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    /// The answers, as in a zone file: a `TXT` has quotes. Not with `alias`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<In<String>>>,
    /// An AWS resource whose addresses are the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<Alias>,
    /// Weight relative to other records of the same name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    /// The region whose users get it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Either `PRIMARY` or `SECONDARY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failover: Option<String>,
    /// `true` if it is one of several that are given together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multi_value: Option<bool>,
    /// The id of the health check without which it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<In<String>>,
}

/// An AWS resource whose addresses are the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// The resource's hosted zone.
    pub zone: In<String>,
    /// The name of the record.
    pub name: In<String>,
    /// `true` if it is left out while it is not healthy.
    pub evaluate_target_health: bool,
}

/// The outputs of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordOutputs {
    /// Zone, name, type and set identifier, with `|` between them.
    pub id: Id<Record>,
    /// The whole name, without the last dot.
    pub name: String,
}

impl Record {
    /// The whole name, without the last dot.
    pub const FQDN: Output<Self, String> = Output::new("name");

    /// Answers that are stated.
    pub fn new(
        zone: impl Into<In<String>>,
        name: impl Into<In<String>>,
        kind: impl Into<In<String>>,
        ttl: i64,
        values: impl IntoIterator<Item = In<String>>,
    ) -> Self {
        let values = Some(values.into_iter().collect());
        Self { ttl: Some(ttl), values, ..Self::bare(zone.into(), name.into(), kind.into()) }
    }

    /// The addresses of an AWS resource.
    pub fn alias(
        zone: impl Into<In<String>>,
        name: impl Into<In<String>>,
        kind: impl Into<In<String>>,
        alias: Alias,
    ) -> Self {
        Self { alias: Some(alias), ..Self::bare(zone.into(), name.into(), kind.into()) }
    }

    fn bare(zone: In<String>, name: In<String>, kind: In<String>) -> Self {
        Self {
            zone,
            name,
            kind,
            set_identifier: None,
            ttl: None,
            values: None,
            alias: None,
            weight: None,
            region: None,
            failover: None,
            multi_value: None,
            health_check: None,
        }
    }

    fn id(&self) -> Id<Self> {
        let [zone, name, kind] = [&self.zone, &self.name, &self.kind].map(|part| text(part).unwrap_or_default());
        id_of(&zone, &name, &kind, self.set_identifier.as_deref())
    }
}

impl Resource for Record {
    const TYPE: &'static str = "aws:route53:record";
    const FIELDS: &'static [Field] = &[
        Field::new("zone").replaces(),
        Field::new("name").replaces(),
        Field::new("type").replaces(),
        Field::new("set_identifier").replaces(),
        Field::new("ttl"),
        Field::new("values").set(),
        Field::new("alias"),
        Field::new("weight"),
        Field::new("region"),
        Field::new("failover"),
        Field::new("multi_value"),
        Field::new("health_check"),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["zone", "name", "type", "set_identifier"]];
    const ACTIONS: Actions = Actions {
        read: &["route53:ListResourceRecordSets"],
        create: &["route53:ChangeResourceRecordSets"],
        update: &["route53:ChangeResourceRecordSets"],
        delete: &["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("GeoLocation", "routing by place is not offered, as for GeoProximityLocation and CidrRoutingConfig"),
        ("TrafficPolicyInstanceId", "set by traffic policies, which make records by themselves"),
    ];
    type Cloud = Aws;
    type Outputs = RecordOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.alias.is_some() == self.values.is_some() {
            problems.push(Problem::new("values", "a record has either values or an alias"));
        }
        if self.ttl.is_some() != self.values.is_some() {
            problems.push(Problem::new("ttl", "values have a time to live, and an alias has none"));
        }
        problems
    }

    fn is_equivalent(field: &Field, desired: &Value, observed: &Value) -> bool {
        match (field.name, desired.as_str(), observed.as_str()) {
            ("name", Some(desired), Some(observed)) => plain(desired) == plain(observed),
            ("zone", Some(desired), Some(observed)) => zone_id(desired) == zone_id(observed),
            _ if field.name == "alias" => {
                let plain = |alias: &Value| {
                    let mut alias = alias.clone();
                    if let Some(name) = alias.get("name").and_then(Value::as_str).map(plain) {
                        alias["name"] = name.into();
                    }
                    alias
                };
                field.compare.is_equivalent(&plain(desired), &plain(observed))
            }
            _ => field.compare.is_equivalent(desired, observed),
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let zone_of = |id: &Id<Self>| Some(id.as_str().split_once('|')?.0.to_owned());
        let zones: BTreeSet<String> = ids.iter().filter_map(zone_of).collect();
        let read = join_all(zones.into_iter().map(|zone| async move { (shared(c, &zone).await, zone) })).await;
        let mut found = ReadResults::new();
        for (sets, zone) in read {
            let mine = ids.iter().filter(|id| zone_of(id).as_ref() == Some(&zone));
            match sets {
                Ok(sets) => found.extend(mine.filter_map(|id| {
                    let set = sets.iter().find(|set| id_of_set(&zone, set) == *id)?;
                    Some((id.clone(), Ok(to_observed(&zone, set))))
                })),
                Err(error) if error.kind == ErrorKind::Gone => {}
                // Every record of that zone, and of no other.
                Err(error) => {
                    let why = error.chain();
                    let copy =
                        || Error { code: error.code.clone(), ..Error::because(error.kind, error.action, why.clone()) };
                    found.extend(mine.map(|id| (id.clone(), Err(copy()))));
                }
            }
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let (id, zone) = (self.id(), text(&self.zone).unwrap_or_default());
        let sets = shared(c, zone_id(&zone)).await?;
        Ok(sets.iter().map(|set| id_of_set(&zone, set)).filter(|one| *one == id).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        send(c, &text(&self.zone).unwrap_or_default(), ChangeAction::Create, self.set()?).await?;
        Ok((self.id(), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        send(c, &text(&self.zone).unwrap_or_default(), ChangeAction::Upsert, self.set()?).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((zone, _)) = recorded.id.as_str().split_once('|') else { return Ok(()) };
        let gone = async {
            // A delete must name what is there to the letter.
            let sets = list(c.read(), zone).await?;
            match sets.into_iter().find(|set| id_of_set(zone, set) == recorded.id) {
                Some(set) => send(c, zone, ChangeAction::Delete, set).await,
                None => Ok(()),
            }
        };
        gone_ok(gone.await)
    }
}

impl Record {
    fn set(&self) -> Result<ResourceRecordSet> {
        let values = self.values.as_deref().map(texts).unwrap_or_default();
        let values = values.into_iter().map(|value| built(ResourceRecord::builder().value(value).build()));
        let values = values.collect::<Result<Vec<_>>>()?;
        let alias = self.alias.as_ref().map(|alias| {
            let target = AliasTarget::builder().set_hosted_zone_id(text(&alias.zone)).set_dns_name(text(&alias.name));
            built(target.evaluate_target_health(alias.evaluate_target_health).build())
        });
        let set = ResourceRecordSet::builder()
            .set_name(text(&self.name))
            .set_type(text(&self.kind).as_deref().map(RrType::from))
            .set_set_identifier(self.set_identifier.clone())
            .set_ttl(self.ttl)
            .set_resource_records((!values.is_empty()).then_some(values))
            .set_alias_target(alias.transpose()?)
            .set_weight(self.weight)
            .set_region(self.region.as_deref().map(ResourceRecordSetRegion::from))
            .set_failover(self.failover.as_deref().map(ResourceRecordSetFailover::from))
            .set_multi_value_answer(self.multi_value)
            .set_health_check_id(self.health_check.as_ref().and_then(text));
        built(set.build())
    }
}

const CHANGE: &str = "route53:ChangeResourceRecordSets";

/// A part of a request that lacks something.
fn built<T>(part: Result<T, BuildError>) -> Result<T> {
    part.map_err(|error| Error::bug(CHANGE, error))
}

async fn send(c: &Writer, zone: &str, action: ChangeAction, set: ResourceRecordSet) -> Result<()> {
    let change = built(SdkChange::builder().action(action).resource_record_set(set).build())?;
    let batch = built(ChangeBatch::builder().changes(change).build())?;
    let request = c.route53().change_resource_record_sets().hosted_zone_id(zone_id(zone)).change_batch(batch);
    let special = |code: &str, message: &str| match code {
        "InvalidChangeBatch" if message.contains("already exists") => Some(ErrorKind::Exists),
        "InvalidChangeBatch" if message.contains("not found") => Some(ErrorKind::Gone),
        _ => None,
    };
    request.send().await.map(drop).map_err(api_with(CHANGE, special))
}

async fn shared(c: &Reader, zone: &str) -> Result<Arc<Vec<ResourceRecordSet>>> {
    c.once(&format!("route53:{zone}"), || list(c, zone)).await
}

async fn list(c: &Clients, zone: &str) -> Result<Vec<ResourceRecordSet>> {
    let (mut all, mut from) = (vec![], (None, None, None));
    loop {
        let request = c.route53().list_resource_record_sets().hosted_zone_id(zone_id(zone)).max_items(300);
        let (name, kind, set) = from;
        let request = request.set_start_record_name(name).set_start_record_type(kind).set_start_record_identifier(set);
        let page = request.send().await.map_err(api("route53:ListResourceRecordSets"))?;
        all.extend(page.resource_record_sets);
        if !page.is_truncated {
            return Ok(all);
        }
        from = (page.next_record_name, page.next_record_type, page.next_record_identifier);
    }
}

fn zone_id(zone: &str) -> &str {
    zone.trim_start_matches("/hostedzone/")
}

/// A name as it is compared: Route 53 gives it back in small letters, with the last dot, and `\052` for a star.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

fn id_of(zone: &str, name: &str, kind: &str, set: Option<&str>) -> Id<Record> {
    Id::new(format!("{}|{}|{kind}|{}", zone_id(zone), plain(name), set.unwrap_or_default()))
}

fn id_of_set(zone: &str, set: &ResourceRecordSet) -> Id<Record> {
    id_of(zone, set.name(), set.r#type().as_str(), set.set_identifier())
}

fn to_observed(zone: &str, set: &ResourceRecordSet) -> Observed<Record> {
    let values = set.resource_records().iter().map(|record| In::from(record.value())).collect::<Vec<_>>();
    Observed {
        inputs: Record {
            set_identifier: set.set_identifier().map(str::to_owned),
            ttl: set.ttl(),
            values: (!values.is_empty()).then_some(values),
            alias: set.alias_target().map(|alias| Alias {
                zone: alias.hosted_zone_id().into(),
                name: In::Known(plain(alias.dns_name())),
                evaluate_target_health: alias.evaluate_target_health(),
            }),
            weight: set.weight(),
            region: set.region().map(|region| region.as_str().to_owned()),
            failover: set.failover().map(|failover| failover.as_str().to_owned()),
            multi_value: set.multi_value_answer(),
            health_check: set.health_check_id().map(In::from),
            ..Record::bare(zone_id(zone).into(), In::Known(plain(set.name())), set.r#type().as_str().into())
        },
        outputs: RecordOutputs { id: id_of_set(zone, set), name: plain(set.name()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_declared() {
        let desired = Record::new("Z1", "*.Example.com", "A", 60, ["192.0.2.1".into()]);
        let mut sdk = desired.set().unwrap();
        sdk.name = "\\052.example.com.".into();
        let observed = to_observed("Z1", &sdk);
        assert_eq!(observed.outputs.id, desired.id());
        let [desired, observed] = [&desired, &observed.inputs].map(|inputs| serde_json::to_value(inputs).unwrap());
        for field in Record::FIELDS.iter().filter(|field| desired.get(field.name).is_some()) {
            assert!(Record::is_equivalent(field, &desired[field.name], &observed[field.name]), "{}", field.name);
        }
    }
}
