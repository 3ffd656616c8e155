//! The proxy variables of the environment, which all HTTP clients of this process heed by themselves. They ignore a value
//! that is not a URL and connect directly, which is an error here.

use provisioner_aws::http::is_proxy_url;

use crate::{error::Failure, terminal};

/// Refuses a proxy that the clients would ignore.
pub(crate) fn check() -> Result<(), Failure> {
    let invalid = terminal::proxy_variables().into_iter().find(|(_, value)| !value.is_empty() && !is_proxy_url(value));
    match invalid {
        Some((variable, value)) => Err(Failure::Proxy { variable, value: redacted(&value) }),
        None => Ok(()),
    }
}

/// Returns the value without user and password.
fn redacted(value: &str) -> String {
    let Some((before, host)) = value.rsplit_once('@') else { return value.to_owned() };
    let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}***@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_are_never_shown() {
        for (value, shown) in [
            ("socks5://user:secret@proxy:1080", "socks5://***@proxy:1080"),
            ("user:sec@ret@proxy:3128 x", "***@proxy:3128 x"),
            ("http://user:sec://ret@proxy y", "http://***@proxy y"),
            ("ftp://proxy", "ftp://proxy"),
        ] {
            assert_eq!(redacted(value), shown);
        }
    }
}
