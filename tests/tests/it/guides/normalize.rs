//! Outputs without what changes from run to run.

use std::sync::LazyLock;

use regex_lite::Regex;

/// Patterns of changing parts, each with the text that replaces it. The order counts.
static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // Dates and times, durations and ages.
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(Z| UTC|[+-]\d\d:\d\d)?", "TIME"),
        (r"\b\d+(\.\d+)? (ms|s|min|h|d)\b( ago)?", "DURATION"),
        (r"\bjust now\b", "DURATION"),
        // Processes, hosts, ports.
        (r"\bon \S+ \(process \d+\)", "on HOST (process N)"),
        (r"(127\.0\.0\.1|localhost):\d+", "$1:PORT"),
        // Places in a program.
        (r"\.rs:\d+:\d+", ".rs:LINE"),
        // Digests, UUIDs, account numbers, hashes and the random parts of names and IDs.
        (r"sha256:[0-9a-f]+", "DIGEST"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
        (r"\b[0-9]{12}\b", "ACCOUNT"),
        (r"\b[0-9a-f]{6,}\b", "HEX"),
        (r#"(:secret:[^\s"]*)-[A-Za-z0-9]{6}\b"#, "$1-SUFFIX"),
    ]
    .map(|(pattern, text)| (Regex::new(pattern).unwrap(), text))
    .into()
});

/// A line of an apply about the end of a step. Independent steps run at the same time, and end in any order.
static STEP: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^[a-z0-9-]+(/[a-z0-9-]+)+: (created|updated|deleted|adopted|forgotten)\b").unwrap());

static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+").unwrap());

/// Returns the text without IDs, times and the like; lines about independent steps are in alphabetical order.
pub(super) fn normalize(text: &str, any_numbers: bool) -> String {
    let mut lines: Vec<String> = text.lines().map(constant).collect();
    if any_numbers {
        lines = lines.iter().map(|line| NUMBER.replace_all(line, "N").into_owned()).collect();
    }
    for steps in lines.chunk_by_mut(|a, b| STEP.is_match(a) && STEP.is_match(b)) {
        steps.sort();
    }
    lines.join("\n")
}

fn constant(line: &str) -> String {
    CHANGING.iter().fold(line.trim_end().to_owned(), |line, (regex, text)| regex.replace_all(&line, *text).into_owned())
}

#[test]
fn ids_times_and_order_of_steps_do_not_count() {
    let one = "a/vpc/main: created vpc-0a1b2c3d4e5f60718 (1.2 s)\nb/key/main: created 12345678-90ab-cdef-1234-567890abcdef (310 ms)\nend\n";
    let two = "b/key/main: created aaaabbbb-cccc-dddd-eeee-ffff00001111 (2 s)\na/vpc/main: created vpc-11112222333344445 (3 s)\nend\n";
    assert_eq!(normalize(one, false), normalize(two, false));
    assert_ne!(normalize(one, false), normalize(&one.replace("created", "updated"), false));
}
