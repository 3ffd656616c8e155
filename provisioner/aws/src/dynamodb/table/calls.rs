//! The calls to DynamoDB.

use aws_sdk_dynamodb::{operation::update_table::builders::UpdateTableFluentBuilder, types};
use aws_smithy_types::error::operation::BuildError;
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Created, Id, Observed, Recorded, Tags},
};

use super::{
    Billing, Encryption, GlobalIndex, LocalIndex, Table, TableOutputs, building,
    keys::{keys, schema, throughput},
};
use crate::{
    changed_inputs::ChangedInputs,
    cloud::{Clients, Writer},
    error::{api, api_with, gone_ok, need},
    tags::{TagChange, observed_tags},
    value::text,
};

/// A part of a request that lacks something.
pub(super) fn built<T>(part: Result<T, BuildError>) -> Result<T> {
    part.map_err(|error| Error::bug("dynamodb:CreateTable", error))
}

fn sdk_tags(tags: &Tags) -> Result<Vec<types::Tag>> {
    tags.iter().map(|(key, value)| built(types::Tag::builder().key(key).value(value).build())).collect()
}

fn mode(billing: Billing) -> types::BillingMode {
    match billing {
        Billing::PayPerRequest => types::BillingMode::PayPerRequest,
        Billing::Provisioned { .. } => types::BillingMode::Provisioned,
    }
}

impl Table {
    fn throughput(&self) -> Result<Option<types::ProvisionedThroughput>> {
        let Billing::Provisioned { read, write } = self.billing else { return Ok(None) };
        throughput(read, write).map(Some)
    }

    fn most(&self) -> Option<types::OnDemandThroughput> {
        let most = types::OnDemandThroughput::builder().set_max_read_request_units(self.max_read_requests);
        let most = most.set_max_write_request_units(self.max_write_requests).build();
        (self.max_read_requests.is_some() || self.max_write_requests.is_some()).then_some(most)
    }

    fn sse(&self) -> Option<types::SseSpecification> {
        let encryption = self.encryption.as_ref()?;
        let key = encryption.kms_key.as_ref().and_then(text);
        let sse = types::SseSpecification::builder().enabled(true).sse_type(types::SseType::Kms);
        Some(sse.set_kms_master_key_id(key).build())
    }
}

fn stream(view: Option<&str>) -> Result<types::StreamSpecification> {
    let stream = types::StreamSpecification::builder().stream_enabled(view.is_some());
    built(stream.set_stream_view_type(view.map(types::StreamViewType::from)).build())
}

pub(super) async fn create(new: &Table, c: &Writer) -> Result<Created<Table>> {
    let global = new.global_indexes.iter().map(|index| index.sdk(new.billing)).collect::<Result<Vec<_>>>()?;
    let local = new.local_indexes.iter().map(|index| index.sdk(&new.hash_key)).collect::<Result<Vec<_>>>()?;
    let answer = c
        .dynamodb()
        .create_table()
        .set_table_name(new.name.clone())
        .set_attribute_definitions(Some(new.attributes()?))
        .set_key_schema(Some(schema(&new.hash_key, new.range_key.as_ref())?))
        .billing_mode(mode(new.billing))
        .set_provisioned_throughput(new.throughput()?)
        .set_on_demand_throughput(new.most())
        .set_global_secondary_indexes((!global.is_empty()).then_some(global))
        .set_local_secondary_indexes((!local.is_empty()).then_some(local))
        .set_sse_specification(new.sse())
        .set_stream_specification(new.stream.as_deref().map(|view| stream(Some(view))).transpose()?)
        .set_table_class(new.table_class.as_deref().map(types::TableClass::from))
        .set_deletion_protection_enabled(new.deletion_protection)
        .set_tags(Some(sdk_tags(&new.tags)?))
        .send()
        .await
        // Here, "in use" says that there is a table of this name.
        .map_err(api_with("dynamodb:CreateTable", |code, _| {
            (code == "ResourceInUseException").then_some(ErrorKind::Exists)
        }))?;
    let name = answer.table_description().and_then(types::TableDescription::table_name);
    Ok((Id::new(need("dynamodb:CreateTable", name, "TableName")?), None))
}

