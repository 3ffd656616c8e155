//! Layers: a tar in gzip whose bytes depend on nothing but what is in it.

use std::io::{self, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};
use webpki_root_certs::TLS_SERVER_ROOT_CERTS;

use crate::{USER, digest};

/// A layer of the layout, with its entry in the image's configuration.
#[derive(Clone, Debug)]
pub(crate) struct Layer {
    /// The layer as a gzip archive.
    pub(crate) bytes: Vec<u8>,
    /// Of the tar within.
    pub(crate) diff_id: String,
    /// Description of the content, for the image's history.
    pub(crate) what: &'static str,
}

enum Content<'a> {
    Folder,
    File(&'a [u8]),
}

struct LayerEntry<'a> {
    path: &'a str,
    mode: u32,
    content: Content<'a>,
}

/// Builds the layer that rarely changes: certificates, the user, a folder for temporary files.
pub(crate) fn base() -> io::Result<Layer> {
    let certificates = certificates();
    let passwd = format!("root:x:0:0:root:/:/sbin/nologin\napp:x:{USER}:{USER}:app:/:/sbin/nologin\n");
    let group = format!("root:x:0:\napp:x:{USER}:\n");
    let folder = |path, mode| LayerEntry { path, mode, content: Content::Folder };
    let file = |path, content| LayerEntry { path, mode: 0o644, content: Content::File(content) };
    let entries = [
        folder("etc/", 0o755),
        file("etc/group", group.as_bytes()),
        file("etc/passwd", passwd.as_bytes()),
        folder("etc/ssl/", 0o755),
        folder("etc/ssl/certs/", 0o755),
        file("etc/ssl/certs/ca-certificates.crt", certificates.as_bytes()),
        folder("tmp/", 0o1777),
    ];
    layer("certificates, user, /tmp", &entries)
}

/// Builds the layer that changes with every version: the binary.
pub(crate) fn app(binary: &[u8]) -> io::Result<Layer> {
    layer("the app", &[LayerEntry { path: "app", mode: 0o755, content: Content::File(binary) }])
}

fn layer(what: &'static str, entries: &[LayerEntry<'_>]) -> io::Result<Layer> {
    let mut tar = Builder::new(vec![]);
    for entry in entries {
        let (kind, content): (_, &[u8]) = match entry.content {
            Content::Folder => (EntryType::Directory, &[]),
            Content::File(bytes) => (EntryType::Regular, bytes),
        };
        // Entries belong to root and have no timestamp; all other members are zero.
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path(entry.path)?;
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content)?;
    }
    let tar = tar.into_inner()?;
    // The header has no name and no timestamp, and the operating system is "unknown".
    let mut gzip = GzBuilder::new().mtime(0).operating_system(255).write(vec![], Compression::best());
    gzip.write_all(&tar)?;
    Ok(Layer { bytes: gzip.finish()?, diff_id: digest(&tar), what })
}

/// Returns Mozilla's root certificates in PEM format.
fn certificates() -> String {
    let mut text = String::new();
    for certificate in TLS_SERVER_ROOT_CERTS {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = STANDARD.encode(certificate);
        for line in encoded.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn layer_files_belong_to_root_and_have_no_time() {
        let layer = base().unwrap();
        let mut bytes = vec![];
        flate2::read::GzDecoder::new(&*layer.bytes).read_to_end(&mut bytes).unwrap();
        assert_eq!(digest(&bytes), layer.diff_id);
        let mut archive = tar::Archive::new(&*bytes);
        let mut entries = vec![];
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header().clone();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            if entry.path().unwrap().ends_with("ca-certificates.crt") {
                assert!(text.matches("BEGIN CERTIFICATE").count() > 100);
            }
            entries.push((entry.path().unwrap().display().to_string(), header.mode().unwrap()));
        }
        let paths: Vec<(&str, u32)> = entries.iter().map(|(path, mode)| (path.as_str(), *mode)).collect();
        assert_eq!(
            paths,
            [
                ("etc/", 0o755),
                ("etc/group", 0o644),
                ("etc/passwd", 0o644),
                ("etc/ssl/", 0o755),
                ("etc/ssl/certs/", 0o755),
                ("etc/ssl/certs/ca-certificates.crt", 0o644),
                ("tmp/", 0o1777),
            ]
        );
        // The gzip header has no name and no timestamp.
        assert_eq!(layer.bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    }
}
