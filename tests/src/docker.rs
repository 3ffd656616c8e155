//! The PostgreSQL image that tests on Docker run: pulled where that is possible, else built from Debian's packages.

use std::{
    path::Path,
    process::{Command, Stdio},
    sync::Mutex,
};

use crate::skipped;

/// What ministack and `compose/compose.yaml` ask for.
pub const POSTGRES: &str = "postgres:17-alpine";

/// One builds, the others wait for it.
static BUILDING: Mutex<()> = Mutex::new(());

/// Sees to it that the image is there. None, said loudly, where it cannot be had.
pub fn postgres_image(test: &str) -> Option<()> {
    let _one = BUILDING.lock();
    if succeeds(Command::new("docker").args(["image", "inspect", POSTGRES])) {
        return Some(());
    }
    if succeeds(Command::new("timeout").args(["20", "docker", "pull", "--quiet", POSTGRES])) {
        return Some(());
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/postgres-image.sh");
    if succeeds(Command::new("debootstrap").arg("--version")) && succeeds(&mut Command::new(script)) {
        return Some(());
    }
    skipped(test, "there is no image of PostgreSQL 17, and building one takes root and debootstrap");
    None
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
