//! The TLS cryptography provider of the process: `reqwest` is built without one.

/// Takes ring for TLS. Asked again, it changes nothing.
pub fn use_ring() {
    // The first one in the process stays: that is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
