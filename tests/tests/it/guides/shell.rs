//! One bash for a whole page, so that variables and the current folder stay from command to command.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex,
        mpsc::{Receiver, channel},
    },
    time::Duration,
};

/// The longest time for one line of output.
const PATIENCE: Duration = Duration::from_mins(10);
/// The start of the line that ends a command's output; the exit code follows.
const MARK: char = '\u{1e}';
/// The home folder that pages show.
const HOME: &str = "/home/you";

pub(super) struct Shell {
    child: Child,
    session: Mutex<Session>,
    home: String,
}

struct Session {
    lines: Receiver<String>,
    exit: i32,
}

/// The output of a command, stdout and stderr together, and its exit code.
pub(super) struct Ran {
    pub(super) output: String,
    pub(super) code: i32,
}

impl Shell {
    /// Starts a shell in `folder`, with the programs in `bin` of `home` on the path.
    pub(super) fn start(home: &Path, folder: &Path, variables: &[(&str, &str)]) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the programs of the system")]
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]).env_clear().current_dir(folder).process_group(0);
        command.env("PATH", format!("{}:{path}", home.join("bin").display())).env("HOME", home);
        command.envs([("USER", "you"), ("TERM", "xterm"), ("COLUMNS", "100"), ("LC_ALL", "C.UTF-8")]);
        command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in output.lines() {
                if line.is_err() || sender.send(line.unwrap_or_default()).is_err() {
                    break;
                }
            }
        });
        let home = home.to_str().unwrap().to_owned();
        Self { child, session: Mutex::new(Session { lines, exit: 0 }), home }
    }

    /// Runs commands. `$?` is the exit code of the previous ones.
    pub(super) fn run(&self, commands: &str) -> Ran {
        let mut session = self.session.lock().unwrap();
        let script =
            format!("(exit {})\n{{ {commands}\n}} </dev/null 2>&1\nprintf '\\n{MARK}%s\\n' \"$?\"\n", session.exit);
        self.child.stdin.as_ref().unwrap().write_all(script.as_bytes()).unwrap();
        let mut output: Vec<String> = vec![];
        loop {
            let line = session.lines.recv_timeout(PATIENCE);
            let Ok(line) = line else { panic!("no answer to {commands}\n{}", output.join("\n")) };
            if let Some(code) = line.strip_prefix(MARK) {
                session.exit = code.parse().unwrap();
                break;
            }
            output.push(line);
        }
        // The mark comes on a line of its own, whether or not the output ends with a line.
        if output.last().is_some_and(String::is_empty) {
            output.pop();
        }
        let output: String = output.iter().map(|line| line.trim_end().replace(&self.home, HOME) + "\n").collect();
        Ran { output, code: session.exit }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // With everything that it has started.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}
