//! Around every request: who asks, how much, how long it took; and what handlers take from a request.

mod body;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, MatchedPath, Path, Query, Request, State as AxumState, rejection::JsonRejection,
    },
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::{
    metrics, page,
    problem::{Problem, ProblemKind},
    session::{Role, Session},
    state::App,
};

/// No answer may take longer.
const LONGEST: Duration = Duration::from_secs(30);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Nothing but the app's own style, pictures and forms; no script at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The other end of the connection.
#[derive(Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The client's address, as far as the network reveals it.
#[derive(Clone, Copy)]
pub struct Client(pub IpAddr);

impl Client {
    /// Each proxy in front adds the address that it saw to the end of `X-Forwarded-For`: what is before is hearsay.
    fn of(parts: &Parts, proxies: usize) -> Self {
        let peer = parts.extensions.get::<Peer>().map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip());
        if proxies == 0 {
            return Self(peer);
        }
        let lines = parts.headers.get_all(FORWARDED).iter().rev().filter_map(|line| line.to_str().ok());
        let mut hops = lines.flat_map(|line| line.rsplit(',')).map(str::trim);
        Self(hops.nth(proxies - 1).and_then(address).unwrap_or(peer))
    }
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

impl FromRequestParts<App> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self::of(parts, app.config.trusted_proxies))
    }
}

/// Wraps all requests in the common middleware.
pub async fn around(AxumState(app): AxumState<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    app.metrics.in_flight.inc();
    let _end = InFlight(&app);
    let (parts, body) = request.into_parts();
    let body = body::read_to_its_end(&parts.headers, body);
    let id = request_id(&parts.headers);
    let trace = parts.headers.get(&TRACE_ID).filter(|value| is_plain(value)).cloned();
    let as_page = page::is_wanted(&parts.headers);
    let (method, route) = (known(&parts.method), parts.extensions.get::<MatchedPath>().cloned());
    let route = route.as_ref().map_or("none", MatchedPath::as_str);

    let mut response = match allowed(&app, &parts, route) {
        Err(problem) => page::problem(as_page, problem),
        Ok(()) => match tokio::time::timeout(LONGEST, next.run(Request::from_parts(parts, body))).await {
            Ok(response) => response,
            Err(_) => page::problem(as_page, Problem::new(ProblemKind::Timeout, "Try again.")),
        },
    };
    let status = response.status().as_u16();
    headers(&app, response.headers_mut(), &id);
    let took = start.elapsed();
    app.metrics.answered(&metrics::Request { method, route: route.to_owned(), status }, took);
    let (millis, request) = (took.as_secs_f64() * 1000.0, id.to_str().unwrap_or_default());
    let trace = trace.as_ref().and_then(|value| value.to_str().ok()).unwrap_or_default();
    if status >= 500 {
        tracing::warn!(method, route, status, millis, request, trace, "answered");
    } else if route == "/health/live" || route == app.config.readiness_path {
        tracing::debug!(method, route, status, millis, request, trace, "answered");
    } else {
        tracing::info!(method, route, status, millis, request, trace, "answered");
    }
    response
}

/// Also where the client goes away and the request is dropped.
struct InFlight<'a>(&'a App);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics.in_flight.dec();
    }
}

/// Not too many, and not too much. Health checks always are.
fn allowed(app: &App, parts: &Parts, route: &str) -> Result<(), Problem> {
    if route == "/health/live" || route == app.config.readiness_path {
        return Ok(());
    }
    app.flood.take(Client::of(parts, app.config.trusted_proxies).0)?;
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > app.config.limits.body as u64) {
        return Err(too_large(app));
    }
    Ok(())
}

fn too_large(app: &App) -> Problem {
    Problem::new(ProblemKind::TooLarge, format!("At most {} bytes are taken.", app.config.limits.body))
}

/// The client's, if it is one, so that its logs and ours can be put together; else a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    if let Some(value) = headers.get(&REQUEST_ID).filter(|value| is_plain(value)) {
        return value.clone();
    }
    let mut buffer = Uuid::encode_buffer();
    let text: &str = Uuid::now_v7().hyphenated().encode_lower(&mut buffer);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}

