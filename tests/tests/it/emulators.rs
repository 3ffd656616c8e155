//! The reference stack on emulators that others wrote: each is strict, and wrong, in other places than moto. What they
//! lack is listed in `tests/EMULATORS.md`.

use provisioner_tests::{Emulator, skipped};

use crate::sandbox::Sandbox;

#[test]
fn dev_on_localemu() {
    let Some(localemu) = Emulator::localemu() else {
        return skipped("dev_on_localemu", "localemu is not installed: it needs Python 3.12 or later");
    };
    made_unchanged_and_gone(&Sandbox::on(localemu), &[]);
}

#[test]
fn dev_on_ministack() {
    let Some(ministack) = Emulator::ministack() else {
        return skipped("dev_on_ministack", "ministack is not installed");
    };
    // It answers with every ACL without its ports, and associates none with a subnet.
    made_unchanged_and_gone(&Sandbox::on(ministack), &["--exclude", "network/network-acl/private"]);
}

fn made_unchanged_and_gone(sandbox: &Sandbox, without: &[&str]) {
    let run = |arguments: &[&str]| sandbox.run(&[arguments, without].concat()).ok();
    run(&["apply", "dev", "--yes"]);
    run(&["plan", "dev", "--detailed-exitcode"]);
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}
