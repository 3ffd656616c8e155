//! `app serve | migrate | create-admin | health`

use std::{path::PathBuf, process::ExitCode};

use app::{
    command::{self, PasswordDestination},
    config::{self, Config, Problems},
    serve, telemetry,
};
use lexopt::prelude::*;

#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HELP: &str = "\
app: the web service of the reference stack

  app [serve]                                         serves until SIGTERM
  app migrate                                         brings the database's schema up to this version
  app create-admin --name NAME --password-file PATH   makes an administrator; the password goes into a new file
  app create-admin --name NAME --secret ID            the same; the password goes into a secret of Secrets Manager
  app health                                          asks the app in the same container whether it is ready

Configuration is by environment variables: see the app's README.
Exit codes: 0 done, 1 failed, 64 wrong usage, 78 wrong configuration.
";

enum Command {
    Serve,
    Migrate,
    Health,
    CreateAdmin { name: String, target: PasswordDestination },
    Help,
    Version,
}

/// The reason for an exit code other than 0.
enum End {
    Usage(String),
    Configuration(Problems),
    Failed(String),
}

impl From<Problems> for End {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

fn main() -> ExitCode {
    let (code, message) = match run() {
        Ok(()) => return ExitCode::SUCCESS,
        Err(End::Usage(message)) => (64, format!("{message}; `app --help` says what there is")),
        Err(End::Configuration(problems)) => (78, problems.to_string()),
        Err(End::Failed(message)) => (1, message),
    };
    say(&mut std::io::stderr(), &format!("app: {message}\n"));
    ExitCode::from(code)
}

fn run() -> Result<(), End> {
    let command = parse().map_err(|error| End::Usage(error.to_string()))?;
    telemetry::start(config::process("LOG_LEVEL").as_deref());
    // Fails if a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| End::Failed(format!("the system does not let the app run: {error}")))?;
    let get = &config::process;
    match command {
        Command::Help => say(&mut std::io::stdout(), HELP),
        Command::Version => say(&mut std::io::stdout(), concat!("app ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Serve => runtime.block_on(serve::serve(Config::read(get)?)).map_err(failed)?,
        Command::Migrate => runtime.block_on(command::migrate(Config::read_database(get)?)).map_err(failed)?,
        Command::CreateAdmin { name, target } => {
            let database = Config::read_database(get)?;
            runtime.block_on(command::create_admin(database, &name, target)).map_err(failed)?;
        }
        Command::Health => {
            let (port, path) = Config::read_readiness(get)?;
            runtime.block_on(command::health(port, &path)).map_err(failed)?;
        }
    }
    Ok(())
}

fn failed(error: impl std::error::Error) -> End {
    End::Failed(error.to_string())
}

/// Writes a text, and ignores a reader that has closed the pipe.
fn say(out: &mut dyn std::io::Write, text: &str) {
    let _ = out.write_all(text.as_bytes());
}

fn parse() -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let (mut command, mut name, mut target) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Short('V') | Long("version") => return Ok(Command::Version),
            Long("name") => name = Some(parser.value()?.string()?),
            Long("password-file") if target.is_none() => {
                target = Some(PasswordDestination::File(PathBuf::from(parser.value()?)));
            }
            Long("secret") if target.is_none() => target = Some(PasswordDestination::Secret(parser.value()?.string()?)),
            Value(value) if command.is_none() => command = Some(value.string()?),
            other => return Err(other.unexpected()),
        }
    }
    let plain = name.is_none() && target.is_none();
    match (command.as_deref(), name, target) {
        (Some("create-admin"), Some(name), Some(target)) => Ok(Command::CreateAdmin { name, target }),
        (Some("create-admin"), ..) => Err("create-admin needs --name, and one of --password-file and --secret".into()),
        (None | Some("serve"), ..) if plain => Ok(Command::Serve),
        (Some("migrate"), ..) if plain => Ok(Command::Migrate),
        (Some("health"), ..) if plain => Ok(Command::Health),
        (Some(other), ..) if plain => Err(format!("there is no command {other}").into()),
        _ => Err("--name, --password-file and --secret belong to create-admin".into()),
    }
}
