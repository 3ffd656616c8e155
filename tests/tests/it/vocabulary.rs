//! The vocabulary: names that the code must not have, since another one stands for the same idea.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// Types and variants that are not used in any crate.
const TYPES: &[(&str, &str)] = &[
    ("Asked", "`FieldDiff`, `QueryParameters`"),
    ("Differing", "`ChangedInputs`"),
    ("Doing", "`StepExecution`, `ApplySettings`"),
    ("Drawn", "`SourceReport`"),
    ("Erased", "`ResourceType`"),
    ("Found", "`ReadResults`"),
    ("Handed", "`DeploymentReceipt`"),
    ("Held", "a lock's own name"),
    ("HttpProof", "`HttpVerification`"),
    ("Kept", "`CapturedOutput`"),
    ("Lived", "`TestObject`"),
    ("Of", "`ErasedResource`"),
    ("Planned", "`ResourcePlan`"),
    ("Proof", "`Verification`, `Verifier`"),
    ("Proving", "`VerificationRequest`"),
    ("Said", "`ConsentFlags`"),
    ("Seen", "`ObservedState`"),
    ("Sight", "`Observation`"),
    ("Standing", "`BuildStatus`"),
    ("Unguard", "`DisableDeletionProtection`"),
    ("Unproven", "`Diagnostic`"),
    ("Verdict", "`Action`"),
    ("Wanted", "a noun of the field"),
    ("SETTLES", "`CONSISTENCY_WINDOW`"),
    ("READY_WITHIN", "`READY_TIMEOUT`"),
    ("POLL_EVERY", "`POLL_INTERVAL`"),
    ("REPLACED_STAYS", "`RETAIN_ON_REPLACE`"),
    ("NOT_INPUTS", "`OMITTED_PARAMETERS`"),
    ("undo", "`rollback_inputs`"),
    ("way_back", "`rollback`"),
    ("cure", "`remedy`"),
    ("unguard", "`disable_deletion_protection`"),
    ("settles", "`consistency_window`"),
    ("verdict", "`action`"),
];

/// Names that no `struct`, `enum`, `trait`, `type` or `fn` may have, though the word has other uses: as a variant, as a
/// method of an iterator, as a name of another library's.
const DEFINITIONS: &[(&str, &str)] = &[
    ("struct Known", "a noun of the field"),
    ("enum Stopped", "`StepError`"),
    ("struct Last", "`RecordedState`"),
    ("struct Made", "`Created`"),
    ("type Made", "`Created`"),
    ("fn existing", "`find_by_unique_key`"),
    ("fn follow", "`poll_rollout`"),
    ("fn guard", "`deletion_protection`"),
    ("fn prove", "`verify`"),
    ("fn same", "`is_equivalent`"),
];

/// Variables, which are names in code only: the words are English too, and may stand in comments and texts.
const VARIABLES: &[(&str, &str)] = &[("want", "`desired`"), ("seen", "`observed`"), ("was", "`recorded`")];

/// Types that only one crate may define: the name would say two things. Resource types are named as AWS names them.
const ONCE: &[&str] = &["Entry", "Key", "Kind", "Page", "Registry", "Running", "Secrets", "Source", "Target", "World"];

/// Names of files and folders.
const FILES: &[(&str, &str)] = &[
    ("differing.rs", "`changed_inputs.rs`"),
    ("follow.rs", "`poll_rollout.rs`"),
    ("known.rs", "`discovered.rs`"),
    ("proof.rs", "`verification.rs`"),
    ("stacks", "`reference-stack`"),
    ("stopped.rs", "`step_error.rs`"),
    ("verdicts.rs", "`actions.rs`"),
];

/// The test's own file names what it forbids.
const THIS: &str = "tests/tests/it/vocabulary.rs";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Files that are or will be under version control.
fn files() -> Vec<String> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = String::from_utf8(output.stdout).unwrap();
    files.lines().filter(|file| *file != THIS && root().join(file).is_file()).map(str::to_owned).collect()
}

