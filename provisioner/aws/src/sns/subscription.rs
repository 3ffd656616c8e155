//! `aws:sns:subscription` — someone or something that hears of a topic's messages.
//!
//! Topic, protocol and endpoint are what a subscription is, so a change to any of them replaces it. One by mail (or
//! HTTP) waits for its receiver to confirm: it counts as made, and `pending_confirmation` in its outputs says so.
//! Nobody confirms for three days, and AWS drops it: the next plan makes it again.
//! API: <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>
//!
//! Reads: one call for each subscription.

use std::collections::HashMap;

use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{Attributes, Topic, changed, flag, put, told};
use crate::{
    cloud::{Aws, Reader, Writer},
    each::one_by_one,
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// Someone or something that hears of a topic's messages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subscription {
    /// Topic of the subscription.
    pub topic: In<Id<Topic>>,
    /// `email`, `https`, `sqs`, `lambda`, `sms`, `firehose`, …
    pub protocol: String,
    /// An address, a URL, an ARN, as the protocol has it.
    pub endpoint: In<String>,
    /// Filter for the messages, as a JSON document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_policy: Option<In<String>>,
    /// Scope of the filter: `MessageAttributes` or `MessageBody`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter_policy_scope: Option<String>,
    /// `true` if messages come without SNS's own envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_message_delivery: Option<bool>,
    /// Retry policy of HTTP deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_policy: Option<In<String>>,
    /// Destination of messages that cannot be delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_policy: Option<In<String>>,
    /// Replay of archived messages; FIFO topics only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay_policy: Option<In<String>>,
    /// The ARN of the role that writes to a delivery stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription_role: Option<In<String>>,
}

/// The outputs of a subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubscriptionOutputs {
    /// The ARN of the subscription.
    pub id: Id<Subscription>,
    /// `true` if its receiver has yet to confirm.
    pub pending_confirmation: bool,
}

impl Subscription {
    /// The ARN of the subscription.
    pub const ARN: Output<Self, String> = Output::new("id");
    /// `true` if its receiver has yet to confirm.
    pub const PENDING_CONFIRMATION: Output<Self, bool> = Output::new("pending_confirmation");

    /// This endpoint hears of this topic.
    pub fn new(topic: In<Id<Topic>>, protocol: impl Into<String>, endpoint: impl Into<In<String>>) -> Self {
        Self {
            topic,
            protocol: protocol.into(),
            endpoint: endpoint.into(),
            filter_policy: None,
            filter_policy_scope: None,
            raw_message_delivery: None,
            delivery_policy: None,
            redrive_policy: None,
            replay_policy: None,
            subscription_role: None,
        }
    }

    /// As the API takes them.
    fn attributes(&self) -> Attributes {
        let mut all = Attributes::new();
        put(&mut all, "FilterPolicy", self.filter_policy.as_ref());
        put(&mut all, "FilterPolicyScope", self.filter_policy_scope.clone().map(In::Known).as_ref());
        put(&mut all, "RawMessageDelivery", self.raw_message_delivery.map(|raw| raw.to_string().into()).as_ref());
        put(&mut all, "DeliveryPolicy", self.delivery_policy.as_ref());
        put(&mut all, "RedrivePolicy", self.redrive_policy.as_ref());
        put(&mut all, "ReplayPolicy", self.replay_policy.as_ref());
        put(&mut all, "SubscriptionRoleArn", self.subscription_role.as_ref());
        all
    }

    /// The ARNs of those with the same topic, protocol and endpoint. One that waits for confirmation shows none.
    async fn alike(&self, c: &Reader) -> Result<Vec<String>> {
        let (topic, endpoint) = (text(&self.topic), text(&self.endpoint));
        let mut pages = c.sns().list_subscriptions_by_topic().set_topic_arn(topic).into_paginator().items().send();
        let mut alike = vec![];
        loop {
            match pages.try_next().await.map_err(api("sns:ListSubscriptionsByTopic")) {
                Ok(Some(one)) => {
                    let same = one.protocol() == Some(&self.protocol) && one.endpoint() == endpoint.as_deref();
                    alike.extend(one.subscription_arn().filter(|_| same).map(str::to_owned));
                }
                Ok(None) => break,
                Err(error) if error.kind == ErrorKind::Gone => break,
                Err(error) => return Err(error),
            }
        }
        Ok(alike)
    }
}

