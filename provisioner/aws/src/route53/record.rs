//! `aws:route53:record`: a name's answers in a hosted zone.
//!
//! A record is its zone, name, type and set identifier: a change to one of them is another record.
//! Reads: one call for 300 records of a zone, shared by all records of that zone.
//! API: <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_route53::types::{
    AliasTarget, Change as SdkChange, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet,
};
use futures::future::join_all;
use serde_json::Value;

use crate::{cloud::Clients, prelude::*};

/// A name's answers in a hosted zone.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:route53:record",
    cloudformation = "AWS::Route53::RecordSet",
    create = "route53:ChangeResourceRecordSets",
    unique(hosted_zone_id, name, r#type, set_identifier),
    constructor = with_required,
    omitted(
        GeoLocation | GeoProximityLocation | CidrRoutingConfig = "routing by place is not offered",
        TrafficPolicyInstanceId = "set by traffic policies, which make records by themselves",
    )
)]
pub struct Record {
    /// The hosted zone's ID: `Z…`.
    #[field(replaces)]
    pub hosted_zone_id: In<String>,
    /// The whole name: `www.example.com`.
    #[field(replaces)]
    pub name: In<String>,
    /// `A`, `CNAME`, `TXT`, …
    #[field(replaces)]
    pub r#type: In<String>,
    /// Identifier among records of the same name and type, with `weight`, `region`, `failover` or `multi_value_answer`.
    #[field(replaces)]
    pub set_identifier: Option<String>,
    /// Seconds that resolvers may keep the answers. Not with `alias_target`.
    #[field(cloud_default = none, property = "TTL", convert = text_of)]
    pub ttl: Option<i64>,
    /// The answers, as in a zone file: a `TXT` has quotes. Not with `alias_target`.
    #[field(set, parameter = "ChangeBatch", cloud_default = none)]
    pub resource_records: Option<Vec<In<String>>>,
    /// An AWS resource whose addresses are the answers.
    #[field(cloud_default = none)]
    pub alias_target: Option<Alias>,
    /// Weight relative to other records of the same name.
    #[field(cloud_default = none)]
    pub weight: Option<i64>,
    /// The region whose users get the record.
    #[field(cloud_default = none)]
    pub region: Option<String>,
    /// Either `PRIMARY` or `SECONDARY`.
    #[field(cloud_default = none)]
    pub failover: Option<String>,
    /// `true` if the record is one of several that are returned together.
    #[field(cloud_default = none)]
    pub multi_value_answer: Option<bool>,
    /// The ID of the health check without which the record is not returned.
    #[field(cloud_default = none)]
    pub health_check_id: Option<In<String>>,
}

/// An AWS resource whose addresses are the answers.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Alias {
    /// The resource's hosted zone.
    pub hosted_zone_id: In<String>,
    /// The DNS name of the resource.
    #[field(property = "DNSName")]
    pub dns_name: In<String>,
    /// `true` if the record is left out while the resource is not healthy.
    pub evaluate_target_health: bool,
}

/// The outputs of a record.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct RecordOutputs {
    /// Zone, name, type and set identifier, with `|` between them.
    pub id: Id<Record>,
    /// The whole name, without the last dot.
    #[output(constant = "FQDN")]
    pub name: String,
}

