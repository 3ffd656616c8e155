//! The proof of a rollout: the new version must answer, through the load balancer, for a while and without a break; and
//! what AWS says that the tasks run must be the image of this rollout.

use std::{collections::BTreeMap, future::Future, net::SocketAddr, pin::Pin, time::Duration};

use provisioner_aws::{Aws, ecs::Service, operations::running};
use provisioner_engine::{Proof, Proving, Unproven};
use provisioner_model::{Resource, erased::Clouds, proof::HttpProof, resource::Cloud};
use reqwest::{Client, Response, Url, redirect::Policy};
use serde_json::Value;
use tokio::time::Instant;

/// The longest pause between two requests, and the longest that one may take.
const PAUSE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);
/// More than this of an answer is of no interest.
const MOST: usize = 64 * 1024;

/// Proofs over HTTP.
pub(crate) struct OverHttp<'a> {
    clouds: &'a Clouds,
    reach: Option<&'a Reach>,
}

/// The address to reach a load balancer by, where its own name does not lead to it from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Requests go below this URL, as they are.
    Base(Url),
    /// Requests for the load balancer's host are sent to this host, and port if there is one.
    Host(String, Option<u16>),
}

impl std::str::FromStr for Reach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains("://") {
            let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
            return match url.scheme() {
                "http" | "https" => Ok(Self::Base(url)),
                other => Err(format!("`{other}` is not HTTP")),
            };
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| format!("`{port}` is no port"))?))
            }
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains('/') {
            return Err("is neither a URL nor a host with a port".to_owned());
        }
        Ok(Self::Host(host.to_owned(), port))
    }
}

/// A proof, all of it known.
struct Wanted {
    url: Url,
    through: Option<String>,
    trusted: bool,
    expect: BTreeMap<String, String>,
    digest: Option<String>,
    deadline: Duration,
    settle: Duration,
}

impl<'a> OverHttp<'a> {
    pub(crate) fn new(clouds: &'a Clouds, reach: Option<&'a Reach>) -> Self {
        provisioner_image::tls::use_ring();
        Self { clouds, reach }
    }

    async fn proven(&self, asked: Proving<'_>) -> Result<(), Unproven> {
        let wanted = wanted(asked.proof).map_err(|why| Unproven { why, hint: None })?;
        let begun = Instant::now();
        let pause = PAUSE.min(wanted.settle / 5).max(Duration::from_millis(50));
        let (mut since, mut reached) = (None, false);
        loop {
            let good = match self.ask(&wanted).await {
                Ok(answer) => {
                    reached = true;
                    read(answer).await.and_then(|said| compare(&wanted, &said))
                }
                Err(why) => Err(why),
            };
            let wrong = match good {
                Ok(()) if since.get_or_insert_with(Instant::now).elapsed() < wanted.settle => None,
                Ok(()) => match self.tasks(asked, &wanted).await {
                    Ok(()) => return Ok(()),
                    Err(why) => Some(why),
                },
                Err(why) => Some(why),
            };
            // What had begun to answer in time may go on until it is certain; the first break after that ends it.
            if let Some(why) = wrong {
                since = None;
                if begun.elapsed() >= wanted.deadline {
                    return Err(unproven(&wanted, &why, reached));
                }
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// One request on a connection of its own, so that the load balancer chooses a target anew.
    async fn ask(&self, wanted: &Wanted) -> Result<Response, String> {
        let mut url = wanted.url.clone();
        let mut client = Client::builder()
            .timeout(TIMEOUT)
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .tls_danger_accept_invalid_certs(!wanted.trusted);
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        match (self.reach, &wanted.through) {
            (Some(Reach::Base(base)), _) => {
                url = base.clone();
                url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), wanted.url.path()));
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

    /// What the cloud says that runs.
    async fn tasks(&self, asked: Proving<'_>, wanted: &Wanted) -> Result<(), String> {
        let Some(digest) = wanted.digest.as_deref().filter(|_| asked.type_name == Service::TYPE) else { return Ok(()) };
        let aws = self.clouds.get::<Aws>(asked.provider).map_err(|error| error.chain())?;
        let others = running::of_another_image(&aws.reader(), asked.id, digest).await.map_err(|error| error.chain())?;
        if others.is_empty() { Ok(()) } else { Err(format!("{}, not {digest}", others.join("; "))) }
    }
}

impl Proof for OverHttp<'_> {
    fn prove<'a>(&'a self, asked: Proving<'a>) -> Pin<Box<dyn Future<Output = Result<(), Unproven>> + Send + 'a>> {
        Box::pin(self.proven(asked))
    }
}

fn wanted(proof: &Value) -> Result<Wanted, String> {
    let proof: HttpProof =
        serde_json::from_value(proof.clone()).map_err(|error| format!("this program knows no such proof: {error}"))?;
    let text = |value: &provisioner_model::expr::In<String>| value.known().cloned().unwrap_or_default();
    let url = text(&proof.url);
    let mut expect: BTreeMap<String, String> =
        proof.expect.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    // An image that is not named by digest says nothing that could be compared.
    let digest = proof.image.as_ref().map(text).and_then(|image| Some(image.rsplit_once('@')?.1.to_owned()));
    if let Some(digest) = &digest {
        expect.insert("image".to_owned(), digest.clone());
    }
    Ok(Wanted {
        url: Url::parse(&url).map_err(|error| format!("`{url}` is no URL: {error}"))?,
        through: proof.through.as_ref().map(text),
        trusted: proof.trusted,
        expect,
        digest,
        deadline: Duration::from_secs(proof.deadline_seconds.into()),
        settle: Duration::from_secs(proof.settle_seconds.into()),
    })
}

async fn read(mut answer: Response) -> Result<Value, String> {
    if !answer.status().is_success() {
        return Err(format!("it was answered with {}", answer.status()));
    }
    let mut body = vec![];
    while let Some(chunk) = answer.chunk().await.map_err(|error| chain(&error))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST {
            return Err(format!("the answer has more than {MOST} bytes"));
        }
    }
    serde_json::from_slice(&body).map_err(|_| "the answer is not JSON".to_owned())
}

fn compare(wanted: &Wanted, answer: &Value) -> Result<(), String> {
    let differs = wanted.expect.iter().find(|(name, want)| answer.get(*name).and_then(Value::as_str) != Some(want));
    match differs {
        None => Ok(()),
        Some((name, want)) => {
            let said = answer.get(name).filter(|said| !said.is_null()).map_or("nothing".to_owned(), Value::to_string);
            Err(format!("its answer says {said} for `{name}`, not \"{want}\""))
        }
    }
}

fn unproven(wanted: &Wanted, why: &str, reached: bool) -> Unproven {
    let (url, deadline, settle) = (&wanted.url, wanted.deadline.as_secs(), wanted.settle.as_secs());
    let why = format!("{url} has not answered as the new version for {settle} s on end, {deadline} s on: {why}");
    let hint = (!reached).then(|| {
        "if it cannot be reached from here, --reach says by which address it can; --no-proof does without a proof"
            .to_owned()
    });
    Unproven { why, hint }
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
