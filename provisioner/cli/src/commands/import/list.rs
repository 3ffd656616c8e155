//! The file of `import --list`: an address and an ID on each line.

use std::{collections::BTreeMap, path::Path};

use provisioner_model::{Diagnostic, SourceLocation};

use super::Import;
use crate::error::{Failure, StateError};

/// Reads a list.
pub(super) fn read(path: &Path) -> Result<Vec<Import>, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|source| StateError::Unreadable { path: path.to_owned(), source })?;
    parse(&path.display().to_string(), &text).map_err(Failure::NotImported)
}

/// Returns the objects that the text lists, or every mistake in it. Empty lines and those that begin with `#` are comments.
fn parse(file: &str, text: &str) -> Result<Vec<Import>, Vec<Diagnostic>> {
    let (mut imports, mut mistakes) = (vec![], vec![]);
    let (mut addresses, mut ids) = (BTreeMap::new(), BTreeMap::new());
    // Spreadsheets begin a file with a mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (number, line) in (1..).zip(text.lines()) {
        let location = SourceLocation { file: file.to_owned(), line: number, column: 1 };
        let mut mistake = |summary: String, hint: &str| {
            let location = Some(Box::new(location.clone()));
            mistakes.push(Diagnostic { location, hint: Some(hint.to_owned()), ..Diagnostic::error(summary) });
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parts = line.split_once(|c: char| c == ',' || c.is_whitespace());
        let Some((address, id)) = parts
            .map(|(address, id)| (address, id.trim_matches(|c: char| c == ',' || c.is_whitespace())))
            .filter(|(address, id)| !address.is_empty() && !id.is_empty())
        else {
            mistake(format!("expected an address and an ID, found `{line}`"), "separate them by a comma or by spaces");
            continue;
        };
        if let Some(first) = addresses.insert(address, number) {
            mistake(
                format!("{address} is in line {first} already"),
                "a resource has one object: remove one of the lines",
            );
            continue;
        }
        // Objects of two types may have the same ID, those of one type do not: the type is a part of the address.
        let kind = address.rsplit('/').nth(1);
        if let Some(first) = ids.insert((kind, id), number) {
            mistake(
                format!("{id} is in line {first} already"),
                "an object belongs to one resource: remove one of the lines",
            );
            continue;
        }
        imports.push(Import { address: address.to_owned(), id: id.to_owned(), location: Some(location) });
    }
    if imports.is_empty() && mistakes.is_empty() {
        mistakes
            .push(Diagnostic::error(format!("{file} lists no object")).hint("write an address and an ID on each line"));
    }
    if mistakes.is_empty() { Ok(imports) } else { Err(mistakes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_an_address_and_an_id() {
        let text = "\u{feff}# of the old stack\nnetwork/vpc/main,vpc-1\n\n  network/subnet/a \t subnet-1 \ndns/record/www, Z1_www_A,x\n";
        let imports = parse("list", text).unwrap();
        let read: Vec<_> = imports.iter().map(|import| (import.address.as_str(), import.id.as_str())).collect();
        let expected =
            [("network/vpc/main", "vpc-1"), ("network/subnet/a", "subnet-1"), ("dns/record/www", "Z1_www_A,x")];
        assert_eq!(read, expected);
        assert_eq!(imports[1].location.as_ref().unwrap().to_string(), "list:4:1");
    }

    #[test]
    fn every_mistake_is_named_with_its_line() {
        let text =
            "network/vpc/main\nnetwork/subnet/a,1\nnetwork/subnet/a,2\nnetwork/subnet/b,1\nnetwork/vpc/b,1\n,x\n";
        let mistakes = parse("list", text).unwrap_err();
        let read: Vec<String> =
            mistakes.iter().map(|it| format!("{}: {}", it.location.as_ref().unwrap(), it.summary)).collect();
        assert_eq!(
            read,
            [
                "list:1:1: expected an address and an ID, found `network/vpc/main`",
                "list:3:1: network/subnet/a is in line 2 already",
                "list:4:1: 1 is in line 2 already",
                "list:6:1: expected an address and an ID, found `,x`",
            ]
        );
        assert_eq!(parse("list", "# nothing\n").unwrap_err()[0].summary, "list lists no object");
    }
}
