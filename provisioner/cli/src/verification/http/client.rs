//! A single request of a verification: its way to the load balancer, directly or through a proxy, and the certificates
//! that it trusts.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Certificate, Client, ClientBuilder, Response, Url, header::HOST, redirect::Policy};
use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use rustls_platform_verifier::Verifier as PlatformVerifier;

use super::{Reach, USER_AGENT};

/// The maximum for one request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum until a connection is open. It is shorter, so that an app that accepts connections and never answers is
/// told apart from one that cannot be reached.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);

/// A request that got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoAnswer {
    pub(super) why: String,
    /// `true` if no connection to the load balancer was opened.
    pub(super) unreachable: bool,
}

/// Sends the requests of a verification.
pub(super) struct HttpClient<'a> {
    reach: Option<&'a Reach>,
    proxies: Matcher,
    /// Certificate authorities in PEM, which are trusted besides those of the operating system.
    authorities: Option<&'a [u8]>,
}

/// The destination of a request.
pub(super) struct Destination<'a> {
    pub(super) url: &'a Url,
    /// The load balancer, where the host of the URL may not lead there yet.
    pub(super) through: Option<&'a str>,
    /// `true` if the server's certificate must be trusted.
    pub(super) trusted: bool,
}

/// The way of a request.
struct Route {
    client: ClientBuilder,
    url: Url,
    /// The `Host` header, where the URL has another host.
    host: Option<String>,
    /// Name and port of the server, unless a proxy connects to it.
    server: Option<(String, u16)>,
}

impl<'a> HttpClient<'a> {
    /// Returns a client that heeds the proxy variables of the environment, as the clients of AWS do.
    pub(super) fn new(reach: Option<&'a Reach>, authorities: Option<&'a [u8]>) -> Self {
        provisioner_image::tls::use_ring();
        Self { reach, proxies: Matcher::from_env(), authorities }
    }

    /// Sends one request on a new connection, so that the load balancer chooses a target again.
    pub(super) async fn get(&self, to: &Destination<'_>) -> Result<Response, NoAnswer> {
        let Route { client, url, host, server } = self.route(to).await?;
        let client = client.build().map_err(|error| NoAnswer { why: chain(&error), unreachable: false })?;
        let request = match host {
            Some(host) => client.get(url).header(HOST, host),
            None => client.get(url),
        };
        match request.send().await {
            Ok(answer) => Ok(answer),
            Err(error) => {
                let (why, unopened) = (chain(&error), error.is_connect() && !concerns_tls(&error));
                let unreachable = unopened && !(error.is_timeout() && accepts(server.as_ref()).await);
                Err(NoAnswer { why, unreachable })
            }
        }
    }

