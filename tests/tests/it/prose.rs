//! Limits on the prose of doc comments, and phrases that CONTRIBUTING.md rules out.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Phrases that no document, doc comment or string contains. Each is split here, so that this file passes.
const PHRASES: [[&str; 2]; 4] = [["by another ", "hand"], ["of one's ", "own"], ["an", "ew"], ["what is ", "there"]];

/// Words that a doc comment does not open with.
const QUESTIONS: [&str; 9] = ["What", "Who", "Whose", "Whether", "Where", "Which", "How", "Why", "When"];

/// Folders with Rust code, from the root of the repository.
const SOURCES: [&str; 5] = ["provisioner", "app/src", "tests/src", "tests/tests", "examples"];

/// A run of `///` or `//!` lines.
struct DocComment {
    path: PathBuf,
    /// Number of the first line, from 1.
    line: usize,
    text: String,
}

#[test]
fn doc_comments_are_long_enough_and_open_with_a_noun_or_verb() {
    let comments: Vec<DocComment> = files("rs").iter().flat_map(|path| doc_comments(path)).collect();
    assert!(comments.len() > 1000, "expected the project's doc comments, found {}", comments.len());
    let short: Vec<_> = comments.iter().filter(|comment| comment.text.split_whitespace().count() <= 3).collect();
    let questions: Vec<_> = comments.iter().filter(|comment| is_question(&comment.text)).collect();
    assert!(short.len() * 100 < comments.len() * 8, "three words or fewer:\n{}", list(&short, comments.len()));
    assert!(questions.len() * 100 < comments.len() * 3, "question words:\n{}", list(&questions, comments.len()));
}

#[test]
fn text_avoids_odd_phrases() {
    let phrases: Vec<String> = PHRASES.iter().map(|parts| parts.concat()).collect();
    let mut matches = vec![];
    for path in files("md") {
        let text = fs::read_to_string(&path).unwrap();
        matches.extend(find(&path, 1, &text, &phrases));
    }
    for path in files("rs") {
        for comment in doc_comments(&path) {
            matches.extend(find(&path, comment.line, &comment.text, &phrases));
        }
        for (line, text) in strings(&fs::read_to_string(&path).unwrap()) {
            matches.extend(find(&path, line, &text, &phrases));
        }
    }
    assert!(matches.is_empty(), "see the style section of CONTRIBUTING.md:\n{}", matches.join("\n"));
}

fn is_question(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    QUESTIONS.contains(&first.trim_end_matches(|c: char| !c.is_alphanumeric()))
}

fn list(comments: &[&DocComment], total: usize) -> String {
    let lines: Vec<_> = comments
        .iter()
        .map(|comment| format!("{}:{}: {}", comment.path.display(), comment.line, comment.text))
        .collect();
    format!("{} of {total}\n{}", comments.len(), lines.join("\n"))
}

/// Returns each phrase that the text contains as whole words, across line ends and in any letter case.
fn find(path: &Path, line: usize, text: &str, phrases: &[String]) -> Vec<String> {
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty()).collect();
    let text = format!(" {} ", words.join(" ").to_lowercase());
    let found = phrases.iter().filter(|phrase| text.contains(&format!(" {phrase} ")));
    found.map(|phrase| format!("{}:{line}: {phrase}", path.display())).collect()
}

/// Lists the files with an extension: Markdown in the whole repository, Rust in [`SOURCES`].
fn files(extension: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut pending: Vec<PathBuf> = if extension == "rs" {
        SOURCES.iter().map(|folder| root.join(folder)).collect()
    } else {
        vec![root.to_owned()]
    };
    let mut found = vec![];
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                let is_generated =
                    ["target", "build", "node_modules"].contains(&name.as_str()) || name.starts_with('.');
                if !is_generated {
                    pending.push(path);
                }
            } else if path.extension().is_some_and(|other| other == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn doc_comments(path: &Path) -> Vec<DocComment> {
    let mut comments: Vec<DocComment> = vec![];
    let mut open = "";
    for (number, line) in fs::read_to_string(path).unwrap().lines().enumerate() {
        let line = line.trim();
        let marker = ["///", "//!"].into_iter().find(|marker| line.starts_with(marker) && !line.starts_with("////"));
        let Some(marker) = marker else {
            open = "";
            continue;
        };
        let text = line[marker.len()..].trim();
        match comments.last_mut() {
            Some(comment) if open == marker => {
                comment.text.push(' ');
                comment.text.push_str(text);
            }
            _ => comments.push(DocComment { path: path.to_owned(), line: number + 1, text: text.to_owned() }),
        }
        open = marker;
    }
    comments
}

/// Returns the string literals of a file with their lines, raw ones included; comments and characters are skipped.
fn strings(source: &str) -> Vec<(usize, String)> {
    let bytes = source.as_bytes();
    let (mut at, mut line, mut found) = (0, 1, vec![]);
    while at < bytes.len() {
        let rest = &source.as_bytes()[at..];
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest[0] == b'\'' {
            // A character such as '"' or '\''; a lifetime is a single quote.
            match rest {
                [_, b'\\', _, b'\'', ..] => 4,
                [_, _, b'\'', ..] => 3,
                _ => 1,
            }
        } else if let Some((start, end, length)) = literal(rest) {
            found.push((line, String::from_utf8_lossy(&rest[start..end]).replace("\\\n", "\n")));
            length
        } else {
            1
        };
        line += rest[..length].split(|byte| *byte == b'\n').count() - 1;
        at += length;
    }
    found
}

/// Returns start and end of the text of the literal that begins here, and the literal's whole length.
fn literal(rest: &[u8]) -> Option<(usize, usize, usize)> {
    if rest[0] == b'"' {
        let mut end = 1;
        while end < rest.len() && rest[end] != b'"' {
            end += if rest[end] == b'\\' { 2 } else { 1 };
        }
        return Some((1, end.min(rest.len()), (end + 1).min(rest.len())));
    }
    let hashes = rest.strip_prefix(b"r")?.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let start = hashes + 2;
    let end = start + rest[start..].windows(close.len()).position(|window| window == close)?;
    Some((start, end, end + close.len()))
}
