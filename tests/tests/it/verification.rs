//! The verification of a rollout, as a user runs it: moto for AWS, and a small server for the load balancer with its firewall
//! and the app behind.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use provisioner_tests::{
    Firewall,
    proxy::{Message, Proxy, proxy},
};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

/// A server that answers every request which passes the firewall with the answer that the test has set last.
pub(crate) struct App {
    says: Arc<Mutex<Value>>,
    pub(crate) url: String,
    _proxy: Proxy,
}

impl App {
    pub(crate) fn new(firewall: Arc<Firewall>) -> Self {
        let says = Arc::new(Mutex::new(json!({})));
        let told = says.clone();
        let proxy = proxy(move |request| {
            if let Some(refusal) = firewall.refusal(&request) {
                return Ok(refusal);
            }
            let right = request.method() == "GET" && request.path() == "/_alb/app/version";
            let (status, body) = if right { (200, told.lock().unwrap().to_string()) } else { (404, "{}".into()) };
            Ok(Message::answer(status, "application/json", body))
        });
        let proxy = proxy.unwrap();
        Self { says, url: format!("http://127.0.0.1:{}/_alb/app", proxy.port), _proxy: proxy }
    }

    /// Returns the status of the answer to a request with these headers and a body of this length.
    fn status(&self, headers: &str, length: usize) -> u16 {
        let (address, path) = self.url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let head = format!("GET /{path}/version HTTP/1.0\r\n{headers}Content-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &vec![b'a'; length]].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn say(&self, revision: &str) {
        *self.says.lock().unwrap() = json!({ "name": "app", "image": null, "task_definition": revision });
    }
}

#[test]
fn rollout_succeeds_once_the_new_version_answers() {
    let Some(sandbox) = Sandbox::new("rollout_succeeds_once_the_new_version_answers") else { return };
    let app = App::new(sandbox.moto.firewall());
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
fn firewall_refuses_what_the_environment_does_not_count() {
    let Some(sandbox) = Sandbox::new("firewall_refuses_what_the_environment_does_not_count") else { return };
    let app = App::new(sandbox.moto.firewall());
    let apply = || sandbox.run(&["apply", "dev", "--yes"]).ok();
    apply();
    let agent = "User-Agent: curl/8\r\n";
    assert_eq!(app.status("", 0), 403);
    assert_eq!([8192, 8193].map(|length| app.status(agent, length)), [200, 403]);
    sandbox.edit("dev", "[service]", "[firewall]\ncount = [\"NoUserAgent_HEADER\"]\n\n[service]\nbody_limit = 65536");
    apply();
    assert_eq!(app.status("", 0), 200);
    assert_eq!(app.status(agent, 8193), 200);
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