/// The identifiers of a Rust file with their lines, without those in comments, strings and characters.
fn identifiers(text: &str) -> Vec<(usize, &str)> {
    let (bytes, mut at, mut line, mut found) = (text.as_bytes(), 0, 1, vec![]);
    let is_word = |byte: u8| byte == b'_' || byte.is_ascii_alphanumeric();
    while at < bytes.len() {
        let start = at;
        let rest = &text[at..];
        let raw = rest.trim_start_matches(['b', 'c']).strip_prefix('r').filter(|it| it.starts_with(['"', '#']));
        let hashes = raw.map_or(0, |it| it.bytes().take_while(|byte| *byte == b'#').count());
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if raw.is_some_and(|it| it[hashes..].starts_with('"')) {
            let open = rest.find('"').unwrap_or_default() + 1;
            let end = format!("\"{}", "#".repeat(hashes));
            at += rest[open..].find(&end).map_or(rest.len(), |close| open + close + end.len());
        } else if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            at += 1;
        } else if bytes[at] == b'\'' {
            // A character, or else a lifetime, whose name is no name of ours.
            let character = rest[1..].chars().next().unwrap_or_default();
            let after = 1 + character.len_utf8();
            if character == '\\' {
                at +=
                    rest[2..].char_indices().skip(1).find(|(_, it)| *it == '\'').map_or(rest.len(), |(end, _)| end + 3);
            } else if rest[after..].starts_with('\'') {
                at += after + 1;
            } else {
                at += 1 + rest[1..].bytes().take_while(|byte| is_word(*byte)).count();
            }
        } else if is_word(bytes[at]) {
            at += rest.bytes().take_while(|byte| is_word(*byte)).count();
            found.push((line, &text[start..at]));
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        at = at.min(bytes.len());
        line += text[start..at].matches('\n').count();
    }
    found
}

#[test]
fn identifiers_follow_the_vocabulary() {
    let mut wrong = vec![];
    for file in files().iter().filter(|file| file.ends_with(".rs")) {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let names = identifiers(&text);
        for (line, name) in &names {
            if let Some((_, instead)) = TYPES.iter().chain(VARIABLES).find(|(old, _)| old == name) {
                wrong.push(format!("{file}:{line}: `{name}`: use {instead}"));
            }
        }
        for pair in names.windows(2) {
            let definition = format!("{} {}", pair[0].1, pair[1].1);
            if let Some((_, instead)) = DEFINITIONS.iter().find(|(old, _)| *old == definition) {
                wrong.push(format!("{file}:{}: `{definition}`: use {instead}", pair[0].0));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn common_type_names_are_defined_once() {
    let mut defined: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files().iter().filter(|file| file.ends_with(".rs")) {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for pair in identifiers(&text).windows(2) {
            if let (true, Some(name)) =
                (["struct", "enum", "trait"].contains(&pair[0].1), ONCE.iter().find(|name| **name == pair[1].1))
            {
                defined.entry(name).or_default().push(format!("{file}:{}", pair[0].0));
            }
        }
    }
    defined.retain(|_, places| places.len() > 1);
    assert!(defined.is_empty(), "give each a name by its job: {defined:#?}");
}

#[test]
fn file_names_follow_the_vocabulary() {
    let mut wrong = vec![];
    for file in files() {
        for part in file.split('/') {
            if let Some((_, instead)) = FILES.iter().find(|(old, _)| *old == part) {
                wrong.push(format!("{file}: use {instead}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn comments_strings_and_lifetimes_hold_no_identifiers() {
    let text = "/* a */ let b = r#\"c \"d\" \"#; // e\nfn f<'g>(h: &'g str) -> char { '\\'' }\n'i'; \"j\\\"k\"; b'l' br\"m\" n";
    let names: Vec<_> = identifiers(text).into_iter().map(|(line, name)| format!("{line}{name}")).collect();
    let expected = ["1let", "1b", "2fn", "2f", "2h", "2str", "2char", "3b", "3n"];
    assert_eq!(names, expected);
}
