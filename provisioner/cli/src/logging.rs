//! The log on stderr: `-v` logs each call and its result, `-vv` also the SDK's actions, and `PROVISIONER_LOG` is a filter.
//!
//! No log contains a request body, a response body or a header. The AWS SDK and the HTTP libraries write those at level
//! `trace` only, so that level is never enabled for another crate than Provisioner's own.

use std::io;

use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, filter_fn},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::terminal::Terminal;

/// Sets up the log of this process.
pub(crate) fn start(verbose: u8, terminal: &Terminal) {
    #[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
    let stated = std::env::var("PROVISIONER_LOG").ok();
    let filter = match (stated, verbose) {
        (Some(filter), _) => filter,
        (None, 0) => return,
        (None, 1) => "info,provisioner=debug,aws_sdk=debug".to_owned(),
        (None, _) => "debug,hyper=info,h2=info,rustls=info".to_owned(),
    };
    let filter = EnvFilter::new(filter);
    if filter.max_level_hint().is_none_or(|level| level >= LevelFilter::TRACE) {
        terminal.say(
            "log: `trace` applies to Provisioner itself; libraries log at most `debug`, since their `trace` prints \
             credentials and request bodies",
        );
    }
    let printable = filter_fn(|event| is_printable(event.target(), *event.level() >= LevelFilter::TRACE));
    let lines = fmt::layer().with_ansi(terminal.err().colour).with_writer(io::stderr).with_filter(printable);
    if tracing_subscriber::registry().with(filter).with(lines).try_init().is_err() {
        terminal.say("a log is set up already");
    }
}

/// Returns whether the log may print an event or span with this target.
fn is_printable(target: &str, is_trace: bool) -> bool {
    // The SDK logs each lookup of an endpoint, which helps nobody.
    if target.ends_with("::endpoint_lib") {
        return false;
    }
    !is_trace || is_own(target)
}

/// Returns whether a target is a module of Provisioner: its crates are named `provisioner_…`.
fn is_own(target: &str) -> bool {
    let name = target.split("::").next().unwrap_or_default();
    name == "provisioner" || name.starts_with("provisioner_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_never_log_at_trace() {
        for target in
            ["aws_sigv4::http_request::sign", "aws_smithy_runtime::client::orchestrator", "hyper::proto::h1::io"]
        {
            assert!(is_printable(target, false), "{target}");
            assert!(!is_printable(target, true), "{target}");
        }
        assert!(is_printable("provisioner_image::push", true));
        assert!(!is_printable("provisionerx::io", true), "another crate");
    }
}
