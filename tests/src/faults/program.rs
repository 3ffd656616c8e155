//! The fault proxy as a program: `provisioner-faults [--seed N] ENDPOINT RULE… [-- COMMAND…]`.
//!
//! With a command, it runs that with `AWS_ENDPOINT_URL` set to the proxy, and ends with its exit code; rules can kill the
//! command. Without one, it prints its address, and ends when its standard input does. Each fault is written to standard
//! error at the end. The module `faults::rules` describes the rules.

use std::{
    io::{Read, Write},
    process::{Command, ExitCode},
    time::Duration,
};

use provisioner_tests::faults::{Faults, Rule};

const USAGE: &str =
    "usage: provisioner-faults [--seed N] ENDPOINT OPERATIONS[#COUNT][%CHANCE]=FAULT... [-- COMMAND...]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}\n{USAGE}");
            ExitCode::from(64)
        }
    }
}

fn run(mut arguments: Vec<String>) -> Result<u8, String> {
    let command = arguments.iter().position(|argument| argument == "--").map(|at| arguments.split_off(at));
    let mut seed = 0;
    if arguments.first().is_some_and(|first| first == "--seed") {
        let number = arguments.get(1).and_then(|number| number.parse().ok());
        seed = number.ok_or("--seed needs a number")?;
        arguments.drain(..2);
    }
    let (endpoint, rules) = arguments.split_first().ok_or("no endpoint")?;
    let rules = rules.iter().map(|rule| rule.parse()).collect::<Result<Vec<Rule>, String>>()?;
    let faults = Faults::before(endpoint, rules, seed).map_err(|error| format!("{endpoint}: {error}"))?;
    let code = match command.as_deref() {
        Some([_, program, rest @ ..]) => {
            let limit = Duration::from_hours(24);
            let ran =
                faults.run(Command::new(program).args(rest), limit).map_err(|error| format!("{program}: {error}"))?;
            let _ = std::io::stdout().write_all(&ran.stdout);
            let _ = std::io::stderr().write_all(&ran.stderr);
            // As a shell reports SIGKILL.
            ran.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(137)
        }
        Some(_) => return Err("no command after --".to_owned()),
        None => {
            let _ = writeln!(std::io::stdout(), "{}", faults.url);
            let _ = std::io::stdin().read_to_end(&mut vec![]);
            0
        }
    };
    for call in faults.calls() {
        if let Some(fault) = &call.fault {
            let _ = writeln!(std::io::stderr(), "{call}: {fault}");
        }
    }
    Ok(code)
}
