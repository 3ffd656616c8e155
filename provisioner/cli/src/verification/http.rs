//! Verification over HTTP: the new version must answer through the load balancer, without a failure for the whole settle
//! time; then AWS must list no task of the service with another image.

use std::{collections::BTreeMap, future::Future, net::SocketAddr, pin::Pin, time::Duration};

use provisioner_aws::{Aws, ecs::Service, operations::running};
use provisioner_engine::{VerificationRequest, Verifier};
use provisioner_model::{Diagnostic, Schema, erased::Clouds, resource::Cloud, verification::HttpVerification};
use reqwest::{Client, Response, StatusCode, Url, header::SERVER, redirect::Policy};
use serde_json::Value;
use tokio::time::Instant;

/// The maximum between two requests.
const REQUEST_INTERVAL: Duration = Duration::from_secs(1);
/// The maximum for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum size of an answer, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// AWS's common rule set blocks requests without this header (rule `NoUserAgent_HEADER`):
/// <https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html>
const USER_AGENT: &str = concat!("provisioner/", env!("CARGO_PKG_VERSION"));

/// Verifies rollouts over HTTP.
pub(crate) struct HttpVerifier<'a> {
    clouds: &'a Clouds,
    reach: Option<&'a Reach>,
}

/// `--reach`: an address of the load balancer, where its own name does not resolve to it from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Requests go below this URL, as they are.
    Base(Url),
    /// Requests for the load balancer's host are sent to this host, and port if there is one.
    Host(String, Option<u16>),
}

impl std::str::FromStr for Reach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            let url = Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
            return match url.scheme() {
                "http" | "https" => Ok(Self::Base(url)),
                other => Err(format!("`{other}` is not HTTP")),
            };
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| format!("`{port}` is not a port"))?))
            }
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains('/') {
            return Err("expected a URL, or a host with an optional port".to_owned());
        }
        Ok(Self::Host(host.to_owned(), port))
    }
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
}

/// The farthest point on the way to the service that the last answer came from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Nothing,
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
        provisioner_image::tls::use_ring();
        Self { clouds, reach }
    }

    async fn verify(&self, rollout: VerificationRequest<'_>) -> Result<(), Diagnostic> {
        let expectation = Expectation::parse(rollout.verification).map_err(Diagnostic::error)?;
        let begun = Instant::now();
        let pause = REQUEST_INTERVAL.min(expectation.settle / 5).max(Duration::from_millis(50));
        let (mut since, mut reached) = (None, Reached::Nothing);
        loop {
            let good = match self.request(&expectation).await {
                Ok(answer) => {
                    reached = Reached::by(&answer);
                    read(answer).await.and_then(|answer| expectation.check(&answer))
                }
                Err(why) => Err(why),
            };
            let wrong = match good {
                Ok(()) if since.get_or_insert_with(Instant::now).elapsed() < expectation.settle => None,
                Ok(()) => match self.check_tasks(rollout, &expectation).await {
                    Ok(()) => return Ok(()),
                    Err(why) => Some(why),
                },
                Err(why) => Some(why),
            };
            // A settle time that began before the deadline may end after it. In that case the first failure is final.
            if let Some(why) = wrong {
                since = None;
                if begun.elapsed() >= expectation.deadline {
                    return Err(expectation.failure(&why, reached));
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends one request on a new connection, so that the load balancer chooses a target again.
    async fn request(&self, expectation: &Expectation) -> Result<Response, String> {
        let mut url = expectation.url.clone();
        let mut client = Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .tls_danger_accept_invalid_certs(!expectation.trusted);
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        match (self.reach, &expectation.through) {
            (Some(Reach::Base(base)), _) => {
                url = base.clone();
                url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), expectation.url.path()));
            }
            (Some(Reach::Host(to, at)), _) => {
                client = client.resolve_to_addrs(&host, &addresses(to, at.unwrap_or(port)).await?);
            }
            (None, Some(to)) => client = client.resolve_to_addrs(&host, &addresses(to, port).await?),
            (None, None) => {}
        }
        let client = client.build().map_err(|error| chain(&error))?;
        client.get(url).send().await.map_err(|error| chain(&error))
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
    ) -> Pin<Box<dyn Future<Output = Result<(), Diagnostic>> + Send + 'a>> {
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
        })
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
                "if it cannot be reached from here, --reach sets another address; --no-verification skips verification"
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

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| format!("{host}: {error}"))?;
    let found: Vec<SocketAddr> = found.collect();
    if found.is_empty() { Err(format!("{host} has no address")) } else { Ok(found) }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
