//! moto, with what it lacks put in front of it, for people and for the demo: prints its address, and ends when its
//! standard input does.

use std::io::{Read, Write};

fn main() {
    let Some(moto) = provisioner_tests::Emulator::moto() else {
        let _ = writeln!(std::io::stderr(), "moto did not start: PROVISIONER_MOTO names its program");
        return;
    };
    let _ = writeln!(std::io::stdout(), "{}", moto.url);
    let _ = std::io::stdin().read_to_end(&mut vec![]);
}
