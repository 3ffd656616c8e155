//! A real registry for images: Debian's `docker-registry`. moto has ECR's control plane and no registry, so that the
//! front answers from this one what ECR would know of images.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// A running registry, empty at first. It ends with this value.
pub struct LocalRegistry {
    child: Child,
    folder: std::path::PathBuf,
    /// TCP port on loopback.
    pub port: u16,
}

impl Drop for LocalRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl LocalRegistry {
    /// Starts one. None where the program is not there.
    pub fn start() -> Option<Self> {
        let port = crate::free_port();
        let folder = std::env::temp_dir().join(format!("provisioner-registry-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).ok()?;
        let config = folder.join("config.yml");
        let settings = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage:\n  filesystem: {{ rootdirectory: {} }}\n  \
             delete: {{ enabled: true }}\nhttp: {{ addr: \"127.0.0.1:{port}\" }}\n",
            folder.join("data").display()
        );
        #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
        std::fs::write(&config, settings).ok()?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = Self { child: command.spawn().ok()?, folder, port };
        registry.answers().then_some(registry)
    }

    /// Returns the host in image names.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn answers(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if ask(self.port, "GET", "/v2/").is_some_and(|status| status == 200) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// Returns whether it has this image.
    pub fn has(&self, repository: &str, digest: &str) -> bool {
        has(self.port, repository, digest)
    }
}

fn has(port: u16, repository: &str, digest: &str) -> bool {
    ask(port, "HEAD", &format!("/v2/{repository}/manifests/{digest}")) == Some(200)
}

/// The status of an answer.
fn ask(port: u16, method: &str, path: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n\r\n").ok()?;
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    text.split(' ').nth(1)?.parse().ok()
}

/// ECR's answer about images, from the registry. None: moto knows it.
pub(crate) fn images(port: u16, operation: &str, body: &[u8]) -> Option<Value> {
    let request: Value = serde_json::from_slice(body).ok()?;
    let repository = request["repositoryName"].as_str()?;
    let digests: Vec<&str> =
        request["imageIds"].as_array()?.iter().filter_map(|one| one["imageDigest"].as_str()).collect();
    let (there, missing): (Vec<&str>, Vec<&str>) = digests.iter().partition(|digest| has(port, repository, digest));
    let failures: Vec<Value> = missing
        .iter()
        .map(|digest| json!({ "imageId": { "imageDigest": digest }, "failureCode": "ImageNotFound" }))
        .collect();
    match operation {
        "BatchGetImage" => {
            let image = |digest: &&str| json!({ "repositoryName": repository, "imageId": { "imageDigest": digest } });
            Some(json!({ "images": there.iter().map(image).collect::<Vec<_>>(), "failures": failures }))
        }
        "BatchDeleteImage" => {
            for digest in &there {
                ask(port, "DELETE", &format!("/v2/{repository}/manifests/{digest}"));
            }
            let ids: Vec<Value> = there.iter().map(|digest| json!({ "imageDigest": digest })).collect();
            Some(json!({ "imageIds": ids, "failures": failures }))
        }
        _ => None,
    }
}

/// A text with the registry on this port in the place of ECR's.
pub(crate) fn named(port: u16, mut rest: &str) -> String {
    let mut there = String::new();
    while let Some(at) = rest.find(".dkr.ecr.") {
        let start = rest[..at].rfind(|letter: char| !letter.is_ascii_digit()).map_or(0, |before| before + 1);
        let end = rest[at..].find(".amazonaws.com").map_or(rest.len(), |end| at + end + ".amazonaws.com".len());
        there.push_str(&format!("{}127.0.0.1:{port}", &rest[..start]));
        rest = &rest[end..];
    }
    there.push_str(rest);
    there
}
