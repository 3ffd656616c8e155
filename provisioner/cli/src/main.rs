//! The bundled stack with its command line.

use std::process::ExitCode;

use provisioner_cli::Program;

fn main() -> ExitCode {
    provisioner_cli::main(Program::new(|_: &provisioner_stacks::Environment, _| {}).named("provisioner"))
}
