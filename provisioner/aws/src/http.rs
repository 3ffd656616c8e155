//! The HTTP client of the SDK: the certificate authorities that it trusts, and its proxies.

use std::{
    io,
    path::{Path, PathBuf},
};

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// Certificate authorities in a file of PEM certificates, as `AWS_CA_BUNDLE` names one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaBundle {
    pem: Vec<u8>,
}

/// An error of a CA bundle.
#[derive(Debug, thiserror::Error)]
pub enum CaBundleError {
    /// The file could not be read.
    #[error("could not read the CA bundle {}", path.display())]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file has no certificate.
    #[error("the CA bundle {} has no PEM certificate that can be used", path.display())]
    Empty {
        /// Path of the file.
        path: PathBuf,
    },
}

impl CaBundle {
    /// Reads a file, and leaves out what is no certificate authority for TLS: bundles of companies often have obsolete
    /// certificates that OpenSSL skips as well.
    pub async fn read(path: &Path) -> Result<Self, CaBundleError> {
        let text = tokio::fs::read(path).await;
        let text = text.map_err(|source| CaBundleError::Read { path: path.to_owned(), source })?;
        let is_usable = |one: &CertificateDer<'_>| RootCertStore::empty().add(one.clone()).is_ok();
        let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).filter(is_usable);
        let pem: Vec<u8> = certificates.flat_map(|one| encode(&one).into_bytes()).collect();
        if pem.is_empty() {
            return Err(CaBundleError::Empty { path: path.to_owned() });
        }
        Ok(Self { pem })
    }

    /// Returns the certificates as PEM.
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }
}

fn encode(certificate: &CertificateDer<'_>) -> String {
    let text = aws_smithy_types::base64::encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// Returns the client. A CA bundle replaces the authorities of the operating system, as in AWS's other tools.
pub(crate) fn client(bundle: Option<&CaBundle>, proxies: ProxyConfig) -> SharedHttpClient {
    let trusted = match bundle {
        Some(bundle) => TrustStore::empty().with_pem_certificate(bundle.pem()),
        None => TrustStore::default(),
    };
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(aws_sdk_sts::config::RuntimeComponents::sleep_impl));
        let context = TlsContext::builder().with_trust_store(trusted.clone()).build().unwrap_or_default();
        let connector = connector.proxy_config(proxies.clone()).tls_provider(Provider::Rustls(CryptoMode::Ring));
        connector.tls_context(context).build()
    })
}

/// Returns whether a value of `HTTPS_PROXY` and its siblings names a proxy that the clients can use: the URL of an HTTP
/// or HTTPS proxy, or a host with an optional port.
pub fn is_proxy_url(value: &str) -> bool {
    let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    ProxyConfig::all(url).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_http_urls_or_hosts() {
        for url in ["http://proxy.example.com:3128", "https://user:p%40ss@proxy:8443/", "proxy:3128", "10.0.0.1"] {
            assert!(is_proxy_url(url), "{url}");
        }
        for text in ["", "http://", "socks5://proxy:1080", "ftp://proxy", "http://a b", "http:// proxy", "/proxy"] {
            assert!(!is_proxy_url(text), "{text}");
        }
    }

    #[tokio::test]
    async fn bundle_keeps_the_usable_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bundle.pem");
        let ca = rcgen::generate_simple_self_signed(["ca.example.com".to_owned()]).unwrap().cert.pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        tokio::fs::write(&file, format!("# our CA\n{ca}{broken}")).await.unwrap();
        let pem = CaBundle::read(&file).await.unwrap().pem;
        let (read, written): (Vec<_>, Vec<_>) = (
            CertificateDer::pem_slice_iter(&pem).map(Result::unwrap).collect(),
            CertificateDer::pem_slice_iter(ca.as_bytes()).map(Result::unwrap).collect(),
        );
        assert_eq!(read, written);

        tokio::fs::write(&file, broken).await.unwrap();
        assert!(matches!(CaBundle::read(&file).await, Err(CaBundleError::Empty { .. })));
        assert!(matches!(CaBundle::read(folder.path()).await, Err(CaBundleError::Read { .. })));
    }
}
