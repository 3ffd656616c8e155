use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use provisioner_cli::render::{PageFormat, progress::Progress};
use provisioner_engine::{Event, EventKind, Outcome};

use provisioner_model::{Diagnostic, SourceLocation};
use provisioner_testkit::fixture::{address, net, table};

use crate::support::{environment, try_plan};

/// The place of a declaration in the program.
fn place(address: &str) -> BTreeMap<String, SourceLocation> {
    BTreeMap::from([(address.to_owned(), SourceLocation { file: "src/main.rs".to_owned(), line: 12, column: 11 })])
}

fn event(step: usize, kind: EventKind) -> Event {
    Event { step, kind }
}

#[test]
fn lines_of_an_apply_and_its_sum() {
    let mut fixture = environment();
    fixture.apply(|stack| {
        let main = stack.add("main", net(1));
        stack.add("a", table(&main, &[]));
        stack.add("b", table(&main, &[]));
        stack.add("x", address(1));
    });
    let plan = try_plan(&fixture, |_| {}).unwrap();
    let step = |address: &str| plan.steps.iter().position(|step| step.address == address).unwrap();
    let (a, b, main, x) = (step("table/a"), step("table/b"), step("net/main"), step("address/x"));
    let places = place("table/b");
    let mut progress = Progress::new(&plan, "apply", &places, PageFormat::plain(90));
    let start = Instant::now();
    let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
    let why = "test:Write failed with UnauthorizedOperation: you are not authorized to delete it".to_owned();
    let failure = Diagnostic::error(&*why).hint("the role needs `test:Write`");
    let events = [
        (0.0, event(a, EventKind::Started)),
        (0.0, event(b, EventKind::Started)),
        (0.5, event(a, EventKind::Retry { why: "throttled".into(), pause: Duration::from_secs(1) })),
        (1.25, event(a, EventKind::Done { id: Some("table/a#1".into()) })),
        (75.0, event(b, EventKind::Failed(failure))),
        (75.0, event(main, EventKind::Skipped { because: b })),
        (75.0, event(x, EventKind::Cancelled)),
    ];
    let mut text = String::new();
    for (seconds, event) in events {
        if let Some(line) = progress.take(event, at(seconds)) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    let outcome =
        Outcome { done: 1, failed: vec![(b, why)], skipped: 1, left: 0, cancelled: true, ..Outcome::default() };
    text.push_str("--\n");
    text.push_str(&progress.sum_up(&outcome, Duration::from_secs(76)));
    insta::assert_snapshot!("apply", text);
    assert_eq!(progress.left(), 0);
    assert!(progress.running().is_empty());
}

#[test]
fn failed_rollout_prints_its_message_once() {
    let fixture = environment();
    let plan = try_plan(&fixture, |stack| {
        stack.add("main", net(1));
    })
    .unwrap();
    let start = Instant::now();
    let places = place("net/main");
    let mut progress = Progress::new(&plan, "apply", &places, PageFormat::plain(90));
    let failure = Diagnostic {
        detail: vec!["task t1 stopped: Essential container in task exited".to_owned()],
        ..Diagnostic::error("it is ready, but not verified: https://app/version answered with status 503")
            .hint("read the log of the task")
    };
    let rolled_back = Diagnostic::error("rolled back to the previous version");
    let kinds =
        [EventKind::Started, EventKind::RollingBack { failure: failure.clone() }, EventKind::Failed(rolled_back)];
    let lines = kinds.into_iter().filter_map(|kind| progress.take(event(0, kind), start));
    let mut text = lines.map(|line| line + "\n").collect::<String>();
    let why = format!("{}; rolled back to the previous version", failure.summary);
    text.push_str("--\n");
    text.push_str(&progress.sum_up(&Outcome { failed: vec![(0, why)], ..Outcome::default() }, Duration::from_secs(61)));
    insta::assert_snapshot!("failed_rollout", text);
    for part in ["it is ready, but not verified", "task t1 stopped", "hint: ", "at src/main.rs:12:11", "rolled back to"]
    {
        assert_eq!(text.matches(part).count(), 1, "{part} in {text}");
    }
}
