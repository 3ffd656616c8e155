//! AWS's firewall before the load balancer, as far as its common rule set concerns every request: a request without a
//! `User-Agent`, or with a body of more than 8 KB, gets 403, unless the web ACL only counts. The front learns the web ACL from
//! the requests that create and associate it. The rules that look into the content are not played.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use crate::proxy::Message;

/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html>
const RULE_SET: &str = "AWSManagedRulesCommonRuleSet";
const LARGEST_BODY: usize = 8192;

/// A rule of the rule set: its name, and whether a request breaks it.
type Rule = (&'static str, fn(&Message) -> bool);

const RULES: [Rule; 2] = [
    ("NoUserAgent_HEADER", |request| request.header("user-agent").is_none_or(str::is_empty)),
    ("SizeRestrictions_BODY", |request| request.body().len() > LARGEST_BODY),
];

/// The web ACLs of an emulator, and the one that guards the load balancer.
#[derive(Default)]
pub struct Firewall(Mutex<Acls>);

#[derive(Default)]
struct Acls {
    /// The rules with which each ACL blocks, by its name.
    rules: BTreeMap<String, Vec<&'static str>>,
    guard: Option<String>,
}

impl Firewall {
    /// Learns from a request to WAF.
    pub(crate) fn learn(&self, request: &Message) {
        if request.service() != "wafv2" {
            return;
        }
        let body: Value = serde_json::from_str(request.text()).unwrap_or_default();
        let mut acls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match request.target() {
            "CreateWebACL" | "UpdateWebACL" => {
                let rules = body["Rules"].as_array().into_iter().flatten();
                let blocking = rules.flat_map(blocking).collect();
                acls.rules.insert(body["Name"].as_str().unwrap_or_default().to_owned(), blocking);
            }
            "AssociateWebACL" => {
                let arn = body["WebACLArn"].as_str().unwrap_or_default();
                acls.guard = arn.split('/').nth(2).map(str::to_owned);
            }
            "DisassociateWebACL" => acls.guard = None,
            _ => {}
        }
    }

    /// Returns the answer to a request that the web ACL of the load balancer blocks.
    pub fn refusal(&self, request: &Message) -> Option<Message> {
        let acls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let blocking = acls.rules.get(acls.guard.as_ref()?)?;
        let breaks = |(name, breaks): &Rule| blocking.contains(name) && breaks(request);
        RULES.iter().any(breaks).then(|| {
            let page = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n\
                        <center><h1>403 Forbidden</h1></center>\r\n</body>\r\n</html>\r\n";
            Message::answer(403, "text/html", page).with_header("Server", "awselb/2.0")
        })
    }
}

/// The rules of the common rule set with which a rule of a web ACL blocks.
fn blocking(rule: &Value) -> Vec<&'static str> {
    let group = &rule["Statement"]["ManagedRuleGroupStatement"];
    if group["Name"] != RULE_SET || rule["OverrideAction"]["Count"].is_object() {
        return vec![];
    }
    let overrides = group["RuleActionOverrides"].as_array().into_iter().flatten();
    let counted: Vec<&Value> =
        overrides.filter(|one| one["ActionToUse"]["Block"].is_null()).map(|one| &one["Name"]).collect();
    RULES.iter().map(|(name, _)| *name).filter(|name| !counted.iter().any(|one| *one == name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/wafv2/aws4_request, Signature=0";

    fn firewall(overrides: &Value) -> Firewall {
        let group = json!({ "VendorName": "AWS", "Name": RULE_SET, "RuleActionOverrides": overrides });
        let rule = json!({ "Statement": { "ManagedRuleGroupStatement": group }, "OverrideAction": { "None": {} } });
        let firewall = Firewall::default();
        let ask = |operation: &str, body: Value| {
            firewall.learn(&Message::json(&format!("AWSWAF_20190729.{operation}"), AUTHORIZATION, &body));
        };
        ask("CreateWebACL", json!({ "Name": "app", "Rules": [rule] }));
        assert!(firewall.refusal(&Message::default()).is_none(), "the ACL guards nothing yet");
        ask("AssociateWebACL", json!({ "WebACLArn": "arn:aws:wafv2:us-east-1:1:regional/webacl/app/1" }));
        firewall
    }

    fn request(agent: &str, length: usize) -> Message {
        let request = Message::json("", "", &json!({})).with(vec![b'a'; length]);
        if agent.is_empty() { request } else { request.with_header("User-Agent", agent) }
    }

    #[test]
    fn common_rule_set_blocks_requests_without_agent_and_large_bodies() {
        let firewall = firewall(&json!([]));
        let blocked = |agent, length| firewall.refusal(&request(agent, length)).is_some();
        assert!(!blocked("curl", 8192));
        assert!(blocked("curl", 8193) && blocked("", 0));
    }

    #[test]
    fn counted_rules_block_nothing() {
        let firewall = firewall(&json!([{ "Name": "SizeRestrictions_BODY", "ActionToUse": { "Count": {} } }]));
        assert!(firewall.refusal(&request("curl", 100_000)).is_none());
        assert_eq!(firewall.refusal(&request("", 0)).unwrap().status(), "403");
    }
}
