//! The verification of a rollout, declared as data for [`Stack::verify`](crate::Stack::verify). The engine does not read
//! it; the command line executes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expr::In;

/// Requests over HTTP that the new version must answer, without a break, for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpVerification {
    /// The complete URL of the request.
    pub url: In<String>,
    /// The host that it is asked through, where that is not the URL's own: a load balancer, before its domain leads
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<In<String>>,
    /// `true` if the server's certificate must be one that this machine trusts. A proof sends no secret and believes
    /// nothing but what it compares, so that a certificate of our own making does no harm.
    pub trusted: bool,
    /// Members of the response, a JSON object, with their expected values.
    pub expect: BTreeMap<String, In<String>>,
    /// The image by digest: the response's member `image` and every running task must have that digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<In<String>>,
    /// Within how many seconds the new version must have begun to answer.
    pub deadline_seconds: u32,
    /// For how many seconds it must answer without a break.
    pub settle_seconds: u32,
    /// The result where this machine cannot reach the load balancer.
    #[serde(default)]
    pub unreachable: Unreachable,
}

/// The result of a verification that gets no answer at all, since no connection to the load balancer opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreachable {
    /// The rollout fails.
    #[default]
    Fail,
    /// The rollout counts, with a warning, if the cloud reports its targets as healthy for the settle time.
    Warn,
}
