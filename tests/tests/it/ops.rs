//! The commands of who operates a stack: on moto, and, for what moto does not show, on an endpoint with a script.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use provisioner_model::state::{Object, Origin, ProviderTarget, Row, Snapshot};
use serde_json::{Value, json};

use crate::sandbox::{Ran, Sandbox, ran};

#[test]
fn status_logs_run_and_rollback() {
    let Some(sandbox) = Sandbox::new("status_logs_run_and_rollback") else { return };
    sandbox.run(&["status", "dev"]).ended(1);
    sandbox.run(&["apply", "dev", "--yes"]).ok();

    let calls = sandbox.moto.calls();
    let status = sandbox.run(&["status", "dev", "--exit-code"]).ok();
    let calls = sandbox.moto.calls() - calls;
    assert!(calls <= 10, "{calls} calls");
    assert!(status.out.starts_with("dev: all is well\n"), "{}", status.out);
    for part in ["service/service/app  ACTIVE", "PRIMARY COMPLETED", "edge/target-group/app", "available", "alarms"] {
        assert!(status.out.contains(part), "{part} is not in\n{}", status.out);
    }
    let json: Value = serde_json::from_str(&sandbox.run(&["status", "dev", "--json"]).ok().out).unwrap();
    assert_eq!(json["status"]["services"][0]["address"], "service/service/app");
    assert_eq!(json["troubles"], json!([]));

    logs(&sandbox);
    back_and_forth(&sandbox);

    let url = sandbox.run(&["open", "dev", "--print"]).ok().out;
    assert_eq!(url, sandbox.run(&["outputs", "dev", "url"]).ok().out);
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

fn logs(sandbox: &Sandbox) {
    let group = sandbox.id("dev", "observability/log-group/app");
    let write = |task: &str, ago: u64, line: &str| {
        let stream = format!("app/app/{task}");
        sandbox.aws(&format!("logs create-log-stream --log-group-name {group} --log-stream-name {stream}"));
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let at = (now - ago) * 1000;
        sandbox.aws(&format!(
            "logs put-log-events --log-group-name {group} --log-stream-name {stream} --log-events timestamp={at},message={line}"
        ));
    };
    assert_eq!(sandbox.run(&["logs", "dev"]).ok().out, "");
    write("0123456789abcdef", 60, "second");
    assert_eq!(sandbox.run(&["logs", "dev"]).ok().out, "second\n");
    // Of several tasks, each line says whose it is; what is older than asked for is left out.
    write("fedcba9876543210", 120, "first");
    write("aaaaaaaaaaaaaaaa", 7000, "old");
    assert_eq!(sandbox.run(&["logs", "dev"]).ok().out, "fedcba98 first\n01234567 second\n");
    let all = sandbox.run(&["logs", "dev", "--since", "2h"]).ok().out;
    assert_eq!(all, "aaaaaaaa old\nfedcba98 first\n01234567 second\n");
    assert_eq!(sandbox.run(&["logs", "dev", "--filter", "second"]).ok().out, "second\n");
    sandbox.run(&["logs", "dev", "--since", "soon"]).ended(64);
    let other = sandbox.run(&["logs", "dev", "--service", "service/service/web"]).ended(1);
    assert!(other.err.contains("--service service/service/app"), "{}", other.err);
}

fn back_and_forth(sandbox: &Sandbox) {
    let (cluster, name) = sandbox.id("dev", "service/service/app").split_once('/').map(owned).unwrap();
    let runs = || {
        let answer = sandbox.aws(&format!("ecs describe-services --cluster {cluster} --services {name}"));
        let arn = answer["services"][0]["taskDefinition"].as_str().unwrap().to_owned();
        arn.rsplit(':').next().unwrap().to_owned()
    };
    let none = sandbox.run(&["rollback", "dev", "--yes"]).ended(1);
    assert!(none.err.contains("no revision before 1"), "{}", none.err);

    sandbox.edit("dev", "memory = 512", "memory = 1024");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert_eq!(runs(), "2");
    assert!(sandbox.run(&["rollback", "dev", "9", "--yes"]).ended(1).err.contains(":9 is not active"));
    assert!(sandbox.run(&["rollback", "dev"]).ended(1).err.contains("no terminal to ask on"));
    assert_eq!(runs(), "2");

    let back = sandbox.run(&["rollback", "dev", "--yes"]).ok();
    assert!(back.out.contains("Plan: 1 to update"), "{}", back.out);
    assert!(back.out.contains("the same image"), "{}", back.out);
    assert_eq!(runs(), "1");
    // Everybody can see that, and the way forward.
    let status = sandbox.run(&["status", "dev", "--exit-code"]).ended(2).out;
    assert!(status.contains("and the newest revision of this stack is"), "{status}");
    let plan = sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ended(2).out;
    assert!(plan.contains("~ update service/service/app") && plan.contains("Plan: 1 to update."), "{plan}");
    assert!(!plan.contains("Changed by somebody else"), "{plan}");
    sandbox.run(&["apply", "dev", "--yes"]).ok();
    assert_eq!(runs(), "2");
    sandbox.unchanged("dev");
    sandbox.run(&["status", "dev", "--exit-code"]).ok();
}

fn owned((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// The response to a call, by action, request body, and number of earlier calls.
type Script = dyn Fn(&str, &Value, usize) -> Option<Value> + Send + Sync;

/// An endpoint with a script, a stack that is said to be there, and the command line.
struct Stage {
    folder: tempfile::TempDir,
    url: String,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Stage {
    fn new(
        rows: &[(&str, &str, &str)],
        script: impl Fn(&str, &Value, usize) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(vec![]));
        let (script, kept): (Arc<Script>, _) = (Arc::new(script), asked.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (script, kept) = (script.clone(), kept.clone());
                std::thread::spawn(move || answer(client, &script, &kept));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        state(folder.path(), &url, rows);
        Self { folder, url, asked }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner-under-test"));
        command.arg("-C").arg(self.folder.path()).args(arguments);
        command
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments).output().unwrap())
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn asked(&self, action: &str) -> Vec<Value> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(name, _)| name == action).map(|(_, body)| body.clone()).collect()
    }

    fn wait_for(&self, action: &str, times: usize) {
        let start = Instant::now();
        while self.asked(action).len() < times {
            assert!(start.elapsed() < Duration::from_secs(30), "{action} was not called {times} times");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The bundled environment's file, and a state with these rows: address, type, id.
fn state(folder: &Path, url: &str, rows: &[(&str, &str, &str)]) {
    let environments = folder.join("environments");
    std::fs::create_dir(&environments).unwrap();
    let dev = Path::new(env!("CARGO_MANIFEST_DIR")).join("../environments/dev.toml");
    std::fs::copy(dev, environments.join("dev.toml")).unwrap();
    let object = |id: &str| Object {
        id: Some(id.to_owned()),
        generation: 1,
        token: id.to_owned(),
        made_at: 0,
        origin: Origin::Made,
        role: provisioner_model::state::ObjectRole::Current,
        pending: None,
        declared: json!({}),
        inputs: json!({}),
        outputs: Some(json!({ "arn": id })),
    };
    let row = |type_name: &str, id: &str| Row {
        type_name: type_name.to_owned(),
        version: 1,
        provider: "main".to_owned(),
        options: provisioner_model::stack::Options::default(),
        needs: vec![],
        objects: vec![object(id)],
    };
    let target =
        ProviderTarget { account: "123456789012".into(), region: "us-east-1".into(), endpoint: Some(url.to_owned()) };
    let snapshot = Snapshot {
        serial: 1,
        targets: BTreeMap::from([("main".to_owned(), target)]),
        rows: rows.iter().map(|(address, kind, id)| ((*address).to_owned(), row(kind, id))).collect(),
        ..Snapshot::new("lineage", "dev")
    };
    std::fs::create_dir_all(folder.join("state/dev")).unwrap();
    let file = std::fs::File::create(folder.join("state/dev/state.json")).unwrap();
    serde_json::to_writer(file, &snapshot).unwrap();
}

const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn>\
                        <UserId>x</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";

fn answer(mut client: TcpStream, script: &Arc<Script>, kept: &Mutex<Vec<(String, Value)>>) {
    let (mut request, mut buffer) = (vec![], [0; 4096]);
    let (head, body) = loop {
        let read = client.read(&mut buffer).unwrap_or(0);
        if read == 0 {
            return;
        }
        request.extend_from_slice(&buffer[..read]);
        let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        if request.len() >= end + 4 + length.unwrap_or(0) {
            break (String::from_utf8_lossy(&request[..end]).into_owned(), request[end + 4..].to_vec());
        }
    };
    let target = head.lines().find(|line| line.to_lowercase().starts_with("x-amz-target"));
    let (status, text) = match target.and_then(|line| line.rsplit('.').next()) {
        Some(action) => {
            let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
            let mut kept = kept.lock().unwrap();
            let before = kept.iter().filter(|(name, _)| name == action).count();
            kept.push((action.to_owned(), asked.clone()));
            drop(kept);
            match script(action, &asked, before) {
                Some(answer) => (200, answer.to_string()),
                None => (400, json!({ "__type": "AccessDeniedException", "message": "not in the script" }).to_string()),
            }
        }
        None if String::from_utf8_lossy(&body).contains("Action=GetCallerIdentity") => (200, IDENTITY.to_owned()),
        None => (400, String::new()),
    };
    let _ = write!(client, "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{text}", text.len());
}

const SERVICE: (&str, &str, &str) = ("web/service/app", "aws:ecs:service", "main/app");
const TASK: &str = "arn:aws:ecs:us-east-1:123456789012:task/main/0123456789abcdef";

/// A service with one container `web`, and a task that writes two lines and ends.
fn task(action: &str, asked: &Value, before: usize, exit: &Value) -> Option<Value> {
    let definition = "arn:aws:ecs:us-east-1:123456789012:task-definition/app:5";
    let network = json!({ "awsvpcConfiguration": { "subnets": ["subnet-1"], "securityGroups": ["sg-1"] } });
    Some(match action {
        "DescribeServices" => json!({ "services": [{
            "serviceName": "app", "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/main", "status": "ACTIVE",
            "taskDefinition": definition, "launchType": "FARGATE", "networkConfiguration": network,
        }] }),
        "DescribeTaskDefinition" => json!({ "taskDefinition": {
            "taskDefinitionArn": definition,
            "containerDefinitions": [
                { "name": "helper", "essential": false },
                { "name": "web", "logConfiguration": { "logDriver": "awslogs", "options": {
                    "awslogs-group": "logs", "awslogs-stream-prefix": "pre" } } },
            ],
        } }),
        "RunTask" => json!({ "tasks": [{ "taskArn": TASK, "lastStatus": "PROVISIONING" }] }),
        "StopTask" => json!({ "task": { "taskArn": TASK } }),
        "DescribeTasks" if before < 2 => json!({ "tasks": [{ "taskArn": TASK, "lastStatus": "RUNNING" }] }),
        "DescribeTasks" => json!({ "tasks": [exit] }),
        "FilterLogEvents" => {
            assert_eq!(asked["logStreamNamePrefix"], "pre/web/0123456789abcdef");
            let line = |number: usize| {
                json!({
                    "eventId": number.to_string(), "timestamp": 1000 + number, "message": format!("line {number}"),
                    "logStreamName": "pre/web/0123456789abcdef",
                })
            };
            // The second arrives after the end.
            let lines: Vec<Value> = (0..if before < 4 { 1 } else { 2 }).map(line).collect();
            json!({ "events": lines })
        }
        _ => return None,
    })
}

fn stopped(exit_code: Option<i32>, reason: &str) -> Value {
    let mut web = json!({ "name": "web" });
    if let Some(code) = exit_code {
        web["exitCode"] = code.into();
    }
    let helper = json!({ "name": "helper", "exitCode": 0 });
    json!({ "taskArn": TASK, "lastStatus": "STOPPED", "stoppedReason": reason, "containers": [helper, web] })
}

#[test]
fn one_off_task_returns_its_exit_code() {
    let end = stopped(Some(3), "Essential container in task exited");
    let stage = Stage::new(&[SERVICE], move |action, asked, before| task(action, asked, before, &end));
    let ran = stage.run(&["run", "dev", "--poll", "0.2", "--", "migrate", "--to", "7"]).ended(3);
    assert_eq!(ran.out, "line 0\nline 1\n");
    assert!(ran.err.contains("ended with exit code 3."), "{}", ran.err);
    let asked = &stage.asked("RunTask")[0];
    assert_eq!(asked["taskDefinition"], "arn:aws:ecs:us-east-1:123456789012:task-definition/app:5");
    assert_eq!(asked["networkConfiguration"]["awsvpcConfiguration"]["subnets"], json!(["subnet-1"]));
    let overrides = json!([{ "name": "web", "command": ["migrate", "--to", "7"] }]);
    assert_eq!(asked["overrides"]["containerOverrides"], overrides);
    assert_eq!(asked["launchType"], "FARGATE");
    assert!(asked["startedBy"].as_str().unwrap().starts_with("provisioner run by "));
    assert_eq!(asked["clientToken"].as_str().unwrap().len(), 32);
}

#[test]
fn task_that_does_not_start_reports_the_reason() {
    let mut end = stopped(None, "Task failed to start");
    end["containers"][1]["reason"] = "CannotPullContainerError: no such image".into();
    let stage = Stage::new(&[SERVICE], move |action, asked, before| task(action, asked, before, &end));
    let ran = stage.run(&["run", "dev", "--poll", "0.2", "--", "migrate"]).ended(1);
    assert!(ran.err.contains("Task failed to start: CannotPullContainerError"), "{}", ran.err);

    let none = json!({ "tasks": [], "failures": [{ "reason": "Capacity is unavailable at this time" }] });
    let stage = Stage::new(&[SERVICE], move |action, asked, before| match action {
        "RunTask" => Some(none.clone()),
        _ => task(action, asked, before, &Value::Null),
    });
    let ran = stage.run(&["run", "dev", "--", "migrate"]).ended(1);
    assert!(ran.err.contains("Capacity is unavailable"), "{}", ran.err);
}

#[test]
#[cfg(unix)]
fn interrupted_task_is_stopped() {
    let stage = Stage::new(&[SERVICE], |action, asked, before| match action {
        "DescribeTasks" if before < 10_000 => Some(json!({ "tasks": [{ "taskArn": TASK, "lastStatus": "RUNNING" }] })),
        _ => task(action, asked, before, &Value::Null),
    });
    let child = stage.start(&["run", "dev", "--poll", "0.2", "--", "wait"]);
    stage.wait_for("DescribeTasks", 2);
    let interrupt = || Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    interrupt();
    stage.wait_for("StopTask", 1);
    // It never ends here: whoever interrupts again does not wait for it.
    interrupt();
    let ran = ran(child.wait_with_output().unwrap()).ended(130);
    assert!(ran.err.contains("Stopping the task"), "{}", ran.err);
    assert_eq!(stage.asked("StopTask")[0]["task"], TASK);
}

#[test]
fn several_services_need_the_service_flag() {
    let other = ("web/service/worker", "aws:ecs:service", "main/worker");
    let stage = Stage::new(&[SERVICE, other], |action, asked, before| task(action, asked, before, &Value::Null));
    let ran = stage.run(&["logs", "dev"]).ended(1);
    assert!(ran.err.contains("--service web/service/app, or --service web/service/worker"), "{}", ran.err);
    assert!(
        stage.run(&["logs", "dev", "--service", "web/service/wroker"]).ended(1).err.contains("no service in the state")
    );
}

#[test]
fn unreadable_object_does_not_hide_others() {
    let alarm = ("web/alarm/cpu", "aws:cloudwatch:alarm", "cpu");
    let stage = Stage::new(&[SERVICE, alarm], |action, asked, before| match action {
        "ListTasks" if asked["desiredStatus"] == "STOPPED" => Some(json!({ "taskArns": [TASK] })),
        "ListTasks" => Some(json!({ "taskArns": [] })),
        "DescribeTasks" => Some(json!({ "tasks": [stopped(Some(137), "OutOfMemoryError: killed")] })),
        "DescribeServices" => {
            let mut answer = task(action, asked, before, &Value::Null)?;
            answer["services"][0]["desiredCount"] = 2.into();
            answer["services"][0]["runningCount"] = 1.into();
            answer["services"][0]["deployments"] = json!([{
                "id": "ecs-svc/1", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", "desiredCount": 2, "runningCount": 1,
                "failedTasks": 4, "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/app:5",
            }]);
            Some(answer)
        }
        _ => None,
    });
    let ran = stage.run(&["status", "dev"]).ended(1);
    for part in [
        "dev: 2 problems",
        "! web/service/app: 1 of 2 tasks run",
        "! web/service/app: the deployment of app:5 is IN_PROGRESS",
        "? alarms could not be read: cloudwatch:DescribeAlarms failed",
        "1 of 2 run, 4 failed",
        "task 01234567  STOPPED",
        "exit code 137: OutOfMemoryError: killed",
    ] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    assert!(ran.err.contains("part of it could not be read"), "{}", ran.err);
}

#[test]
#[cfg(unix)]
fn watching_and_following_end_well() {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() * 1000;
    let stage = Stage::new(&[SERVICE], move |action, asked, before| match action {
        "ListTasks" => Some(json!({ "taskArns": [] })),
        // Each look finds what the one before has found, and a new line.
        "FilterLogEvents" => {
            let line = |number: usize| {
                let text = number.to_string();
                json!({ "eventId": text, "timestamp": now + number as u64, "message": text })
            };
            Some(json!({ "events": (0..=before).map(line).collect::<Vec<_>>() }))
        }
        _ => task(action, asked, before, &Value::Null),
    });
    let ends = |arguments: &[&str], action: &str| {
        let child = stage.start(arguments);
        stage.wait_for(action, 6);
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        ran(child.wait_with_output().unwrap()).ok().out
    };
    let status = ends(&["status", "dev", "--watch=0.2"], "ListTasks");
    // On a pipe, one screen after the other and no control characters.
    assert!(status.matches("dev: ").count() >= 2 && !status.contains('\x1b'), "{status}");
    let logs = ends(&["logs", "dev", "--follow", "--poll", "0.1", "--since", "1d"], "FilterLogEvents");
    assert!(logs.starts_with("0\n1\n2\n"), "{logs}");
}
