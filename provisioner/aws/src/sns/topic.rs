//! `aws:sns:topic`: a channel that passes published messages to its subscriptions.
//!
//! A topic's name and kind are fixed at creation, so a change to either replaces it.
//! API: <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>
//!
//! Reads: two calls for each topic (no call tells of many).

use std::collections::{BTreeMap, HashMap};

use serde_json::json;

use super::{Attributes, changed, flag, is_default, our_tags, put, sdk_tags, told};
use crate::{document::principal_not_yet, each::one_by_one, prelude::*, tags::owned};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_-]+(\.fifo)?$",
    page: "https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html",
    ..NameRule::ANY
};

/// A topic: messages published to it reach every subscription.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:sns:topic",
    cloudformation = "AWS::SNS::Topic",
    attributes(name = "TopicName"),
    create = "sns:CreateTopic",
    unique(name),
    omitted(DataProtectionPolicy = "scans of what messages hold: an API of its own to read, not so far")
)]
pub struct Topic {
    /// At most 256 characters; generated if absent.
    #[field(replaces, name(max = 256, rule = NAME_RULE), property = "TopicName")]
    pub name: Option<String>,
    /// The sender's name in emails and text messages.
    #[field(cloud_default = "")]
    pub display_name: Option<String>,
    /// The key that encrypts messages: ID, ARN or alias. An empty text, the default, turns encryption off.
    #[field(cloud_default = "", convert = filled_text)]
    pub kms_master_key_id: Option<In<String>>,
    /// Policy on publishing and subscribing; only the account may if absent.
    #[field(
        document,
        may_dangle,
        cloud_default = none,
        property(each = "AWS::SNS::TopicInlinePolicy", link = "TopicArn", item = "PolicyDocument")
    )]
    pub policy: Option<In<String>>,
    /// Retry policy of HTTP deliveries.
    #[field(document, cloud_default = none, property(none = "CloudFormation has none for a topic"))]
    pub delivery_policy: Option<In<String>>,
    /// Strict order and no duplicates. Needs a stated name that ends with `.fifo`.
    #[field(replaces)]
    pub fifo_topic: Option<bool>,
    /// `true` if two messages of the same content are duplicates; FIFO topics only. AWS's default is no.
    #[field(cloud_default = false)]
    pub content_based_deduplication: Option<bool>,
    /// More attributes by the API's names: `SignatureVersion`, `TracingConfig`, `ArchivePolicy`,
    /// `FifoThroughputScope`, and those of delivery logs (`HTTPSuccessFeedbackRoleArn` and the like).
    #[field(map, property(none = "names of the API"))]
    pub attributes: BTreeMap<String, In<String>>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of a topic.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct TopicOutputs {
    /// The topic's ARN.
    #[output(constant = "ARN")]
    pub id: Id<Topic>,
    /// The topic's name.
    #[output(constant = "TOPIC_NAME")]
    pub name: String,
}

impl Topic {
    /// All attributes as the API takes them.
    fn sdk_attributes(&self) -> Attributes {
        let mut all = Attributes::new();
        for (name, value) in &self.attributes {
            put(&mut all, name, Some(value));
        }
        put(&mut all, "DisplayName", self.display_name.clone().map(In::Known).as_ref());
        put(&mut all, "KmsMasterKeyId", self.kms_master_key_id.as_ref());
        put(&mut all, "Policy", self.policy.as_ref());
        put(&mut all, "DeliveryPolicy", self.delivery_policy.as_ref());
        let flags = [("FifoTopic", self.fifo_topic), ("ContentBasedDeduplication", self.content_based_deduplication)];
        all.extend(flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_string()))));
        all
    }
}

/// Attributes that have an input of their own, or that only AWS writes.
const APART: [&str; 12] = [
    "DisplayName",
    "KmsMasterKeyId",
    "Policy",
    "DeliveryPolicy",
    "FifoTopic",
    "ContentBasedDeduplication",
    "TopicArn",
    "Owner",
    "SubscriptionsConfirmed",
    "SubscriptionsPending",
    "SubscriptionsDeleted",
    "EffectiveDeliveryPolicy",
];

