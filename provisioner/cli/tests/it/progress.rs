use std::time::{Duration, Instant};

use provisioner_cli::render::{PageFormat, progress::Progress};
use provisioner_engine::{Event, EventKind, Outcome};

use provisioner_model::Diagnostic;
use provisioner_testkit::fixture::{address, net, table};

use crate::support::{environment, try_plan};

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
    let mut progress = Progress::new(&plan, PageFormat::plain(90));
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
