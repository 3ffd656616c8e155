//! The TLS cryptography provider of the process: `reqwest` is built without one.

/// Takes ring for TLS. Asked again, it changes nothing.
pub fn use_ring() {
    // The first installed provider stays, and it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
