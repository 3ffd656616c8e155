//! The only module that prints, asks, and reads the process's environment.

use std::{
    collections::BTreeMap,
    io::{BufRead, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{consent::Prompt, render::PageFormat};

/// The program's output. Results go to stdout; progress and errors go to stderr.
#[derive(Clone, Debug)]
pub struct Terminal {
    out: PageFormat,
    err: PageFormat,
    /// Standard error is a terminal that can redraw lines.
    pub live: bool,
    /// `true` if stdout is a terminal that can redraw the screen.
    pub redraws: bool,
    /// `true` if there is a user to ask.
    pub asks: bool,
    /// Drawings of lines are of no use: a screen reader, or a terminal without abilities.
    pub dumb: bool,
    captured: Option<Arc<Mutex<CapturedOutput>>>,
    /// The first error of writing to stdout.
    lost: Arc<Mutex<Option<std::io::Error>>>,
}

/// The output of a command, for tests.
#[derive(Clone, Debug, Default)]
pub struct CapturedOutput {
    /// Text written to stdout.
    pub out: String,
    /// Text written to stderr.
    pub err: String,
}

impl Terminal {
    /// As the process finds it.
    #[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
    pub fn detect() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let size = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let page = |terminal: bool| PageFormat {
            width: if terminal { size.or(columns).unwrap_or(80) } else { columns.unwrap_or(120) },
            colour: terminal && !dumb && !set("NO_COLOR"),
        };
        let asks = err && std::io::stdin().is_terminal();
        Self {
            out: page(out),
            err: page(err),
            live: err && !dumb,
            redraws: out && !dumb,
            asks,
            dumb,
            captured: None,
            lost: Arc::default(),
        }
    }

    /// A terminal that captures the output, and is not interactive.
    pub fn captured() -> (Self, Arc<Mutex<CapturedOutput>>) {
        let (captured, page) = (Arc::new(Mutex::new(CapturedOutput::default())), PageFormat::plain(100));
        (
            Self {
                out: page,
                err: page,
                live: false,
                redraws: false,
                asks: false,
                dumb: false,
                captured: Some(captured.clone()),
                lost: Arc::default(),
            },
            captured,
        )
    }

    /// Returns the format of stdout.
    pub fn out(&self) -> &PageFormat {
        &self.out
    }

    /// Returns the format of stderr.
    pub fn err(&self) -> &PageFormat {
        &self.err
    }

    /// The same at the size that the terminal has by now.
    pub fn out_now(&self) -> PageFormat {
        let size = terminal_size::terminal_size().filter(|_| self.redraws);
        PageFormat { width: size.map_or(self.out.width, |(width, _)| width.0.into()), ..self.out }
    }

    /// Prints a text over the current screen, without flicker, and counts the lines that do not fit. Without a terminal
    /// that can redraw, texts follow each other.
    pub fn redraw(&self, text: &str, first: bool) {
        if !self.redraws {
            self.data(&if first { text.to_owned() } else { format!("\n{text}") });
            return;
        }
        let height = terminal_size::terminal_size().map_or(24, |(_, height)| usize::from(height.0));
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let room = height.saturating_sub(1).max(1);
        if lines.len() > room {
            let more = lines.len() + 1 - room;
            lines.truncate(room - 1);
            lines.push(format!("… {more} more lines: the terminal is too small"));
        }
        let clear = if first { "\x1b[2J" } else { "" };
        self.data(&format!("{clear}\x1b[H{}\x1b[K\n\x1b[J", lines.join("\x1b[K\n")));
    }

    /// Prints data. A reader that has gone away is no error.
    pub fn data(&self, text: &str) {
        if let Some(captured) = &self.captured {
            captured.lock().unwrap_or_else(PoisonError::into_inner).out.push_str(text);
            return;
        }
        let mut out = std::io::stdout().lock();
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                self.lost.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
            _ => {}
        }
    }

    /// Returns the error because of which data is missing on stdout, such as that of a full disk.
    pub(crate) fn output_error(&self) -> Option<std::io::Error> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Prints data as JSON, for `--json`.
    pub fn json(&self, value: &impl serde::Serialize) -> Result<(), serde_json::Error> {
        self.data(&(serde_json::to_string_pretty(value)? + "\n"));
        Ok(())
    }

    /// Prints a line of talk.
    pub fn say(&self, text: &str) {
        if let Some(captured) = &self.captured {
            let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
            captured.err.push_str(text.trim_end_matches('\n'));
            captured.err.push('\n');
            return;
        }
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "{}", text.trim_end_matches('\n'));
    }
}

