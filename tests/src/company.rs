//! The network of a company: a certificate authority, servers with its certificates, and a proxy, through which alone
//! the names of those servers resolve.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::proxy::Message;

/// A certificate authority that no machine trusts by itself.
pub struct Authority {
    /// The authority's certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Creates an authority.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut params = CertificateParams::new(vec![])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { pem, issuer: Issuer::new(params, key) })
    }

    /// Listens with a certificate for `name`, and passes each request on to a server without TLS. Returns the port.
    pub fn serve(&self, name: &str, server: u16) -> io::Result<u16> {
        let config = Arc::new(self.config(name).map_err(io::Error::other)?);
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let config = config.clone();
                thread::spawn(move || -> io::Result<()> {
                    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
                    let mut client = StreamOwned::new(connection, client);
                    let Some(request) = Message::read(&mut client)? else { return Ok(()) };
                    // The registry makes addresses of its own from it.
                    request.with_header("X-Forwarded-Proto", "https").send(server)?.write(&mut client)?;
                    client.conn.send_close_notify();
                    client.flush()
                });
            }
        });
        Ok(port)
    }

    fn config(&self, name: &str) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(vec![name.to_owned()])?.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)?)
    }
}

/// An HTTP proxy that writes down what it is asked for. Every name leads to this machine, except that it refuses names
/// that begin with `refused.`.
pub struct ForwardProxy {
    /// Host and port of the proxy.
    pub host: String,
    log: Arc<Mutex<Vec<String>>>,
}

impl ForwardProxy {
    /// Listens. With credentials, `user:password` in Base64, requests without them are refused.
    pub fn start(credentials: Option<&'static str>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let proxy = Self { host: listener.local_addr()?.to_string(), log: Arc::default() };
        let log = proxy.log.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let log = log.clone();
                thread::spawn(move || answer(client, credentials, &log));
            }
        });
        Ok(proxy)
    }

    /// Returns method and target of each request, such as `CONNECT host:443` or `GET http://host/`, and empties the list.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn answer(mut client: TcpStream, credentials: Option<&str>, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let Some(request) = Message::read(&mut client)? else { return Ok(()) };
    let (method, target) = (request.method().to_owned(), request.path().to_owned());
    log.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{method} {target}"));
    let authorization = request.header("proxy-authorization").and_then(|value| value.strip_prefix("Basic "));
    let (authority, path) = match target.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (target.as_str(), ""),
    };
    let refusal = match credentials {
        Some(expected) if authorization != Some(expected) => Some(407),
        _ if authority.starts_with("refused.") => Some(403),
        _ => None,
    };
    if let Some(status) = refusal {
        return Message::answer(status, "text/plain", "the proxy refuses").write(&mut client);
    }
    let port = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).unwrap_or(80);
    if method != "CONNECT" {
        return request.to(path, authority).send(port)?.write(&mut client);
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    let _ = io::copy(&mut &server, &mut &client);
    client.shutdown(Shutdown::Write)
}
