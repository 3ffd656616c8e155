//! The commands and their options.

#[cfg(feature = "aws")]
pub mod operations;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// How a command ended, for `--help` and `docs/cli.md`.
pub const EXIT_CODES: &str = "Exit codes:
  0    done; for `plan` and `drift` with --detailed-exitcode: nothing to do
  1    an error: the reason is on standard error, and nothing is lost
  2    `plan` and `drift` with --detailed-exitcode: there are changes; `status` with
       --exit-code: something is not well
  3    interrupted while a rollout was waited for: it goes on by itself, the next apply takes it up
  64   the command line was not understood
  …    `run`: what the task ended with
  130  interrupted: what had begun is saved, the next apply goes on

Environment variables: those of the AWS SDK (AWS_PROFILE, AWS_ENDPOINT_URL, …), NO_COLOR, COLUMNS,
PROVISIONER_LOG (a filter for -v, as in `provisioner=debug,aws=info`).";

/// Infrastructure from a program.
#[derive(Debug, Parser)]
#[command(version, after_long_help = EXIT_CODES, after_help = "`--help` lists the exit codes.", max_term_width = 110)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// The folder that holds `environments/` and `state/`; else found upwards from here.
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub folder: Option<PathBuf>,
    /// Log what happens to standard error, request ids included; twice for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what an apply would do; writes nothing but `--out`.
    Plan(PlanArguments),
    /// Carry out a plan: a new one, or a saved one.
    Apply(ApplyArguments),
    /// Delete everything that the environment has.
    Destroy(DestroyArguments),
    /// Show what somebody else changed.
    Drift(DriftArguments),
    /// Print the stack's outputs.
    Outputs(OutputsArguments),
    /// Open the stack's URL in a browser.
    Open(OpenArguments),
    /// What runs, looked at and changed.
    #[cfg(feature = "aws")]
    #[command(flatten)]
    Operation(operations::Operation),
    /// Draw what depends on what.
    Graph(GraphArguments),
    /// Look into the state, or change it; nothing in the cloud changes.
    #[command(subcommand)]
    State(StateCommand),
    /// Take an object that is there already into the state.
    Import(ImportArguments),
    /// Build, push or look at the app's image.
    #[cfg(feature = "aws")]
    #[command(subcommand)]
    Image(ImageCommand),
    /// Check environment files and the program, without credentials.
    Validate {
        /// The environments; all where none is named.
        #[arg(value_name = "ENV")]
        environments: Vec<String>,
    },
    /// Print the JSON Schema of environment files.
    Schema,
    /// Print a shell's completions.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Which part of a stack, and how it is looked at.
#[derive(Args, Clone, Debug, Default)]
pub struct Scope {
    /// Only this resource or component, and what it needs; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<String>,
    /// All but this resource or component, and what needs it; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub exclude: Vec<String>,
    /// Trust the state; read only what an earlier run left unfinished.
    #[arg(long)]
    pub no_refresh: bool,
    /// How patient it is.
    #[command(flatten)]
    pub pace: Pace,
}

/// How patient a run is; for tests on emulators.
#[derive(Args, Clone, Debug, Default)]
pub struct Pace {
    /// At most this long may a fresh object stay invisible.
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub settle: Option<u64>,
    /// At most this long between two looks at what is not ready.
    #[arg(long, value_name = "SECONDS", hide = true)]
    pub poll: Option<f64>,
}

impl Pace {
    /// How long to wait between two looks, if not `usual`.
    pub fn pause(&self, usual: Duration) -> Duration {
        self.poll.and_then(|poll| Duration::try_from_secs_f64(poll).ok()).unwrap_or(usual)
    }
}

/// `plan`.
#[derive(Args, Debug)]
pub struct PlanArguments {
    /// The environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Save the plan, for `apply ENV FILE`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print it as JSON (docs/plan-json.md).
    #[arg(long)]
    pub json: bool,
    /// Exit with 2 where there are changes.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Plan the end of everything.
    #[arg(long, conflicts_with = "replace")]
    pub destroy: bool,
    /// Replace this one even if nothing asks for it; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<String>,
    /// Which part of the stack.
    #[command(flatten)]
    pub scope: Scope,
}

/// What an apply may do without asking.
#[derive(Args, Debug)]
pub struct Consent {
    /// Do not ask. It is no consent to lose what is protected.
    #[arg(long, short)]
    pub yes: bool,
    /// How many writing calls may run at once.
    #[arg(long, value_name = "NUMBER", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub parallel: u16,
}