impl Resource for Topic {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["sns:GetTopicAttributes", "sns:ListTagsForResource", "sns:ListTopics"],
        create: &["sns:ListTopics", "sns:CreateTopic", "sns:TagResource", "sns:SetTopicAttributes"],
        update: &["sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"],
        delete: &["sns:DeleteTopic"],
    };
    type Cloud = Aws;
    type Outputs = TopicOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let named_fifo = self.name.as_deref().is_some_and(|name| name.ends_with(".fifo"));
        if named_fifo != (self.fifo_topic == Some(true)) {
            let why = "expected `fifo_topic` and a name that ends with `.fifo`, or neither";
            problems.push(Problem::new(Field::FifoTopic, why));
        }
        if let Some(name) = self.attributes.keys().find(|name| APART.contains(&name.as_str())) {
            problems.push(Problem::new(
                Field::Attributes,
                format!("`{name}` cannot be set here: it has its own input, or AWS sets it"),
            ));
        }
        problems
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // Another kind of id would be refused, not missed.
        let ids: Vec<_> = ids.iter().filter(|id| id.as_str().starts_with("arn:")).cloned().collect();
        let one = async |id: &Id<Self>| {
            let arn = id.as_str();
            let (attributes, tags) = futures::try_join!(attributes(c, arn), tags(c, arn))?;
            Ok(to_observed(id, &attributes, tags))
        };
        Ok(one_by_one(&ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        owned(&self.find_by_unique_key(c).await?, owner, |id| tags(c, id.as_str())).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(name) = &self.name else { return Ok(vec![]) };
        let topics = c.sns().list_topics().into_paginator().items().send();
        let topics: Vec<_> = topics.collect::<Result<_, _>>().await.map_err(api("sns:ListTopics"))?;
        let arns = topics.iter().filter_map(aws_sdk_sns::types::Topic::topic_arn);
        Ok(arns.filter(|arn| name_in(arn) == name).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call answers with another's topic of the same name, where its attributes fit.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, CREATE, "a topic of this name is there"));
        }
        let special = |code: &str, message: &str| {
            let there = message.contains("already exists with different");
            if there { Some(ErrorKind::Exists) } else { principal_not_yet(code, message) }
        };
        let answer = c
            .sns()
            .create_topic()
            .set_name(self.name.clone())
            .set_attributes(Some(self.sdk_attributes().into_iter().filter(|(_, value)| !is_default(value)).collect()))
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api_with(CREATE, special))?;
        Ok((Id::new(need(CREATE, answer.topic_arn(), "TopicArn")?), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let arn = recorded.id.as_str();
        let fields = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let mut writes = changed(self.sdk_attributes(), &observed.inputs.sdk_attributes());
        // SNS takes no empty policy: one that is no longer stated gives way to the default one.
        if self.policy.is_none() && fields.contains(Field::Policy) {
            writes.insert("Policy".to_owned(), default_policy(arn));
        }
        if self.delivery_policy.is_none() && fields.contains(Field::DeliveryPolicy) {
            writes.insert("DeliveryPolicy".to_owned(), String::new());
        }
        for (name, value) in writes {
            let request = c.sns().set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
            request.send().await.map_err(api_with("sns:SetTopicAttributes", principal_not_yet))?;
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.sns().tag_resource().resource_arn(arn) => "sns:TagResource",
            c.sns().untag_resource().resource_arn(arn) => "sns:UntagResource");
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.sns().delete_topic().topic_arn(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("sns:DeleteTopic")))
    }
}

const CREATE: &str = "sns:CreateTopic";

/// The policy of a topic that was created without one: the account may do everything.
fn default_policy(arn: &str) -> String {
    const ACTIONS: [&str; 8] = [
        "SNS:GetTopicAttributes",
        "SNS:SetTopicAttributes",
        "SNS:AddPermission",
        "SNS:RemovePermission",
        "SNS:DeleteTopic",
        "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic",
        "SNS:Publish",
    ];
    let statement = json!({
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ACTIONS,
        "Resource": arn, "Condition": { "StringEquals": { "AWS:SourceOwner": arn.split(':').nth(4) } },
    });
    json!({ "Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement] }).to_string()
}

fn name_in(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

async fn attributes(c: &Reader, arn: &str) -> Result<HashMap<String, String>> {
    let answer = c.sns().get_topic_attributes().topic_arn(arn).send().await.map_err(api("sns:GetTopicAttributes"))?;
    need("sns:GetTopicAttributes", answer.attributes(), "Attributes")
}

async fn tags(c: &Reader, arn: &str) -> Result<Tags> {
    let answer = c.sns().list_tags_for_resource().resource_arn(arn).send().await;
    Ok(our_tags(answer.map_err(api("sns:ListTagsForResource"))?.tags()))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(id: &Id<Topic>, observed: &HashMap<String, String>, tags: Tags) -> Observed<Topic> {
    let rest = observed.iter().filter(|(name, _)| !APART.contains(&name.as_str()));
    Observed {
        inputs: Topic {
            name: Some(name_in(id.as_str()).to_owned()),
            display_name: Some(observed.get("DisplayName").cloned().unwrap_or_default()),
            kms_master_key_id: Some(told(observed, "KmsMasterKeyId").unwrap_or_else(|| "".into())),
            policy: told(observed, "Policy"),
            delivery_policy: told(observed, "DeliveryPolicy"),
            fifo_topic: Some(flag(observed, "FifoTopic")),
            content_based_deduplication: Some(flag(observed, "ContentBasedDeduplication")),
            attributes: rest.map(|(name, value)| (name.clone(), value.clone().into())).collect(),
            tags,
        },
        outputs: TopicOutputs { id: id.clone(), name: name_in(id.as_str()).to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_only_what_differs() {
        let observed = [("DisplayName", "a"), ("Policy", "{\"x\": [1]}"), ("FifoTopic", "false"), ("Owner", "1")];
        let observed = observed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let observed = to_observed(&Id::new("arn:aws:sns:r:1:t"), &observed, Tags::new()).inputs;
        let desired = Topic::new().display_name("b").policy("{\"x\":1}");
        let writes = changed(desired.sdk_attributes(), &observed.sdk_attributes());
        assert_eq!(writes, Attributes::from([("DisplayName".into(), "b".into())]));
    }
}
