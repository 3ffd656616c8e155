//! The calls to DynamoDB.

use aws_sdk_dynamodb::{operation::update_table::builders::UpdateTableFluentBuilder, types};

use super::{
    Billing, Encryption, Field, GlobalIndex, LocalIndex, Table, TableOutputs, building,
    keys::{keys, schema, throughput},
};
use crate::{cloud::Clients, prelude::*};

const CREATE: &str = "dynamodb:CreateTable";
const READ: &str = "dynamodb:DescribeTable";

tag_conversions!(types::Tag, key, value);

impl Billing {
    fn sdk(self) -> types::BillingMode {
        match self {
            Self::PayPerRequest => types::BillingMode::PayPerRequest,
            Self::Provisioned { .. } => types::BillingMode::Provisioned,
        }
    }
}

impl Table {
    fn throughput(&self) -> Result<Option<types::ProvisionedThroughput>> {
        let Billing::Provisioned { read_capacity_units, write_capacity_units } = self.billing_mode else {
            return Ok(None);
        };
        throughput(read_capacity_units, write_capacity_units).map(Some)
    }

    fn most(&self) -> Option<types::OnDemandThroughput> {
        let sdk = types::OnDemandThroughput::builder();
        let most = set_inputs!(sdk, self => max_read_request_units, max_write_request_units).build();
        (self.max_read_request_units.is_some() || self.max_write_request_units.is_some()).then_some(most)
    }

    /// The inputs with what ends the changed limits that the program no longer states: −1.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_OnDemandThroughput.html>
    fn with_ended_limits(&self, changed: &ChangedFields<Self>) -> Self {
        let mut desired = self.clone();
        if matches!(self.billing_mode, Billing::PayPerRequest) {
            if changed.contains(Field::MaxReadRequestUnits) {
                desired.max_read_request_units.get_or_insert(-1);
            }
            if changed.contains(Field::MaxWriteRequestUnits) {
                desired.max_write_request_units.get_or_insert(-1);
            }
        }
        desired
    }

    fn sse(&self) -> Option<types::SseSpecification> {
        let encryption = self.sse_specification.as_ref()?;
        let sdk = types::SseSpecification::builder().enabled(true).sse_type(types::SseType::Kms);
        Some(set_inputs!(sdk, encryption => kms_master_key_id).build())
    }
}

fn stream(view: Option<&str>) -> Result<types::StreamSpecification> {
    let stream = types::StreamSpecification::builder().stream_enabled(view.is_some());
    built(stream.set_stream_view_type(view.map(types::StreamViewType::from)).build())
}

