//! Cases of names.

/// `map_public_ip_on_launch` as a variant or an AWS member: `MapPublicIpOnLaunch`.
pub(crate) fn pascal(name: &str) -> String {
    let capitalized = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
    };
    name.split('_').map(capitalized).collect()
}

/// `map_public_ip_on_launch` as a constant: `MAP_PUBLIC_IP_ON_LAUNCH`.
pub(crate) fn constant(name: &str) -> String {
    name.to_ascii_uppercase()
}
