//! A client for two small questions over plain HTTP: the platform's metadata, and the app's own readiness.

use axum::body::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

/// Maximum size of a response in bytes; no endpoint sends more.
const MOST: usize = 1 << 20;

/// The body of a 200; nothing otherwise.
pub async fn get(url: &str) -> Option<Bytes> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "http")?;
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let request = Request::get(url.path()).header("host", format!("{host}:{port}")).body(Empty::<Bytes>::new()).ok()?;
    let answer = async {
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST).collect().await.ok()?.to_bytes();
        (status == StatusCode::OK).then_some(body)
    };
    // The connection is driven by this function and ends with it.
    tokio::pin!(answer, connection);
    tokio::select! {
        body = &mut answer => body,
        _ = &mut connection => answer.await,
    }
}
