//! Actions of a listener or rule on requests.

use aws_sdk_elasticloadbalancingv2::types::{
    self, ActionTypeEnum, FixedResponseActionConfig, ForwardActionConfig, RedirectActionConfig,
    RedirectActionStatusCodeEnum, TargetGroupStickinessConfig, TargetGroupTuple,
};
use provisioner_model::{error::Result, expr::In, resource::Id};
use serde::{Deserialize, Serialize};

use super::TargetGroup;
use crate::value::text;

/// An action on a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Action {
    /// Hands it to targets.
    Forward(Forward),
    /// Sends the client elsewhere.
    Redirect(Redirect),
    /// Returns a fixed response.
    FixedResponse(FixedResponse),
    /// Something that is there and that cannot be stated here: signing in, tokens.
    Other {
        /// AWS's name for it.
        kind: String,
    },
}

/// Hands a request to targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// Target groups; several share the requests by weight.
    pub target_groups: Vec<WeightedTarget>,
    /// Stickiness of clients to a target group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stickiness: Option<Stickiness>,
}

/// A target group's share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightedTarget {
    /// The target group's ID.
    pub target_group: In<Id<TargetGroup>>,
    /// From 0 to 999, beside the others'; 1 if not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<i32>,
}

/// The stickiness of clients to a target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stickiness {
    /// `true` if it does.
    pub enabled: bool,
    /// Duration of the stickiness in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i32>,
}

/// Sends a client elsewhere. What is not stated stays as in the request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redirect {
    /// Either `HTTP_301` or `HTTP_302`.
    pub status_code: String,
    /// Either `HTTP` or `HTTPS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// A number in a string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Host of the new URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The path, from `/` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The query, without `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
}

/// A fixed response of the load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FixedResponse {
    /// Status code, such as `200` or `404`.
    pub status_code: String,
    /// `text/plain` and few others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// At most 1024 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

impl Action {
    /// Hands requests to this group.
    pub fn forward(to: In<Id<TargetGroup>>) -> Self {
        Self::Forward(Forward {
            target_groups: vec![WeightedTarget { target_group: to, weight: None }],
            stickiness: None,
        })
    }

    /// Sends clients for good to the same place over HTTPS.
    pub fn to_https() -> Self {
        Self::Redirect(Redirect {
            status_code: "HTTP_301".to_owned(),
            protocol: Some("HTTPS".to_owned()),
            port: Some("443".to_owned()),
            host: None,
            path: None,
            query: None,
        })
    }

    /// Answers with this status and nothing more.
    pub fn status(code: impl Into<String>) -> Self {
        Self::FixedResponse(FixedResponse { status_code: code.into(), content_type: None, body: None })
    }

    fn sdk(&self) -> Result<types::Action> {
        let action = types::Action::builder();
        let action = match self {
            Self::Forward(forward) => {
                let groups = forward.target_groups.iter().map(|one| {
                    let tuple = TargetGroupTuple::builder().set_target_group_arn(text(&one.target_group));
                    tuple.set_weight(one.weight).build()
                });
                let sticky = forward.stickiness.as_ref().map(|sticky| {
                    let sdk = TargetGroupStickinessConfig::builder().enabled(sticky.enabled);
                    sdk.set_duration_seconds(sticky.seconds).build()
                });
                let config = ForwardActionConfig::builder().set_target_groups(Some(groups.collect()));
                let config = config.set_target_group_stickiness_config(sticky).build();
                action.r#type(ActionTypeEnum::Forward).forward_config(config)
            }
            Self::Redirect(to) => {
                let config = RedirectActionConfig::builder()
                    .status_code(RedirectActionStatusCodeEnum::from(to.status_code.as_str()))
                    .set_protocol(to.protocol.clone())
                    .set_port(to.port.clone())
                    .set_host(to.host.clone())
                    .set_path(to.path.clone())
                    .set_query(to.query.clone());
                action.r#type(ActionTypeEnum::Redirect).redirect_config(config.build())
            }
            Self::FixedResponse(answer) => {
                let config = FixedResponseActionConfig::builder()
                    .status_code(&answer.status_code)
                    .set_content_type(answer.content_type.clone())
                    .set_message_body(answer.body.clone());
                action.r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config.build())
            }
            Self::Other { kind } => action.r#type(ActionTypeEnum::from(kind.as_str())),
        };
        Ok(action.build())
    }

    /// The only place where the SDK's type becomes ours.
    fn to_observed(sdk: &types::Action) -> Self {
        let owned = |value: Option<&str>| value.map(str::to_owned);
        match sdk.r#type() {
            Some(ActionTypeEnum::Forward) => {
                let config = sdk.forward_config();
                let groups = config.map(ForwardActionConfig::target_groups).unwrap_or_default();
                let target = |arn: &str, weight| WeightedTarget { target_group: Id::new(arn).into(), weight };
                let mut target_groups: Vec<WeightedTarget> =
                    groups.iter().filter_map(|one| Some(target(one.target_group_arn()?, one.weight()))).collect();
                if target_groups.is_empty() {
                    target_groups.extend(sdk.target_group_arn().map(|arn| target(arn, None)));
                }
                let stickiness = config.and_then(ForwardActionConfig::target_group_stickiness_config);
                let stickiness = stickiness.map(|observed| Stickiness {
                    enabled: observed.enabled().unwrap_or_default(),
                    seconds: observed.duration_seconds(),
                });
                Self::Forward(Forward { target_groups, stickiness })
            }
            Some(ActionTypeEnum::Redirect) => {
                let to = sdk.redirect_config();
                Self::Redirect(Redirect {
                    status_code: to
                        .and_then(|to| to.status_code())
                        .map_or_else(String::new, |code| code.as_str().to_owned()),
                    protocol: owned(to.and_then(|to| to.protocol())),
                    port: owned(to.and_then(|to| to.port())),
                    host: owned(to.and_then(|to| to.host())),
                    path: owned(to.and_then(|to| to.path())),
                    query: owned(to.and_then(|to| to.query())),
                })
            }
            Some(ActionTypeEnum::FixedResponse) => {
                let answer = sdk.fixed_response_config();
                Self::FixedResponse(FixedResponse {
                    status_code: owned(answer.and_then(|answer| answer.status_code())).unwrap_or_default(),
                    content_type: owned(answer.and_then(|answer| answer.content_type())),
                    body: owned(answer.and_then(|answer| answer.message_body())),
                })
            }
            other => Self::Other { kind: other.map_or_else(String::new, |kind| kind.as_str().to_owned()) },
        }
    }
}

/// As the SDK takes them, in order.
pub(super) fn sdk_actions(actions: &[Action]) -> Result<Vec<types::Action>> {
    let several = actions.len() > 1;
    let numbered = actions.iter().zip(1..);
    numbered
        .map(|(action, order)| {
            let mut sdk = action.sdk()?;
            // The last one must come last; with one alone nothing needs a number.
            sdk.order = several.then_some(order);
            Ok(sdk)
        })
        .collect()
}

/// As they are there, in order.
pub(super) fn observed_actions(actions: &[types::Action]) -> Vec<Action> {
    let mut actions: Vec<&types::Action> = actions.iter().collect();
    actions.sort_by_key(|action| action.order());
    actions.into_iter().map(Action::to_observed).collect()
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
            let observed = observed_actions(&sdk_actions(std::slice::from_ref(&action)).unwrap());
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