impl Resource for Subscription {
    const TYPE: &'static str = "aws:sns:subscription";
    const FIELDS: &'static [Field] = &[
        Field::new("topic").replaces(),
        Field::new("protocol").replaces(),
        Field::new("endpoint").replaces(),
        Field::new("filter_policy").document(),
        Field::new("filter_policy_scope"),
        Field::new("raw_message_delivery"),
        Field::new("delivery_policy").document(),
        Field::new("redrive_policy").document().may_dangle(),
        Field::new("replay_policy").document(),
        Field::new("subscription_role"),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["topic", "protocol", "endpoint"]];
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["pending_confirmation"];
    const ACTIONS: Actions = Actions {
        read: &["sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"],
        create: &["sns:ListSubscriptionsByTopic", "sns:Subscribe"],
        update: &["sns:SetSubscriptionAttributes"],
        delete: &["sns:Unsubscribe"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("Attributes", "each an input"), ("ReturnSubscriptionArn", "always: the ARN is the id")];
    type Cloud = Aws;
    type Outputs = SubscriptionOutputs;

    fn phase(desired: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        // Nobody can delete one that waits for confirmation: AWS drops it by itself.
        if desired.is_none() && observed.outputs.pending_confirmation { Phase::Gone } else { Phase::Ready }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // Another kind of id would be refused, not missed.
        let ids: Vec<_> = ids.iter().filter(|id| id.as_str().starts_with("arn:")).cloned().collect();
        let one = async |id: &Id<Self>| {
            let answer = c.sns().get_subscription_attributes().subscription_arn(id.as_str()).send().await;
            let answer = answer.map_err(api(READ))?;
            to_observed(id, &need(READ, answer.attributes(), "Attributes")?)
        };
        Ok(one_by_one(&ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let alike = self.alike(c).await?;
        Ok(alike.into_iter().filter(|arn| arn.starts_with("arn:")).map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call answers with another's subscription, where its attributes fit. Asking again while one waits for
        // confirmation only sends another mail.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, CREATE, "this endpoint has subscribed already"));
        }
        let there =
            |_: &str, message: &str| message.contains("already exists with different").then_some(ErrorKind::Exists);
        let answer = c
            .sns()
            .subscribe()
            .set_topic_arn(text(&self.topic))
            .protocol(&self.protocol)
            .set_endpoint(text(&self.endpoint))
            .set_attributes(Some(self.attributes().into_iter().collect()))
            .return_subscription_arn(true)
            .send()
            .await
            .map_err(api_with(CREATE, there))?;
        Ok((Id::new(need(CREATE, answer.subscription_arn(), "SubscriptionArn")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let mut writes = changed(self.attributes(), &observed.inputs.attributes());
        // The scope first: a filter is checked against it.
        let scope = writes.remove_entry("FilterPolicyScope");
        for (name, value) in scope.into_iter().chain(writes) {
            let request = c.sns().set_subscription_attributes().subscription_arn(recorded.id.as_str());
            let answer = request.attribute_name(name).attribute_value(value).send().await;
            answer.map_err(api("sns:SetSubscriptionAttributes"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.sns().unsubscribe().subscription_arn(recorded.id.as_str()).send().await;
        let pending = |_: &str, message: &str| message.contains("pending confirmation").then_some(ErrorKind::Gone);
        gone_ok(answer.map(drop).map_err(api_with("sns:Unsubscribe", pending)))
    }
}

const READ: &str = "sns:GetSubscriptionAttributes";
const CREATE: &str = "sns:Subscribe";

/// The only place where the SDK's type becomes ours.
fn to_observed(id: &Id<Subscription>, observed: &HashMap<String, String>) -> Result<Observed<Subscription>> {
    let must = |name: &'static str| need(READ, observed.get(name).map(String::as_str), name);
    Ok(Observed {
        inputs: Subscription {
            topic: Id::new(must("TopicArn")?).into(),
            protocol: must("Protocol")?,
            endpoint: must("Endpoint")?.into(),
            filter_policy: told(observed, "FilterPolicy"),
            filter_policy_scope: observed.get("FilterPolicyScope").cloned(),
            raw_message_delivery: Some(flag(observed, "RawMessageDelivery")),
            delivery_policy: told(observed, "DeliveryPolicy"),
            redrive_policy: told(observed, "RedrivePolicy"),
            replay_policy: told(observed, "ReplayPolicy"),
            subscription_role: told(observed, "SubscriptionRoleArn"),
        },
        outputs: SubscriptionOutputs { id: id.clone(), pending_confirmation: flag(observed, "PendingConfirmation") },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unconfirmed_subscription_is_created_and_not_deleted() {
        let observed =
            [("TopicArn", "arn:t"), ("Protocol", "email"), ("Endpoint", "a@b"), ("PendingConfirmation", "true")];
        let observed = observed.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let observed = to_observed(&Id::new("arn:s"), &observed).unwrap();
        assert_eq!(Subscription::phase(Some(&observed.inputs), &observed, None), Phase::Ready);
        assert_eq!(Subscription::phase(None, &observed, None), Phase::Gone);
    }
}
