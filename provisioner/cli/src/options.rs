//! Options that several commands share.

use std::time::Duration;

use clap::Args;
use provisioner_planner::Selection;

use crate::session::RefreshScope;

/// Selects a part of the stack, and how it is read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Only this resource or component, and what it needs; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Vec<String>,
    /// All but this resource or component, and what needs it; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,
    /// Trust the state; read only what an earlier run left unfinished.
    #[arg(long)]
    pub(crate) no_refresh: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

impl Scope {
    /// The planner's selection, with the addresses of `--replace`.
    pub(crate) fn selection(&self, replace: &[String]) -> Selection {
        Selection { targets: self.target.clone(), excludes: self.exclude.clone(), replace: replace.to_vec() }
    }

    /// The objects that the refresh reads. It reads all of them, whatever part of the stack is selected.
    pub(crate) fn refresh(&self) -> RefreshScope {
        if self.no_refresh { RefreshScope::Pending } else { RefreshScope::All }
    }
}

/// Timing overrides, for tests on emulators.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Pace {
    /// At most this long may a fresh object stay invisible.
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub(crate) consistency_window: Option<u64>,
    /// At most this long between two looks at what is not ready.
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub(crate) poll: Option<f64>,
}

impl Pace {
    /// The pause between two polls: `--poll`, or else `default`.
    #[cfg(feature = "aws")]
    pub(crate) fn poll_interval(&self, default: Duration) -> Duration {
        self.poll_limit().unwrap_or(default)
    }

    /// `--poll`; none where it is not a valid duration.
    pub(crate) fn poll_limit(&self) -> Option<Duration> {
        self.poll.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }
}

/// Options for applying a plan.
#[derive(Args, Debug)]
pub(crate) struct ApplyOptions {
    /// Do not ask. It is no consent to lose what is protected.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Maximum number of concurrent writes.
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
}

/// Options for waiting for and verifying rollouts.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RolloutOptions {
    /// Do not wait until a rollout has succeeded: the next apply takes it up.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Do not ask the new version itself whether it answers.
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) no_verification: bool,
    /// Address of the load balancer for verification, if its DNS name cannot be reached: HOST, HOST:PORT, or a base
    /// URL.
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["no_wait", "no_verification"])]
    pub(crate) reach: Option<crate::verification::Reach>,
}