    /// Returns the way to a destination.
    async fn route(&self, to: &Destination<'_>) -> Result<Route, NoAnswer> {
        let port = to.url.port_or_known_default().unwrap_or(443);
        let (server, port) = match (self.reach, to.through) {
            (Some(Reach::Base(base)), _) => {
                let mut url = base.clone();
                url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), to.url.path()));
                return self.plain(to, url);
            }
            (Some(Reach::Host(server, at)), _) => (server.as_str(), at.unwrap_or(port)),
            (None, Some(server)) => (server, port),
            (None, None) => return self.plain(to, to.url.clone()),
        };
        let host = to.url.host_str().unwrap_or_default();
        let through = at(to.url, server, port);
        if !self.is_proxied(&through) {
            let client = self.client(to.trusted)?.no_proxy();
            let client = client.resolve_to_addrs(host, &addresses(server, port).await?);
            return Ok(Route { client, url: to.url.clone(), host: None, server: Some((server.to_owned(), port)) });
        }
        if through == *to.url {
            return self.plain(to, through);
        }
        // A proxy resolves the name itself, so that it gets the load balancer's. The load balancer gets the request for the
        // URL's host, and its certificate must be for that host.
        let mut client = self.client(to.trusted)?;
        if to.trusted {
            client = client
                .tls_backend_preconfigured(self.tls_for(host).map_err(|why| NoAnswer { why, unreachable: false })?);
        }
        Ok(Route { client, url: through, host: Some(authority(to.url)), server: None })
    }

    /// Returns the way that a URL states by itself.
    fn plain(&self, to: &Destination<'_>, url: Url) -> Result<Route, NoAnswer> {
        let direct = url.host_str().zip(url.port_or_known_default()).filter(|_| !self.is_proxied(&url));
        let server = direct.map(|(host, port)| (host.trim_matches(['[', ']']).to_owned(), port));
        Ok(Route { client: self.client(to.trusted)?, url, host: None, server })
    }

    fn is_proxied(&self, url: &Url) -> bool {
        url.as_str().parse().is_ok_and(|url| self.proxies.intercept(&url).is_some())
    }

    fn client(&self, trusted: bool) -> Result<ClientBuilder, NoAnswer> {
        let client = Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(USER_AGENT)
            .redirect(Policy::none())
            .pool_max_idle_per_host(0)
            .tls_danger_accept_invalid_certs(!trusted);
        let Some(pem) = self.authorities.filter(|_| trusted) else { return Ok(client) };
        let authorities = Certificate::from_pem_bundle(pem);
        let authorities = authorities.map_err(|error| NoAnswer { why: chain(&error), unreachable: false })?;
        Ok(client.tls_certs_merge(authorities))
    }

    /// TLS that accepts trusted certificates for this host, whatever the name of the server.
    fn tls_for(&self, host: &str) -> Result<ClientConfig, String> {
        let host = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
        let provider = Arc::new(ring::default_provider());
        let authorities = CertificateDer::pem_slice_iter(self.authorities.unwrap_or_default()).filter_map(Result::ok);
        let platform = PlatformVerifier::new_with_extra_roots(authorities, provider.clone());
        let platform = platform.map_err(|error| error.to_string())?;
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?.dangerous();
        Ok(config.with_custom_certificate_verifier(Arc::new(HostVerifier { host, platform })).with_no_client_auth())
    }
}

/// Verifies that a certificate is trusted for a host, which is not the name that the connection was opened with.
#[derive(Debug)]
struct HostVerifier {
    host: ServerName<'static>,
    platform: PlatformVerifier,
}

impl ServerCertVerifier for HostVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.platform.verify_server_cert(end_entity, intermediates, &self.host, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.platform.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.platform.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.platform.supported_verify_schemes()
    }
}

/// Returns the URL with another host and port.
fn at(url: &Url, host: &str, port: u16) -> Url {
    let mut url = url.clone();
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    // Both succeed: the URL has a host already, and names and addresses are valid hosts.
    let _ = url.set_host(Some(&host));
    let _ = url.set_port(Some(port));
    url
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, NoAnswer> {
    let unreachable = |why| NoAnswer { why, unreachable: true };
    let found = tokio::net::lookup_host((host, port)).await;
    let found: Vec<SocketAddr> = found.map_err(|error| unreachable(format!("{host}: {error}")))?.collect();
    if found.is_empty() { Err(unreachable(format!("{host} has no address"))) } else { Ok(found) }
}

/// Returns whether a server accepts connections. The time limit of a request does not tell a server that stays silent from
/// a connection that a firewall drops. What a proxy does behind it cannot be told either, and counts as accepted.
async fn accepts(server: Option<&(String, u16)>) -> bool {
    let Some((host, port)) = server else { return true };
    let connection = tokio::time::timeout(CONNECT_TIMEOUT, tokio::net::TcpStream::connect((host.as_str(), *port)));
    connection.await.is_ok_and(|connection| connection.is_ok())
}

/// Returns whether an error is about TLS: then a server answered. An I/O error hides the error that it was made of from
/// `source`.
fn concerns_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    hidden.is_some_and(|hidden| concerns_tls(hidden)) || error.source().is_some_and(concerns_tls)
}

pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silent_server_is_told_apart_from_one_that_cannot_be_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = Url::parse(&format!("https://127.0.0.1:{port}/version")).unwrap();
        let destination = Destination { url: &url, through: None, trusted: false };
        // It accepts the connection, and never answers the greeting of TLS.
        let client = HttpClient::new(None, None);
        assert!(!client.get(&destination).await.unwrap_err().unreachable);
        drop(listener);
        assert!(client.get(&destination).await.unwrap_err().unreachable);
    }
}
