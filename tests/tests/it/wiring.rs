//! Wrong wiring must not compile, and the compiler's message says what is wrong: each program in `wiring/` is compiled
//! against the libraries that the tests already have, and what the compiler prints is in the file beside it.
//! `UPDATE_WIRING=1` writes these files.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

#[test]
#[expect(clippy::disallowed_methods, reason = "how a developer asks to write the expected messages")]
fn wrong_wiring_does_not_compile() {
    let libraries = libraries();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/wiring");
    let mut programs: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    programs.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    assert!(!programs.is_empty());
    let mut wrong = Vec::new();
    for program in programs {
        let expected = program.with_extension("stderr");
        let printed = compile(&program, &libraries);
        if env::var_os("UPDATE_WIRING").is_some() {
            fs::write(&expected, &printed).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != printed {
            wrong.push(format!("{}:\n{printed}", program.display()));
        }
    }
    assert!(wrong.is_empty(), "the compiler prints something else than the file beside it:\n{}", wrong.join("\n"));
}

/// Returns the built libraries of `provisioner_aws` and `provisioner_model`, as Cargo names them: nothing is to be
/// compiled, since this test links both.
fn libraries() -> Vec<(String, PathBuf)> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--locked", "--offline", "--quiet", "--lib", "--message-format=json"])
        // The features are those of the tests: see `.ci/same-features`.
        .args(["--package", "provisioner-cli", "--package", "provisioner-tests"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let artifacts = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let libraries: Vec<_> = artifacts
        .filter_map(|artifact| {
            let name = artifact["target"]["name"].as_str()?.to_owned();
            let file =
                artifact["filenames"].as_array()?.iter().find_map(|file| file.as_str()?.strip_suffix(".rlib"))?;
            let file = PathBuf::from(format!("{file}.rlib"));
            ["provisioner_aws", "provisioner_model"].contains(&name.as_str()).then_some((name, file))
        })
        .collect();
    assert_eq!(libraries.len(), 2, "{messages}");
    libraries
}

/// Compiles a program, which must fail, and returns what the compiler prints, without this checkout's path.
fn compile(program: &Path, libraries: &[(String, PathBuf)]) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition", "2024", "--emit", "metadata", "--out-dir"]).arg(out.path()).current_dir(workspace);
    rustc.arg(program.strip_prefix(workspace).unwrap());
    for (name, library) in libraries {
        rustc.arg("--extern").arg(format!("{name}={}", library.display()));
        // The library's own dependencies.
        rustc.arg("-L").arg(format!("dependency={}", library.parent().unwrap().join("deps").display()));
        rustc.arg("-L").arg(format!("dependency={}", library.parent().unwrap().display()));
    }
    let output = rustc.output().unwrap();
    assert!(!output.status.success(), "{} compiles", program.display());
    let printed = String::from_utf8(output.stderr).unwrap().replace(&format!("{}/", workspace.display()), "");
    printed.lines().map(|line| without_position(line) + "\n").collect()
}

/// Returns a line of a message without line numbers of the libraries, which change with everything above.
fn without_position(line: &str) -> String {
    match line.split_once("--> provisioner/") {
        Some((indent, path)) => format!("{indent}--> provisioner/{}", path.split(':').next().unwrap_or_default()),
        None => match line.split_once(" | ") {
            Some((number, code)) if number.trim().parse::<u32>().is_ok() => {
                format!("{} | {code}", number.replace(|digit: char| digit.is_ascii_digit(), "L"))
            }
            _ => line.to_owned(),
        },
    }
}
