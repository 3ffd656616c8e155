//! The proof of a rollout, as a user runs it: moto for AWS, and a small server for the load balancer and the app behind.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// Answers every request with what it is told to say at the time.
pub(crate) struct App {
    says: Arc<Mutex<Value>>,
    pub(crate) url: String,
}

impl App {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/_alb/app", listener.local_addr().unwrap());
        let says = Arc::new(Mutex::new(json!({})));
        let told = says.clone();
        std::thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let mut buffer = [0; 4096];
                let read = client.read(&mut buffer).unwrap_or(0);
                let right = String::from_utf8_lossy(&buffer[..read]).starts_with("GET /_alb/app/version HTTP/1.");
                let (status, body) =
                    if right { ("200 OK", told.lock().unwrap().to_string()) } else { ("404 Not Found", "{}".into()) };
                let length = body.len();
                let _ =
                    write!(client, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            }
        });
        Self { says, url }
    }

    pub(crate) fn say(&self, revision: &str) {
        *self.says.lock().unwrap() = json!({ "name": "app", "image": null, "task_definition": revision });
    }
}

#[test]
fn rollout_succeeds_once_the_new_version_answers() {
    let Some(sandbox) = Sandbox::new("rollout_succeeds_once_the_new_version_answers") else { return };
    let app = App::new();
    sandbox.edit("dev", "[service]", "[service]\nverification = { deadline = 1, settle = 1 }");
    let running = || sandbox.running();
    let apply = || sandbox.run(&["apply", "dev", "--yes", "--reach", &app.url]);

    // At a first rollout that nobody answers, no task is left; the next apply goes on.
    let told = apply().ended(1).err;
    assert!(told.contains("not verified") && told.contains("held back until the next apply"), "{told}");
    assert!(!told.contains("--no-verification skips verification"), "it was reached: {told}");
    let (first, count) = running();
    assert_eq!(count, 0);
    app.say(&first);
    apply().ok();
    assert_eq!(running(), (first.clone(), 1));
    sandbox.unchanged("dev");

    // The old version goes on answering: it comes back, and the state says so.
    sandbox.edit("dev", "memory = 512", "memory = 1024");
    let told = apply().ended(1).err;
    assert!(told.contains(&first) && told.contains("rolled back to the previous version"), "{told}");
    assert_eq!(running(), (first.clone(), 1));
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ended(2);

    let second = first.replace(":1", ":2");
    app.say(&second);
    apply().ok();
    assert_eq!(running(), (second, 1));
    sandbox.unchanged("dev");
    sandbox.run(&["destroy", "dev", "--yes"]).ok();
}

#[test]
fn next_apply_resumes_a_rollout_started_with_no_wait() {
    let Some(sandbox) = Sandbox::new("next_apply_resumes_a_rollout_started_with_no_wait") else { return };
    sandbox.run(&["apply", "dev", "--yes", "--no-wait"]).ok();
    sandbox.run(&["plan", "dev", "--detailed-exitcode"]).ended(2);
    let told = sandbox.run(&["apply", "dev", "--yes"]).ok().err;
    assert!(told.contains("not verified (--no-verification)"), "{told}");
    sandbox.unchanged("dev");
}
