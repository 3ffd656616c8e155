//! Secrets are found nowhere but in the calls that write them.
//!
//! Every secret input of every resource type has a value of its own, and generated secrets are taken from the calls and
//! from the emulator. The tests then search the state with its journal and history, saved plans, all output at every log
//! level, recordings of calls, error messages of an endpoint that repeats what it refuses, and the arguments and
//! environments of all processes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use provisioner_tests::{
    canary::{Canaries, SECRET_INPUTS},
    proxy::{Message, Proxy, proxy},
};
use regex_lite::Regex;
use serde_json::{Value, json};

use crate::{
    image::{program, registry_or_skip},
    sandbox::Sandbox,
};

/// The AWS credentials. The access key's ID is no secret: it is in every signature.
const SECRET_KEY: &str = "CanaryOfTheSecretKey0123456789";
const SESSION_TOKEN: &str = "CanaryOfTheSessionToken0123456789";

const PLAIN: u8 = 0;
/// The endpoint refuses calls that write a secret, and repeats the request in its message.
const ECHO: u8 = 1;
/// The endpoint does not answer a call that creates a database.
const HOLD: u8 = 2;

/// The proxy between the program and the emulator.
#[derive(Clone, Default)]
struct Wire {
    mode: Arc<AtomicU8>,
    /// Generated secrets and tokens that have passed.
    secrets: Arc<Mutex<BTreeSet<String>>>,
    /// The bodies of requests that write a secret.
    written: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    fn answer(&self, request: &Message, port: u16) -> io::Result<Message> {
        let operation = operation(request);
        if let "CreateSecret" | "PutSecretValue" | "CreateDBInstance" | "ModifyDBInstance" | "ImportCertificate" =
            operation.as_str()
        {
            self.written.lock().unwrap().push(request.text().to_owned());
            let body: Value = serde_json::from_str(request.text()).unwrap_or_default();
            if let Some(key) = body["PrivateKey"].as_str() {
                let key = String::from_utf8(BASE64_STANDARD.decode(key).unwrap()).unwrap();
                self.secrets
                    .lock()
                    .unwrap()
                    .extend(key.lines().filter(|line| !line.starts_with('-')).map(str::to_owned));
            }
            match self.mode.load(Ordering::SeqCst) {
                ECHO => return Ok(refusal(request, &body)),
                HOLD if operation == "CreateDBInstance" => {
                    while self.mode.load(Ordering::SeqCst) == HOLD {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                _ => {}
            }
        }
        let answer = request.send(port)?;
        let body: Value = serde_json::from_str(answer.text()).unwrap_or_default();
        if let Some(password) = body["RandomPassword"].as_str() {
            self.secrets.lock().unwrap().insert(password.to_owned());
        }
        if let Some(token) = body["authorizationData"][0]["authorizationToken"].as_str() {
            self.secrets.lock().unwrap().insert(token.to_owned());
        }
        Ok(answer)
    }
}

fn operation(request: &Message) -> String {
    let target = request.target().to_owned();
    if target.is_empty() { request.field("Action").unwrap_or_default() } else { target }
}

/// The error of an API that repeats the refused value and the whole request, as some validation messages of AWS do.
fn refusal(request: &Message, body: &Value) -> Message {
    let value = body["SecretString"].as_str().map(str::to_owned).or_else(|| request.field("MasterUserPassword"));
    let why = format!("Value '{}' failed to satisfy a constraint: {}", value.unwrap_or_default(), request.text());
    if request.target().is_empty() {
        let why = why.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let xml = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameterValue</Code><Message>{why}</Message></Error>\
             <RequestId>1</RequestId></ErrorResponse>"
        );
        return Message::answer(400, "text/xml", xml);
    }
    let json = json!({ "__type": "ValidationException", "message": why });
    Message::answer(400, "application/x-amz-json-1.1", json.to_string())
}

/// A sandbox behind the wire, and everything that its commands have shown.
struct Stage {
    sandbox: Sandbox,
    wire: Wire,
    /// Listens until it is dropped.
    _proxy: Proxy,
    url: String,
    /// Sets `PROVISIONER_TESTS_VARIANT`; empty for the bundled program.
    variant: String,
    /// Texts in which no secret may be, by their origin.
    shown: BTreeMap<String, Vec<u8>>,
}

impl Stage {
    fn new(sandbox: Sandbox) -> Self {
        let wire = Wire::default();
        let port = sandbox.moto.url.rsplit(':').next().unwrap().parse().unwrap();
        let front = wire.clone();
        let proxy = proxy(move |request| front.answer(&request, port)).unwrap();
        let url = format!("http://127.0.0.1:{}", proxy.port);
        write(
            &sandbox.path("credentials"),
            &format!(
                "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET_KEY}\n\
                 aws_session_token = {SESSION_TOKEN}\n"
            ),
        );
        Self { sandbox, wire, _proxy: proxy, url, variant: String::new(), shown: BTreeMap::new() }
    }

