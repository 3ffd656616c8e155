use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

const NEW: &str = "sha256:22";
const OLD: &str = "sha256:11";
/// The answer of a load balancer to a request that its web ACL blocks.
const BLOCKED: &str = "HTTP/1.1 403 Forbidden\r\nServer: awselb/2.0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A load balancer that answers its `n`th request with this image, or not at all.
async fn balancer(image: impl Fn(usize) -> Option<&'static str> + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, request) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = request.clone();
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let read = client.read(&mut buffer).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&buffer[..read]).to_lowercase();
            assert!(head.contains("host: app.example.com"), "{head}");
            // As AWS's common rule set in front of a load balancer does.
            if !head.contains("\r\nuser-agent: ") {
                let _ = client.write_all(BLOCKED.as_bytes()).await;
                continue;
            }
            // Without an answer, the connection is closed.
            let Some(image) = image(count.fetch_add(1, Ordering::SeqCst)) else { continue };
            let body = json!({ "image": image, "task_definition": "web:2" }).to_string();
            let answer =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    (address, request)
}

async fn verify(address: SocketAddr, image: &str) -> Result<(), Diagnostic> {
    let clouds = Clouds::default();
    let reach = address.to_string().parse().unwrap();
    let verification = json!({
        "url": "http://app.example.com/version", "trusted": true, "image": image,
        "expect": { "task_definition": "web:2" }, "deadline_seconds": 1, "settle_seconds": 1,
    });
    let rollout = VerificationRequest {
        address: "a",
        type_name: "test",
        provider: "main",
        id: "c/web",
        verification: &verification,
    };
    HttpVerifier::new(&clouds, Some(&reach)).verify(rollout).await.map(|warning| assert_eq!(warning, None))
}

#[tokio::test]
async fn only_the_new_image_passes_verification() {
    let (right, request) = balancer(|_| Some(NEW)).await;
    assert_eq!(verify(right, "repository@sha256:22").await, Ok(()));
    assert!(request.load(Ordering::SeqCst) >= 3, "it must answer for a while");
    // An image reference without a digest is not compared.
    assert_eq!(verify(right, "repository:latest").await, Ok(()));

    let (old, _) = balancer(|_| Some(OLD)).await;
    let unverified = verify(old, "repository@sha256:22").await.unwrap_err();
    assert!(unverified.summary.contains(OLD) && unverified.summary.contains(NEW), "{}", unverified.summary);
    assert_eq!(unverified.hint, None, "it was reached");
}

#[tokio::test]
async fn flapping_service_fails_verification() {
    let (flapping, request) = balancer(|n| Some(if n % 3 == 2 { OLD } else { NEW })).await;
    assert!(verify(flapping, "repository@sha256:22").await.unwrap_err().summary.contains(OLD));
    assert!(request.load(Ordering::SeqCst) > 3);
    // A service that becomes correct late passes, if it stays correct.
    let (late, _) = balancer(|n| Some(if n < 3 { OLD } else { NEW })).await;
    assert_eq!(verify(late, "repository@sha256:22").await, Ok(()));
}

#[tokio::test]
async fn unreachable_service_fails_verification_with_a_hint() {
    let (silent, _) = balancer(|_| None).await;
    assert!(verify(silent, "repository@sha256:22").await.is_err());
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let unverified = verify(nobody, "repository@sha256:22").await.unwrap_err();
    assert!(unverified.hint.is_some_and(|hint| hint.contains("--reach") && hint.contains("--no-verification")));
}

#[tokio::test]
async fn blocked_request_is_told_apart_from_a_bad_version() {
    for (answer, by_firewall) in [(BLOCKED, true), (&BLOCKED.replace("awselb/2.0", "nginx"), false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, answer) = (listener.local_addr().unwrap(), answer.to_owned());
        #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let _ = client.read(&mut [0; 4096]).await;
                let _ = client.write_all(answer.as_bytes()).await;
            }
        });
        let unverified = verify(address, "repository@sha256:22").await.unwrap_err();
        assert_eq!(
            unverified.summary.contains("the web ACL blocked the request"),
            by_firewall,
            "{}",
            unverified.summary
        );
        assert_eq!(unverified.hint.is_some_and(|hint| hint.contains("sampled requests")), by_firewall);
    }
}