impl Prompt for Terminal {
    fn is_interactive(&self) -> bool {
        self.asks
    }

    fn ask(&mut self, question: &str) -> Option<String> {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{question} ").and_then(|()| err.flush());
        let mut answer = String::new();
        match std::io::stdin().lock().read_line(&mut answer) {
            Ok(read) if read > 0 => Some(answer.trim().to_owned()),
            _ => None,
        }
    }
}

/// Returns the current time in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A new token: 128 bits, as 32 hexadecimal digits.
pub fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Returns the names of the user and the machine.
#[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
pub fn whoami() -> (String, String) {
    let first =
        |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let file = || std::fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    let owner = first(&["GITHUB_ACTOR", "USER", "LOGNAME", "USERNAME"]).unwrap_or_else(|| "somebody".to_owned());
    let host = file().or_else(|| first(&["HOSTNAME", "COMPUTERNAME"])).unwrap_or_else(|| "a machine".to_owned());
    (owner, host)
}

/// Returns the variables for endpoints of the AWS SDK, with their values.
pub fn endpoint_variables() -> BTreeMap<String, String> {
    let is_endpoint = |name: &str| name == "AWS_ENDPOINT_URL" || name.starts_with("AWS_ENDPOINT_URL_");
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| is_endpoint(name))
        .collect()
}

/// Returns the proxy variables that are in effect, with their values: the lower-case name of a pair counts only where the
/// other one is not set. Certificates and hosts without a proxy are not among them.
#[cfg(feature = "aws-types")]
#[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
pub fn proxy_variables() -> Vec<(String, String)> {
    let set = |name: &&str| std::env::var_os(name).is_some();
    let pairs = [["HTTPS_PROXY", "https_proxy"], ["HTTP_PROXY", "http_proxy"], ["ALL_PROXY", "all_proxy"]];
    let names = pairs.into_iter().filter_map(|pair| pair.into_iter().find(set));
    names
        .map(|name| (name.to_owned(), std::env::var_os(name).unwrap_or_default().to_string_lossy().into_owned()))
        .collect()
}

/// Returns whether the environment names a CA bundle.
#[cfg(feature = "aws-types")]
#[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
pub fn has_ca_bundle() -> bool {
    std::env::var_os("AWS_CA_BUNDLE").is_some()
}

/// Returns the folder for a recording of the calls of AWS, if the environment names one.
#[cfg(feature = "aws-types")]
#[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
pub fn recording_folder() -> Option<std::path::PathBuf> {
    std::env::var_os("PROVISIONER_RECORD").filter(|folder| !folder.is_empty()).map(Into::into)
}

/// The endpoint of a single service, where only such are set: the state must not take an emulator for AWS.
pub fn service_endpoint() -> Option<String> {
    endpoint_variables().into_iter().find(|(name, _)| name != "AWS_ENDPOINT_URL").map(|(_, value)| value)
}

/// Returns the name of the AWS profile in use, and the file that configures it.
#[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
pub fn aws_profile() -> (String, String) {
    let stated = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let profile = stated("AWS_PROFILE").unwrap_or_else(|| "default".to_owned());
    (profile, stated("AWS_CONFIG_FILE").unwrap_or_else(|| "~/.aws/config".to_owned()))
}

/// Opens an address in a browser, or returns the reason for a failure.
#[expect(clippy::disallowed_methods, reason = "the command line is what reads the environment")]
pub fn browse(url: &str) -> Result<(), String> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if set("DISPLAY") || set("WAYLAND_DISPLAY") {
        "xdg-open"
    } else {
        return Err("there is no display".to_owned());
    };
    let mut command = std::process::Command::new(program);
    let quiet = std::process::Stdio::null;
    let started = command.arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
    started.map(drop).map_err(|why| format!("could not start {program}: {why}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn tokens_are_long_and_never_the_same() {
        let tokens: std::collections::BTreeSet<String> = (0..1000).map(|_| super::token()).collect();
        assert_eq!(tokens.len(), 1000);
        assert!(tokens.iter().all(|token| token.len() == 32));
    }
}
