//! `aws:sqs:queue`: a queue that keeps messages until a consumer deletes them.
//!
//! SQS fixes a queue's name and kind (standard or FIFO) at creation, so a change to either replaces it. The name of a
//! deleted queue is reserved for 60 seconds: a create with that name is repeated until then.
//! API: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
//!
//! A read makes two calls for each queue, because SQS has no call that reads many.

use std::collections::HashMap;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;

use crate::{
    each::one_by_one,
    prelude::*,
    tags::{observed_tags, owned},
};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_-]+(\.fifo)?$",
    page: "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html",
    ..NameRule::ANY
};

/// A queue that keeps messages until a consumer deletes them.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:sqs:queue",
    cloudformation = "AWS::SQS::Queue",
    attributes(arn = "Arn"),
    create = "sqs:CreateQueue",
    unique(queue_name),
    omitted(Attributes = "each attribute is an input of its own")
)]
pub struct Queue {
    /// At most 80 letters, digits, `-` and `_`; generated if absent. The name of a FIFO queue must be stated, and ends
    /// with `.fifo`.
    #[field(replaces, name(max = 80, rule = NAME_RULE))]
    pub queue_name: Option<String>,
    /// Delivers messages in order and once. `false` makes a standard queue.
    #[field(replaces, cloud_default = false)]
    pub fifo_queue: Option<bool>,
    /// Seconds for which a received message is hidden from other consumers: 0 to 43 200 (12 hours).
    #[field(cloud_default = 30)]
    pub visibility_timeout: Option<i32>,
    /// Seconds for which the queue keeps a message: 60 to 1 209 600 (14 days). AWS applies a change within 15 minutes.
    #[field(cloud_default = 345_600)]
    pub message_retention_period: Option<i32>,
    /// Seconds before a new message is delivered: 0 to 900.
    #[field(cloud_default = 0)]
    pub delay_seconds: Option<i32>,
    /// Maximum size of a message in bytes: 1024 to 1 048 576 (1 MiB).
    #[field(cloud_default = 1_048_576)]
    pub maximum_message_size: Option<i32>,
    /// Seconds for which a receive call waits for a message (long polling): 0 to 20.
    #[field(cloud_default = 0)]
    pub receive_message_wait_time_seconds: Option<i32>,
    /// Policy on access to the queue; only the owning account has access if absent.
    #[field(
        document,
        may_dangle,
        cloud_default = none,
        property(each = "AWS::SQS::QueueInlinePolicy", link = "Queue", item = "PolicyDocument")
    )]
    pub policy: Option<In<String>>,
    /// Dead-letter queue, as JSON: `{"deadLetterTargetArn": "arn:…", "maxReceiveCount": 5}`.
    #[field(document, cloud_default = none)]
    pub redrive_policy: Option<In<String>>,
    /// Queues that may use this one as their dead-letter queue, as JSON: `{"redrivePermission": "denyAll"}`. All queues
    /// of the account and region may if absent.
    #[field(document, cloud_default = none)]
    pub redrive_allow_policy: Option<In<String>>,
    /// KMS key that encrypts messages (SSE-KMS): ID, ARN or alias, such as `alias/aws/sqs`.
    #[field(cloud_default = none)]
    pub kms_master_key_id: Option<In<String>>,
    /// Seconds for which SQS reuses a data key before it calls KMS again: 60 to 86 400 (24 hours).
    #[field(cloud_default = 300)]
    pub kms_data_key_reuse_period_seconds: Option<i32>,
    /// Encrypts messages with keys that SQS owns (SSE-SQS). AWS enables it for a new queue without a KMS key.
    pub sqs_managed_sse_enabled: Option<bool>,
    /// `true` if two messages of the same content are duplicates; FIFO queues only.
    #[field(cloud_default = false)]
    pub content_based_deduplication: Option<bool>,
    /// Scope in which duplicates are detected: `queue` or `messageGroup`; FIFO queues only.
    #[field(cloud_default = "queue")]
    pub deduplication_scope: Option<String>,
    /// Scope of the throughput quota: `perQueue` or `perMessageGroupId`, which needs the deduplication scope
    /// `messageGroup`; FIFO queues only.
    #[field(cloud_default = "perQueue")]
    pub fifo_throughput_limit: Option<String>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of a queue.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct QueueOutputs {
    /// The queue's URL, which the calls for messages need.
    #[output(constant = "URL")]
    pub id: Id<Queue>,
    /// The queue's ARN.
    pub arn: String,
}

