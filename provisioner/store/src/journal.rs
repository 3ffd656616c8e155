//! The journal's text format, and its replay onto a snapshot, for any store.

use std::path::Path;

use provisioner_model::{journal::JournalEntry, state::Snapshot};

use crate::{
    checksum,
    error::{Result, StoreError},
};

/// One entry as its line, with the newline.
pub fn line(entry: &JournalEntry) -> Result<Vec<u8>> {
    let mut line =
        serde_json::to_vec(entry).map_err(|source| StoreError::Encode { what: "a journal entry", source })?;
    line.push(b'\n');
    Ok(checksum::add(&line))
}

/// Returns the length of a journal's complete lines in bytes. A crash may leave a last line without its newline: its
/// append never returned, so that no call depends on it.
pub fn whole(text: &[u8]) -> usize {
    text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
}

/// The entries of a journal. `path` is for the errors.
pub fn parse(path: &Path, text: &[u8]) -> Result<Vec<JournalEntry>> {
    parse_lines(path, text).collect()
}

/// The entry, or the error, of each line.
pub(crate) fn parse_lines(path: &Path, text: &[u8]) -> impl Iterator<Item = Result<JournalEntry>> {
    let lines = text[..whole(text)].split_inclusive(|byte| *byte == b'\n');
    lines.enumerate().map(|(index, line)| parse_line(path, index + 1, line))
}

fn parse_line(path: &Path, number: usize, line: &[u8]) -> Result<JournalEntry> {
    let path = path.to_owned();
    let plain = checksum::remove(line).map_err(|checksum::Mismatch| StoreError::Checksum {
        path: path.clone(),
        line: Some(number),
        good: None,
    })?;
    serde_json::from_slice(&plain).map_err(|source| {
        let column = source.column().max(1) + line.len() - plain.len();
        StoreError::Damaged { path, line: number, column, good: None, source }
    })
}

/// The snapshot with all that the journal adds to it.
///
/// A journal holds one run or more, each headed by the state that it went onto. Runs onto an older one are in the
/// state already: the crash came between the commit and the journal's removal. Runs onto a newer one, or onto another
/// lineage, are an error.
pub fn replay(
    path: &Path,
    environment: &str,
    snapshot: Option<Snapshot>,
    entries: Vec<JournalEntry>,
) -> Result<Option<Snapshot>> {
    let astray = |index: usize, found: String, there: String| {
        Err(StoreError::Astray { path: path.to_owned(), line: index + 1, found, there })
    };
    let name = |lineage: &str, serial: u64| format!("lineage {lineage}, serial {serial}");
    let mut state = snapshot;
    let mut counts = None;
    for (index, entry) in entries.into_iter().enumerate() {
        if let JournalEntry::RunStarted { lineage, serial } = &entry {
            match &state {
                Some(there) if there.lineage != *lineage || there.serial < *serial => {
                    return astray(index, name(lineage, *serial), name(&there.lineage, there.serial));
                }
                Some(there) => counts = Some(there.serial == *serial),
                None if *serial == 0 => {
                    state = Some(Snapshot::new(lineage, environment));
                    counts = Some(true);
                }
                None => return astray(index, name(lineage, *serial), "none".to_owned()),
            }
        } else {
            match (counts, &mut state) {
                (Some(true), Some(state)) => state.fold(entry),
                (Some(_), _) => {}
                (None, _) => return astray(index, "a state that it does not name".to_owned(), "unknown".to_owned()),
            }
        }
    }
    Ok(state)
}
