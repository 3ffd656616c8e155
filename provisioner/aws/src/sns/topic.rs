//! `aws:sns:topic` — where messages go in, for all who subscribed.
//!
//! A topic's name and kind are fixed at creation, so a change to either replaces it.
//! API: <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>
//!
//! Reads: two calls for each topic (no call tells of many).

use std::collections::{BTreeMap, HashMap};

use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{Attributes, changed, flag, our_tags, put, sdk_tags, told};
use crate::{
    cloud::{Aws, Reader, Writer},
    document::principal_not_yet,
    each::one_by_one,
    error::{api, api_with, gone_ok, need},
    tags::{TagChange, made_for},
};

/// A channel that delivers messages to its subscribers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// At most 256 characters; generated where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whom mails and text messages are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The key that messages are encrypted with: id, ARN or alias; an empty text for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<In<String>>,
    /// Policy for publishing and subscribing; by default, only the account has access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<In<String>>,
    /// Retry policy of HTTP deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_policy: Option<In<String>>,
    /// In order, each once: needs a stated name that ends with `.fifo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fifo: Option<bool>,
    /// `true` if two messages of one content are one; FIFO topics only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_based_deduplication: Option<bool>,
    /// More attributes by the API's names: `SignatureVersion`, `TracingConfig`, `ArchivePolicy`,
    /// `FifoThroughputScope`, and those of delivery logs (`HTTPSuccessFeedbackRoleArn` and its like).
    #[serde(default)]
    pub attributes: BTreeMap<String, In<String>>,
    /// Tags of the topic, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopicOutputs {
    /// The ARN of the topic.
    pub id: Id<Topic>,
    /// The name of the topic.
    pub name: String,
}

impl Topic {
    /// The ARN of the topic.
    pub const ARN: Output<Self, String> = Output::new("id");
    /// The name of the topic.
    pub const TOPIC_NAME: Output<Self, String> = Output::new("name");

    /// A topic of the account alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// As the API takes them.
    fn attributes(&self) -> Attributes {
        let mut all = Attributes::new();
        for (name, value) in &self.attributes {
            put(&mut all, name, Some(value));
        }
        put(&mut all, "DisplayName", self.display_name.clone().map(In::Known).as_ref());
        put(&mut all, "KmsMasterKeyId", self.kms_key.as_ref());
        put(&mut all, "Policy", self.policy.as_ref());
        put(&mut all, "DeliveryPolicy", self.delivery_policy.as_ref());
        let flags = [("FifoTopic", self.fifo), ("ContentBasedDeduplication", self.content_based_deduplication)];
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
    const TYPE: &'static str = "aws:sns:topic";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("display_name"),
        Field::new("kms_key"),
        Field::new("policy").document().may_dangle(),
        Field::new("delivery_policy").document(),
        Field::new("fifo").replaces(),
        Field::new("content_based_deduplication"),
        Field::new("attributes").map(),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 256));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["sns:GetTopicAttributes", "sns:ListTagsForResource", "sns:ListTopics"],
        create: &["sns:ListTopics", "sns:CreateTopic", "sns:TagResource", "sns:SetTopicAttributes"],
        update: &["sns:SetTopicAttributes", "sns:TagResource", "sns:UntagResource"],
        delete: &["sns:DeleteTopic"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("DataProtectionPolicy", "scans of what messages hold: an API of its own to read, not so far")];
    type Cloud = Aws;
    type Outputs = TopicOutputs;

    fn problems(&self) -> Vec<Problem> {
        let mut problems = vec![];
        let named_fifo = self.name.as_deref().is_some_and(|name| name.ends_with(".fifo"));
        if named_fifo != (self.fifo == Some(true)) {
            problems
                .push(Problem::new("fifo", "a FIFO topic, and no other, needs a stated name that ends with `.fifo`"));
        }
        if let Some(name) = self.attributes.keys().find(|name| APART.contains(&name.as_str())) {
            problems.push(Problem::new("attributes", format!("`{name}` is an input of its own, or AWS's alone")));
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
        let mut found = vec![];
        for id in self.find_by_unique_key(c).await? {
            match tags(c, id.as_str()).await {
                Ok(tags) if made_for(&tags, owner) => found.push(id),
                Ok(_) => {}
                Err(error) if error.kind == ErrorKind::Gone => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(name) = &self.name else { return Ok(vec![]) };
        let mut pages = c.sns().list_topics().into_paginator().items().send();
        let mut found = vec![];
        while let Some(topic) = pages.try_next().await.map_err(api("sns:ListTopics"))? {
            let arn = need("sns:ListTopics", topic.topic_arn(), "TopicArn")?;
            if name_in(&arn) == name {
                found.push(Id::new(arn));
            }
        }
        Ok(found)
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
            .set_attributes(Some(self.attributes().into_iter().collect()))
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api_with(CREATE, special))?;
        Ok((Id::new(need(CREATE, answer.topic_arn(), "TopicArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let arn = recorded.id.as_str();
        for (name, value) in changed(self.attributes(), &observed.inputs.attributes()) {
            let request = c.sns().set_topic_attributes().topic_arn(arn).attribute_name(name).attribute_value(value);
            request.send().await.map_err(api_with("sns:SetTopicAttributes", principal_not_yet))?;
        }
        let tags = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
        if !tags.set.is_empty() {
            let request = c.sns().tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(&tags.set)));
            request.send().await.map_err(api("sns:TagResource"))?;
        }
        if !tags.drop.is_empty() {
            let request = c.sns().untag_resource().resource_arn(arn).set_tag_keys(Some(tags.drop));
            request.send().await.map_err(api("sns:UntagResource"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.sns().delete_topic().topic_arn(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("sns:DeleteTopic")))
    }
}

const CREATE: &str = "sns:CreateTopic";

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
            kms_key: Some(told(observed, "KmsMasterKeyId").unwrap_or_else(|| "".into())),
            policy: told(observed, "Policy"),
            delivery_policy: told(observed, "DeliveryPolicy"),
            fifo: Some(flag(observed, "FifoTopic")),
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
        let desired = Topic { display_name: Some("b".into()), policy: Some("{\"x\":1}".into()), ..Topic::new() };
        let writes = changed(desired.attributes(), &observed.attributes());
        assert_eq!(writes, Attributes::from([("DisplayName".into(), "b".into())]));
    }
}