const QUEUE_SCOPE: &str = "queue";
const QUEUE_LIMIT: &str = "perQueue";

/// The attributes of FIFO queues. The API refuses them for a standard queue.
const FIFO_ONLY: [Field; 3] = [Field::ContentBasedDeduplication, Field::DeduplicationScope, Field::FifoThroughputLimit];

impl Queue {
    fn is_fifo(&self) -> bool {
        self.fifo_queue == Some(true)
    }

    /// Returns each attribute that the API takes for this kind of queue, apart from the kind. `None` if not stated.
    fn attributes(&self) -> Vec<(Field, Attribute, Option<String>)> {
        let number = |value: Option<i32>| value.map(|value| value.to_string());
        let flag = |value: Option<bool>| value.map(|value| value.to_string());
        let document = |value: &Option<In<String>>| value.as_ref().and_then(text);
        let mut all = vec![
            (Field::VisibilityTimeout, Attribute::VisibilityTimeout, number(self.visibility_timeout)),
            (Field::MessageRetentionPeriod, Attribute::MessageRetentionPeriod, number(self.message_retention_period)),
            (Field::DelaySeconds, Attribute::DelaySeconds, number(self.delay_seconds)),
            (Field::MaximumMessageSize, Attribute::MaximumMessageSize, number(self.maximum_message_size)),
            (
                Field::ReceiveMessageWaitTimeSeconds,
                Attribute::ReceiveMessageWaitTimeSeconds,
                number(self.receive_message_wait_time_seconds),
            ),
            (Field::Policy, Attribute::Policy, document(&self.policy)),
            (Field::RedrivePolicy, Attribute::RedrivePolicy, document(&self.redrive_policy)),
            (Field::RedriveAllowPolicy, Attribute::RedriveAllowPolicy, document(&self.redrive_allow_policy)),
            (Field::KmsMasterKeyId, Attribute::KmsMasterKeyId, document(&self.kms_master_key_id)),
            (
                Field::KmsDataKeyReusePeriodSeconds,
                Attribute::KmsDataKeyReusePeriodSeconds,
                number(self.kms_data_key_reuse_period_seconds),
            ),
            (Field::SqsManagedSseEnabled, Attribute::SqsManagedSseEnabled, flag(self.sqs_managed_sse_enabled)),
            (
                Field::ContentBasedDeduplication,
                Attribute::ContentBasedDeduplication,
                flag(self.content_based_deduplication),
            ),
            (Field::DeduplicationScope, Attribute::DeduplicationScope, self.deduplication_scope.clone()),
            (Field::FifoThroughputLimit, Attribute::FifoThroughputLimit, self.fifo_throughput_limit.clone()),
        ];
        all.retain(|(field, ..)| self.is_fifo() || !FIFO_ONLY.contains(field));
        all
    }

    fn attributes_of_create(&self) -> HashMap<Attribute, String> {
        let stated = self.attributes().into_iter().filter_map(|(_, name, value)| Some((name, value?)));
        // The API accepts `FifoQueue` only as `true`.
        stated.chain(self.is_fifo().then(|| (Attribute::FifoQueue, "true".to_owned()))).collect()
    }

    fn attributes_of_update(&self, changed: &ChangedFields<Self>) -> HashMap<Attribute, String> {
        let changed = self.attributes().into_iter().filter(|(field, ..)| changed.contains(*field));
        // An empty text removes a policy or a key.
        changed.map(|(_, name, value)| (name, value.unwrap_or_default())).collect()
    }
}