pub(super) async fn create(new: &Table, c: &Writer) -> Result<Created<Table>> {
    let mode = new.billing_mode;
    let global = new.global_secondary_indexes.iter().map(|index| index.sdk(mode)).collect::<Result<Vec<_>>>()?;
    let local = new.local_secondary_indexes.iter().map(|index| index.sdk(&new.hash_key)).collect::<Result<Vec<_>>>()?;
    let request = c
        .dynamodb()
        .create_table()
        .set_attribute_definitions(Some(new.attributes()?))
        .set_key_schema(Some(schema(&new.hash_key, new.range_key.as_ref())?))
        .billing_mode(mode.sdk())
        .set_provisioned_throughput(new.throughput()?)
        .set_on_demand_throughput(new.most())
        .set_global_secondary_indexes((!global.is_empty()).then_some(global))
        .set_local_secondary_indexes((!local.is_empty()).then_some(local))
        .set_sse_specification(new.sse())
        .set_stream_specification(new.stream_view_type.as_deref().map(|view| stream(Some(view))).transpose()?)
        .set_tags(Some(sdk_tags(&new.tags)));
    let request = set_inputs!(request, new => table_name, table_class, deletion_protection_enabled);
    // Here, "in use" says that there is a table of this name.
    let exists = |code: &str, _: &str| (code == "ResourceInUseException").then_some(ErrorKind::Exists);
    let answer = request.send().await.map_err(api_with(CREATE, exists))?;
    Ok((member(CREATE, "TableName", answer.table_description().and_then(types::TableDescription::table_name))?, None))
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
    // A second read: an update that was refused half-way, because the table was busy, continues where it stopped.
    let observed = &read(c.read(), name).await?;
    let changed = ChangedFields::between(desired, &recorded.inputs, &observed.inputs);
    let change = || c.dynamodb().update_table().table_name(name);
    // First what needs no pause, so that it is done whatever the table is at.
    let arn = &observed.outputs.arn;
    write_tags!(&desired.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.dynamodb().tag_resource().resource_arn(arn) => "dynamodb:TagResource",
            c.dynamodb().untag_resource().resource_arn(arn) => "dynamodb:UntagResource", busy);
    if changed.contains(Field::DeletionProtectionEnabled) {
        send(set_inputs!(change(), desired => deletion_protection_enabled)).await?;
    }
    if changed.contains_any(&[Field::PointInTimeRecoveryEnabled, Field::RecoveryPeriodInDays]) {
        let on = desired.point_in_time_recovery_enabled.unwrap_or_default();
        let recovery = types::PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(on);
        let days = desired.recovery_period_in_days.filter(|_| on);
        let recovery = built(recovery.set_recovery_period_in_days(days).build())?;
        let request = c.dynamodb().update_continuous_backups().table_name(name);
        let request = request.point_in_time_recovery_specification(recovery);
        request.send().await.map_err(api_with("dynamodb:UpdateContinuousBackups", busy))?;
    }
    let to_live = [&observed.inputs.time_to_live_specification, &desired.time_to_live_specification];
    if let Some(attribute) =
        to_live.into_iter().flatten().next().filter(|_| changed.contains(Field::TimeToLiveSpecification))
    {
        // Another attribute's must be off first; for an hour DynamoDB then says "wait", which is passed on.
        let on = observed.inputs.time_to_live_specification.is_none();
        let to_live = types::TimeToLiveSpecification::builder().enabled(on).attribute_name(attribute);
        let request =
            c.dynamodb().update_time_to_live().table_name(name).time_to_live_specification(built(to_live.build())?);
        request.send().await.map_err(api_with("dynamodb:UpdateTimeToLive", busy))?;
        if !on && desired.time_to_live_specification.is_some() {
            let why = "time to live was on for another attribute: it is being turned off there first";
            return Err(Error::because(ErrorKind::Busy, "dynamodb:UpdateTimeToLive", why));
        }
    }
    if changed.contains_any(&[Field::BillingMode, Field::MaxReadRequestUnits, Field::MaxWriteRequestUnits]) {
        let (mut updates, mode) = (vec![], desired.billing_mode);
        let switches = mode.sdk() != observed.inputs.billing_mode.sdk();
        for index in desired.global_secondary_indexes.iter().filter(|_| switches) {
            updates.extend(throughput_of(index, mode)?);
        }
        let request = change().billing_mode(mode.sdk()).set_provisioned_throughput(desired.throughput()?);
        let most = desired.with_ended_limits(&changed).most();
        let request = request.set_on_demand_throughput(most);
        send(request.set_global_secondary_index_updates((!updates.is_empty()).then_some(updates))).await?;
    }
    if changed.contains(Field::StreamViewType) {
        // Another view needs the old stream to be gone.
        if observed.inputs.stream_view_type.is_some() {
            send(change().stream_specification(stream(None)?)).await?;
        }
        if let Some(view) = &desired.stream_view_type {
            send(change().stream_specification(stream(Some(view))?)).await?;
        }
    }
    if changed.contains(Field::TableClass) {
        send(set_inputs!(change(), desired => table_class)).await?;
    }
    if changed.contains(Field::SseSpecification) {
        // Without a key of KMS, DynamoDB encrypts with its own.
        let sse = desired.sse().unwrap_or_else(|| types::SseSpecification::builder().enabled(false).build());
        send(change().sse_specification(sse)).await?;
    }
    if changed.contains(Field::GlobalSecondaryIndexes) {
        indexes(desired, observed, &change).await?;
    }
    Ok(())
}

