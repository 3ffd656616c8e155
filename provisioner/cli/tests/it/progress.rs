use std::time::{Duration, Instant};

use provisioner_cli::render::{PageFormat, progress::Progress};
use provisioner_engine::{Event, EventKind, Outcome};

use crate::plan::{delete, empty, step};

fn event(step: usize, kind: EventKind) -> Event {
    Event { step, kind }
}

#[test]
fn lines_of_an_apply_and_its_sum() {
    let mut plan = empty();
    plan.steps = vec![
        step("network/subnet/a", "aws:ec2:subnet", delete("a"), &[]),
        step("network/subnet/b", "aws:ec2:subnet", delete("b"), &[]),
        step("network/vpc/main", "aws:ec2:vpc", delete("v"), &[0, 1]),
        step("network/route/x", "aws:ec2:route", delete("r"), &[]),
    ];
    let mut progress = Progress::new(&plan, PageFormat::plain(90));
    let start = Instant::now();
    let at = |seconds: f64| start + Duration::from_secs_f64(seconds);
    let why = "ec2:DeleteSubnet failed with UnauthorizedOperation: you may not".to_owned();
    let hint = Some("the role needs `ec2:DeleteSubnet`".to_owned());
    let events = [
        (0.0, event(0, EventKind::Started)),
        (0.0, event(1, EventKind::Started)),
        (0.5, event(0, EventKind::Retry { why: "throttled".into(), pause: Duration::from_secs(1) })),
        (1.25, event(0, EventKind::Done { id: Some("subnet-1".into()) })),
        (75.0, event(1, EventKind::Failed { why: why.clone(), details: vec![], request_id: None, hint })),
        (75.0, event(2, EventKind::Skipped { because: 1 })),
        (75.0, event(3, EventKind::Cancelled)),
    ];
    let mut text = String::new();
    for (seconds, event) in events {
        if let Some(line) = progress.take(event, at(seconds)) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    let outcome = Outcome { done: 1, failed: vec![(1, why)], skipped: 1, left: 0, cancelled: true, expired: false };
    text.push_str("--\n");
    text.push_str(&progress.sum_up(&outcome, Duration::from_secs(76)));
    insta::assert_snapshot!("apply", text);
    assert_eq!(progress.left(), 0);
    assert!(progress.running().is_empty());
}
