//! The app's components, from its Cargo.lock, as a `CycloneDX` document. Cargo.lock has what builds and tests need too.

use std::collections::BTreeMap;

use cyclonedx_bom::{
    external_models::uri::Purl,
    models::{
        bom::{Bom, SpecVersion, UrnUuid},
        component::{Classification, Component, Components},
        dependency::{Dependencies, Dependency},
        hash::{Hash, HashAlgorithm, HashValue, Hashes},
        metadata::Metadata,
    },
};
use serde::Deserialize;

use crate::{digest, hex};

/// The media type of the document.
pub(crate) const KIND: &str = "application/vnd.cyclonedx+json";

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Package {
    fn reference(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The document. Its serial number follows from the rest, and it has no time.
pub(crate) fn document(name: &str, lock: &str) -> Result<Vec<u8>, Error> {
    let mut lock: Lock = toml::from_str(lock)?;
    lock.package.sort_by_key(Package::reference);
    let own = lock.package.iter().position(|package| package.name == name && package.source.is_none());
    let own = own.ok_or_else(|| format!("Cargo.lock does not list {name}"))?;
    let dependencies = dependencies(&lock.package);
    let own = component(&lock.package.remove(own), Classification::Application)?;
    let libraries: Result<Vec<Component>, Error> =
        lock.package.iter().map(|package| component(package, Classification::Library)).collect();
    let mut bom = Bom {
        version: 1,
        spec_version: SpecVersion::V1_5,
        metadata: Some(Metadata { component: Some(own), ..Metadata::default() }),
        components: Some(Components(libraries?)),
        dependencies: Some(dependencies),
        ..Bom::default()
    };
    // The default serial number is random.
    bom.serial_number = None;
    let serial = UrnUuid::new(uuid(hex(&digest(&text(&bom)?)))).map_err(|error| format!("{error:?}"))?;
    bom.serial_number = Some(serial);
    text(&bom)
}

fn text(bom: &Bom) -> Result<Vec<u8>, Error> {
    let mut text = vec![];
    bom.clone().output_as_json_v1_5(&mut text)?;
    Ok(text)
}

/// A UUID of version 8 (application-defined) from the front of a hash.
fn uuid(hash: &str) -> String {
    let part = |from: usize, to: usize| hash.get(from..to).unwrap_or_default();
    format!("urn:uuid:{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

fn component(package: &Package, kind: Classification) -> Result<Component, Error> {
    let mut component = Component::new(kind, &package.name, &package.version, Some(package.reference()));
    component.purl = Some(Purl::new("cargo", &package.name, &package.version)?);
    component.hashes = package
        .checksum
        .as_ref()
        .map(|sum| Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(sum.clone()) }]));
    Ok(component)
}

/// The dependencies between packages. Cargo.lock names a version only where there are several.
fn dependencies(packages: &[Package]) -> Dependencies {
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in packages {
        by_name.entry(&package.name).or_default().push(package);
    }
    let found = |need: &String| {
        let mut words = need.split(' ');
        let (name, version) = (words.next()?, words.next());
        let mut named = by_name.get(name)?.iter();
        named
            .find(|package| version.is_none_or(|version| package.version == version))
            .map(|package| package.reference())
    };
    let row = |package: &Package| Dependency {
        dependency_ref: package.reference(),
        dependencies: package.dependencies.iter().filter_map(found).collect(),
    };
    Dependencies(packages.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use cyclonedx_bom::validation::Validate as _;

    use super::*;

    const LOCK: &str = r#"
        version = 4
        [[package]]
        name = "app"
        version = "0.1.0"
        dependencies = ["log", "rand 0.9.0"]
        [[package]]
        name = "log"
        version = "0.4.27"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        checksum = "13dc2df351e3202783a1fe0d44375f7295ffb4049267b0f3018346dc122a1d94"
        [[package]]
        name = "rand"
        version = "0.8.5"
        source = "registry+https://github.com/rust-lang/crates.io-index"
        [[package]]
        name = "rand"
        version = "0.9.0"
        source = "registry+https://github.com/rust-lang/crates.io-index"
    "#;

    #[test]
    fn the_document_is_valid_and_always_the_same() {
        let text = document("app", LOCK).unwrap();
        assert_eq!(text, document("app", LOCK).unwrap());
        let bom = Bom::parse_from_json_v1_5(&*text).unwrap();
        assert!(bom.validate_version(SpecVersion::V1_5).passed(), "{:?}", bom.validate_version(SpecVersion::V1_5));
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["components"].as_array().unwrap().len(), 3);
        assert_eq!(value["metadata"]["component"]["name"], "app");
        assert_eq!(value["components"][0]["purl"], "pkg:cargo/log@0.4.27");
        assert_eq!(value["dependencies"][0]["dependsOn"], serde_json::json!(["log@0.4.27", "rand@0.9.0"]));
        assert!(value["metadata"].get("timestamp").is_none());
    }

    #[test]
    fn lock_file_without_the_app_is_refused() {
        assert_eq!(document("other", LOCK).unwrap_err().to_string(), "Cargo.lock does not list other");
    }
}
