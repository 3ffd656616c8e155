//! The running process: from the first connection to the database to the last request.
//!
//! It listens at once, but is ready only when the database has this version's schema. Asked to end (SIGTERM, SIGINT),
//! it says that it is not ready, goes on for a moment so that load balancers notice, takes no more connections, and
//! ends when the last answer is given.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, State as AxumState},
    http::{HeaderMap, Request, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};
use tower::{ServiceExt, service_fn};
use tower_http::cors::{Any, CorsLayer};

use crate::{
    api,
    config::{Config, Environment},
    database::{self, Database},
    keys::{self, Keys},
    limit::{Flood, Shared},
    metrics::Metrics,
    page,
    password::Passwords,
    problem::{Problem, ProblemKind},
    secret::SecretReader,
    session::Sessions,
    state::{App, State},
    version::Lookup,
    web::{self, Peer},
};

/// Longer than the load balancer keeps a connection idle (60 s): it must be the one to close it.
const IDLE: Duration = Duration::from_secs(75);
/// For answers that are under way at the end.
const DRAIN: Duration = Duration::from_secs(35);
/// For the database's connections, after that.
const CLOSE: Duration = Duration::from_secs(2);

/// The reason for a failed start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database's password could not be read.
    #[error(transparent)]
    Database(#[from] database::Error),
    /// The signing key could not be read.
    #[error(transparent)]
    Keys(#[from] keys::Error),
    /// Redis is not available.
    #[error("cannot use Redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// The app cannot listen on the port.
    #[error("cannot listen on port {0}: {1}")]
    Listen(u16, std::io::Error),
    /// Signals or randomness are not available.
    #[error("the system does not let the app run: {0}")]
    System(String),
}

/// Serves requests until a signal stops the process.
pub async fn serve(config: Config) -> Result<(), Error> {
    // Signal handlers come first: without them, process 1 of a container ignores SIGTERM.
    let mut signals = Signals::new()?;
    let listener = listen(config.port).await?;
    let metrics = if config.metrics_port == 0 { None } else { Some(listen(config.metrics_port).await?) };
    let app = tokio::select! {
        built = build(config) => built?,
        () = signals.asked_to_end() => return Ok(()),
    };
    let (end, ended) = watch::channel(false);

    let router = router(&app);
    let background = tokio::spawn(background(Arc::clone(&app)));
    let metrics = metrics.map(|listener| tokio::spawn(take(listener, metrics_router(&app), ended.clone())));
    let served = tokio::spawn(take(listener, router, ended));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), port = app.config.port, "listening");

    signals.asked_to_end().await;
    tracing::info!("asked to end");
    app.ending.store(true, Ordering::Release);
    tokio::time::sleep(app.config.shutdown_delay).await;
    let _ = end.send(true);
    let _ = served.await;
    if let Some(metrics) = metrics {
        metrics.abort();
    }
    background.abort();
    // Aborted responses may still hold a connection.
    let _ = tokio::time::timeout(CLOSE, app.database.close()).await;
    tracing::info!("ended");
    Ok(())
}

/// Everything that requests use.
async fn build(config: Config) -> Result<App, Error> {
    let secrets = Arc::new(SecretReader::default());
    let database = Arc::new(Database::open(config.database.clone(), Arc::clone(&secrets)).await?);
    let keys = Keys::read(config.signing_key.clone(), secrets, config.access_token).await?;
    let (sessions, limits) = match &config.redis_url {
        None => (Sessions::Postgres(Arc::clone(&database)), Shared::Postgres(Arc::clone(&database))),
        Some(url) => {
            // A request should fail soon instead of waiting; the next one reconnects.
            let soon = redis::aio::ConnectionManagerConfig::new()
                .set_number_of_retries(1)
                .set_max_delay(Duration::from_millis(200))
                .set_connection_timeout(Some(Duration::from_secs(2)))
                .set_response_timeout(Some(Duration::from_secs(2)));
            // Connects on first use: without Redis the app is live but not ready.
            let connection = redis::Client::open(url.as_str())?.get_connection_manager_lazy(soon)?;
            (Sessions::Redis(connection.clone()), Shared::Redis(connection))
        }
    };
    Ok(Arc::new(State {
        flood: Flood::new(config.limits.requests),
        version: Lookup::new(config.metadata_uri.clone()),
        passwords: Passwords::default(),
        metrics: Metrics::default(),
        migrated: AtomicBool::new(false),
        answered: tokio::sync::Mutex::new(None),
        ending: AtomicBool::new(false),
        config,
        database,
        sessions,
        limits,
        keys,
    }))
}