/// Letters, digits and few signs: neither a line break nor a mail address.
fn is_plain(value: &HeaderValue) -> bool {
    (1..=128).contains(&value.len())
        && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_=;:".contains(b))
}

fn headers(app: &App, headers: &mut HeaderMap, id: &HeaderValue) {
    headers.insert(REQUEST_ID, id.clone());
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer`, browsers would send the app's own forms without an origin too.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if app.config.is_secure() {
        headers
            .insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000; includeSubDomains"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// A label of metrics: what clients make up is not one.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A body in JSON.
pub struct Input<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, app).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(too_large(app)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(Problem::new(ProblemKind::MediaType, "Send JSON, with the content type application/json."))
            }
            // The message describes only the client's own text.
            Err(JsonRejection::JsonDataError(error)) => Err(Problem::new(ProblemKind::Invalid, cause(&error))),
            Err(JsonRejection::JsonSyntaxError(error)) => Err(Problem::new(ProblemKind::BadRequest, cause(&error))),
            Err(_) => Err(Problem::new(ProblemKind::BadRequest, "The body did not come whole.")),
        }
    }
}

/// Returns the innermost reason: the outer ones only name libraries.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// The parsed query parameters.
pub struct QueryParameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for QueryParameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, app).await;
        query.map(|Query(value)| Self(value)).map_err(|error| Problem::new(ProblemKind::BadRequest, cause(&error)))
    }
}

/// The ID in the path. An invalid ID counts as unknown.
pub struct Id(pub Uuid);

impl FromRequestParts<App> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::new(ProblemKind::NotFound, "There is no such id."))?;
        // The library accepts several forms; this is the usual one.
        let id = Uuid::try_parse(&id).ok().filter(|_| id.len() == 36);
        id.map(Self).ok_or_else(|| Problem::new(ProblemKind::NotFound, "There is no such id."))
    }
}

/// Any signed-in user, even with a password that must be changed first.
pub struct Anyone(pub Session);

impl FromRequestParts<App> for Anyone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let missing = || Problem::new(ProblemKind::SignInNeeded, "Send a good access token.");
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = header.and_then(|value| value.split_once(' ')).ok_or_else(missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(missing());
        }
        let claims = app.keys.verify(token.trim()).await.ok_or_else(missing)?;
        let session = app.sessions.find(claims.sid).await?;
        session.filter(|session| session.user == claims.sub).map(Self).ok_or_else(missing)
    }
}

/// A user who is signed in.
pub struct User(pub Session);

impl FromRequestParts<App> for User {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Anyone(session) = Anyone::from_request_parts(parts, app).await?;
        if session.must_change_password {
            return Err(Problem::new(ProblemKind::PasswordChangeNeeded, "Somebody else has seen it: choose your own."));
        }
        Ok(Self(session))
    }
}

/// An administrator who is signed in.
pub struct Admin(pub Session);

impl FromRequestParts<App> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let User(session) = User::from_request_parts(parts, app).await?;
        if session.role != Role::Admin {
            return Err(Problem::new(ProblemKind::Forbidden, "Only an administrator may."));
        }
        Ok(Self(session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_hop_is_believed() {
        let client = |lines: &[&str], proxies| {
            let mut parts = Request::new(()).into_parts().0;
            parts.extensions.insert(Peer(([10, 0, 0, 9], 1).into()));
            for line in lines {
                parts.headers.append(FORWARDED, line.parse().unwrap());
            }
            Client::of(&parts, proxies).0.to_string()
        };
        assert_eq!(client(&[], 1), "10.0.0.9");
        assert_eq!(client(&["1.1.1.1, 2.2.2.2"], 1), "2.2.2.2");
        assert_eq!(client(&["1.1.1.1", "2.2.2.2:443"], 1), "2.2.2.2");
        assert_eq!(client(&["1.1.1.1, 2.2.2.2"], 2), "1.1.1.1");
        assert_eq!(client(&["1.1.1.1"], 0), "10.0.0.9");
        assert_eq!(client(&["nobody"], 1), "10.0.0.9");
    }
}
