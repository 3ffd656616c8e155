//! The option `--reach`.

use reqwest::Url;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_reach_are_read() {
        let host = |host: &str, port| Ok(Reach::Host(host.to_owned(), port));
        assert_eq!("10.0.0.1:8443".parse(), host("10.0.0.1", Some(8443)));
        assert_eq!("balancer.internal".parse(), host("balancer.internal", None));
        assert_eq!("[::1]:80".parse(), host("::1", Some(80)));
        assert_eq!("::1".parse(), host("::1", None));
        assert!(matches!("http://127.0.0.1:1/_alb/app".parse(), Ok(Reach::Base(_))));
        for wrong in ["", "ftp://a", "a:b", "a/b", "http://"] {
            assert!(wrong.parse::<Reach>().is_err(), "{wrong}");
        }
    }
}
