//! Which cryptography TLS uses: one for the whole process, since `reqwest` is built without a choice of its own.

/// Takes ring for TLS. Asked again, it changes nothing.
pub fn use_ring() {
    // The first one in the process stays: that is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
