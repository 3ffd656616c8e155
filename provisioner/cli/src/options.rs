//! Options that several commands share.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use provisioner_planner::Selection;

use crate::session::RefreshScope;

/// Selects a part of the stack, and how it is read.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Scope {
    /// Include only this resource or component and its dependencies; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) target: Vec<String>,
    /// Leave out this resource or component and its dependents; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) exclude: Vec<String>,
    /// Use the recorded state; read only objects with unfinished operations.
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

    /// The objects that the refresh reads: all of them, independent of the selection.
    pub(crate) fn refresh(&self) -> RefreshScope {
        if self.no_refresh { RefreshScope::Pending } else { RefreshScope::All }
    }
}

/// Timing overrides, for tests on emulators.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Pace {
    /// Maximum time for which a new object may stay invisible, in seconds.
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub(crate) consistency_window: Option<u64>,
    /// Maximum pause between two polls of an object, in seconds.
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub(crate) poll: Option<f64>,
}

impl Pace {
    /// Returns the pause between two polls: `--poll`, or else `default`.
    #[cfg(feature = "aws")]
    pub(crate) fn poll_interval(&self, default: Duration) -> Duration {
        self.poll_limit().unwrap_or(default)
    }

    /// Returns `--poll`; `None` if it is not a valid duration.
    pub(crate) fn poll_limit(&self) -> Option<Duration> {
        self.poll.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
    }
}

/// The check of resources against the rules that AWS publishes.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct SchemaOptions {
    /// Skip the check against AWS's resource schemas, for a value that AWS has added after this version of Provisioner.
    #[arg(long)]
    pub(crate) no_schemas: bool,
}

/// A copy of the plan's declaration for other programs.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TemplateOptions {
    /// Also write the planned resources as a CloudFormation template, for linters.
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
}

/// The check of a plan against the account and the region.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct PreflightOptions {
    /// Skip the checks against the account and the region: zones, database classes, quotas, names, keys, certificates,
    /// service-linked roles.
    #[arg(long)]
    pub(crate) no_preflight: bool,
}

/// Options for applying a plan.
#[derive(Args, Debug)]
pub(crate) struct ApplyOptions {
    /// Skip the approval prompt. This does not allow the deletion of protected resources.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Maximum number of concurrent writes.
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) parallel: u16,
}

/// Options for waiting for and verifying rollouts.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct RolloutOptions {
    /// Do not wait for rollouts: the next apply resumes them.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Skip the verification that the new version answers.
    #[arg(long, conflicts_with = "no_wait")]
    pub(crate) no_verification: bool,
    /// Address of the load balancer for verification, if its DNS name cannot be reached: HOST, HOST:PORT, or a base
    /// URL.
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["no_wait", "no_verification"])]
    pub(crate) reach: Option<crate::verification::Reach>,
}
