//! The bundled stack with its command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    provisioner_cli::bundled()
}
