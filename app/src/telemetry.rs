//! Logs: a line of JSON for each event, on standard output.
//!
//! `LOG_LEVEL` selects the app's messages; what it stands on only warns, and never says what passes through it.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging to stdout as JSON.
pub fn start(level: Option<&str>) {
    let level = match level {
        Some("error") => "error",
        Some("warn") => "warn",
        Some("debug") => "debug",
        _ => "info",
    };
    let filter =
        EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).parse_lossy(format!("app={level}"));
    let _ = fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
    // Logs the location but not the message: a panic's message may quote data.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a bug: the program panicked");
    }));
}