/// Sends one call for each index: first the deletes, then updates in place and creates.
async fn indexes(
    desired: &Table,
    observed: &Observed<Table>,
    change: &impl Fn() -> UpdateTableFluentBuilder,
) -> Result<()> {
    let there = &observed.inputs.global_secondary_indexes;
    let named = |all: &[GlobalIndex], name: &str| all.iter().find(|one| one.index_name == name).cloned();
    for index in there {
        if named(&desired.global_secondary_indexes, &index.index_name)
            .is_none_or(|wanted| !wanted.same_but_throughput(index))
        {
            let gone = built(types::DeleteGlobalSecondaryIndexAction::builder().index_name(&index.index_name).build())?;
            let update = types::GlobalSecondaryIndexUpdate::builder().delete(gone).build();
            send(change().global_secondary_index_updates(update)).await?;
        }
    }
    for index in &desired.global_secondary_indexes {
        let update = if let Some(one) = named(there, &index.index_name).filter(|one| index.same_but_throughput(one)) {
            let differs = |desired: Option<i64>, observed| desired.is_some() && desired != observed;
            let more = differs(index.read_capacity_units, one.read_capacity_units)
                || differs(index.write_capacity_units, one.write_capacity_units);
            if more { throughput_of(index, desired.billing_mode)? } else { None }
        } else {
            let index = index.sdk(desired.billing_mode)?;
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
    let action = types::UpdateGlobalSecondaryIndexAction::builder().index_name(&index.index_name);
    let action = built(action.provisioned_throughput(throughput).build())?;
    Ok(Some(types::GlobalSecondaryIndexUpdate::builder().update(action).build()))
}

pub(super) async fn delete(c: &Writer, name: &str) -> Result<()> {
    let answer = c.dynamodb().delete_table().table_name(name).send().await;
    gone_ok(answer.map(drop).map_err(api_with("dynamodb:DeleteTable", |code, message| {
        // The delete has started already.
        let going = code == "ResourceInUseException" && message.contains("being deleted");
        if going { Some(ErrorKind::Gone) } else { busy(code, message) }
    })))
}

pub(super) async fn read(c: &Clients, name: &str) -> Result<Observed<Table>> {
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
            // The SDK has no paginator for this call.
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
            Ok(our_tags(&all))
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
    let attributes = table.attribute_definitions();
    let (hash_key, range_key) =
        keys(table.key_schema(), attributes).ok_or_else(|| Error::missing(READ, "KeySchema"))?;
    // No summary: provisioned, and never anything else.
    let by_request = table.billing_mode_summary().and_then(types::BillingModeSummary::billing_mode);
    let billing_mode = if by_request == Some(&types::BillingMode::PayPerRequest) {
        Billing::PayPerRequest
    } else {
        let throughput = table.provisioned_throughput();
        let read = throughput.and_then(types::ProvisionedThroughputDescription::read_capacity_units);
        let write = throughput.and_then(types::ProvisionedThroughputDescription::write_capacity_units);
        Billing::Provisioned {
            read_capacity_units: read.unwrap_or_default(),
            write_capacity_units: write.unwrap_or_default(),
        }
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
    let global = table.global_secondary_indexes().iter();
    let global = global.filter(|index| index.index_status() != Some(&types::IndexStatus::Deleting));
    let local = table.local_secondary_indexes().iter();
    Ok(Observed {
        inputs: from_sdk!(READ, table => Table {
            table_name;
            hash_key,
            range_key,
            billing_mode,
            global_secondary_indexes: global.filter_map(|index| GlobalIndex::observed(index, attributes)).collect(),
            local_secondary_indexes: local.filter_map(|index| LocalIndex::observed(index, attributes)).collect(),
            sse_specification: encrypted.map(|sse| Encryption { kms_master_key_id: sse.kms_master_key_arn().map(In::from) }),
            point_in_time_recovery_enabled: Some(recovers == Some(&types::PointInTimeRecoveryStatus::Enabled)),
            recovery_period_in_days: recovery.and_then(types::PointInTimeRecoveryDescription::recovery_period_in_days),
            time_to_live_specification: lives.and_then(|to_live| to_live.attribute_name().map(str::to_owned)),
            deletion_protection_enabled: Some(table.deletion_protection_enabled().unwrap_or_default()),
            stream_view_type: stream.and_then(|stream| stream.stream_view_type().map(|view| view.as_str().to_owned())),
            // A table that never had another class has no summary.
            table_class: Some(class.map_or("STANDARD", types::TableClass::as_str).to_owned()),
            max_read_request_units: most.and_then(types::OnDemandThroughput::max_read_request_units),
            max_write_request_units: most.and_then(types::OnDemandThroughput::max_write_request_units),
            tags,
        }),
        outputs: from_sdk!(READ, table => TableOutputs {
            id = table_name, arn = table_arn, status = table_status;
            building: building(table.global_secondary_indexes()),
            stream_arn: stream.and_then(|_| table.latest_stream_arn().map(str::to_owned)),
        }),
    })
}
