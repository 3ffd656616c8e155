//! Every way in which a command can fail, and how that is told: once, here, with its causes and what to do.

mod operation;
mod state;

use std::error::Error as StdError;

use provisioner_engine::ApplyError;
#[cfg(feature = "aws")]
use provisioner_image::{BinaryError, ImageError};
use provisioner_model::{Diagnostic, ErrorKind, Hint};
use provisioner_store::StoreError;

use crate::{
    consent::ConsentError,
    environment::EnvironmentError,
    render::{PageFormat, count, diagnostic},
    saved::SavedError,
    template::TemplateError,
    terminal::Terminal,
};

pub use self::{operation::OperationError, state::StateError};

/// The failure of a command. Its `Display` never includes its source.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The environment file.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The stack program.
    #[error("the stack is invalid")]
    Program(Vec<Diagnostic>),
    /// An environment variable of the AWS SDK that must be a URL.
    #[error("{variable} is not a URL: `{value}`")]
    Endpoint {
        /// Name of the variable.
        variable: String,
        /// Value of the variable.
        value: String,
    },
    /// An endpoint of an AWS profile that must be a URL.
    #[error(
        "`endpoint_url`{} of the AWS profile `{profile}` is not a URL: `{value}`",
        service.map(|service| format!(" for {service}")).unwrap_or_default()
    )]
    ProfileEndpoint {
        /// Name of the profile.
        profile: String,
        /// The file that configures the profile.
        file: String,
        /// The service that the endpoint is for; `None` for all services.
        service: Option<&'static str>,
        /// Value of `endpoint_url`.
        value: String,
    },
    /// A proxy variable whose value the HTTP clients cannot use.
    #[error("{variable} is not the URL of a proxy: `{value}`")]
    Proxy {
        /// Name of the variable.
        variable: String,
        /// Value of the variable, without user and password.
        value: String,
    },
    /// The file of certificate authorities.
    #[cfg(feature = "aws-types")]
    #[error("{setting} cannot be used")]
    CaBundle {
        /// The variable or the key of the AWS profile.
        setting: String,
        /// Cause of the failure.
        source: provisioner_aws::http::CaBundleError,
    },
    /// The folder for a recording of calls.
    #[cfg(feature = "aws-types")]
    #[error("could not write the recording of calls to {}", folder.display())]
    CallRecording {
        /// Value of the variable `PROVISIONER_RECORD`.
        folder: std::path::PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// No answer to who we are.
    #[error("could not determine the account of the credentials")]
    Identity(#[source] provisioner_model::Error),
    /// The environment file states another account.
    #[error("the environment belongs to account {stated}, and these credentials are for account {credentials}")]
    OtherAccount {
        /// Account in the environment file.
        stated: String,
        /// Account of the credentials.
        credentials: String,
    },
    /// The credentials belong to another partition than the region.
    #[error("these credentials are for the partition `{credentials}`, and the region `{region}` is in `{expected}`")]
    OtherPartition {
        /// Partition of the credentials.
        credentials: String,
        /// Region in the environment file.
        region: String,
        /// Partition of the region.
        expected: String,
    },
    /// The caller's ARN is in a partition that this program does not know.
    #[error("the partition in `{caller}` is not known")]
    UnknownPartition {
        /// ARN of the caller.
        caller: String,
    },
    /// A cloud of the program's own.
    #[error("could not connect to a custom cloud")]
    Cloud(#[source] Box<dyn StdError + Send + Sync>),
    /// The state is of another place.
    #[error("the state of `{environment}` belongs to {recorded}, and these credentials are for {here}")]
    Elsewhere {
        /// Name of the environment.
        environment: String,
        /// The place of its objects.
        recorded: String,
        /// The place of these credentials.
        here: String,
    },
    /// The account could not be asked whether the plan suits it.
    #[error("could not check the plan against the account")]
    Preflight(#[source] provisioner_model::Error),
    /// The network that the environment file names could not be looked up.
    #[error("could not look up the network of the environment file")]
    Network(#[source] provisioner_model::Error),
    /// Something could not be read.
    #[error("could not read the observed state")]
    Unread(Vec<Diagnostic>),
    /// The check by the provider's rules.
    #[error("the provider would refuse {}", count(.0.len(), "input"))]
    Refused(Vec<Diagnostic>),
    /// There can be no plan.
    #[error("there can be no plan")]
    Planning(Vec<Diagnostic>),
    /// A mistake of ours.
    #[error("the plan contradicts itself")]
    Contradiction(Vec<String>),
    /// The state.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A saved plan.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// A CloudFormation template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Consent.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The apply did not begin, or could not be written down.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The apply began, and not all of it is done. What failed has been told already.
    #[error("not everything is done")]
    Incomplete,
    /// The apply was interrupted. That has been told already.
    #[error("interrupted")]
    Interrupted,
    /// The apply was interrupted while a rollout was waited for. That has been told already.
    #[error("left during a rollout")]
    Left,
    /// A command about the state.
    #[error(transparent)]
    State(#[from] StateError),
    /// Several addresses that are not in the state.
    #[error("nothing was done: {} addresses are not in the state", .0.len())]
    NoEntries(Vec<Diagnostic>),
    /// Objects that cannot be imported, or mistakes in a list of them.
    #[error("nothing was imported: {} cannot be", count(.0.len(), "object"))]
    NotImported(Vec<Diagnostic>),
    /// Files of a state that cannot be read, or entries that contradict each other.
    #[error("{subject} has {}", count(problems.len(), "problem"))]
    Damaged {
        /// The state of an environment, or a file.
        subject: String,
        /// The problems.
        problems: Vec<Diagnostic>,
    },
    /// The app's image.
    #[cfg(feature = "aws")]
    #[error(transparent)]
    Image(#[from] ImageFailure),
    /// An operation on what runs.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// Results could not be written.
    #[error("could not write the output")]
    Output(#[source] std::io::Error),
    /// The program itself could not start.
    #[error("could not start")]
    Start(#[source] std::io::Error),
    /// Something could not be put into JSON.
    #[error("could not encode this as JSON")]
    Json(#[from] serde_json::Error),
}

/// An error about the app's image.
#[cfg(feature = "aws")]
#[derive(Debug, thiserror::Error)]
pub enum ImageFailure {
    /// It could not be made or read.
    #[error(transparent)]
    Make(#[from] ImageError),
    /// The environment has none.
    #[error("`{0}` does not build an image")]
    None(String),
    /// It has not been built.
    #[error("the image of `{0}` has not been built")]
    NotBuilt(String),
    /// Nobody knows where to push it.
    #[error("`{0}` has no repository to push to")]
    NoRepository(String),
    /// It could not be pushed.
    #[error("could not push the image")]
    Push(#[source] provisioner_model::Error),
}

#[cfg(feature = "aws")]
impl Hint for ImageFailure {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Make(ImageError::Binary { source: BinaryError::Dynamic { .. }, .. }) => Some(
                "a dependency links a shared library: build it from source, or leave it out; the C library itself is \
                 linked statically"
                    .to_owned(),
            ),
            Self::Make(ImageError::Damaged { .. }) => Some("remove the folder and build the image again".to_owned()),
            Self::Make(ImageError::Start { program, .. }) if program == "cargo" => {
                Some("install Rust: https://rustup.rs".to_owned())
            }
            Self::Make(ImageError::Start { program, .. }) => Some(format!("install `{program}`")),
            Self::Make(ImageError::Build { .. }) => Some("see cargo's output above".to_owned()),
            Self::Make(ImageError::Binary { .. }) => Some(
                "the image holds one statically linked program for Linux: build the app for the processor of the \
                 environment's `architecture`"
                    .to_owned(),
            ),
            Self::Make(ImageError::Io { .. }) => {
                Some("check that this user may read and write there, and that the disk has room".to_owned())
            }
            Self::Make(ImageError::Manifest { .. } | ImageError::Sbom(_)) => {
                Some("correct `Cargo.toml` and `Cargo.lock` of the app: `cargo build --locked` must succeed".to_owned())
            }
            Self::Make(ImageError::Json(_)) => Some(BUG.to_owned()),
            Self::None(_) => Some(
                "an image is built from the folder `app` beside `environments`, where the environment states no `image`"
                    .to_owned(),
            ),
            Self::NotBuilt(name) => Some(format!("provisioner image build {name}")),
            Self::NoRepository(name) => Some(format!("`provisioner apply {name}` creates one and pushes the image")),
            Self::Push(error) => error.hint(),
        }
    }
}

#[cfg(feature = "aws")]
impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        Self::Image(error.into())
    }
}

const BUG: &str = "this is a bug in Provisioner: please report it";

/// One answer for all diagnostics of the failure.
impl Hint for Failure {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Environment(error) => error.hint(),
            Self::Store(error) | Self::Apply(ApplyError::Store(error)) => error.hint(),
            Self::Saved(error) => error.hint(),
            Self::Template(error) => error.hint(),
            Self::Consent(error) => error.hint(),
            Self::State(error) => error.hint(),
            #[cfg(feature = "aws")]
            Self::Image(error) => error.hint(),
            Self::Operation(error) => error.hint(),
            Self::Endpoint { variable, .. } => {
                Some(format!("expected `http://HOST` or `https://HOST`, with a port if needed; unset {variable} to use AWS"))
            }
            Self::ProfileEndpoint { file, .. } => Some(format!(
                "expected `http://HOST` or `https://HOST`, with a port if needed; correct `endpoint_url` in {file}, or remove \
                 it to use AWS"
            )),
            Self::Proxy { variable, .. } => Some(format!(
                "expected `http://HOST:PORT` or `https://HOST:PORT`, with user and password if needed; unset {variable} to \
                 connect directly"
            )),
            #[cfg(feature = "aws-types")]
            Self::CaBundle { .. } => Some(
                "expected a file of PEM certificates; without it, Provisioner trusts the certificate authorities of the \
                 operating system"
                    .to_owned(),
            ),
            #[cfg(feature = "aws-types")]
            Self::CallRecording { .. } => Some(
                "PROVISIONER_RECORD names a folder that this user may write to; unset it to record nothing".to_owned(),
            ),
            Self::Identity(error) if error.chain().contains("invalid peer certificate") => Some(
                "if a proxy replaces the certificate, AWS_CA_BUNDLE names a PEM file with its certificate authority"
                    .to_owned(),
            ),
            Self::Identity(error) if error.chain().contains("tunnel error") => Some(
                "the proxy in HTTPS_PROXY did not open a connection: check its address and credentials; NO_PROXY lists hosts \
                 to reach directly"
                    .to_owned(),
            ),
            Self::Identity(error)
                if matches!(
                    error.kind,
                    ErrorKind::Expired | ErrorKind::Clock | ErrorKind::NotSent | ErrorKind::Unknown | ErrorKind::Bug
                ) =>
            {
                error.hint()
            }
            Self::Preflight(error) | Self::Network(error) => error.hint(),
            Self::Identity(_) => Some(
                "the AWS SDK looks for credentials in the environment (AWS_PROFILE, AWS_ACCESS_KEY_ID), in ~/.aws, and on \
                 the machine; -v shows where it looked"
                    .to_owned(),
            ),
            Self::Refused(_) => Some(
                "correct the program or the environment file; `--no-schemas` skips the check, for a value that is newer than \
                 its rules"
                    .to_owned(),
            ),
            Self::OtherAccount { .. } => {
                Some("use credentials of that account, or correct `account` in the environment file".to_owned())
            }
            Self::OtherPartition { .. } => {
                Some("use credentials of that partition, or correct `region` in the environment file".to_owned())
            }
            Self::UnknownPartition { .. } => {
                Some("a newer version of Provisioner may know its DNS suffix and service principals".to_owned())
            }
            Self::Elsewhere { .. } => Some(
                "use the credentials, region and endpoint that the state was created with, or another folder (-C)".to_owned(),
            ),
            Self::Apply(ApplyError::Stale { .. }) => Some("run `provisioner plan` again, and apply that plan".to_owned()),
            Self::Apply(ApplyError::Contradiction { .. }) => {
                Some("if the plan comes from a file, the file was changed: run `provisioner plan` again; else this is a bug \
                      in Provisioner: please report it"
                    .to_owned())
            }
            Self::Apply(ApplyError::Protected { addresses }) => {
                ConsentError::Protected { addresses: addresses.clone() }.hint()
            }
            Self::Apply(ApplyError::Type { .. }) => Some("use the program that made this resource".to_owned()),
            Self::Contradiction(_) | Self::Json(_) => Some(BUG.to_owned()),
            Self::Output(_) => Some(
                "what was written is not complete: check that the disk has room, and run the command again".to_owned(),
            ),
            Self::Cloud(_) => Some("correct the connection that the program adds with `Program::cloud`".to_owned()),
            Self::Start(_) => Some("the system refused threads or signal handlers: check its limits (`ulimit -a`)".to_owned()),
            // Each diagnostic has its own, and what failed has been told.
            Self::Program(_)
            | Self::Unread(_)
            | Self::Planning(_)
            | Self::NoEntries(_)
            | Self::NotImported(_)
            | Self::Damaged { .. }
            | Self::Incomplete
            | Self::Interrupted
            | Self::Left => None,
        }
    }
}

impl Failure {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::Left => 3,
            _ => 1,
        }
    }

    /// The text for standard error.
    pub fn report(&self, page: &PageFormat, dumb: bool) -> String {
        match self {
            Self::Environment(EnvironmentError::Mistakes(mistakes)) => diagnostic::mistakes(mistakes, page, dumb),
            Self::Program(list)
            | Self::Unread(list)
            | Self::Planning(list)
            | Self::Refused(list)
            | Self::NoEntries(list)
            | Self::NotImported(list)
            | Self::Damaged { problems: list, .. } => diagnostic::list(&Diagnostic::of(self), list, page),
            Self::Contradiction(wrong) => {
                let list: Vec<Diagnostic> = wrong.iter().map(Diagnostic::error).collect();
                diagnostic::list(&Diagnostic::of(self), &list, page)
            }
            _ => diagnostic::diagnostic(&Diagnostic::of(self), page),
        }
    }

    /// Says it on standard error, unless it has been said.
    pub fn tell(&self, terminal: &Terminal) {
        if !matches!(self, Self::Incomplete | Self::Interrupted | Self::Left) {
            terminal.say(&self.report(terminal.err(), terminal.dumb));
        }
    }
}