/// A table that changes takes no further change: the engine reads again, and sends what is left.
fn busy(code: &str, _: &str) -> Option<ErrorKind> {
    matches!(code, "ResourceInUseException" | "LimitExceededException" | "ContinuousBackupsUnavailableException")
        .then_some(ErrorKind::Busy)
}

async fn send(request: UpdateTableFluentBuilder) -> Result<()> {
    request.send().await.map(drop).map_err(api_with("dynamodb:UpdateTable", busy))
}

pub(super) async fn update(desired: &Table, c: &Writer, recorded: &Recorded<Table>) -> Result<()> {
    let name = recorded.id.as_str();
    // Read anew: an update that was refused half-way, since the table was busy, goes on where it stopped.
    let observed = &read(c.read(), name).await?;
    let differs = ChangedInputs::between(desired, &recorded.inputs, &observed.inputs);
    let change = || c.dynamodb().update_table().table_name(name);
    // First what needs no pause, so that it is done whatever the table is at.
    tags(desired, c, recorded, observed).await?;
    if let Some(protect) = differs.pick("deletion_protection", &desired.deletion_protection) {
        send(change().deletion_protection_enabled(protect)).await?;
    }
    if differs.any(&["point_in_time_recovery", "recovery_days"]) {
        let on = desired.point_in_time_recovery.unwrap_or_default();
        let recovery = types::PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on);
        let recovery = built(recovery.set_recovery_period_in_days(desired.recovery_days.filter(|_| on)).build())?;
        let request = c.dynamodb().update_continuous_backups().table_name(name);
        let request = request.point_in_time_recovery_specification(recovery);
        request.send().await.map_err(api_with("dynamodb:UpdateContinuousBackups", busy))?;
    }
    if let Some(attribute) = differs.pick("time_to_live", &desired.time_to_live) {
        // Another attribute's must be off first; for an hour DynamoDB then says "wait", which is passed on.
        let (on, attribute) = match &observed.inputs.time_to_live {
            Some(other) => (false, other.clone()),
            None => (true, attribute),
        };
        let to_live = types::TimeToLiveSpecification::builder().enabled(on).attribute_name(attribute);
        let request =
            c.dynamodb().update_time_to_live().table_name(name).time_to_live_specification(built(to_live.build())?);
        request.send().await.map_err(api_with("dynamodb:UpdateTimeToLive", busy))?;
        if !on {
            let why = "time to live was on for another attribute: it is being turned off there first";
            return Err(Error::because(ErrorKind::Busy, "dynamodb:UpdateTimeToLive", why));
        }
    }
    if differs.any(&["billing", "max_read_requests", "max_write_requests"]) {
        let mut updates = vec![];
        for index in desired.global_indexes.iter().filter(|_| mode(desired.billing) != mode(observed.inputs.billing)) {
            updates.extend(throughput_of(index, desired.billing)?);
        }
        let request = change().billing_mode(mode(desired.billing)).set_provisioned_throughput(desired.throughput()?);
        let request = request.set_on_demand_throughput(desired.most());
        send(request.set_global_secondary_index_updates((!updates.is_empty()).then_some(updates))).await?;
    }
    if let Some(view) = differs.pick("stream", &desired.stream) {
        // Another view needs the old stream to be gone.
        if observed.inputs.stream.is_some() {
            send(change().stream_specification(stream(None)?)).await?;
        }
        send(change().stream_specification(stream(Some(&view))?)).await?;
    }
    if let Some(class) = differs.pick("table_class", &desired.table_class) {
        send(change().table_class(types::TableClass::from(class.as_str()))).await?;
    }
    if differs.has("encryption") {
        send(change().set_sse_specification(desired.sse())).await?;
    }
    if differs.has("global_indexes") {
        indexes(desired, observed, &change).await?;
    }
    Ok(())
}

