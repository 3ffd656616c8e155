use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const NEW: &str = "sha256:22";
const OLD: &str = "sha256:11";

/// A load balancer that answers its `n`th request with this image, or not at all.
async fn balancer(image: impl Fn(usize) -> Option<&'static str> + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = asked.clone();
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let read = client.read(&mut buffer).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&buffer[..read]).to_lowercase();
            assert!(head.contains("host: app.example.com"), "{head}");
            // Without an answer, the connection is closed.
            let Some(image) = image(count.fetch_add(1, Ordering::SeqCst)) else { continue };
            let body = json!({ "image": image, "task_definition": "web:2" }).to_string();
            let answer =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

async fn prove(address: SocketAddr, image: &str) -> Result<(), Unproven> {
    let clouds = Clouds::default();
    let reach = address.to_string().parse().unwrap();
    let proof = json!({
        "url": "http://app.example.com/version", "trusted": true, "image": image,
        "expect": { "task_definition": "web:2" }, "deadline_seconds": 1, "settle_seconds": 1,
    });
    let rollout = Proving { address: "a", type_name: "test", provider: "main", id: "c/web", proof: &proof };
    HttpVerifier::new(&clouds, Some(&reach)).verify(rollout).await
}

#[tokio::test]
async fn the_new_image_proves_itself_and_nothing_else_does() {
    let (right, asked) = balancer(|_| Some(NEW)).await;
    assert_eq!(prove(right, "repository@sha256:22").await, Ok(()));
    assert!(asked.load(Ordering::SeqCst) >= 3, "it must answer for a while");
    // What has no digest cannot be compared by it.
    assert_eq!(prove(right, "repository:latest").await, Ok(()));

    let (old, _) = balancer(|_| Some(OLD)).await;
    let unproven = prove(old, "repository@sha256:22").await.unwrap_err();
    assert!(unproven.why.contains(OLD) && unproven.why.contains(NEW), "{}", unproven.why);
    assert_eq!(unproven.hint, None, "it was reached");
}

#[tokio::test]
async fn one_that_wavers_is_not_proven() {
    let (flapping, asked) = balancer(|n| Some(if n % 3 == 2 { OLD } else { NEW })).await;
    assert!(prove(flapping, "repository@sha256:22").await.unwrap_err().why.contains(OLD));
    assert!(asked.load(Ordering::SeqCst) > 3);
    // One that begins late is, if it stays.
    let (late, _) = balancer(|n| Some(if n < 3 { OLD } else { NEW })).await;
    assert_eq!(prove(late, "repository@sha256:22").await, Ok(()));
}

#[tokio::test]
async fn one_that_never_listens_is_not_proven_and_the_hint_says_what_to_do() {
    let (silent, _) = balancer(|_| None).await;
    assert!(prove(silent, "repository@sha256:22").await.is_err());
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let unproven = prove(nobody, "repository@sha256:22").await.unwrap_err();
    assert!(unproven.hint.is_some_and(|hint| hint.contains("--reach") && hint.contains("--no-proof")));
}

#[test]
fn addresses_to_reach_are_read() {
    let host = |host: &str, port| Ok(Reach::Host(host.to_owned(), port));
    assert_eq!("10.0.0.1:8443".parse(), host("10.0.0.1", Some(8443)));
    assert_eq!("balancer.internal".parse(), host("balancer.internal", None));
    assert_eq!("[::1]:80".parse(), host("::1", Some(80)));
    assert_eq!("::1".parse(), host("::1", None));
    assert!(matches!("http://127.0.0.1:1/_alb/app".parse(), Ok(Reach::Base(_))));
    for wrong in ["", "ftp://a", "a:b", "a/b", "http://"] {
        assert!(wrong.parse::<Reach>().is_err(), "{wrong}");
    }
}