impl Record {
    /// Answers that are stated.
    pub fn new(
        hosted_zone_id: impl Into<In<String>>,
        name: impl Into<In<String>>,
        r#type: impl Into<In<String>>,
        ttl: i64,
        resource_records: impl IntoIterator<Item = In<String>>,
    ) -> Self {
        Self::with_required(hosted_zone_id, name, r#type).ttl(ttl).resource_records(resource_records)
    }

    /// The addresses of an AWS resource.
    pub fn alias(
        hosted_zone_id: impl Into<In<String>>,
        name: impl Into<In<String>>,
        r#type: impl Into<In<String>>,
        alias: Alias,
    ) -> Self {
        Self::with_required(hosted_zone_id, name, r#type).alias_target(alias)
    }

    fn zone(&self) -> String {
        text(&self.hosted_zone_id).unwrap_or_default()
    }

    fn id(&self) -> Id<Self> {
        let [name, kind] = [&self.name, &self.r#type].map(|part| text(part).unwrap_or_default());
        id_of(&self.zone(), &name, &kind, self.set_identifier.as_deref())
    }
}

impl Resource for Record {
    const ACTIONS: Actions = Actions {
        read: &["route53:ListResourceRecordSets"],
        create: &["route53:ChangeResourceRecordSets"],
        update: &["route53:ChangeResourceRecordSets"],
        delete: &["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
    };
    type Cloud = Aws;
    type Outputs = RecordOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        if self.alias_target.is_some() == self.resource_records.is_some() {
            problems.push(Problem::new(Field::ResourceRecords, "expected either resource records or an alias"));
        }
        if self.ttl.is_some() != self.resource_records.is_some() {
            problems.push(Problem::new(Field::Ttl, "resource records require a TTL, and an alias cannot have one"));
        }
        problems
    }

    fn is_equivalent(field: &FieldSchema, desired: &Value, observed: &Value) -> bool {
        match (Field::of(field), desired.as_str(), observed.as_str()) {
            (Some(Field::Name), Some(desired), Some(observed)) => plain(desired) == plain(observed),
            (Some(Field::HostedZoneId), Some(desired), Some(observed)) => zone_id(desired) == zone_id(observed),
            (Some(Field::AliasTarget), ..) => {
                let plain = |alias: &Value| {
                    let mut alias = alias.clone();
                    if let Some(name) = alias.get("dns_name").and_then(Value::as_str).map(plain) {
                        alias["dns_name"] = name.into();
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
                    Some((id.clone(), to_observed(&zone, set)))
                })),
                Err(error) if error.kind == ErrorKind::Gone => {}
                // Every record of that zone, and of no other.
                Err(error) => found.extend(mine.map(|id| (id.clone(), Err(error.clone())))),
            }
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let (id, zone) = (self.id(), self.zone());
        let sets = shared(c, zone_id(&zone)).await?;
        Ok(sets.iter().map(|set| id_of_set(&zone, set)).filter(|one| *one == id).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        send(c, &self.zone(), ChangeAction::Create, self.set()?).await?;
        Ok((self.id(), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Updated> {
        send(c, &self.zone(), ChangeAction::Upsert, self.set()?).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((zone, _)) = recorded.id.as_str().split_once('|') else { return Ok(()) };
        let gone = async {
            // A delete must state the whole record as Route 53 has it.
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
        let records = self.resource_records.as_deref().map(texts).unwrap_or_default();
        let records = records.into_iter().map(|value| built(ResourceRecord::builder().value(value).build()));
        let records = records.collect::<Result<Vec<_>>>()?;
        let alias = self.alias_target.as_ref().map(|alias| {
            let sdk = AliasTarget::builder();
            built(set_inputs!(sdk, alias => hosted_zone_id, dns_name, evaluate_target_health).build())
        });
        let set = set_inputs!(ResourceRecordSet::builder(), self =>
            name, r#type, set_identifier, ttl, weight, region, failover, multi_value_answer, health_check_id);
        let set = set.set_resource_records((!records.is_empty()).then_some(records));
        built(set.set_alias_target(alias.transpose()?).build())
    }
}

const LIST: &str = "route53:ListResourceRecordSets";
const CHANGE: &str = "route53:ChangeResourceRecordSets";

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
        let page = request.send().await.map_err(api(LIST))?;
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

/// Returns a name as the types compare it: Route 53 answers in lower case, with the last dot, and `\052` for a star.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase().replace("\\052", "*")
}

fn id_of(zone: &str, name: &str, kind: &str, set: Option<&str>) -> Id<Record> {
    Id::new(format!("{}|{}|{kind}|{}", zone_id(zone), plain(name), set.unwrap_or_default()))
}

fn id_of_set(zone: &str, set: &ResourceRecordSet) -> Id<Record> {
    id_of(zone, set.name(), set.r#type().as_str(), set.set_identifier())
}

fn to_observed(zone: &str, set: &ResourceRecordSet) -> Result<Observed<Record>> {
    let records = set.resource_records().iter().map(|record| In::from(record.value())).collect::<Vec<_>>();
    Ok(Observed {
        inputs: from_sdk!(LIST, set => Record {
            r#type, set_identifier, ttl, weight, region, failover, multi_value_answer, health_check_id;
            hosted_zone_id: zone_id(zone).into(),
            name: In::Known(plain(set.name())),
            resource_records: (!records.is_empty()).then_some(records),
            alias_target: set.alias_target().map(|alias| Alias {
                hosted_zone_id: alias.hosted_zone_id().into(),
                dns_name: In::Known(plain(alias.dns_name())),
                evaluate_target_health: alias.evaluate_target_health(),
            }),
        }),
        outputs: RecordOutputs { id: id_of_set(zone, set), name: plain(set.name()) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_declared() {
        let desired = Record::new("Z1", "*.Example.com", "A", 60, ["192.0.2.1".into()]);
        let mut sdk = desired.set().unwrap();
        sdk.name = "\\052.example.com.".into();
        let observed = to_observed("Z1", &sdk).unwrap();
        assert_eq!(observed.outputs.id, desired.id());
        let [desired, observed] = [&desired, &observed.inputs].map(|inputs| serde_json::to_value(inputs).unwrap());
        for field in Record::FIELDS.iter().filter(|field| desired.get(field.name).is_some()) {
            assert!(Record::is_equivalent(field, &desired[field.name], &observed[field.name]), "{}", field.name);
        }
    }
}