impl Resource for Queue {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["sqs:GetQueueAttributes", "sqs:ListQueueTags", "sqs:GetQueueUrl"],
        create: &["sqs:GetQueueUrl", "sqs:CreateQueue", "sqs:TagQueue"],
        update: &["sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"],
        delete: &["sqs:DeleteQueue"],
    };
    type Cloud = Aws;
    type Outputs = QueueOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let named_fifo = self.queue_name.as_deref().is_some_and(|name| name.ends_with(".fifo"));
        if named_fifo != self.is_fifo() {
            let why = "expected `fifo_queue` and a name that ends with `.fifo`, or neither";
            problems.push(Problem::new(Field::FifoQueue, why));
        }
        let ranges = [
            (Field::VisibilityTimeout, self.visibility_timeout, 0..=43_200),
            (Field::MessageRetentionPeriod, self.message_retention_period, 60..=1_209_600),
            (Field::DelaySeconds, self.delay_seconds, 0..=900),
            (Field::MaximumMessageSize, self.maximum_message_size, 1024..=1_048_576),
            (Field::ReceiveMessageWaitTimeSeconds, self.receive_message_wait_time_seconds, 0..=20),
            (Field::KmsDataKeyReusePeriodSeconds, self.kms_data_key_reuse_period_seconds, 60..=86_400),
        ];
        for (field, value, range) in ranges {
            if let Some(value) = value.filter(|value| !range.contains(value)) {
                let why = format!("expected {} to {}, found {value}", range.start(), range.end());
                problems.push(Problem::new(field, why));
            }
        }
        let fifo_only = [
            (Field::ContentBasedDeduplication, self.content_based_deduplication == Some(true)),
            (Field::DeduplicationScope, self.deduplication_scope.as_deref().is_some_and(|it| it != QUEUE_SCOPE)),
            (Field::FifoThroughputLimit, self.fifo_throughput_limit.as_deref().is_some_and(|it| it != QUEUE_LIMIT)),
        ];
        for (field, _) in fifo_only.into_iter().filter(|(_, stated)| *stated && !self.is_fifo()) {
            problems.push(Problem::new(field, "only FIFO queues have this attribute: remove it or set `fifo_queue`"));
        }
        if self.kms_master_key_id.is_some() && self.sqs_managed_sse_enabled == Some(true) {
            let why = "a queue uses either a KMS key or keys managed by SQS; remove one of them";
            problems.push(Problem::new(Field::SqsManagedSseEnabled, why));
        }
        problems
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // The API refuses an ID that is not a URL, so such an ID counts as absent.
        let ids: Vec<_> = ids.iter().filter(|id| id.as_str().starts_with("http")).cloned().collect();
        let one = async |id: &Id<Self>| {
            let (attributes, tags) = futures::try_join!(attributes(c, id), tags(c, id))?;
            to_observed(id, &attributes, tags)
        };
        Ok(one_by_one(&ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        owned(&self.find_by_unique_key(c).await?, owner, |id| tags(c, id)).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        const FIND: &str = "sqs:GetQueueUrl";
        let Some(name) = &self.queue_name else { return Ok(vec![]) };
        let answer = c.sqs().get_queue_url().queue_name(name).send().await.map_err(api_with(FIND, kind));
        let Some(answer) = none_if(ErrorKind::Gone, answer)? else { return Ok(vec![]) };
        Ok(vec![Id::new(need(FIND, answer.queue_url(), "QueueUrl")?)])
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        const CREATE: &str = "sqs:CreateQueue";
        // CreateQueue succeeds for an existing queue with equal attributes, whoever created it.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, CREATE, "a queue of this name exists"));
        }
        let request = set_inputs!(c.sqs().create_queue(), self => queue_name);
        let request = request.set_attributes(Some(self.attributes_of_create())).set_tags(Some(sdk_tags(&self.tags)));
        let answer = request.send().await.map_err(api_with(CREATE, kind))?;
        Ok((Id::new(need(CREATE, answer.queue_url(), "QueueUrl")?), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let url = recorded.id.as_str();
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let attributes = self.attributes_of_update(&changed);
        if !attributes.is_empty() {
            let request = c.sqs().set_queue_attributes().queue_url(url).set_attributes(Some(attributes));
            request.send().await.map_err(api_with("sqs:SetQueueAttributes", kind))?;
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.sqs().tag_queue().queue_url(url) => "sqs:TagQueue",
            c.sqs().untag_queue().queue_url(url) => "sqs:UntagQueue", kind);
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.sqs().delete_queue().queue_url(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api_with("sqs:DeleteQueue", kind)))
    }
}

