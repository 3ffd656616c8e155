//! The whole system on one machine: ministack with Docker stands for AWS, and everything else is what users have. The
//! image is built and pushed, containers run, requests go through the load balancer, rows are in PostgreSQL.

use std::{
    collections::BTreeMap,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use provisioner_tests::{Emulator, docker, skipped};
use reqwest::Client;
use serde_json::{Value, json};

use crate::{
    image::program,
    sandbox::{Ran, Sandbox},
};

const TEST: &str = "the_whole_system_on_docker";

/// Requests under load: this many at least, and this many a second.
const REQUESTS: usize = 2000;
const RATE: f64 = 50.0;

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_system_on_docker() {
    let Some(mut system) = System::start().await else { return };

    say("apply dev: builds the app's image, pushes it, and waits until it answers through the load balancer");
    system.apply().ok();
    let first = system.answering().await;
    say(&format!("{} answers, as {}", first.image, first.revision));
    system.the_image_is_small_and_for_its_task(&first);
    system.a_user_is_in_the_database().await;
    system.the_first_administrator_signs_in().await;
    system.an_unknown_certificate_is_refused();

    say("a second version, under load");
    let image = system.second_image(&first.image);
    system.sandbox.edit("dev", "[service]", &format!("[service]\nimage = \"{image}\""));
    let versions = system.under_load(System::apply).await;
    let second = system.answering().await;
    assert_eq!(image.rsplit_once('@').unwrap().1, second.image);
    for digest in [&first.image, &second.image] {
        assert!(versions.contains_key(digest), "{digest} in {versions:#?}");
    }
    system.a_user_is_in_the_database().await;

    system.sandbox.edit("dev", &format!("image = \"{image}\"\n"), "");
    for (what, main, why) in [
        (
            "one whose process exits",
            "fn main() { eprintln!(\"no can do\"); std::process::exit(3) }",
            &["code 3", "no can do"],
        ),
        (
            "one that never listens",
            "fn main() { std::thread::sleep(std::time::Duration::MAX) }",
            &["did not answer as the new version", "502"],
        ),
    ] {
        say(&format!("{what} is rolled back"));
        system.replace_app(main);
        let told = system.apply().ended(1).err;
        say(&told);
        assert!(why.iter().all(|why| told.contains(why)), "{what}: {why:?} in {told}");
        assert!(told.contains("service/service/app"), "{told}");
        let now = system.answering().await;
        assert_eq!(now.image, second.image, "{what}: {told}");
    }

    say("destroy dev");
    system.sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

/// For those who watch: the demo shows it.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "── {text}");
}

#[track_caller]
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The response of `/version`.
struct Version {
    image: String,
    revision: String,
}

struct System {
    sandbox: Sandbox,
    client: Client,
}

impl System {
    /// None, said loudly, where something is missing.
    async fn start() -> Option<Self> {
        if !docker::engine() {
            skipped(TEST, "no Docker engine answers");
            return None;
        }
        docker::postgres_image(TEST)?;
        if !docker::database_port_is_free() {
            skipped(TEST, "something else listens on PostgreSQL's port");
            return None;
        }
        let Some(ministack) = Emulator::ministack_with_docker() else {
            skipped(TEST, "ministack is not installed");
            return None;
        };
        provisioner_image::tls::use_ring();
        // The firewall refuses requests without one.
        let client = Client::builder().user_agent("provisioner-tests").build().unwrap();
        let ca = client.get(format!("{}/_ministack/rds/ca.pem", ministack.url)).send().await.unwrap();
        let ca = ca.text().await.unwrap();
        let mut sandbox = Sandbox::on(ministack);
        sandbox.edit("dev", "[database]", &format!("[database]\nca = \"\"\"\n{ca}\"\"\""));
        sandbox.edit("dev", "[service]", "[service]\nverification = { deadline = 30, settle = 3 }");
        // The repository's own app, built where everybody builds it: that takes minutes, once.
        for name in ["app", "build", "rust-toolchain.toml"] {
            std::fs::create_dir_all(root().join("build")).unwrap();
            symlink(root().join(name), sandbox.path(name)).unwrap();
        }
        sandbox.build = None;
        Some(Self { sandbox, client })
    }

    fn apply(&self) -> Ran {
        let reach = self.sandbox.moto.balancer();
        // It answers with every ACL without its ports, and associates none with a subnet.
        self.sandbox.run(&["apply", "dev", "--yes", "--exclude", "network/network-acl/private", "--reach", &reach])
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.moto.balancer())
    }

    async fn answering(&self) -> Version {
        let answer = self.client.get(self.url("/version")).send().await.unwrap();
        let said: Value = answer.json().await.unwrap();
        let text = |key: &str| said[key].as_str().unwrap_or_else(|| panic!("{key} in {said}")).to_owned();
        Version { image: text("image"), revision: text("task_definition") }
    }

    /// The running image is the one that was built here, for the processor of its task.
    fn the_image_is_small_and_for_its_task(&self, running: &Version) {
        let told: Value =
            serde_json::from_str(&self.sandbox.run(&["image", "inspect", "dev", "--json"]).ok().out).unwrap();
        assert_eq!(told["digest"], running.image.as_str(), "{told:#}");
        assert!(told["size"].as_u64().is_some_and(|bytes| bytes < 25 << 20), "{told:#}");
        let task = format!("ecs describe-task-definition --task-definition {}", running.revision);
        let task = self.sandbox.aws(&task);
        let processor = task["taskDefinition"]["runtimePlatform"]["cpuArchitecture"].as_str().unwrap_or("X86_64");
        assert_eq!(told["architecture"], processor.to_lowercase(), "{task:#}");
        say(&format!("the image has {} KiB, for {processor} as its task", told["size"].as_u64().unwrap_or(0) >> 10));
    }

    fn container(&self, kind: &str) -> String {
        let kind = format!("label=ministack={kind}");
        let found = docker(&["ps", "--quiet", "--filter", &kind, "--filter", &self.sandbox.moto.label()]);
        assert!(!found.is_empty(), "no {kind}");
        found.lines().next().unwrap().to_owned()
    }

    fn psql(&self, query: &str) -> String {
        let psql = ["psql", "--username=app", "--dbname=app", "--tuples-only", "--no-align", "--command", query];
        docker(&[&["exec", &self.container("rds")], &psql[..]].concat())
    }

    /// Registers one through the load balancer, and looks for the row in PostgreSQL itself.
    async fn a_user_is_in_the_database(&self) {
        let name = format!("user-{}", self.psql("SELECT count(*) FROM users"));
        let user = json!({ "name": name, "password": "correct horse battery" });
        let answer = self.client.post(self.url("/api/users")).json(&user).send().await.unwrap();
        let status = answer.status();
        assert_eq!(status.as_u16(), 201, "{}", answer.text().await.unwrap());
        let found = self.psql(&format!("SELECT name FROM users WHERE name = '{name}'"));
        assert_eq!(found, name);
        let plain = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE client_addr IS NOT NULL AND NOT ssl";
        assert_eq!(self.psql(plain), "0", "connections without TLS");
        let encrypted = "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl";
        assert_eq!(self.psql(encrypted), "t");
        say(&format!("{name} was registered through the load balancer, and its row is in PostgreSQL, over TLS"));
    }

    /// Made by a task of its own; the password is in the environment's secret, and nowhere else.
    async fn the_first_administrator_signs_in(&self) {
        let secret = self.sandbox.output("administrator-secret");
        let made = ["run", "dev", "--", "create-admin", "--name", "root", "--secret", &secret];
        let made = self.sandbox.run(&made).ok();
        let told = self.sandbox.aws(&format!("secretsmanager get-secret-value --secret-id {secret}"));
        let password = told["SecretString"].as_str().unwrap();
        assert!(!format!("{}{}", made.out, made.err).contains(password), "printed");
        let user = json!({ "name": "root", "password": password });
        let answer = self.client.post(self.url("/api/sessions")).json(&user).send().await.unwrap();
        let status = answer.status();
        let session = answer.text().await.unwrap();
        assert_eq!(status.as_u16(), 201, "{session}");
        let role = self.psql("SELECT role FROM users WHERE name = 'root'");
        assert_eq!(role, "admin");
        say("the first administrator was made by `provisioner run`, and signs in with what is in the secret");
    }

    /// The same container without the certificate of whoever signed the database's does not talk to it.
    fn an_unknown_certificate_is_refused(&self) {
        let task = self.container("ecs");
        let inspected: Value = serde_json::from_str(&docker(&["inspect", &task])).unwrap();
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--add-host", "host.docker.internal:host-gateway"]);
        let variables = inspected[0]["Config"]["Env"].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
        for variable in variables.filter(|one| !one.starts_with("DATABASE_CA=")) {
            command.args(["--env", variable]);
        }
        let output = command.arg(inspected[0]["Config"]["Image"].as_str().unwrap()).arg("migrate").output().unwrap();
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.to_lowercase().contains("certificate"), "{told}");
    }

    /// The image that runs under another digest, pushed by an independent client.
    fn second_image(&self, first: &str) -> String {
        let repository = self.sandbox.output("repository");
        let file = self.sandbox.path("second");
        std::fs::create_dir(&file).unwrap();
        let text = format!("FROM {repository}@{first}\nLABEL version=second\n");
        #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
        std::fs::write(file.join("Dockerfile"), text).unwrap();
        let tag = format!("{repository}:second");
        docker(&["build", "--quiet", "--tag", &tag, file.to_str().unwrap()]);
        docker(&["push", "--quiet", &tag]);
        let digests = docker(&["inspect", "--format", "{{join .RepoDigests \" \"}}", &tag]);
        digests.split(' ').find(|one| !one.ends_with(first)).unwrap().to_owned()
    }

    /// Another program in the place of the app.
    fn replace_app(&mut self, main: &str) {
        for name in ["app", "build"] {
            let path = self.sandbox.path(name);
            if path.is_symlink() {
                std::fs::remove_file(path).unwrap();
            }
        }
        program(&self.sandbox.path(""), main);
        self.sandbox.build = Some(self.sandbox.path("target"));
    }

    /// Counts the responses of each image during an action, until there were enough requests.
    async fn under_load(&self, work: impl FnOnce(&Self) -> Ran) -> BTreeMap<String, usize> {
        let versions = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
        let done = Arc::new(AtomicBool::new(false));
        let begun = Instant::now();
        #[expect(clippy::disallowed_methods, reason = "requests beside what is tested, awaited below")]
        let load = tokio::spawn(load(self.client.clone(), self.url("/version"), versions.clone(), done.clone()));
        tokio::time::sleep(Duration::from_secs(2)).await;
        tokio::task::block_in_place(|| work(self)).ok();
        done.store(true, Ordering::SeqCst);
        load.await.unwrap();
        let seconds = begun.elapsed().as_secs_f64();
        let versions = versions.lock().unwrap().clone();
        let total: usize = versions.values().sum();
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let rate = total as f64 / seconds;
        say(&format!("{total} requests in {seconds:.0} s ({rate:.0} a second): {versions:#?}"));
        let failed: Vec<_> = versions.keys().filter(|said| !said.starts_with("sha256:")).collect();
        assert!(failed.is_empty(), "{failed:?}");
        assert!(total >= REQUESTS && rate >= RATE, "{total} requests, {rate} a second");
        versions
    }
}

/// Asks at a steady pace until it is done, and as often as is wanted.
async fn load(client: Client, url: String, versions: Arc<Mutex<BTreeMap<String, usize>>>, done: Arc<AtomicBool>) {
    let mut pace = tokio::time::interval(Duration::from_millis(15));
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut asked = tokio::task::JoinSet::new();
    let mut count = 0;
    while count < REQUESTS + 100 || !done.load(Ordering::SeqCst) {
        pace.tick().await;
        count += 1;
        let (client, url, versions) = (client.clone(), url.clone(), versions.clone());
        asked.spawn(async move {
            let said = match client.get(url).send().await {
                Ok(answer) if answer.status().is_success() => {
                    let said: Value = answer.json().await.unwrap_or_default();
                    said["image"].as_str().unwrap_or("no image").to_owned()
                }
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.to_string(),
            };
            *versions.lock().unwrap().entry(said).or_default() += 1;
        });
    }
    asked.join_all().await;
}
