use provisioner_image::{Attached, ContainerRegistry, Credentials, Layout, Pushed, RegistryError};

use crate::{
    program,
    script::{RegistryContents, Script},
};

fn image() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = program(folder.path()).build().unwrap();
    (folder, layout)
}

async fn push(script: &Script, layout: &Layout) -> Result<Pushed, RegistryError> {
    let who = Credentials { user: "AWS".into(), password: "very-secret".into() };
    ContainerRegistry::new(&format!("{}/app", script.host), Some(who), None).unwrap().push(layout).await
}

#[tokio::test]
async fn documents_are_attached_as_referrers_and_nothing_is_sent_twice() {
    let (_folder, layout) = image();
    let script = Script::start(RegistryContents { referrers: true, ..RegistryContents::default() }).await;
    // Two layers, a configuration, two documents and what stands for a document's configuration.
    let pushed = push(&script, &layout).await.unwrap();
    assert_eq!(pushed, Pushed { sent: 6, there: 1, attached: Attached::Referrers });
    assert_eq!(script.kept.lock().unwrap().tags[layout.tag()], layout.digest());
    assert_eq!(script.kept.lock().unwrap().manifests.len(), 3);
    assert!(script.kept.lock().unwrap().asked.iter().all(|(_, who)| who.starts_with("Basic ")));

    let uploads = script.count("POST");
    let again = push(&script, &layout).await.unwrap();
    assert_eq!(again, Pushed { sent: 0, there: 3, attached: Attached::Referrers });
    assert_eq!(script.count("POST"), uploads);
}

#[tokio::test]
async fn without_referrers_one_index_is_pushed_once() {
    let (_folder, layout) = image();
    let script = Script::start(RegistryContents::default()).await;
    assert_eq!(push(&script, &layout).await.unwrap().attached, Attached::Index);
    let tagged = script.kept.lock().unwrap().tags[layout.tag()].clone();
    assert_ne!(tagged, layout.digest());
    // Tasks name the image itself, which is there by its digest.
    assert!(script.kept.lock().unwrap().manifests.contains_key(layout.digest()));
    let puts = script.count("PUT");
    assert_eq!(push(&script, &layout).await.unwrap().sent, 0);
    assert_eq!(script.count("PUT"), puts + 1, "the image by its digest, which changes nothing");
}

#[tokio::test]
async fn tag_of_another_image_is_an_error() {
    let (_folder, layout) = image();
    let mut kept = RegistryContents { referrers: true, ..RegistryContents::default() };
    kept.manifests.insert("sha256:other".into(), "{}".into());
    kept.tags.insert(layout.tag().into(), "sha256:other".into());
    let script = Script::start(kept).await;
    let error = push(&script, &layout).await.unwrap_err();
    assert!(matches!(error, RegistryError::TagTaken { .. }), "{error}");
    assert!(error.to_string().contains(layout.tag()), "{error}");
}

#[tokio::test]
async fn busy_registry_is_retried() {
    let (_folder, layout) = image();
    for status in [429, 503] {
        let script =
            Script::start(RegistryContents { referrers: true, fail: (status, 2), ..RegistryContents::default() }).await;
        push(&script, &layout).await.unwrap();
    }
}

#[tokio::test]
async fn no_error_holds_the_password() {
    let (_folder, layout) = image();
    let script = Script::start(RegistryContents { fail: (403, 1), ..RegistryContents::default() }).await;
    let error = push(&script, &layout).await.unwrap_err();
    assert!(error.denied(), "{error}");
    assert!(error.to_string().contains("answered 403 to a look for sha256:"), "{error}");
    assert!(!format!("{error:?}").contains("very-secret"));
}
