//! `aws:sns:subscription`: an endpoint that receives a topic's messages.
//!
//! Topic, protocol and endpoint identify a subscription, so a change to any of them replaces it. One by mail or HTTP
//! waits until its receiver confirms: it counts as created, and its output `pending_confirmation` is true. AWS drops it
//! after three days without confirmation, and the next plan creates it again.
//! API: <https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html>
//!
//! Reads: one call for each subscription.

use std::collections::HashMap;

use super::{Attributes, Topic, changed, flag, is_default, put, told};
use crate::{each::one_by_one, prelude::*};

/// An endpoint that receives a topic's messages.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:sns:subscription",
    cloudformation = "AWS::SNS::Subscription",
    create = "sns:Subscribe",
    unique(topic_arn, protocol, endpoint),
    omitted(Attributes = "each an input", ReturnSubscriptionArn = "always: the ARN is the id")
)]
pub struct Subscription {
    /// Topic of the subscription.
    #[field(replaces)]
    pub topic_arn: In<Id<Topic>>,
    /// `email`, `https`, `sqs`, `lambda`, `sms`, `firehose`, …
    #[field(replaces)]
    pub protocol: String,
    /// An address, a URL or an ARN, as the protocol requires.
    #[field(replaces)]
    pub endpoint: In<String>,
    /// Filter for the messages, as a JSON document.
    #[field(document, cloud_default = none)]
    pub filter_policy: Option<In<String>>,
    /// Scope of the filter: `MessageAttributes` (the default) or `MessageBody`.
    #[field(cloud_default = none)]
    pub filter_policy_scope: Option<String>,
    /// `true` if messages come without SNS's own envelope; AWS's default is no.
    #[field(cloud_default = false)]
    pub raw_message_delivery: Option<bool>,
    /// Retry policy of HTTP deliveries.
    #[field(document, cloud_default = none)]
    pub delivery_policy: Option<In<String>>,
    /// Destination of messages that cannot be delivered.
    #[field(document, may_dangle, cloud_default = none)]
    pub redrive_policy: Option<In<String>>,
    /// Replay of archived messages; FIFO topics only.
    #[field(document)]
    pub replay_policy: Option<In<String>>,
    /// The ARN of the role that writes to a delivery stream.
    pub subscription_role_arn: Option<In<String>>,
}

/// The outputs of a subscription.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct SubscriptionOutputs {
    /// The ARN of the subscription.
    #[output(constant = "ARN")]
    pub id: Id<Subscription>,
    /// `true` if the receiver has yet to confirm.
    pub pending_confirmation: bool,
}

impl Subscription {
    /// The attributes by the names of the API.
    fn attributes(&self) -> Attributes {
        let mut all = Attributes::new();
        put(&mut all, "FilterPolicy", self.filter_policy.as_ref());
        put(&mut all, "FilterPolicyScope", self.filter_policy_scope.clone().map(In::Known).as_ref());
        put(&mut all, "RawMessageDelivery", self.raw_message_delivery.map(|raw| raw.to_string().into()).as_ref());
        put(&mut all, "DeliveryPolicy", self.delivery_policy.as_ref());
        put(&mut all, "RedrivePolicy", self.redrive_policy.as_ref());
        put(&mut all, "ReplayPolicy", self.replay_policy.as_ref());
        put(&mut all, "SubscriptionRoleArn", self.subscription_role_arn.as_ref());
        all
    }
}

impl Resource for Subscription {
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["pending_confirmation"];
    const ACTIONS: Actions = Actions {
        read: &["sns:GetSubscriptionAttributes", "sns:ListSubscriptionsByTopic"],
        create: &["sns:ListSubscriptionsByTopic", "sns:Subscribe"],
        update: &["sns:SetSubscriptionAttributes"],
        delete: &["sns:Unsubscribe"],
    };
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
        let (topic, endpoint) = (text(&self.topic_arn), text(&self.endpoint));
        let pages = c.sns().list_subscriptions_by_topic().set_topic_arn(topic).into_paginator().items().send();
        let all = pages.collect::<Result<Vec<_>, _>>().await.map_err(api("sns:ListSubscriptionsByTopic"));
        let all = none_if(ErrorKind::Gone, all)?.unwrap_or_default();
        let same =
            all.iter().filter(|one| one.protocol() == Some(&self.protocol) && one.endpoint() == endpoint.as_deref());
        // One that waits for confirmation shows no ARN.
        let arns = same.filter_map(|one| one.subscription_arn()).filter(|arn| arn.starts_with("arn:"));
        Ok(arns.map(Id::new).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call answers with another's subscription, where its attributes fit. Asking again while one waits for
        // confirmation only sends another mail.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, CREATE, "this endpoint has subscribed already"));
        }
        let there =
            |_: &str, message: &str| message.contains("already exists with different").then_some(ErrorKind::Exists);
        let request = set_inputs!(c.sns().subscribe(), self => topic_arn, protocol, endpoint);
        let attributes = self.attributes().into_iter().filter(|(_, value)| !is_default(value));
        let request = request.set_attributes(Some(attributes.collect()));
        let answer = request.return_subscription_arn(true).send().await.map_err(api_with(CREATE, there))?;
        Ok((member(CREATE, "SubscriptionArn", answer.subscription_arn())?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let fields = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        let mut writes = changed(self.attributes(), &observed.inputs.attributes());
        // Of attributes that are no longer stated, a filter ends by an empty one:
        // <https://docs.aws.amazon.com/sns/latest/dg/message-filtering-policy-remove.html>
        let ends = [
            (Field::FilterPolicy, "FilterPolicy", "{}"),
            (Field::FilterPolicyScope, "FilterPolicyScope", "MessageAttributes"),
            (Field::DeliveryPolicy, "DeliveryPolicy", ""),
            (Field::RedrivePolicy, "RedrivePolicy", ""),
        ];
        let stated = self.attributes();
        for (field, name, end) in ends {
            if fields.contains(field) && !stated.contains_key(name) {
                writes.insert(name.to_owned(), end.to_owned());
            }
        }
        // The scope first: a filter is checked against it.
        let scope = writes.remove_entry("FilterPolicyScope");
        for (name, value) in scope.into_iter().chain(writes) {
            let request = c.sns().set_subscription_attributes().subscription_arn(recorded.id.as_str());
            // SNS ends a redrive policy by no value, and refuses an empty one.
            let value = Some(value).filter(|value| name != "RedrivePolicy" || !value.is_empty());
            let answer = request.attribute_name(name).set_attribute_value(value).send().await;
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
            topic_arn: Id::new(must("TopicArn")?).into(),
            protocol: must("Protocol")?,
            endpoint: must("Endpoint")?.into(),
            filter_policy: told(observed, "FilterPolicy"),
            filter_policy_scope: observed.get("FilterPolicyScope").cloned(),
            raw_message_delivery: Some(flag(observed, "RawMessageDelivery")),
            delivery_policy: told(observed, "DeliveryPolicy"),
            redrive_policy: told(observed, "RedrivePolicy"),
            replay_policy: told(observed, "ReplayPolicy"),
            subscription_role_arn: told(observed, "SubscriptionRoleArn"),
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