    fn spawn(&self, log: Option<&str>, arguments: &[&str]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
        command.arg("-C").arg(self.sandbox.path("")).args(arguments);
        if ["plan", "apply", "destroy", "drift"].contains(&arguments[0]) {
            command.args(["--consistency-window", "0", "--poll", "0.2"]);
        }
        if arguments[0] == "apply" {
            command.arg("--no-verification");
        }
        for variable in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"] {
            command.env_remove(variable);
        }
        match log {
            Some(log) => command.env("PROVISIONER_LOG", log),
            None => command.env_remove("PROVISIONER_LOG"),
        };
        if !self.variant.is_empty() {
            command.env("PROVISIONER_TESTS_VARIANT", &self.variant);
        }
        if let Some(build) = &self.sandbox.build {
            command.env("CARGO_TARGET_DIR", build);
        }
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("PROVISIONER_RECORD", self.sandbox.path("recording"))
            .env("AWS_SHARED_CREDENTIALS_FILE", self.sandbox.path("credentials"))
            .env("AWS_CONFIG_FILE", self.sandbox.path("no-config"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null())
            .stdout(File::create(self.sandbox.path("out")).unwrap())
            .stderr(File::create(self.sandbox.path("err")).unwrap());
        command.spawn().unwrap()
    }

    /// Runs a command to its end, and keeps what it and its processes show. Returns the exit code and stderr.
    fn run(&mut self, log: Option<&str>, arguments: &[&str]) -> (i32, String) {
        let mut child = self.spawn(log, arguments);
        let name = format!("{} at {}", arguments.join(" "), log.unwrap_or("no log level"));
        let status = loop {
            self.look_at_processes(&name, child.id());
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        (status.code().unwrap_or(-1), self.collect(&name))
    }

    /// Keeps the output of the last command and the files that it left.
    fn collect(&mut self, name: &str) -> String {
        let err = std::fs::read(self.sandbox.path("err")).unwrap();
        self.shown.insert(format!("stderr of {name}"), err.clone());
        self.shown.insert(format!("stdout of {name}"), std::fs::read(self.sandbox.path("out")).unwrap());
        // Each command appends to it.
        if let Ok(text) = std::fs::read(self.sandbox.path("recording/calls.jsonl")) {
            self.shown.insert("the recording of calls".to_owned(), text);
        }
        for file in files(&self.sandbox.path("state")).into_iter().chain([self.sandbox.path("saved.json")]) {
            if let Ok(text) = std::fs::read(&file) {
                self.shown.insert(format!("{} after {name}", file.display()), text);
            }
        }
        String::from_utf8_lossy(&err).into_owned()
    }

    /// Keeps the arguments and the environment of a process and of its descendants.
    fn look_at_processes(&mut self, name: &str, root: u32) {
        let mut family = vec![root];
        let parents: Vec<(u32, u32)> =
            std::fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(parent).collect();
        let mut next = 0;
        while let Some(process) = family.get(next).copied() {
            family.extend(parents.iter().filter(|(_, parent)| *parent == process).map(|(child, _)| *child));
            next += 1;
        }
        for process in family {
            for file in ["cmdline", "environ"] {
                if let Ok(text) = std::fs::read(format!("/proc/{process}/{file}")) {
                    let shown = self.shown.entry(format!("{file} of the processes of {name}")).or_default();
                    if !contains(shown, &String::from_utf8_lossy(&text)) {
                        shown.extend(text);
                    }
                }
            }
        }
    }

    /// Fails if a secret is in something that was shown.
    fn assert_hidden(&self, canaries: &[String]) {
        let generated = self.wire.secrets.lock().unwrap().clone();
        assert!(!generated.is_empty());
        let credentials = [SECRET_KEY, SESSION_TOKEN].map(str::to_owned);
        let secrets: Vec<&String> = canaries.iter().chain(&generated).chain(&credentials).collect();
        let mut found = vec![];
        for (origin, text) in &self.shown {
            let text = String::from_utf8_lossy(text);
            for secret in &secrets {
                for form in forms(secret).iter().filter(|form| text.contains(form.as_str())) {
                    let line = text.lines().find(|line| line.contains(form.as_str())).unwrap_or_default();
                    found.push(format!("{origin}: {secret} as {form} in {line:.400}"));
                }
            }
        }
        assert!(found.is_empty(), "{} leaks:\n{}", found.len(), found.join("\n"));
    }
}

/// The parent of a process, by its directory in `/proc`.
fn parent(entry: std::fs::DirEntry) -> Option<(u32, u32)> {
    let process = entry.file_name().to_str()?.parse().ok()?;
    let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
    Some((process, parent.trim().parse().ok()?))
}

/// The encodings of a secret that a text may contain: as it is, in JSON, in a form, in Base64 at any offset, in hexadecimal.
fn forms(secret: &str) -> Vec<String> {
    let json = Value::from(secret).to_string();
    let url: String = secret
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let mut forms = vec![secret.to_owned(), json[1..json.len() - 1].to_owned(), url.replace("%20", "+"), url, hex];
    for offset in 0..3 {
        // Without the characters that the neighbours of the secret determine.
        let encoded = BASE64_STANDARD.encode(format!("{}{secret}", "x".repeat(offset)));
        let encoded = encoded.trim_end_matches('=');
        forms.push(encoded[[0, 2, 3][offset]..encoded.len() - 1].to_owned());
    }
    // The part that no encoding changes.
    let core = Regex::new("[A-Za-z0-9]{12,}").unwrap();
    forms.extend(core.find(secret).map(|core| core.as_str().to_owned()));
    forms
}

fn contains(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[expect(clippy::disallowed_methods, reason = "a file of the test's own")]
fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

/// The values of one version: characters that JSON, forms and XML escape, around a part that none changes.
fn canaries(version: u32) -> Canaries {
    let value = |(type_name, input): (&str, &str)| {
        let core = format!("Canary{version}{type_name}{input}").replace([':', '_'], "");
        let mut value = format!("+a \"{core}\" & <\\%>ü=");
        if type_name == "aws:rds:instance" {
            // A password of a database has no other characters.
            value.retain(|letter| letter.is_ascii() && !"/\"@".contains(letter));
        }
        (format!("{type_name}.{input}"), value)
    };
    Canaries { version, values: SECRET_INPUTS.map(value).into_iter().collect() }
}

/// All inputs of resource types that hold a secret, by the sources: a type that contains [`provisioner_model::Secret`],
/// directly or through others.
fn secret_inputs() -> BTreeSet<(String, String)> {
    let sources = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../provisioner/aws/src"));
    let text = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
    let declaration =
        Regex::new(r"(?s)((?:#\[[^\n]*\n|#\[resource\(.*?\n\)\]\n)*)pub (?:struct|enum) (\w+)[^;{\n]*\{\n(.*?)\n\}")
            .unwrap();
    let mut declarations = vec![];
    for file in &sources {
        let text = text(file);
        for found in declaration.captures_iter(&text) {
            declarations.push((file.clone(), found[1].to_owned(), found[2].to_owned(), found[3].to_owned()));
        }
    }
    assert!(declarations.len() > 100, "the sources are read");
    // ECS has a structure of this name: the ARN of a secret, not a value.
    let own = |file: &Path| file.components().any(|part| part.as_os_str() == "ecs");
    let mut secret = BTreeSet::from(["Secret".to_owned()]);
    let mentions = |file: &Path, text: &str, secret: &BTreeSet<String>| {
        text.split(|c: char| !c.is_alphanumeric() && c != '_')
            .any(|word| secret.contains(word) && !(word == "Secret" && own(file)))
    };
    loop {
        let before = secret.len();
        for (file, attributes, name, body) in &declarations {
            let code: String = body.lines().filter(|line| !line.trim().starts_with("//")).collect();
            if !attributes.contains("resource(") && !name.ends_with("Outputs") && mentions(file, &code, &secret) {
                secret.insert(name.clone());
            }
        }
        if secret.len() == before {
            break;
        }
    }
    let input = Regex::new(r"(?m)^    pub (?:r#)?(\w+): (.+),$").unwrap();
    let type_name = Regex::new(r#"type = "([^"]+)""#).unwrap();
    let mut inputs = BTreeSet::new();
    for (file, attributes, _, body) in &declarations {
        let Some(type_name) = type_name.captures(attributes) else { continue };
        for field in input.captures_iter(body).filter(|field| mentions(file, &field[2], &secret)) {
            inputs.insert((type_name[1].to_owned(), field[1].to_owned()));
        }
    }
    inputs
}

#[test]
fn every_secret_input_has_a_canary() {
    let covered = SECRET_INPUTS.map(|(type_name, input)| (type_name.to_owned(), input.to_owned()));
    assert_eq!(secret_inputs(), BTreeSet::from(covered), "add the input to `tests/src/canary.rs`");
}

#[test]
fn secrets_are_in_no_file_output_log_error_or_process() {
    let Some(sandbox) = Sandbox::new("secrets_are_in_no_file_output_log_error_or_process") else { return };
    let mut stage = Stage::new(sandbox);
    let file = stage.sandbox.path("canaries.json");
    let state = |version| write(&file, &serde_json::to_string(&canaries(version)).unwrap());
    stage.variant = format!("canaries {}", file.display());
    let saved = stage.sandbox.path("saved.json");
    let saved = saved.to_str().unwrap();
    state(1);

    // An API that repeats what it refuses.
    stage.wire.mode.store(ECHO, Ordering::SeqCst);
    let (code, err) = stage.run(Some("trace"), &["apply", "dev", "--yes"]);
    assert_eq!(code, 1, "{err}");
    let unwrapped = err.split_whitespace().collect::<Vec<_>>().join(" ");
    for name in ["aws:rds:instance.master_user_password", "value", "private key"] {
        assert!(unwrapped.contains(&format!("(secret {name})")), "{name}: {err}");
    }
    assert!(unwrapped.contains("failed to satisfy a constraint"), "{err}");
    assert!(err.contains("log: `trace` applies to Provisioner itself"), "{err}");

    // A process that is killed during a call.
    stage.wire.mode.store(HOLD, Ordering::SeqCst);
    let mut child = stage.spawn(Some("trace"), &["apply", "dev", "--yes"]);
    let journal = stage.sandbox.path("state/dev/journal.jsonl");
    let start = Instant::now();
    while !std::fs::read(&journal).is_ok_and(|text| contains(&text, "canary/instance/database")) {
        assert!(start.elapsed() < Duration::from_mins(1), "{}", stage.collect("the start"));
        std::thread::sleep(Duration::from_millis(20));
    }
    stage.look_at_processes("the killed apply", child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    stage.collect("the killed apply");
    assert!(journal.exists(), "the journal stays");
    stage.wire.mode.store(PLAIN, Ordering::SeqCst);

    let template = stage.sandbox.template();
    let commands: [&[&str]; 13] = [
        &["plan", "dev", "--out", saved, "--template", template.to_str().unwrap()],
        &["template", "dev"],
        &["plan", "dev", "--json"],
        &["apply", "dev", saved, "--yes"],
        &["state", "list", "dev"],
        &["state", "list", "dev", "--json"],
        &["state", "show", "dev", "canary/secret/given"],
        &["state", "show", "dev", "canary/instance/database"],
        &["outputs", "dev"],
        &["outputs", "dev", "--json"],
        &["drift", "dev", "--json"],
        &["graph", "dev"],
        &["plan", "dev", "--detailed-exitcode"],
    ];
    for command in commands {
        let (code, err) = stage.run(Some("trace"), command);
        assert_eq!(code, 0, "{command:?}: {err}");
    }
    let secret = stage.sandbox.id("dev", "canary/secret/given");
    let read = stage.sandbox.aws(&format!("secretsmanager get-secret-value --secret-id {secret}"));
    assert_eq!(read["SecretString"], canaries(1).values["aws:secretsmanager:secret.secret_string"]);
    let generated = stage.sandbox.id("dev", "canary/secret/generated");
    let generated = stage.sandbox.aws(&format!("secretsmanager get-secret-value --secret-id {generated}"));
    let generated = generated["SecretString"].as_str().unwrap().to_owned();
    assert!(stage.wire.secrets.lock().unwrap().contains(&generated), "the wire knows what was generated");

    // New values: updates, and a new certificate. Then every level, with another version each time.
    let levels =
        ["off", "error", "warn", "info", "debug", "trace", "aws_sigv4=trace,hyper=trace,aws_smithy_runtime=trace"];
    let mut versions = 1;
    for level in levels {
        versions += 1;
        state(versions);
        let (code, err) = stage.run(Some(level), &["apply", "dev", "--yes"]);
        assert_eq!(code, 0, "{level}: {err}");
    }
    for verbose in ["-v", "-vv"] {
        versions += 1;
        state(versions);
        let (code, err) = stage.run(None, &["apply", "dev", "--yes", verbose]);
        assert_eq!(code, 0, "{verbose}: {err}");
        assert!(err.contains("request_id"), "{verbose} logs request IDs: {err}");
    }
    stage.wire.mode.store(ECHO, Ordering::SeqCst);
    for level in ["debug", "trace"] {
        versions += 1;
        state(versions);
        let (code, err) = stage.run(Some(level), &["apply", "dev", "--yes"]);
        assert_eq!(code, 1, "{level}: {err}");
    }
    stage.wire.mode.store(PLAIN, Ordering::SeqCst);
    let (code, err) = stage.run(Some("trace"), &["destroy", "dev", "--yes"]);
    assert_eq!(code, 0, "{err}");

    let values: Vec<String> = (1..=versions).flat_map(|version| canaries(version).values.into_values()).collect();
    let written = stage.wire.written.lock().unwrap().join("\n");
    // The search finds each secret where it must be: in the requests that write it.
    for value in values.iter().chain([&generated]) {
        assert!(forms(value).iter().any(|form| written.contains(form.as_str())), "{value} was written");
    }
    stage.assert_hidden(&values);
    let recording = std::fs::read_to_string(stage.sandbox.path("recording/calls.jsonl")).unwrap();
    for call in ["secretsmanager:CreateSecret", "secretsmanager:GetRandomPassword", "rds:ModifyDBInstance"] {
        assert!(recording.contains(call), "{call} is recorded");
    }
}

#[test]
fn bundled_stack_and_its_image_show_no_secret() {
    let test = "bundled_stack_and_its_image_show_no_secret";
    let Some(registry) = registry_or_skip(test) else { return };
    let Some(sandbox) = Sandbox::with(test, Some(&registry)) else { return };
    let mut stage = Stage::new(sandbox);
    program(&stage.sandbox.path(""), "fn main() {}");
    for command in [
        &["apply", "dev", "--yes"][..],
        &["image", "push", "dev"],
        &["plan", "dev", "--json"],
        &["destroy", "dev", "--yes"],
    ] {
        let (code, err) = stage.run(Some("trace"), command);
        assert_eq!(code, 0, "{command:?}: {err}");
    }
    stage.assert_hidden(&[]);
}
