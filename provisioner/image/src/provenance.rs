//! The provenance of an image: an in-toto statement with SLSA's predicate.

use std::path::Path;

use serde_json::{Value, json};

use crate::{Architecture, child, hex};

/// The media type of the document.
pub(crate) const KIND: &str = "application/vnd.in-toto+json";

/// The sources of an image.
pub(crate) struct ImageProvenance<'a> {
    pub(crate) name: &'a str,
    pub(crate) image: &'a str,
    pub(crate) architecture: Architecture,
    pub(crate) source: Option<&'a str>,
    pub(crate) revision: Option<Revision>,
    pub(crate) lock: &'a str,
    pub(crate) binary: &'a str,
}

/// The revision of the source.
pub(crate) struct Revision {
    commit: String,
    /// `true` if there was more than the commit.
    changed: bool,
}

/// Returns git's revision of a folder; `None` without a repository.
pub(crate) fn revision(folder: &Path) -> Option<Revision> {
    let ask = |arguments: &[&str]| {
        let answer = child::command("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    };
    let commit = ask(&["rev-parse", "HEAD"])?;
    let changed = ask(&["status", "--porcelain", "--", "."])?;
    Some(Revision { commit, changed: !changed.is_empty() })
}

/// Returns the statement. It has no time, so that the same build gives the same statement.
pub(crate) fn statement(made: &ImageProvenance<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let mut materials = vec![json!({ "name": "Cargo.lock", "digest": { "sha256": hex(made.lock) } })];
    if let Some(revision) = &made.revision {
        let uri = made.source.map_or_else(|| "git".to_owned(), |source| format!("git+{source}"));
        materials.push(json!({
            "uri": uri,
            "digest": { "gitCommit": revision.commit },
            "annotations": { "changedSince": revision.changed },
        }));
    }
    let statement: Value = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": made.name, "digest": { "sha256": hex(made.image) } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:provisioner:image:1",
                "externalParameters": { "source": made.source, "target": made.architecture.target() },
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": { "id": "urn:provisioner", "version": { "provisioner": env!("CARGO_PKG_VERSION") } },
                "byproducts": [{ "name": "app", "digest": { "sha256": hex(made.binary) } }],
            },
        },
    });
    serde_json::to_vec_pretty(&statement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_names_what_it_is_about() {
        let made = ImageProvenance {
            name: "app",
            image: "sha256:aa",
            architecture: Architecture::X8664,
            source: Some("https://example.com/app"),
            revision: Some(Revision { commit: "c0ffee".into(), changed: false }),
            lock: "sha256:bb",
            binary: "sha256:cc",
        };
        let value: Value = serde_json::from_slice(&statement(&made).unwrap()).unwrap();
        assert_eq!(value["subject"][0]["digest"]["sha256"], "aa");
        let dependencies = &value["predicate"]["buildDefinition"]["resolvedDependencies"];
        assert_eq!(dependencies[0]["digest"]["sha256"], "bb");
        assert_eq!(dependencies[1]["digest"]["gitCommit"], "c0ffee");
        assert_eq!(dependencies[1]["uri"], "git+https://example.com/app");
        assert_eq!(value["predicate"]["runDetails"]["byproducts"][0]["digest"]["sha256"], "cc");
    }
}
