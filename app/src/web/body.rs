//! Handling of unread request bodies. The app may respond before it has read the body: it is too large, or the client
//! lacks permission. If the connection were closed then, a client that is still sending would get a reset instead of
//! the response. So the app reads and discards the rest while it responds, up to a limit.
//!
//! An answer can be given before the body is read: it is too large, or who sends it may not. If the connection were
//! closed then, a client that is still sending would get a reset instead of the answer. So what is left is read and
//! thrown away beside the answer, up to a bound.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

/// Maximum number of bytes to read and discard; a well-behaved client sends no more.
const MOST: usize = 4 << 20;
/// Maximum time to read and discard, once there is a response.
const LONGEST: Duration = Duration::from_secs(5);

/// Wraps the body so that its rest is read after the response.
pub(super) fn read_to_its_end(headers: &HeaderMap, body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    // A client that expects `100 Continue` has not sent the body yet, and does not send it after a refusal.
    let asks_first = headers.contains_key(header::EXPECT);
    Body::new(ToItsEnd { body: Some(body), sent: !asks_first })
}

struct ToItsEnd {
    body: Option<Body>,
    sent: bool,
}

impl HttpBody for ToItsEnd {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.sent = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for ToItsEnd {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| self.sent && !body.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, tokio::runtime::Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LONGEST, throw_away(rest)));
        }
    }
}

async fn throw_away(mut body: Body) {
    let mut left = MOST;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
