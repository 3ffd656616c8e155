use std::{fs, path::Path};

use provisioner_image::{Architecture, BuildStatus, ImageError, Layout, find};

use crate::{HERE, program};

#[test]
fn two_checkouts_give_one_image() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let longer = other.path().join("another/place/altogether");
    fs::create_dir_all(&longer).unwrap();
    let first = program(one.path()).build().unwrap();
    let second = program(&longer).build().unwrap();
    assert_eq!(first.digest(), second.digest());
    assert_eq!(first.attached().unwrap(), second.attached().unwrap());
    assert_eq!(first.inputs(), second.inputs());
    assert_eq!(first.architecture(), Some(HERE));
    assert_eq!(first.tag(), format!("1.2.3_x-{}", &first.digest()[7..19]));
    assert_eq!(first.labels().unwrap()["org.opencontainers.image.source"], "https://example.com/tiny");
    assert_eq!(first.labels().unwrap()["org.opencontainers.image.version"], "1.2.3+x");
    assert_eq!(first.layers().unwrap().len(), 2);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
fn image_is_out_of_date_when_its_source_changes() {
    let folder = tempfile::tempdir().unwrap();
    let source = program(folder.path());
    assert!(matches!(source.build_status().unwrap(), BuildStatus::Missing));
    let built = source.build().unwrap();
    assert!(matches!(source.build_status().unwrap(), BuildStatus::Current(there) if there.digest() == built.digest()));
    let base = built.layers().unwrap()[0].clone();
    let root = folder.path().join("build/image");
    assert!(find(&root, built.digest()).unwrap().is_some());
    assert!(find(&root, "sha256:0").unwrap().is_none());

    fs::write(source.app.join("src/main.rs"), "fn main() { println!(\"two\") }").unwrap();
    assert!(
        matches!(source.build_status().unwrap(), BuildStatus::OutOfDate(there) if there.digest() == built.digest())
    );
    let again = source.build().unwrap();
    assert_ne!(again.digest(), built.digest());
    // The base stays, and nothing of the earlier image does.
    assert_eq!(again.layers().unwrap()[0], base);
    assert_eq!(blobs(again.folder()), 2 + 4 + 3, "two layers, configuration; two documents; three manifests; `{{}}`");
    assert!(matches!(source.build_status().unwrap(), BuildStatus::Current(_)));
    // A toolchain of one's own is an input as well.
    fs::write(folder.path().join("rust-toolchain.toml"), "").unwrap();
    assert!(matches!(source.build_status().unwrap(), BuildStatus::OutOfDate(_)));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
fn reported_build_gives_the_same_image_and_counts_its_crates() {
    let folder = tempfile::tempdir().unwrap();
    let source = program(folder.path());
    let shown = source.build().unwrap();
    fs::remove_dir_all(&source.cargo.target).unwrap();
    let mut reports = vec![];
    let reported = source.build_reporting(|progress| reports.push((progress.compiled, progress.total))).unwrap();
    assert_eq!(reported.digest(), shown.digest());
    assert_eq!((reports.first(), reports.last()), (Some(&(0, 1)), Some(&(1, 1))));

    fs::write(source.app.join("src/main.rs"), "fn main() { nonsense }").unwrap();
    let error = source.build_reporting(|_| ()).unwrap_err();
    assert!(matches!(error, ImageError::Build { .. }), "{error}");
    fs::write(source.app.join("Cargo.lock"), "").unwrap();
    let error = source.build_reporting(|_| ()).unwrap_err();
    assert!(error.to_string().contains("cargo tree --locked"), "{error}");
}

fn blobs(layout: &Path) -> usize {
    fs::read_dir(layout.join("blobs/sha256")).unwrap().count()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "files of the test's own")]
fn build_errors_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = program(folder.path());
    fs::write(source.app.join("src/main.rs"), "fn main() { nonsense }").unwrap();
    let error = source.build().unwrap_err();
    assert!(matches!(error, ImageError::Build { .. }), "{error}");
    fs::write(source.app.join("src/main.rs"), "fn main() {}").unwrap();
    source.cargo.program = "no-such-cargo".into();
    assert_eq!(source.build().unwrap_err().to_string(), "could not start `no-such-cargo`");
    assert!(Layout::open(&source.layout).unwrap().is_none());
    fs::create_dir_all(&source.layout).unwrap();
    fs::write(source.layout.join("index.json"), "{}").unwrap();
    let error = Layout::open(&source.layout).unwrap_err();
    assert!(error.to_string().contains("is damaged: index.json"), "{error}");
    assert_eq!(Architecture::Arm64.to_string(), "arm64");
}
