//! The app's image, before judges that are not ours: Debian's registry, skopeo, the Docker engine.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use provisioner_image::{
    Architecture, Attached, Cargo, ContainerRegistry as Remote, ImageSource, Layout, RegistryError,
};
use provisioner_model::plan::Action;
use provisioner_tests::{registry::LocalRegistry, skipped};
use serde_json::Value;

use crate::sandbox::Sandbox;

/// The architecture of this machine.
const HERE: Architecture = if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X8664 };

/// None, said loudly, where there is no registry.
pub(crate) fn registry_or_skip(test: &str) -> Option<LocalRegistry> {
    let registry = LocalRegistry::start();
    if registry.is_none() {
        skipped(test, "docker-registry is not installed");
    }
    registry
}

/// A program in `folder/app` without dependencies, and how its image is made.
#[expect(clippy::disallowed_methods, reason = "files of the test's own, and where Cargo is")]
pub(crate) fn program(folder: &Path, main: &str) -> ImageSource {
    let app = folder.join("app");
    std::fs::create_dir_all(app.join("src")).unwrap();
    let manifest = "[workspace]\n[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    repository = \"https://example.com/app\"\n[profile.release]\nstrip = true\n";
    std::fs::write(app.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(app.join("Cargo.lock"), "version = 4\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n").unwrap();
    std::fs::write(app.join("src/main.rs"), main).unwrap();
    let home = std::env::var_os("CARGO_HOME").map_or_else(|| PathBuf::from("/nowhere"), PathBuf::from);
    let layout = folder.join("build/image").join(HERE.name());
    let cargo = Cargo { program: "cargo".into(), home, target: folder.join("target/image") };
    ImageSource { app, also: vec![folder.join("rust-toolchain.toml")], architecture: HERE, layout, cargo }
}

/// Returns the output of a program, if it is installed.
fn ask(test: &str, program: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new(program).args(arguments).output() else {
        skipped(test, &format!("{program} is not installed"));
        return None;
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {error}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn named(layout: &Layout) -> String {
    format!("oci:{}:{}", layout.folder().display(), layout.tag())
}

#[tokio::test]
async fn debians_registry_takes_an_image_and_nothing_twice() {
    let test = "debians_registry_takes_an_image_and_nothing_twice";
    let Some(registry) = registry_or_skip(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let layout = program(folder.path(), "fn main() {}").build().unwrap();
    let repository = format!("{}/dev/app", registry.host());
    let remote = Remote::new(&repository, None, None).unwrap();

    let first = remote.push(&layout).await.unwrap();
    assert_eq!((first.sent, first.attached), (6, Attached::Index), "it knows no referrers");
    let again = remote.push(&layout).await.unwrap();
    assert_eq!((again.sent, again.there), (0, 3));

    // A second version shares the base.
    let before = layout.layers().unwrap()[0].clone();
    let next = program(folder.path(), "fn main() { println!(\"two\") }").build().unwrap();
    assert_eq!(next.layers().unwrap()[0], before);
    assert_eq!(remote.push(&next).await.unwrap().there, 1 + 1 + 1 + 1, "base, components, and `{{}}` twice");

    // A tag that names another image by now.
    let http = reqwest::Client::new();
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    let at = |reference: &str| format!("http://{}/v2/dev/app/manifests/{reference}", registry.host());
    let first = http.get(at(layout.digest())).header("accept", manifest).send().await.unwrap();
    let first = first.bytes().await.unwrap();
    let put = http.put(at(next.tag())).header("content-type", manifest).body(first).send().await.unwrap();
    assert!(put.status().is_success(), "{put:?}");
    let error = remote.push(&next).await.unwrap_err();
    assert!(matches!(&error, RegistryError::TagTaken { there, .. } if there == layout.digest()), "{error}");
}

#[tokio::test]
async fn skopeo_reads_the_layout_and_what_was_pushed() {
    let test = "skopeo_reads_the_layout_and_what_was_pushed";
    let Some(registry) = registry_or_skip(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let layout = program(folder.path(), "fn main() {}").build().unwrap();
    let Some(told) = ask(test, "skopeo", &["inspect", &named(&layout)]) else { return };
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["Digest"], layout.digest());
    assert_eq!(told["Architecture"], HERE.oci());
    assert_eq!(told["Labels"]["org.opencontainers.image.version"], "0.1.0");
    assert_eq!(told["Labels"]["org.opencontainers.image.source"], "https://example.com/app");

    let repository = format!("{}/app", registry.host());
    Remote::new(&repository, None, None).unwrap().push(&layout).await.unwrap();
    for reference in [format!("{repository}:{}", layout.tag()), format!("{repository}@{}", layout.digest())] {
        let image = format!("docker://{reference}");
        let told = ask(test, "skopeo", &["inspect", "--tls-verify=false", "--config", &image]).unwrap();
        let told: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["config"]["User"], "10000:10000", "{reference}");
        assert_eq!(told["config"]["Entrypoint"], serde_json::json!(["/app"]));
        assert_eq!(told["config"]["ExposedPorts"], serde_json::json!({ "8080/tcp": {} }));
    }
    // All of it, with every digest checked.
    let copy = format!("dir:{}", folder.path().join("copy").display());
    let image = format!("docker://{repository}@{}", layout.digest());
    ask(test, "skopeo", &["copy", "--src-tls-verify=false", &image, &copy]).unwrap();
}

/// It says what it is allowed to, line by line.
const PROBE: &str = r#"
fn main() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    for name in ["Uid", "Gid", "CapEff", "NoNewPrivs"] {
        let line = status.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_default();
        println!("{}", line.replace('\t', " "));
    }
    println!("write {}", std::fs::write("/tmp/x", "x").is_ok());
    let entries = std::fs::read_dir("/").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut entries: Vec<String> = entries.filter(|name| !["dev", "proc", "sys", ".dockerenv"].contains(&&**name)).collect();
    entries.sort();
    println!("root {entries:?}");
    let roots = std::fs::read_to_string("/etc/ssl/certs/ca-certificates.crt").unwrap();
    println!("roots {}", roots.matches("BEGIN CERTIFICATE").count() > 100);
}
"#;

#[test]
fn docker_runs_it_without_any_right() {
    let test = "docker_runs_it_without_any_right";
    if !Command::new("docker").args(["version"]).output().is_ok_and(|answer| answer.status.success()) {
        return skipped(test, "no Docker engine answers");
    }
    let folder = tempfile::tempdir().unwrap();
    let layout = program(folder.path(), PROBE).build().unwrap();
    let name = format!("provisioner-test-image:{}", &layout.digest()[7..19]);
    let archive = folder.path().join("image.tar");
    let to = format!("docker-archive:{}:{name}", archive.display());
    if ask(test, "skopeo", &["copy", &named(&layout), &to]).is_none() {
        return;
    }
    ask(test, "docker", &["load", "--input", archive.to_str().unwrap()]).unwrap();
    // As the image says, and as the task definition does.
    let said = ask(
        test,
        "docker",
        &[
            "run",
            "--rm",
            "--read-only",
            "--user",
            "10000",
            "--cap-drop",
            "ALL",
            "--security-opt",
            "no-new-privileges",
            &name,
        ],
    );
    let bare = ask(test, "docker", &["run", "--rm", "--network", "none", &name]);
    ask(test, "docker", &["image", "rm", &name]).unwrap();
    let said = said.unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "Uid: 10000 10000 10000 10000", "{said}");
    assert_eq!(
        lines[2..],
        ["CapEff: 0000000000000000", "NoNewPrivs: 1", "write false", "root [\"app\", \"etc\", \"tmp\"]", "roots true",]
    );
    let bare = bare.unwrap();
    assert!(bare.starts_with("Uid: 10000 10000 10000 10000\nGid: 10000 10000 10000 10000\n"), "{bare}");
    assert!(bare.contains("write true"), "/tmp is there for whoever may write: {bare}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
fn apply_builds_pushes_and_runs_the_app() {
    let test = "apply_builds_pushes_and_runs_the_app";
    let Some(registry) = registry_or_skip(test) else { return };
    let Some(sandbox) = Sandbox::with(test, Some(&registry)) else { return };
    let before = sandbox.moto.everything();
    let source = program(&sandbox.path(""), "fn main() {}");

    // Nothing is built by a plan, nor is one saved that does not know what it would deploy.
    let plan = sandbox.run(&["plan", "dev"]).ok();
    assert!(plan.out.contains("<not built yet>") && plan.out.contains("! image: not built yet"), "{}", plan.out);
    let file = sandbox.path("saved.json");
    let file = file.to_str().unwrap();
    let refused = sandbox.run(&["plan", "dev", "--out", file]).ended(1);
    assert!(refused.err.contains("the image has not been built"), "{}", refused.err);
    assert_eq!(sandbox.run(&["image", "inspect", "dev"]).ok().out, "not built yet\n");
    sandbox.run(&["image", "push", "dev"]).ended(1);
    sandbox.run(&["validate", "dev"]).ok();

    let applied = sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert!(applied.err.contains("Building the app's image for"), "{}", applied.err);
    let first = source.build_status().unwrap().layout().unwrap().digest().to_owned();
    let runs = |digest: &str| {
        let arn = sandbox.id("dev", "service/task-definition/app");
        let task = sandbox.aws(&format!("ecs describe-task-definition --task-definition {arn}"));
        let image = task["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().to_owned();
        assert!(image.starts_with(&registry.host()) && image.ends_with(digest), "{image} is not {digest}");
    };
    runs(&first);
    let repository = sandbox.id("dev", "registry/repository/app");
    assert!(registry.has(&repository, &first));
    sandbox.unchanged("dev");
    let again = sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert!(!again.err.contains("Building"), "{}", again.err);
    let pushed = sandbox.run(&["image", "push", "dev"]).ok();
    assert!(pushed.err.contains("0 sent"), "{}", pushed.err);
    let told = sandbox.run(&["image", "inspect", "dev", "--json"]).ok().out;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["digest"], &told["state"], &told["components"]),
        (&first.clone().into(), &"up to date".into(), &0.into())
    );

    // Another version: a plan takes what is there and says so, and is bound to it.
    std::fs::write(source.app.join("src/main.rs"), "fn main() { println!(\"two\") }").unwrap();
    let plan = sandbox.run(&["plan", "dev", "--out", file]).ok();
    assert!(plan.out.contains("! image: out of date"), "{}", plan.out);
    let second = sandbox.run(&["image", "build", "dev"]).ok().out.trim().to_owned();
    assert_ne!(second, first);
    let refused = sandbox.run(&["apply", "dev", file, "--yes"]).ended(1);
    assert!(refused.err.contains("the plan is for the image sha256:"), "{}", refused.err);
    let planned = sandbox.plan("dev");
    let changed: Vec<(&str, Action)> = planned
        .resources
        .iter()
        .map(|(address, row)| (address.as_str(), row.action))
        .filter(|(_, action)| *action != Action::NoChange)
        .collect();
    assert_eq!(
        changed,
        [
            ("service/image/app", Action::Replace),
            ("service/service/app", Action::Update),
            ("service/task-definition/app", Action::Update),
        ]
    );
    sandbox.run(&["plan", "dev", "--out", file]).ok();
    sandbox.run(&["apply", "dev", file, "--yes"]).ok();
    runs(&second);
    sandbox.unchanged("dev");
    // What ran before is still there: a rollback needs it.
    assert!(registry.has(&repository, &first) && registry.has(&repository, &second));

    sandbox.run(&["destroy", "dev", "--yes"]).ok();
    const STAYS: &[&str] = &["kms", "secretsmanager", "ecs: TaskDefinition"];
    let after = sandbox.moto.everything();
    let left: Vec<&String> =
        after.difference(&before).filter(|name| !STAYS.iter().any(|stays| name.starts_with(stays))).collect();
    assert!(left.is_empty(), "left behind: {left:#?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "files of the test's own")]
fn build_scripts_get_no_credentials() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "fn main() {}");
    let names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];
    let script = format!(
        "fn main() {{ for name in {names:?} {{ assert!(std::env::var_os(name).is_none(), \"{{name}} is set\"); }} }}"
    );
    std::fs::write(folder.path().join("app/build.rs"), script).unwrap();
    std::fs::create_dir(folder.path().join("environments")).unwrap();
    let settings = include_str!("../../../environments/dev.toml");
    std::fs::write(folder.path().join("environments/dev.toml"), settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
    command.arg("-C").arg(folder.path()).args(["image", "build", "dev"]);
    command.env("CARGO_TARGET_DIR", folder.path().join("target")).envs(names.map(|name| (name, "a secret")));
    let built = command.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}
