//! Actions of a listener or rule on requests.

use aws_sdk_elasticloadbalancingv2::types::{self, ActionTypeEnum, TargetGroupStickinessConfig};
use serde::{Deserialize, Serialize};

use super::TargetGroup;
use crate::prelude::*;

/// An action on a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Action {
    /// Forwards the request to targets.
    Forward(Forward),
    /// Redirects the client to another URL.
    Redirect(Redirect),
    /// Returns a fixed response.
    FixedResponse(FixedResponse),
    /// An observed action that has no input, such as an authentication.
    Other {
        /// AWS's name for it.
        kind: String,
    },
}

/// Forwards a request to targets.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Forward {
    /// Target groups; several share the requests by weight.
    #[field(required)]
    pub target_groups: Vec<WeightedTarget>,
    /// Stickiness of clients to a target group.
    pub target_group_stickiness_config: Option<Stickiness>,
}
sdk_struct!(Forward = types::ForwardActionConfig { target_groups, target_group_stickiness_config });

/// A target group's share.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct WeightedTarget {
    /// The target group's ID.
    pub target_group_arn: In<Id<TargetGroup>>,
    /// From 0 to 999, relative to the other weights; 1 if absent.
    pub weight: Option<i32>,
}
sdk_struct!(WeightedTarget = types::TargetGroupTuple { target_group_arn, weight });

/// The stickiness of clients to a target group.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Stickiness {
    /// `true` if a client's requests go to the same group.
    pub enabled: bool,
    /// Duration of the stickiness in seconds.
    pub duration_seconds: Option<i32>,
}

/// Redirects a client to another URL. A part that is absent stays as in the request.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct Redirect {
    /// Either `HTTP_301` or `HTTP_302`.
    pub status_code: String,
    /// Either `HTTP` or `HTTPS`.
    pub protocol: Option<String>,
    /// A number in a string.
    pub port: Option<String>,
    /// Host of the new URL.
    pub host: Option<String>,
    /// The path, from `/` on.
    pub path: Option<String>,
    /// The query, without `?`.
    pub query: Option<String>,
}
sdk_struct!(Redirect = types::RedirectActionConfig { status_code, protocol, port, host, path, query });

/// A fixed response of the load balancer.
#[derive(Clone, Debug, PartialEq, Nested, Properties)]
pub struct FixedResponse {
    /// Status code, such as `200` or `404`.
    pub status_code: String,
    /// `text/plain` and few others.
    pub content_type: Option<String>,
    /// At most 1024 characters.
    pub message_body: Option<String>,
}
sdk_struct!(FixedResponse = types::FixedResponseActionConfig { status_code, content_type, message_body });

impl ToSdk<TargetGroupStickinessConfig> for Stickiness {
    fn to_sdk(&self) -> Option<TargetGroupStickinessConfig> {
        Some(set_inputs!(TargetGroupStickinessConfig::builder(), self => enabled, duration_seconds).build())
    }
}
impl FromSdk<Option<&TargetGroupStickinessConfig>> for Stickiness {
    fn from_sdk(value: Option<&TargetGroupStickinessConfig>) -> Option<Self> {
        let config = value?;
        // AWS may leave out `false`.
        let enabled = config.enabled().unwrap_or_default();
        Some(Self { enabled, duration_seconds: config.duration_seconds() })
    }
}

impl Action {
    /// Forwards requests to this group.
    pub fn forward(to: In<Id<TargetGroup>>) -> Self {
        Self::Forward(Forward::new([WeightedTarget::new(to)]))
    }

    /// Redirects clients permanently to the same URL over HTTPS.
    pub fn to_https() -> Self {
        Self::Redirect(Redirect::new("HTTP_301").protocol("HTTPS").port("443"))
    }

    /// Returns this status without a body.
    pub fn status(code: impl Into<String>) -> Self {
        Self::FixedResponse(FixedResponse::new(code))
    }

    fn sdk(&self, order: Option<i32>) -> types::Action {
        let action = types::Action::builder().set_order(order);
        match self {
            Self::Forward(to) => action.r#type(ActionTypeEnum::Forward).set_forward_config(to.to_sdk()),
            Self::Redirect(to) => action.r#type(ActionTypeEnum::Redirect).set_redirect_config(to.to_sdk()),
            Self::FixedResponse(answer) => {
                action.r#type(ActionTypeEnum::FixedResponse).set_fixed_response_config(answer.to_sdk())
            }
            Self::Other { kind } => action.r#type(kind.as_str().into()),
        }
        .build()
    }

    /// The only place where the SDK's type becomes ours.
    fn to_observed(one: &types::Action) -> Self {
        let known = match one.r#type() {
            Some(ActionTypeEnum::Forward) => {
                let mut forward = Forward::from_sdk(one.forward_config()).unwrap_or_else(|| Forward::new([]));
                if forward.target_groups.is_empty() {
                    let single = one.target_group_arn().map(|arn| WeightedTarget::new(Id::new(arn).into()));
                    forward.target_groups.extend(single);
                }
                Some(Self::Forward(forward))
            }
            Some(ActionTypeEnum::Redirect) => Redirect::from_sdk(one.redirect_config()).map(Self::Redirect),
            Some(ActionTypeEnum::FixedResponse) => {
                FixedResponse::from_sdk(one.fixed_response_config()).map(Self::FixedResponse)
            }
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other { kind: String::from_sdk(one.r#type()).unwrap_or_default() })
    }
}

/// Converts actions to the SDK's type, in order.
pub(super) fn sdk_actions(actions: &[Action]) -> Vec<types::Action> {
    // The API needs the numbers to find the last one; a single action needs none.
    let several = actions.len() > 1;
    let numbered = actions.iter().zip(1..);
    numbered.map(|(action, order)| action.sdk(several.then_some(order))).collect()
}

/// Converts the SDK's actions to ours, in order.
pub(super) fn observed_actions(actions: &[types::Action]) -> Vec<Action> {
    let mut actions: Vec<&types::Action> = actions.iter().collect();
    actions.sort_by_key(|action| action.order());
    actions.into_iter().map(Action::to_observed).collect()
}

impl ToProperty for Action {
    fn to_property(&self) -> Value {
        match self {
            Self::Forward(forward) => json!({ "Type": "forward", "ForwardConfig": forward.to_property() }),
            Self::Redirect(redirect) => json!({ "Type": "redirect", "RedirectConfig": redirect.to_property() }),
            Self::FixedResponse(response) => {
                json!({ "Type": "fixed-response", "FixedResponseConfig": response.to_property() })
            }
            Self::Other { kind } => json!({ "Type": kind }),
        }
    }
}

#[cfg(test)]
mod tests {
    use provisioner_model::compare::Compare;
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_round_trip_through_attributes() {
        let all = [Action::forward(Id::new("arn:tg").into()), Action::to_https(), Action::status("404")];
        for action in all {
            let observed = observed_actions(&sdk_actions(std::slice::from_ref(&action)));
            assert_eq!(observed, std::slice::from_ref(&action));
            let text = serde_json::to_value(&action).unwrap();
            assert_eq!(serde_json::from_value::<Action>(text).unwrap(), action);
        }
    }

    #[test]
    fn a_single_group_reads_as_a_weighted_one() {
        let sdk = types::Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn("arn:tg").build();
        let desired = json!([Action::forward(Id::new("arn:tg").into())]);
        assert!(Compare::Stated.is_equivalent(&desired, &json!(observed_actions(&[sdk]))));
    }
}
