//! The Compose stack on a real Docker engine: what README.md in `compose/` promises, seen from outside.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use provisioner_tests::{
    docker::{POSTGRES, postgres_image},
    free_port, skipped,
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// A copy of the folder, with secrets and a project of its own. It is taken down with this value.
struct Stack {
    folder: tempfile::TempDir,
    project: String,
    port: u16,
}

impl Drop for Stack {
    fn drop(&mut self) {
        // The data go too: nobody wants a test's.
        let file = self.folder.path().join("compose/compose.yaml");
        let mut down = Command::new("docker-compose");
        down.arg("--file").arg(file).args(["--project-name", &self.project, "down", "--volumes", "--timeout", "5"]);
        let _ = down.output();
        let _ = Command::new("docker").args(["rmi", &self.image()]).output();
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn ok(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn docker(arguments: &[&str]) -> String {
    ok(Command::new("docker").args(arguments)).trim().to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Stack {
    /// Built, set up and started. None, said loudly, where Docker is not there.
    fn up(test: &str) -> Option<Self> {
        let there = |program: &str, argument: &str| {
            Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
        };
        if !there("docker", "info") || !there("docker-compose", "version") {
            skipped(test, "Docker with docker-compose is not there");
            return None;
        }
        postgres_image(test)?;
        let folder = tempfile::tempdir().unwrap();
        ok(Command::new("cp").arg("-R").arg(root().join("compose")).arg(folder.path()));
        // The secrets of whoever works here stay theirs.
        let _ = std::fs::remove_dir_all(folder.path().join("compose/secrets"));
        let stack = Self { folder, project: format!("provisioner-test-{}", std::process::id()), port: free_port() };
        let mut build = stack.command(&root(), &["build"]);
        ok(build.env("PROVISIONER", env!("CARGO_BIN_EXE_provisioner-under-test")));
        stack.run(&["setup"]);
        stack.run(&["up"]);
        Some(stack)
    }

    fn command(&self, root: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.arg(root.join("compose/run.py")).args(arguments);
        command.env("COMPOSE_PROJECT_NAME", &self.project).env("APP_PORT", self.port.to_string());
        command.env("APP_IMAGE", self.image());
        command.stdin(Stdio::null());
        command
    }

    /// The image that `make build` makes keeps its name for whoever works here.
    fn image(&self) -> String {
        format!("{}:local", self.project)
    }

    fn run(&self, arguments: &[&str]) -> String {
        ok(&mut self.command(self.folder.path(), arguments))
    }

    fn secret(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("compose/secrets").join(name)).unwrap()
    }

    fn container(&self, service: &str) -> String {
        let (project, service) = (
            format!("label=com.docker.compose.project={}", self.project),
            format!("label=com.docker.compose.service={service}"),
        );
        let id = docker(&["ps", "--quiet", "--filter", &project, "--filter", &service]);
        assert!(!id.is_empty(), "{service} does not run");
        id
    }

    fn inspect(&self, service: &str) -> Value {
        let answer: Value = serde_json::from_str(&docker(&["inspect", &self.container(service)])).unwrap();
        answer[0].clone()
    }

    fn network(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }

    fn address(&self, service: &str, network: &str) -> String {
        let inspected = self.inspect(service);
        inspected["NetworkSettings"]["Networks"][self.network(network)]["IPAddress"].as_str().unwrap().to_owned()
    }

    fn psql(&self, query: &str) -> String {
        let psql = ["psql", "--dbname=app", "--tuples-only", "--no-align", "--command", query];
        docker(&[&["exec", &self.container("database")], &psql[..]].concat())
    }

    /// A command among the app's own processes, with every right that Docker gives to look at them: the app's image
    /// has no shell.
    fn beside_app(&self, script: &str) -> String {
        let pid = format!("container:{}", self.container("app"));
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--pid", &pid, "--user", "0", "--cap-add", "SYS_PTRACE", "--entrypoint", "sh"]);
        said(&command.args([POSTGRES, "-c", script]).output().unwrap())
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Registers, signs in, and gives the access token.
    async fn user(&self, client: &Client, name: &str) -> String {
        let credentials = json!({ "name": name, "password": "correct horse battery" });
        let answer = client.post(self.url("/api/users")).json(&credentials).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED, "{}", answer.text().await.unwrap());
        let answer = client.post(self.url("/api/sessions")).json(&credentials).send().await.unwrap();
        let tokens: Value = answer.json().await.unwrap();
        tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_compose_stack_is_closed_and_works() {
    let Some(stack) = Stack::up("compose") else { return };
    provisioner_image::tls::use_ring();
    let client = Client::new();

    app_is_closed(&stack);
    database_is_closed(&stack);
    networks_are_closed(&stack);
    secrets_are_files(&stack);

    // The app reaches its database all the same.
    let token = stack.user(&client, "first").await;
    assert_eq!(stack.psql("SELECT count(*) FROM users WHERE name = 'first'"), "1");
    backup_and_restore(&stack, &client).await;
    metrics(&stack, &client, &token).await;
    let status = stack.run(&["status"]);
    assert!(status.contains("app") && status.contains("healthy"), "{status}");
    the_file_is_valid(&stack);
}

/// docker-compose checks the file by the Compose specification's schema, with the profile and without it.
fn the_file_is_valid(stack: &Stack) {
    let file = stack.folder.path().join("compose/compose.yaml");
    for profile in [&[][..], &["--profile", "observability"]] {
        let mut check = Command::new("docker-compose");
        ok(check.arg("--file").arg(&file).args(profile).args(["config", "--quiet"]));
    }
}

fn limits(inspected: &Value) {
    let host = &inspected["HostConfig"];
    assert_eq!(host["Memory"], 512 * 1024 * 1024);
    assert_eq!(host["MemorySwap"], 512 * 1024 * 1024, "no swap beyond it");
    assert_eq!(host["NanoCpus"], 1_000_000_000_u64);
    assert_eq!(host["PidsLimit"], 256);
    assert_eq!(host["LogConfig"]["Config"], json!({ "max-size": "10m", "max-file": "3" }));
    assert_eq!(host["Privileged"], false);
    assert_eq!(inspected["State"]["Health"]["Status"], "healthy");
}

fn app_is_closed(stack: &Stack) {
    let inspected = stack.inspect("app");
    limits(&inspected);
    // What the kernel says of the process, not what Docker was asked for.
    let status = stack.beside_app("cat /proc/1/status");
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_default();
        line.split_whitespace().nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(field("Uid"), "10000", "{status}");
    assert_eq!(field("NoNewPrivs"), "1");
    assert_eq!(field("Seccomp"), "2");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    // Not even who may do everything writes there; the one place that is for writing takes it.
    assert_eq!(stack.beside_app("touch /proc/1/root/tmp/x"), "");
    let written = stack.beside_app("touch /proc/1/root/x");
    assert!(written.contains("Read-only file system"), "{written}");
    // From this machine only.
    assert_eq!(inspected["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostIp"], "127.0.0.1");
    let published: Vec<&Value> =
        inspected["NetworkSettings"]["Ports"].as_object().unwrap().values().filter(|port| !port.is_null()).collect();
    assert_eq!(published.len(), 1, "the metrics are not published");
}

fn database_is_closed(stack: &Stack) {
    let inspected = stack.inspect("database");
    limits(&inspected);
    let ports = inspected["NetworkSettings"]["Ports"].as_object().unwrap();
    assert!(ports.values().all(Value::is_null), "{ports:?}");
    let inside = |script: &str| {
        let output = Command::new("docker").args(["exec", &stack.container("database"), "bash", "-c", script]).output();
        said(&output.unwrap())
    };
    assert!(inside("touch /x").contains("Read-only file system"));
    let status = inside("cat /proc/1/status");
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000"] {
        assert!(status.contains(line), "{line} in {status}");
    }
    let limit = inside("cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null");
    assert!(limit.contains(&(512 * 1024 * 1024).to_string()), "{limit}");
    no_way_out(stack);
    // Without TLS, or as the administrator, nobody gets in by the network.
    let knock = |who: &str, tls: &str| {
        let target = format!("host=database user={who} dbname=app sslmode={tls}");
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--network", &stack.network("database"), "--env", "PGPASSWORD", "--entrypoint"]);
        command.args(["psql", POSTGRES, &target, "--command", "SELECT 1"]);
        said(&command.env("PGPASSWORD", stack.secret("database_password")).output().unwrap())
    };
    for (who, tls, answer) in [
        ("app", "require", "1 row"),
        ("app", "disable", "no pg_hba.conf entry"),
        ("postgres", "require", "no pg_hba.conf entry"),
    ] {
        let told = knock(who, tls);
        assert!(told.contains(answer), "{who}, {tls}: {told}");
    }
}

/// This machine is as near as the outside comes: what `front` reaches, the database does not.
fn no_way_out(stack: &Stack) {
    let listener = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let gateway =
        docker(&["network", "inspect", &stack.network("front"), "--format", "{{(index .IPAM.Config 0).Gateway}}"]);
    let knock =
        format!("timeout 3 bash -c '</dev/tcp/{gateway}/{}' && echo through", listener.local_addr().unwrap().port());
    let mut from_front = Command::new("docker");
    from_front.args([
        "run",
        "--rm",
        "--network",
        &stack.network("front"),
        "--entrypoint",
        "bash",
        POSTGRES,
        "-c",
        &knock,
    ]);
    assert_eq!(ok(&mut from_front).trim(), "through");
    let mut from_database = Command::new("docker");
    from_database.args(["exec", &stack.container("database"), "bash", "-c", &knock]);
    let answer = said(&from_database.output().unwrap());
    assert!(!answer.contains("through"), "{answer}");
}

fn networks_are_closed(stack: &Stack) {
    let address = stack.address("database", "database");
    // A route of the host's own to that network would lead by its bridge; without one, packets leave by the default
    // route, to where nobody has this address.
    let prefix = address.rsplit_once('.').unwrap().0.to_owned() + ".";
    let routes = std::fs::read_to_string("/proc/net/route").unwrap();
    let network = docker(&["network", "inspect", &stack.network("database"), "--format", "{{json .}}"]);
    let network: Value = serde_json::from_str(&network).unwrap();
    assert_eq!(network["Internal"], true);
    let bridge = format!("br-{}", &network["Id"].as_str().unwrap()[..12]);
    assert!(!routes.lines().any(|line| line.starts_with(&bridge)), "{prefix} is routed: {routes}");
    // Nor does the front network lead there.
    let mut from_front = Command::new("docker");
    from_front.args(["run", "--rm", "--network", &stack.network("front"), "--entrypoint", "pg_isready", POSTGRES]);
    let answer = from_front.args(["--timeout=3", "--host", &address]).output().unwrap();
    assert!(!answer.status.success() && said(&answer).contains("no response"), "{}", said(&answer));
}

fn secrets_are_files(stack: &Stack) {
    let secrets = ["database_admin_password", "database_password", "signing_key"].map(|name| stack.secret(name));
    for service in ["app", "database"] {
        let told = stack.inspect(service).to_string() + &docker(&["top", &stack.container(service), "-eo", "pid,args"]);
        let logged = said(&Command::new("docker").args(["logs", &stack.container(service)]).output().unwrap());
        assert!(!secrets.iter().any(|secret| told.contains(secret) || logged.contains(secret)), "{service}");
    }
}

async fn backup_and_restore(stack: &Stack, client: &Client) {
    let file = stack.run(&["backup"]).trim().to_owned();
    stack.user(client, "second").await;
    assert_eq!(stack.psql("SELECT count(*) FROM users WHERE name IN ('first', 'second')"), "2");
    let refused = stack.command(stack.folder.path(), &["restore", "/etc/hostname", "--yes"]).output().unwrap();
    assert!(!refused.status.success() && said(&refused).contains("nothing was changed"), "{}", said(&refused));
    stack.run(&["restore", &file, "--yes"]);
    assert_eq!(stack.psql("SELECT count(*) FROM users WHERE name IN ('first', 'second')"), "1");
    // It goes on with what was put back.
    let sign_in = json!({ "name": "first", "password": "correct horse battery" });
    let answer = client.post(stack.url("/api/sessions")).json(&sign_in).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// Ends the program with this value.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Prometheus scrapes the running app, and every query of the dashboard and of the rules brings data.
async fn metrics(stack: &Stack, client: &Client, token: &str) {
    if Command::new("prometheus").arg("--version").output().is_err() {
        skipped("compose: metrics", "prometheus is not installed");
        return;
    }
    let folder = stack.folder.path().join("compose/observability");
    let (config, port) = (folder.join("prometheus.yml"), free_port());
    let text = std::fs::read_to_string(&config).unwrap();
    // The same file, but faster, and from where the test stands.
    let text = text.replace("app:9090", &format!("{}:9090", stack.address("app", "front"))).replace("15s", "1s");
    #[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
    std::fs::write(&config, text).unwrap();
    let mut prometheus = Command::new("prometheus");
    prometheus.arg(format!("--config.file={}", config.display()));
    prometheus.arg(format!("--storage.tsdb.path={}", stack.folder.path().join("metrics").display()));
    prometheus.arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let _running = KillOnDrop(prometheus.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());

    let mut waiting = queries(&folder);
    assert!(waiting.len() > 10, "{waiting:?}");
    let until = Instant::now() + Duration::from_secs(90);
    let mut account = String::new();
    while !waiting.is_empty() {
        assert!(Instant::now() < until, "no data from {waiting:#?}");
        // Something to measure: answers, a sign-in that fails, a transfer.
        let wrong = json!({ "name": "first", "password": "wrong" });
        client.post(stack.url("/api/sessions")).json(&wrong).send().await.unwrap();
        let open = client.post(stack.url("/api/accounts")).bearer_auth(token);
        let opened = open.json(&json!({ "name": "one", "opening_balance": 100 })).send().await.unwrap();
        let opened: Value = opened.json().await.unwrap_or_default();
        let id = opened["id"].as_str().unwrap_or_default().to_owned();
        let order = json!({ "from": account, "to": id, "amount": 1 });
        let transfer = client.post(stack.url("/api/transfers")).bearer_auth(token);
        transfer.header("idempotency-key", format!("key-{id}")).json(&order).send().await.unwrap();
        account = id;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut still = vec![];
        for query in waiting {
            let api = format!("http://127.0.0.1:{port}/api/v1/query");
            let url = reqwest::Url::parse_with_params(&api, [("query", &query)]).unwrap();
            let answer: Value = match client.get(url).send().await {
                Ok(answer) => answer.json().await.unwrap(),
                // It is starting.
                Err(_) => Value::Null,
            };
            let data = answer["data"]["result"].as_array().is_some_and(|found| {
                found.iter().any(|one| one["value"][1].as_str().is_some_and(|value| value != "NaN"))
            });
            if !data {
                still.push(query);
            }
        }
        waiting = still;
    }
}

/// Returns the queries of the dashboard and of the alert rules, without the alerts' comparisons, since nothing is
/// wrong.
fn queries(folder: &Path) -> Vec<String> {
    let dashboard = std::fs::read_to_string(folder.join("grafana/dashboards/app.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let shown = panels.flat_map(|panel| panel["targets"].as_array().unwrap()).map(|it| it["expr"].as_str().unwrap());
    let rules = std::fs::read_to_string(folder.join("rules.yml")).unwrap();
    let asked = rules.lines().filter_map(|line| line.trim().strip_prefix("expr: "));
    let asked =
        asked.map(|query| query.split([" > ", " < "].iter().find(|sign| query.contains(**sign)).unwrap_or(&"\n")));
    let asked: Vec<String> = asked.filter_map(|mut parts| parts.next().map(str::to_owned)).collect();
    shown.map(str::to_owned).chain(asked).collect()
}
