//! The app's image: an OCI layout on disk, its layers, and the push to a registry. No Docker daemon is needed.

pub mod tls;
