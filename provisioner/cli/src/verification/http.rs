//! Verification over HTTP: the new version must answer through the load balancer, without a failure for the whole settle
//! time; then AWS must list no task of the service with another image.

mod client;
mod reach;

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use provisioner_aws::{
    Aws,
    ecs::Service,
    http::CaBundle,
    operations::{health, running},
};
use provisioner_engine::{VerificationRequest, Verifier};
use provisioner_model::{
    Diagnostic, Schema,
    erased::Clouds,
    resource::Cloud,
    stack::MAIN,
    verification::{HttpVerification, Unreachable},
};
use reqwest::{Response, StatusCode, Url, header::SERVER};
use serde_json::Value;
use tokio::time::Instant;

use self::client::{Destination, HttpClient, chain};

pub(crate) use self::reach::Reach;

/// The maximum between two requests.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum between two reads of the targets' health.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// The maximum size of an answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// AWS's common rule set blocks requests without this header (rule `NoUserAgent_HEADER`):
/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html>
const USER_AGENT: &str = concat!("provisioner/", env!("CARGO_PKG_VERSION"));

/// Verifies rollouts over HTTP.
pub(crate) struct HttpVerifier<'a> {
    clouds: &'a Clouds,
    client: HttpClient<'a>,
}

/// The answer that a rollout must give, and how long it may take.
struct Expectation {
    url: Url,
    through: Option<String>,
    trusted: bool,
    expect: BTreeMap<String, String>,
    digest: Option<String>,
    deadline: Duration,
    settle: Duration,
    unreachable: Unreachable,
}

/// The farthest point on the way to the service that the last answer came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nothing,
    /// A server that opens connections, and sends no answer over HTTP.
    Connection,
    /// The web ACL in front of the load balancer.
    Firewall,
    Service,
}

impl Reached {
    /// The load balancer answers itself, with its name as the server, for a request that the web ACL blocks.
    fn by(answer: &Response) -> Self {
        let server = answer.headers().get(SERVER).and_then(|server| server.to_str().ok()).unwrap_or_default();
        if answer.status() == StatusCode::FORBIDDEN && server.starts_with("awselb/") {
            Self::Firewall
        } else {
            Self::Service
        }
    }
}

impl<'a> HttpVerifier<'a> {
    pub(crate) fn new(clouds: &'a Clouds, reach: Option<&'a Reach>) -> Self {
        let authorities = clouds.get::<Aws>(MAIN).ok().and_then(Aws::ca_bundle).map(CaBundle::pem);
        Self { clouds, client: HttpClient::new(reach, authorities) }
    }

