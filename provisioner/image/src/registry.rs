//! A repository in a registry, over the OCI distribution API. Every request can be sent again: what is sent is named
//! by its digest.

use std::time::Duration;

use reqwest::{Certificate, Client, Method, RequestBuilder, Response, StatusCode, Url, header};

use crate::{digest, error::RegistryError};

/// Maximum number of attempts for a request; the pause doubles each time.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that a registry may ask for.
const LONGEST: Duration = Duration::from_secs(30);

/// Credentials for a push. `Debug` does not show the password.
#[derive(Clone)]
pub struct Credentials {
    /// The user: `AWS` at ECR.
    pub user: String,
    /// Password or token for basic authentication.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials of {}", self.user)
    }
}

/// A repository in a registry.
#[derive(Clone, Debug)]
pub struct ContainerRegistry {
    client: Client,
    base: Url,
    host: String,
    name: String,
    credentials: Option<Credentials>,
}

impl ContainerRegistry {
    /// The repository at `HOST/NAME`. As with Docker, a registry on loopback speaks plain HTTP, and no proxy stands
    /// before it. `authorities` are certificates in PEM that replace those of the operating system.
    pub fn new(
        repository: &str,
        credentials: Option<Credentials>,
        authorities: Option<&[u8]>,
    ) -> Result<Self, RegistryError> {
        let wrong = || RegistryError::Repository(repository.to_owned());
        let good = |(host, name): &(&str, &str)| is_host(host) && is_name(name);
        let (host, name) = repository.split_once('/').filter(good).ok_or_else(wrong)?;
        let loopback = is_loopback(host);
        let scheme = if loopback { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{host}/v2/{name}/")).map_err(|_| wrong())?;
        // The read timeout limits the wait for a response; an upload itself may take longer.
        let client = Client::builder().connect_timeout(Duration::from_secs(10)).read_timeout(Duration::from_mins(1));
        let client = if loopback { client.no_proxy() } else { client };
        // An already installed crypto provider stays.
        crate::tls::use_ring();
        let failed = |source| RegistryError::Client { host: host.to_owned(), source };
        let client = match authorities {
            Some(pem) => client.tls_certs_only(Certificate::from_pem_bundle(pem).map_err(failed)?),
            None => client,
        };
        let client = client.build().map_err(failed)?;
        Ok(Self { client, base, host: host.to_owned(), name: name.to_owned(), credentials })
    }

    /// Returns the repository as `HOST/NAME`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.host, self.name)
    }