/// One index a call: those that go, those that change in place, those that come.
async fn indexes(
    desired: &Table,
    observed: &Observed<Table>,
    change: &impl Fn() -> UpdateTableFluentBuilder,
) -> Result<()> {
    let there = &observed.inputs.global_indexes;
    let named = |all: &[GlobalIndex], name: &str| all.iter().find(|one| one.name == name).cloned();
    for index in there {
        if named(&desired.global_indexes, &index.name).is_none_or(|wanted| !wanted.same_but_throughput(index)) {
            let gone = built(types::DeleteGlobalSecondaryIndexAction::builder().index_name(&index.name).build())?;
            let update = types::GlobalSecondaryIndexUpdate::builder().delete(gone).build();
            send(change().global_secondary_index_updates(update)).await?;
        }
    }
    for index in &desired.global_indexes {
        let update = if let Some(one) = named(there, &index.name).filter(|one| index.same_but_throughput(one)) {
            let more = index.read.is_some_and(|read| one.read != Some(read))
                || index.write.is_some_and(|write| one.write != Some(write));
            if more { throughput_of(index, desired.billing)? } else { None }
        } else {
            let index = index.sdk(desired.billing)?;
            let new = types::CreateGlobalSecondaryIndexAction::builder()
                .index_name(index.index_name)
                .set_key_schema(Some(index.key_schema))
                .set_projection(index.projection)
                .set_provisioned_throughput(index.provisioned_throughput);
            Some(types::GlobalSecondaryIndexUpdate::builder().create(built(new.build())?).build())
        };
        if let Some(update) = update {
            let request = change().set_attribute_definitions(Some(desired.attributes()?));
            send(request.global_secondary_index_updates(update)).await?;
        }
    }
    Ok(())
}

fn throughput_of(index: &GlobalIndex, billing: Billing) -> Result<Option<types::GlobalSecondaryIndexUpdate>> {
    let Some(throughput) = index.throughput(billing)? else { return Ok(None) };
    let action = types::UpdateGlobalSecondaryIndexAction::builder().index_name(&index.name);
    let action = built(action.provisioned_throughput(throughput).build())?;
    Ok(Some(types::GlobalSecondaryIndexUpdate::builder().update(action).build()))
}

async fn tags(desired: &Table, c: &Writer, recorded: &Recorded<Table>, observed: &Observed<Table>) -> Result<()> {
    let (arn, change) =
        (&observed.outputs.arn, TagChange::between(&desired.tags, &recorded.inputs.tags, &observed.inputs.tags));
    if !change.set.is_empty() {
        let request = c.dynamodb().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&change.set)?));
        request.send().await.map_err(api_with("dynamodb:TagResource", busy))?;
    }
    if !change.drop.is_empty() {
        let request = c.dynamodb().untag_resource().resource_arn(arn).set_tag_keys(Some(change.drop));
        request.send().await.map_err(api_with("dynamodb:UntagResource", busy))?;
    }
    Ok(())
}

pub(super) async fn delete(c: &Writer, name: &str) -> Result<()> {
    let answer = c.dynamodb().delete_table().table_name(name).send().await;
    gone_ok(answer.map(drop).map_err(api_with("dynamodb:DeleteTable", |code, message| {
        // On its way already.
        let going = code == "ResourceInUseException" && message.contains("being deleted");
        if going { Some(ErrorKind::Gone) } else { busy(code, message) }
    })))
}

pub(super) async fn read(c: &Clients, name: &str) -> Result<Observed<Table>> {
    const READ: &str = "dynamodb:DescribeTable";
    let answer = c.dynamodb().describe_table().table_name(name).send().await.map_err(api(READ))?;
    let table = need(READ, answer.table(), "Table")?;
    let arn = need(READ, table.table_arn(), "TableArn")?;
    let (backups, to_live, tags) = futures::try_join!(
        async {
            let answer = c.dynamodb().describe_continuous_backups().table_name(name).send().await;
            // A table that is being made has none yet.
            match answer.map_err(api("dynamodb:DescribeContinuousBackups")) {
                Ok(answer) => Ok(answer.continuous_backups_description),
                Err(error) if error.code.as_deref() == Some("TableNotFoundException") => Ok(None),
                Err(error) => Err(error),
            }
        },
        async {
            let answer = c.dynamodb().describe_time_to_live().table_name(name).send().await;
            Ok(answer.map_err(api("dynamodb:DescribeTimeToLive"))?.time_to_live_description)
        },
        async {
            let (mut all, mut next) = (vec![], None);
            loop {
                let request = c.dynamodb().list_tags_of_resource().resource_arn(&arn).set_next_token(next);
                let page = request.send().await.map_err(api("dynamodb:ListTagsOfResource"))?;
                all.extend(page.tags.unwrap_or_default());
                next = page.next_token;
                if next.is_none() {
                    break;
                }
            }
            Ok(observed_tags(all.iter().map(|tag| (Some(tag.key()), Some(tag.value())))))
        },
    )?;
    to_observed(&table, backups.as_ref(), to_live.as_ref(), tags)
}

