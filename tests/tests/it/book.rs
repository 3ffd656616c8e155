//! The documents: every link leads somewhere, every page of `docs` is in the book, and every included file exists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
    process::Command,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Lists the Markdown files under version control, or that will be.
fn documents() -> Vec<String> {
    let list = ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"];
    let output = Command::new("git").args(list).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let files = String::from_utf8(output.stdout).unwrap();
    files.lines().filter(|file| root().join(file).is_file()).map(str::to_owned).collect()
}

/// Returns the pages that `docs/SUMMARY.md` lists, from the root of the repository.
fn pages() -> BTreeSet<String> {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    links(&summary).into_iter().map(|(_, target)| format!("docs/{target}")).collect()
}

#[test]
fn book_contains_every_page() {
    let pages = pages();
    let mut documents: BTreeSet<String> = documents().into_iter().filter(|file| file.starts_with("docs/")).collect();
    documents.remove("docs/SUMMARY.md");
    assert_eq!(documents, pages, "left: the files of `docs`; right: the chapters in `docs/SUMMARY.md`");
}

#[test]
fn links_lead_somewhere() {
    let (pages, mut wrong) = (pages(), vec![]);
    for file in documents() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        for (line, target) in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, heading) = target.split_once('#').unwrap_or((&target, ""));
            let path = if path.is_empty() { file.clone() } else { join(&file, path) };
            let problem = if !root().join(&path).exists() {
                "no such file"
            } else if pages.contains(&file) && !pages.contains(&path) && path.ends_with(".md") {
                "not a chapter of the book"
            } else if pages.contains(&file) && !path.starts_with("docs/") {
                "outside of the book"
            } else if !heading.is_empty()
                && !headings(&fs::read_to_string(root().join(&path)).unwrap()).contains(heading)
            {
                "no such heading"
            } else {
                continue;
            };
            wrong.push(format!("{file}:{line}: {target}: {problem}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn included_files_and_anchors_exist() {
    let (mut count, mut wrong) = (0, vec![]);
    for file in documents().iter().filter(|file| file.starts_with("docs/")) {
        let text = fs::read_to_string(root().join(file)).unwrap();
        for (number, line) in text.lines().enumerate() {
            let Some(target) = line.strip_prefix("{{#include ").and_then(|rest| rest.strip_suffix("}}")) else {
                if line.contains("{{#") {
                    wrong.push(format!("{file}:{}: an include stands alone on its line: {line}", number + 1));
                }
                continue;
            };
            count += 1;
            let (path, anchor) = target.split_once(':').unwrap_or((target, ""));
            let Ok(source) = fs::read_to_string(root().join(join(file, path))) else {
                wrong.push(format!("{file}:{}: {path}: no such file", number + 1));
                continue;
            };
            let has = |mark: &str| source.lines().any(|line| line.trim_end().ends_with(&format!("{mark}: {anchor}")));
            let found = anchor.is_empty() || (has("ANCHOR") && has("ANCHOR_END"));
            if !found {
                wrong.push(format!("{file}:{}: {path} has no anchor `{anchor}`", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 0, "expected the guides to include code");
}

#[test]
fn code_in_guides_is_included_or_a_documentation_test() {
    let library = fs::read_to_string(root().join("tests/src/lib.rs")).unwrap();
    let mut wrong = vec![];
    for file in documents().iter().filter(|file| file.starts_with("docs/guide/")) {
        let text = fs::read_to_string(root().join(file)).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (number, pair) in lines.windows(2).enumerate() {
            if pair[0].starts_with("```rust") && !pair[1].starts_with("{{#include ") && !library.contains(file) {
                wrong.push(format!("{file}:{}: include this code, or add the page to tests/src/lib.rs", number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the targets of inline links with their lines, without those in code.
fn links(text: &str) -> Vec<(usize, String)> {
    let (mut found, mut is_code) = (vec![], false);
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        // Every second part is code.
        for prose in line.split('`').step_by(2) {
            for part in prose.split("](").skip(1) {
                let target = part.split(')').next().unwrap_or_default();
                found.push((number + 1, target.to_owned()));
            }
        }
    }
    found
}

/// Returns the fragments of a page's headings, as GitHub and mdBook make them.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let fragment = |line: &str| {
        let text = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    lines.map(fragment).collect()
}

/// Returns a path beside a file, from the root of the repository.
fn join(file: &str, path: &str) -> String {
    let mut joined = PathBuf::from(file);
    joined.pop();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(joined.pop()),
            part => joined.push(part),
        }
    }
    joined.to_str().unwrap().to_owned()
}

#[test]
fn links_and_headings_are_found() {
    let text = "# A `b`, c\n[one](x.md) and [`two`](y.md#z), `[no](n.md)`\n```\n[no](n.md)\n```\n";
    assert_eq!(links(text), [(2, "x.md".to_owned()), (2, "y.md#z".to_owned())]);
    assert!(headings(text).contains("a-b-c"));
    assert_eq!(join("docs/guide/a.md", "../../examples/b.rs"), "examples/b.rs");
}