    pub(crate) async fn has_blob(&self, digest: &str) -> Result<bool, RegistryError> {
        let doing = format!("a look for {digest}");
        let answer = self.send(&doing, Method::HEAD, &self.url(&format!("blobs/{digest}"))?, |request| request).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(false),
            status if status.is_success() => Ok(true),
            _ => Err(self.refused(doing, answer).await),
        }
    }

    pub(crate) async fn put_blob(&self, digest: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let doing = format!("the upload of {digest}");
        let start = self.url("blobs/uploads/")?;
        let answer = self
            .send(&doing, Method::POST, &start, |request| request.header(header::CONTENT_LENGTH, 0).body(vec![]))
            .await?;
        if answer.status() != StatusCode::ACCEPTED {
            return Err(self.refused(doing, answer).await);
        }
        let location = answer.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
        let mut location = location.and_then(|location| start.join(location).ok()).ok_or_else(|| {
            RegistryError::Missing { host: self.host.clone(), doing: doing.clone(), missing: "a location" }
        })?;
        location.query_pairs_mut().append_pair("digest", digest);
        let bytes = bytes.to_vec();
        let answer = self
            .send(&doing, Method::PUT, &location, |request| {
                request.header(header::CONTENT_TYPE, "application/octet-stream").body(bytes.clone())
            })
            .await?;
        if answer.status() == StatusCode::CREATED { Ok(()) } else { Err(self.refused(doing, answer).await) }
    }

    /// Returns the manifest of a tag or digest; `None` if there is none.
    pub(crate) async fn manifest(&self, reference: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let doing = format!("a look for {reference}");
        let accept = format!("{}, {}", crate::manifest::MANIFEST, crate::manifest::INDEX);
        let url = self.url(&format!("manifests/{reference}"))?;
        let answer =
            self.send(&doing, Method::GET, &url, |request| request.header(header::ACCEPT, accept.as_str())).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => self.body(&doing, answer).await.map(Some),
            _ => Err(self.refused(doing, answer).await),
        }
    }

    pub(crate) async fn put_manifest(&self, reference: &str, kind: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let doing = format!("the upload of the manifest {reference}");
        let url = self.url(&format!("manifests/{reference}"))?;
        let answer = self
            .send(&doing, Method::PUT, &url, |request| request.header(header::CONTENT_TYPE, kind).body(bytes.to_vec()))
            .await?;
        if !answer.status().is_success() {
            return Err(self.refused(doing, answer).await);
        }
        let there = answer.headers().get("docker-content-digest").and_then(|there| there.to_str().ok());
        let sent = digest(bytes);
        match there.filter(|there| *there != sent) {
            Some(there) => Err(RegistryError::Changed { host: self.host.clone(), sent, there: there.to_owned() }),
            None => Ok(()),
        }
    }

    /// The documents that are attached to a manifest. None where the registry does not know of such.
    pub(crate) async fn referrers(&self, digest: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        let doing = format!("a look for what refers to {digest}");
        let url = self.url(&format!("referrers/{digest}"))?;
        let answer = self.send(&doing, Method::GET, &url, |request| request).await?;
        match answer.status() {
            status if status.is_success() => self.body(&doing, answer).await.map(Some),
            // Registries without this API refuse in different ways.
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED => Ok(None),
            _ => Err(self.refused(doing, answer).await),
        }
    }

    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        self.base.join(path).map_err(|_| RegistryError::Repository(self.repository()))
    }

    /// Sends a request, and retries it as long as the response allows.
    async fn send(
        &self,
        doing: &str,
        method: Method,
        url: &Url,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let mut pause = PAUSE;
        for attempt in 1.. {
            let request = with(self.client.request(method.clone(), url.clone()));
            // Credentials go to the registry only, even if it redirects an upload.
            let request = match &self.credentials {
                Some(who) if url.origin() == self.base.origin() => request.basic_auth(&who.user, Some(&who.password)),
                _ => request,
            };
            let answer = request.send().await;
            let wait = match &answer {
                Ok(answer) if again(answer.status()) => asked(answer).unwrap_or(pause),
                _ => pause,
            };
            let over = attempt >= ATTEMPTS;
            match answer {
                Ok(answer) if over || !again(answer.status()) => return Ok(answer),
                Err(source) if over || source.is_builder() => {
                    // A location may contain secrets of the registry.
                    let source = source.without_url();
                    return Err(RegistryError::NoAnswer { host: self.host.clone(), doing: doing.to_owned(), source });
                }
                Ok(answer) => tracing::debug!(status = answer.status().as_u16(), attempt, "{doing}: again"),
                Err(error) => tracing::debug!(error = %error.without_url(), attempt, "{doing}: again"),
            }
            tokio::time::sleep(wait.min(LONGEST)).await;
            pause *= 2;
        }
        Err(RegistryError::Missing { host: self.host.clone(), doing: doing.to_owned(), missing: "an answer" })
    }

    async fn body(&self, doing: &str, answer: Response) -> Result<Vec<u8>, RegistryError> {
        let body = answer.bytes().await.map_err(|source| RegistryError::NoAnswer {
            host: self.host.clone(),
            doing: doing.to_owned(),
            source: source.without_url(),
        })?;
        Ok(body.to_vec())
    }

    /// Returns the error of a refused request, with the registry's message.
    async fn refused(&self, doing: String, answer: Response) -> RegistryError {
        #[derive(serde::Deserialize)]
        struct Body {
            errors: Vec<One>,
        }
        #[derive(serde::Deserialize)]
        struct One {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap_or_default();
        let said = serde_json::from_slice::<Body>(&body).ok().map(|body| {
            let one = |one: One| format!("{} {}", one.code, one.message).trim().to_owned();
            body.errors.into_iter().map(one).collect::<Vec<_>>().join("; ")
        });
        let why = said.filter(|said| !said.is_empty());
        RegistryError::Refused { host: self.host.clone(), doing, status, why }
    }
}

fn again(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

/// Returns the pause that the registry asks for.
fn asked(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

fn is_host(host: &str) -> bool {
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}

fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte);
    !name.is_empty() && name.bytes().all(good) && !name.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_alone_speaks_plain_http() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["registry.example.com", "localhost.example.com:443", "10.0.0.1:5000", "[fe80::1]:5000"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_repository_is_a_host_and_a_name() {
        for wrong in ["", "app", "host/", "host/../up", "host/App", "/app"] {
            assert!(ContainerRegistry::new(wrong, None, None).is_err(), "{wrong}");
        }
        let there = ContainerRegistry::new("123456789012.dkr.ecr.us-east-1.amazonaws.com/dev/app", None, None).unwrap();
        assert_eq!(there.base.as_str(), "https://123456789012.dkr.ecr.us-east-1.amazonaws.com/v2/dev/app/");
    }

    #[test]
    fn nothing_shows_the_password() {
        let who = Credentials { user: "AWS".into(), password: "very-secret".into() };
        let there = ContainerRegistry::new("localhost:1/app", Some(who), None).unwrap();
        assert!(!format!("{there:?}").contains("very-secret"));
    }
}