// ANCHOR: kind
/// Returns the kind of an error that SQS reports in its own words. The SDK reports the codes of the older query protocol:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html>.
fn kind(code: &str, message: &str) -> Option<ErrorKind> {
    match code.trim_start_matches("AWS.SimpleQueueService.") {
        "NonExistentQueue" | "QueueDoesNotExist" => Some(ErrorKind::Gone),
        "QueueAlreadyExists" | "QueueNameExists" => Some(ErrorKind::Exists),
        // The name is free after 60 seconds.
        "QueueDeletedRecently" => Some(ErrorKind::NotYet),
        // SQS does not see the principal of a policy, such as a role created moments before.
        "InvalidAttributeValue" if message.contains("Policy") => Some(ErrorKind::Unusable),
        _ => None,
    }
}
// ANCHOR_END: kind

type Attributes = HashMap<Attribute, String>;

const READ: &str = "sqs:GetQueueAttributes";

async fn attributes(c: &Reader, id: &Id<Queue>) -> Result<Attributes> {
    let request = c.sqs().get_queue_attributes().queue_url(id.as_str()).attribute_names(Attribute::All);
    need(READ, request.send().await.map_err(api_with(READ, kind))?.attributes(), "Attributes")
}

async fn tags(c: &Reader, id: &Id<Queue>) -> Result<Tags> {
    let answer = c.sqs().list_queue_tags().queue_url(id.as_str()).send().await;
    let answer = answer.map_err(api_with("sqs:ListQueueTags", kind))?;
    let tags = answer.tags().into_iter().flatten();
    Ok(observed_tags(tags.map(|(key, value)| (Some(key.as_str()), Some(value.as_str())))))
}

