//! moto, or the emulator that is named, with what it lacks put in front of it, for people and for the demo: prints its
//! address, and ends when its standard input does.

use std::io::{Read, Write};

use provisioner_tests::Emulator;

fn main() {
    let name = std::env::args().nth(1).unwrap_or_else(|| "moto".to_owned());
    let emulator = match name.as_str() {
        "localemu" => Emulator::localemu(),
        "ministack" => Emulator::ministack(),
        _ => Emulator::moto(),
    };
    let Some(emulator) = emulator else {
        let variable = format!("PROVISIONER_{}", name.to_uppercase());
        let _ = writeln!(std::io::stderr(), "{name} did not start: {variable} names its program");
        return;
    };
    let _ = writeln!(std::io::stdout(), "{}", emulator.url);
    let _ = std::io::stdin().read_to_end(&mut vec![]);
}