/// `apply`.
#[derive(Args, Debug)]
pub struct ApplyArguments {
    /// The environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// A plan that `plan --out` saved: exactly that is done, or nothing.
    #[arg(value_name = "FILE", conflicts_with_all = ["target", "exclude", "replace", "no_refresh"])]
    pub plan: Option<PathBuf>,
    /// This protected resource may be deleted or replaced; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub allow_delete: Vec<String>,
    /// Replace this one even if nothing asks for it; repeatable.
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<String>,
    /// How rollouts are waited for.
    #[command(flatten)]
    pub rollout: RolloutArguments,
    /// What it may do without asking.
    #[command(flatten)]
    pub consent: Consent,
    /// Which part of the stack.
    #[command(flatten)]
    pub scope: Scope,
}

/// How rollouts are waited for, and proven.
#[derive(Args, Clone, Debug, Default)]
pub struct RolloutArguments {
    /// Do not wait until a rollout has succeeded: the next apply takes it up.
    #[arg(long)]
    pub no_wait: bool,
    /// Do not ask the new version itself whether it answers.
    #[arg(long, conflicts_with = "no_wait")]
    pub no_proof: bool,
    /// Where the load balancer can be reached, if not by its own name: HOST, HOST:PORT, or a base URL.
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["no_wait", "no_proof"])]
    pub reach: Option<crate::proof::Reach>,
}

/// `destroy`.
#[derive(Args, Debug)]
pub struct DestroyArguments {
    /// The environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The environment's name once more: consent to all of it, what is protected included.
    #[arg(long, value_name = "ENV")]
    pub confirm: Option<String>,
    /// What it may do without asking.
    #[command(flatten)]
    pub consent: Consent,
    /// Which part of the stack.
    #[command(flatten)]
    pub scope: Scope,
}

/// `drift`.
#[derive(Args, Debug)]
pub struct DriftArguments {
    /// The environment: a file `environments/ENV.toml`.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Print it as JSON.
    #[arg(long)]
    pub json: bool,
    /// Exit with 2 where there is drift.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// How patient it is.
    #[command(flatten)]
    pub pace: Pace,
}

/// `outputs`.
#[derive(Args, Debug)]
pub struct OutputsArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Print this one alone, without quotes.
    pub name: Option<String>,
    /// Print them as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `open`.
#[derive(Args, Debug)]
pub struct OpenArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// Only print it.
    #[arg(long)]
    pub print: bool,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drawing {
    /// For Graphviz.
    Dot,
    /// For Markdown.
    Mermaid,
    /// A picture.
    Svg,
}

/// `graph`.
#[derive(Args, Debug)]
pub struct GraphArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// How.
    #[arg(long, short, value_enum, default_value_t = Drawing::Dot)]
    pub format: Drawing,
}

/// `state`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List the addresses.
    List {
        /// The environment.
        #[arg(value_name = "ENV")]
        environment: String,
        /// Print rows as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one row.
    Show {
        /// The environment.
        #[arg(value_name = "ENV")]
        environment: String,
        /// Which.
        address: String,
    },
    /// Give a row another address, after a rename in the program.
    Mv {
        /// The environment.
        #[arg(value_name = "ENV")]
        environment: String,
        /// The address that it has.
        from: String,
        /// The address that it gets.
        to: String,
    },
    /// Forget a row; its object stays in the cloud.
    Rm {
        /// The environment.
        #[arg(value_name = "ENV")]
        environment: String,
        /// Which.
        address: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// `image`.
#[cfg(feature = "aws")]
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Build it where it is out of date; prints its digest.
    Build {
        /// The environment: it says for which processor.
        #[arg(value_name = "ENV")]
        environment: String,
    },
    /// Push what is built to the environment's repository, which an apply has made.
    Push {
        /// The environment.
        #[arg(value_name = "ENV")]
        environment: String,
    },
    /// Write what is built into an archive that `docker load` reads.
    Save {
        /// The environment.
        #[arg(value_name = "ENV")]
        environment: String,
        /// Where to.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// The name that it gets in Docker.
        #[arg(long, value_name = "NAME:TAG", default_value = "app:local")]
        name: String,
    },
    /// Show layers, sizes, labels, components, and whether it is out of date.
    Inspect {
        /// The environment.
        #[arg(value_name = "ENV")]
        environment: String,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `import`.
#[derive(Args, Debug)]
pub struct ImportArguments {
    /// The environment.
    #[arg(value_name = "ENV")]
    pub environment: String,
    /// The address at which the program declares it.
    pub address: String,
    /// The object's id, as its API writes it.
    pub id: String,
    /// It is ours from now on: a destroy deletes it, where else it would be forgotten.
    #[arg(long)]
    pub own: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_make_sense() {
        Arguments::command().debug_assert();
    }
}