    async fn verify(&self, rollout: VerificationRequest<'_>) -> Result<Option<Diagnostic>, Diagnostic> {
        let expectation = Expectation::parse(rollout.verification).map_err(Diagnostic::error)?;
        let begun = Instant::now();
        let pause = REQUEST_INTERVAL.min(expectation.settle / 5).max(Duration::from_millis(50));
        let (mut since, mut reached) = (None, Reached::Nothing);
        loop {
            let good = match self.client.get(&expectation.destination()).await {
                Ok(answer) => {
                    reached = Reached::by(&answer);
                    read(answer).await.and_then(|answer| expectation.check(&answer))
                }
                Err(failure) => {
                    if reached == Reached::Nothing && !failure.unreachable {
                        reached = Reached::Connection;
                    }
                    Err(failure.why)
                }
            };
            let wrong = match good {
                Ok(()) if since.get_or_insert_with(Instant::now).elapsed() < expectation.settle => None,
                Ok(()) => match self.check_tasks(rollout, &expectation).await {
                    Ok(()) => return Ok(None),
                    Err(why) => Some(why),
                },
                Err(why) => Some(why),
            };
            // A settle time that began before the deadline may end after it. In that case the first failure is final.
            if let Some(why) = wrong {
                since = None;
                if begun.elapsed() >= expectation.deadline {
                    return match (reached, expectation.unreachable) {
                        (Reached::Nothing, Unreachable::Warn) => self.rely_on_health(rollout, &expectation, &why).await,
                        _ => Err(expectation.failure(&why, reached)),
                    };
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Lets a rollout count whose load balancer this machine cannot reach, with a warning: for the settle time, AWS must
    /// report the deployment as complete and the targets as healthy.
    async fn rely_on_health(
        &self,
        rollout: VerificationRequest<'_>,
        expectation: &Expectation,
        why: &str,
    ) -> Result<Option<Diagnostic>, Diagnostic> {
        let failure = |unhealthy: String| {
            expectation.failure(&format!("{why}; and by AWS's report: {unhealthy}"), Reached::Nothing)
        };
        if rollout.type_name != Service::TYPE {
            return Err(failure(format!("the health of a `{}` is not known", rollout.type_name)));
        }
        let aws = self.clouds.get::<Aws>(rollout.provider).map_err(|error| failure(error.chain()))?;
        let begun = Instant::now();
        loop {
            let unhealthy =
                health::unhealthy(&aws.reader(), rollout.id).await.map_err(|error| failure(error.chain()))?;
            if let Some(unhealthy) = unhealthy {
                return Err(failure(unhealthy));
            }
            let remaining = expectation.settle.saturating_sub(begun.elapsed());
            if remaining.is_zero() {
                break;
            }
            tokio::time::sleep(remaining.min(HEALTH_INTERVAL)).await;
        }
        self.check_tasks(rollout, expectation).await.map_err(failure)?;
        let (url, settle) = (&expectation.url, expectation.settle.as_secs());
        let summary = format!("{url} cannot be reached from here: {why}");
        Ok(Some(Diagnostic::warning(summary).hint(format!(
            "AWS reported healthy targets for {settle} s, which counts by `unreachable = \"warn\"` in [service.verification]"
        ))))
    }

    /// Fails where AWS lists a task of the service with another image.
    async fn check_tasks(&self, rollout: VerificationRequest<'_>, expectation: &Expectation) -> Result<(), String> {
        let Some(digest) = expectation.digest.as_deref().filter(|_| rollout.type_name == Service::TYPE) else {
            return Ok(());
        };
        let aws = self.clouds.get::<Aws>(rollout.provider).map_err(|error| error.chain())?;
        let others =
            running::of_another_image(&aws.reader(), rollout.id, digest).await.map_err(|error| error.chain())?;
        if others.is_empty() { Ok(()) } else { Err(format!("{}, not {digest}", others.join("; "))) }
    }
}

impl Verifier for HttpVerifier<'_> {
    fn verify<'a>(
        &'a self,
        rollout: VerificationRequest<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<Option<Diagnostic>, Diagnostic>> + Send + 'a>> {
        Box::pin(self.verify(rollout))
    }
}

impl Expectation {
    /// Reads the proof that the plan holds, where every reference is resolved by now.
    fn parse(verification: &Value) -> Result<Self, String> {
        let verification: HttpVerification =
            serde_json::from_value(verification.clone()).map_err(|error| format!("unknown verification: {error}"))?;
        let text = |value: &provisioner_model::expr::In<String>| value.known().cloned().unwrap_or_default();
        let url = text(&verification.url);
        let mut expect: BTreeMap<String, String> =
            verification.expect.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        // Only a digest identifies an image: a tag may have moved.
        let digest = verification.image.as_ref().map(text).and_then(|image| Some(image.rsplit_once('@')?.1.to_owned()));
        if let Some(digest) = &digest {
            expect.insert("image".to_owned(), digest.clone());
        }
        Ok(Self {
            url: Url::parse(&url).map_err(|error| format!("`{url}` is not a URL: {error}"))?,
            through: verification.through.as_ref().map(text),
            trusted: verification.trusted,
            expect,
            digest,
            deadline: Duration::from_secs(verification.deadline_seconds.into()),
            settle: Duration::from_secs(verification.settle_seconds.into()),
            unreachable: verification.unreachable,
        })
    }

    fn destination(&self) -> Destination<'_> {
        Destination { url: &self.url, through: self.through.as_deref(), trusted: self.trusted }
    }

    /// Compares an answer's fields with the expected ones.
    fn check(&self, answer: &Value) -> Result<(), String> {
        let differs =
            self.expect.iter().find(|(name, expected)| answer.get(*name).and_then(Value::as_str) != Some(expected));
        match differs {
            None => Ok(()),
            Some((name, expected)) => {
                let found =
                    answer.get(name).filter(|found| !found.is_null()).map_or("nothing".to_owned(), Value::to_string);
                Err(format!("the response has {found} for `{name}`, not \"{expected}\""))
            }
        }
    }

    /// Returns the error after the deadline.
    fn failure(&self, why: &str, reached: Reached) -> Diagnostic {
        let (url, deadline, settle) = (&self.url, self.deadline.as_secs(), self.settle.as_secs());
        let why = format!(
            "{url} did not answer as the new version for {settle} s without interruption within {deadline} s: {why}"
        );
        let hint = match reached {
            Reached::Nothing => Some(
                "if it cannot be reached from here: --reach sets another address, HTTPS_PROXY and NO_PROXY a proxy; \
                 `unreachable = \"warn\"` in [service.verification] lets healthy targets count; --no-verification skips \
                 verification"
                    .to_owned(),
            ),
            Reached::Connection => Some(
                "a server accepted the connection: if a proxy replaces the certificate, AWS_CA_BUNDLE names a file with \
                 its certificate authority"
                    .to_owned(),
            ),
            Reached::Firewall => Some(format!(
                "the new version did not receive the request: look for the blocking rule in the sampled requests of the web ACL. The \
                 request was a GET of {} with the user agent {USER_AGENT}",
                url.path()
            )),
            Reached::Service => None,
        };
        Diagnostic { hint, ..Diagnostic::error(why) }
    }
}

async fn read(mut answer: Response) -> Result<Value, String> {
    if Reached::by(&answer) == Reached::Firewall {
        return Err("the web ACL blocked the request with 403 before it reached the service".to_owned());
    }
    if !answer.status().is_success() {
        return Err(format!("it responded with {}", answer.status()));
    }
    let mut body = vec![];
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(format!("the response has more than {MAX_ANSWER} bytes"));
        }
    }
    serde_json::from_slice(&body).map_err(|_| "the response is not JSON".to_owned())
}

#[cfg(test)]
mod tests;