fn to_observed(
    table: &types::TableDescription,
    backups: Option<&types::ContinuousBackupsDescription>,
    to_live: Option<&types::TimeToLiveDescription>,
    tags: Tags,
) -> Result<Observed<Table>> {
    const READ: &str = "dynamodb:DescribeTable";
    let name = need(READ, table.table_name(), "TableName")?;
    let attributes = table.attribute_definitions();
    let (hash_key, range_key) =
        keys(table.key_schema(), attributes).ok_or_else(|| Error::missing(READ, "KeySchema"))?;
    // No summary: provisioned, and never anything else.
    let by_request = table.billing_mode_summary().and_then(types::BillingModeSummary::billing_mode);
    let billing = if by_request == Some(&types::BillingMode::PayPerRequest) {
        Billing::PayPerRequest
    } else {
        let throughput = table.provisioned_throughput();
        let read = throughput.and_then(types::ProvisionedThroughputDescription::read_capacity_units);
        let write = throughput.and_then(types::ProvisionedThroughputDescription::write_capacity_units);
        Billing::Provisioned { read: read.unwrap_or_default(), write: write.unwrap_or_default() }
    };
    let recovery = backups.and_then(types::ContinuousBackupsDescription::point_in_time_recovery_description);
    let recovers = recovery.and_then(types::PointInTimeRecoveryDescription::point_in_time_recovery_status);
    let lives = to_live.filter(|to_live| {
        use types::TimeToLiveStatus::{Enabled, Enabling};
        matches!(to_live.time_to_live_status(), Some(Enabled | Enabling))
    });
    let stream = table.stream_specification().filter(|stream| stream.stream_enabled());
    let sse = table.sse_description();
    let encrypted =
        sse.filter(|sse| !matches!(sse.status(), Some(types::SseStatus::Disabled | types::SseStatus::Disabling)));
    let most = table.on_demand_throughput();
    let class = table.table_class_summary().and_then(types::TableClassSummary::table_class);
    Ok(Observed {
        inputs: Table {
            name: Some(name.clone()),
            hash_key,
            range_key,
            billing,
            global_indexes: table
                .global_secondary_indexes()
                .iter()
                .filter(|index| index.index_status() != Some(&types::IndexStatus::Deleting))
                .filter_map(|index| GlobalIndex::observed(index, attributes))
                .collect(),
            local_indexes: table
                .local_secondary_indexes()
                .iter()
                .filter_map(|index| LocalIndex::observed(index, attributes))
                .collect(),
            encryption: encrypted.map(|sse| Encryption { kms_key: sse.kms_master_key_arn().map(In::from) }),
            point_in_time_recovery: Some(recovers == Some(&types::PointInTimeRecoveryStatus::Enabled)),
            recovery_days: recovery.and_then(types::PointInTimeRecoveryDescription::recovery_period_in_days),
            time_to_live: lives.and_then(|to_live| to_live.attribute_name().map(str::to_owned)),
            deletion_protection: Some(table.deletion_protection_enabled().unwrap_or_default()),
            stream: stream.and_then(|stream| stream.stream_view_type().map(|view| view.as_str().to_owned())),
            // Not told where it never was another one.
            table_class: Some(class.map_or("STANDARD", types::TableClass::as_str).to_owned()),
            max_read_requests: most.and_then(types::OnDemandThroughput::max_read_request_units),
            max_write_requests: most.and_then(types::OnDemandThroughput::max_write_request_units),
            tags,
        },
        outputs: TableOutputs {
            id: Id::new(name),
            arn: need(READ, table.table_arn(), "TableArn")?,
            status: need(READ, table.table_status(), "TableStatus")?.as_str().to_owned(),
            building: building(table.global_secondary_indexes()),
            stream_arn: stream.and_then(|_| table.latest_stream_arn().map(str::to_owned)),
        },
    })
}