fn sdk_tags(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

/// The only place where the SDK's type becomes ours.
fn to_observed(id: &Id<Queue>, attributes: &Attributes, tags: Tags) -> Result<Observed<Queue>> {
    let get = |name: Attribute| attributes.get(&name).filter(|value| !value.is_empty());
    let number = |name| get(name).and_then(|value| value.parse().ok());
    let flag = |name| get(name).map(|value| value.eq_ignore_ascii_case("true"));
    let input = |name| get(name).cloned().map(In::Known);
    let arn = need(READ, get(Attribute::QueueArn), "QueueArn")?;
    Ok(Observed {
        inputs: Queue {
            queue_name: arn.rsplit(':').next().map(str::to_owned),
            // The API returns the attributes of FIFO queues for those only.
            fifo_queue: flag(Attribute::FifoQueue).or(Some(false)),
            visibility_timeout: number(Attribute::VisibilityTimeout),
            message_retention_period: number(Attribute::MessageRetentionPeriod),
            delay_seconds: number(Attribute::DelaySeconds),
            maximum_message_size: number(Attribute::MaximumMessageSize),
            receive_message_wait_time_seconds: number(Attribute::ReceiveMessageWaitTimeSeconds),
            policy: input(Attribute::Policy),
            redrive_policy: input(Attribute::RedrivePolicy),
            redrive_allow_policy: input(Attribute::RedriveAllowPolicy),
            kms_master_key_id: input(Attribute::KmsMasterKeyId),
            // Without a key, the API may omit the period; it is then the default.
            kms_data_key_reuse_period_seconds: number(Attribute::KmsDataKeyReusePeriodSeconds).or(Some(300)),
            sqs_managed_sse_enabled: flag(Attribute::SqsManagedSseEnabled),
            content_based_deduplication: flag(Attribute::ContentBasedDeduplication).or(Some(false)),
            deduplication_scope: get(Attribute::DeduplicationScope).cloned().or(Some(QUEUE_SCOPE.into())),
            fifo_throughput_limit: get(Attribute::FifoThroughputLimit).cloned().or(Some(QUEUE_LIMIT.into())),
            tags,
        },
        outputs: QueueOutputs { id: id.clone(), arn },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(attributes: &[(Attribute, &str)]) -> Observed<Queue> {
        let arn = (Attribute::QueueArn, "arn:aws:sqs:eu-west-1:1:q".to_owned());
        let attributes = attributes.iter().map(|(name, value)| (name.clone(), (*value).to_owned()));
        let id = Id::new("https://sqs.eu-west-1.amazonaws.com/1/q");
        to_observed(&id, &attributes.chain([arn]).collect(), Tags::new()).unwrap()
    }

    #[test]
    fn update_writes_only_changed_attributes_and_removes_a_dropped_policy() {
        let old = observed(&[
            (Attribute::VisibilityTimeout, "30"),
            (Attribute::DelaySeconds, "5"),
            (Attribute::Policy, "{}"),
            (Attribute::RedrivePolicy, r#"{"deadLetterTargetArn": "a", "maxReceiveCount": 3}"#),
        ]);
        let desired = Queue::new()
            .queue_name("q")
            .visibility_timeout(60)
            .delay_seconds(5)
            .redrive_policy(r#"{"maxReceiveCount":3,"deadLetterTargetArn":"a"}"#)
            .deduplication_scope("queue");
        let changed = ChangedFields::between(&desired, &old.inputs, &old.inputs);
        let expected = [(Attribute::VisibilityTimeout, "60".to_owned()), (Attribute::Policy, String::new())];
        assert_eq!(desired.attributes_of_update(&changed), HashMap::from(expected));
    }

    #[test]
    fn standard_queue_is_created_without_attributes_of_fifo_queues() {
        let desired = Queue::new().fifo_queue(false).deduplication_scope("queue").delay_seconds(1);
        assert_eq!(desired.attributes_of_create(), HashMap::from([(Attribute::DelaySeconds, "1".to_owned())]));
        let desired = Queue::new().queue_name("q.fifo").fifo_queue(true).deduplication_scope("queue");
        let fifo = [(Attribute::FifoQueue, "true".to_owned()), (Attribute::DeduplicationScope, "queue".to_owned())];
        assert_eq!(desired.attributes_of_create(), HashMap::from(fifo));
    }

    #[test]
    fn invalid_inputs_are_reported_without_a_call() {
        let fields = |queue: Queue| queue.problems().into_iter().map(|problem| problem.field).collect::<Vec<_>>();
        assert_eq!(
            fields(Queue::new().queue_name("q.fifo").fifo_queue(true).delay_seconds(900)),
            <[&str; 0]>::default()
        );
        assert_eq!(fields(Queue::new().fifo_queue(true)), ["fifo_queue"]);
        assert_eq!(
            fields(Queue::new().delay_seconds(901).content_based_deduplication(true)),
            ["delay_seconds", "content_based_deduplication"]
        );
        let encrypted = Queue::new().kms_master_key_id("alias/aws/sqs").sqs_managed_sse_enabled(true);
        assert_eq!(fields(encrypted), ["sqs_managed_sse_enabled"]);
    }

    #[test]
    fn codes_of_sqs_become_kinds() {
        let of = |code| kind(&format!("AWS.SimpleQueueService.{code}"), "");
        assert_eq!(of("NonExistentQueue"), Some(ErrorKind::Gone));
        assert_eq!(of("QueueDeletedRecently"), Some(ErrorKind::NotYet));
        assert_eq!(kind("QueueAlreadyExists", ""), Some(ErrorKind::Exists));
        let message = "Invalid value for the parameter Policy.";
        assert_eq!(kind("InvalidAttributeValue", message), Some(ErrorKind::Unusable));
        assert_eq!(kind("InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."), None);
    }
}