fn router(app: &App) -> Router {
    let cors = match app.config.environment {
        Environment::Dev => CorsLayer::new().allow_origin(Any).allow_headers(Any).allow_methods(Any),
        Environment::Prod => {
            let origin = app.config.public_url.origin().ascii_serialization();
            let own = axum::http::HeaderValue::from_str(&origin).into_iter().collect::<Vec<_>>();
            let headers =
                [header::AUTHORIZATION, header::CONTENT_TYPE, header::HeaderName::from_static("idempotency-key")];
            let methods = [
                axum::http::Method::GET,
                axum::http::Method::POST,
                axum::http::Method::PUT,
                axum::http::Method::DELETE,
            ];
            CorsLayer::new().allow_origin(own).allow_headers(headers).allow_methods(methods)
        }
    };
    api::routes(app)
        .merge(page::routes())
        .fallback(|headers: HeaderMap| async move {
            page::problem(
                page::is_wanted(&headers),
                Problem::new(ProblemKind::NotFound, "There is nothing at this path."),
            )
        })
        .method_not_allowed_fallback(|headers: HeaderMap| async move {
            page::problem(
                page::is_wanted(&headers),
                Problem::new(ProblemKind::MethodNotAllowed, "This path does not take that method."),
            )
        })
        .layer(DefaultBodyLimit::max(app.config.limits.body))
        .layer(cors)
        .layer(middleware::from_fn_with_state(Arc::clone(app), web::around))
        .with_state(Arc::clone(app))
}

fn metrics_router(app: &App) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(Arc::clone(app))
}

async fn metrics(AxumState(app): AxumState<App>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.metrics.text(&app.database)).into_response()
}

async fn listen(port: u16) -> Result<TcpListener, Error> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await.map_err(|error| Error::Listen(port, error))
}

/// Takes connections until the end, then waits for the answers that are under way.
async fn take(listener: TcpListener, router: Router, mut ended: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE).pipeline_flush(true);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // For example, too many files are open; there may be fewer in a moment.
                Err(error) => {
                    tracing::warn!(reason = %error, "cannot take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = async { let _ = ended.wait_for(|ended| *ended).await; } => break,
        };
        let _ = stream.set_nodelay(true);
        let connection = http.serve_connection(TokioIo::new(stream), answer(router.clone(), peer));
        tokio::spawn(graceful.watch(connection));
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some answers were cut off at the end");
    }
}

fn answer(
    router: Router,
    peer: SocketAddr,
) -> impl hyper::service::Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> {
    TowerToHyperService::new(service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    }))
}

/// Migrates as soon as the database is available; then deletes expired data every minute and reads the signing key
/// every five.
async fn background(app: App) {
    let mut wait = Duration::from_millis(200);
    while let Err(error) = app.database.migrate().await {
        tracing::warn!(reason = %error, "not ready: the database cannot be migrated yet");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(10));
    }
    app.migrated.store(true, Ordering::Release);
    tracing::info!("ready");
    let mut minutes = tokio::time::interval(Duration::from_mins(1));
    let mut keys = tokio::time::interval(keys::EVERY);
    keys.tick().await;
    loop {
        tokio::select! {
            _ = minutes.tick() => {
                app.flood.tidy();
                for tidied in [app.limits.tidy().await, app.sessions.tidy().await] {
                    if let Err(problem) = tidied {
                        tracing::warn!(reason = %problem, "cannot tidy up");
                    }
                }
            }
            _ = keys.tick() => app.keys.refresh().await,
        }
    }
}

/// The signals that stop the process.
struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let of = |kind| signal(kind).map_err(|error| Error::System(error.to_string()));
        Ok(Self { term: of(SignalKind::terminate())?, int: of(SignalKind::interrupt())? })
    }

    async fn asked_to_end(&mut self) {
        tokio::select! { _ = self.term.recv() => {}, _ = self.int.recv() => {} }
    }
}
