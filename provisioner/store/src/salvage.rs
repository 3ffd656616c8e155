//! What can be read of a state whose files are damaged.

use std::path::PathBuf;

use provisioner_model::state::Snapshot;

use crate::{
    error::StoreError,
    journal,
    snapshot::{parse, parse_edited},
};

/// The files of a state as they are.
#[derive(Clone, Debug, Default)]
pub struct StateFiles {
    /// The state.
    pub state: Option<StateFile>,
    /// The journal, in the order of its entries.
    pub journal: Vec<StateFile>,
    /// The versions that are kept, the newest first.
    pub versions: Vec<StateFile>,
}

/// A file of a state.
#[derive(Clone, Debug)]
pub struct StateFile {
    /// Path or address of the file.
    pub path: PathBuf,
    /// Content of the file.
    pub text: Vec<u8>,
}

/// What can be read of a state.
#[derive(Debug, Default)]
pub struct Salvage {
    /// The state, or the newest version that can be read, with the readable entries of the journal.
    pub snapshot: Option<Snapshot>,
    /// The file that `snapshot` is from.
    pub source: PathBuf,
    /// The state as somebody changed it, if it is a state.
    pub edited: Option<Snapshot>,
    /// What cannot be read, or does not belong to the state.
    pub problems: Vec<StoreError>,
    /// The unreadable lines of the journal. An object that such a line announces may exist.
    pub lost: Vec<String>,
    /// The highest serial of the files.
    pub serial: u64,
}

impl StateFiles {
    /// Reads what can be read.
    pub fn salvage(&self, environment: &str) -> Salvage {
        let mut salvage = Salvage::default();
        let mut kept = None;
        for file in &self.versions {
            match parse(&file.path, environment, &file.text) {
                Ok(snapshot) => {
                    salvage.serial = salvage.serial.max(snapshot.serial);
                    kept = kept.or(Some((snapshot, &file.path)));
                }
                Err(error) => salvage.problems.push(error),
            }
        }
        let state = self.state.as_ref().map(|file| (file, parse(&file.path, environment, &file.text)));
        let from = match state {
            None if self.versions.is_empty() => None,
            None => kept,
            Some((file, Ok(snapshot))) => Some((snapshot, &file.path)),
            Some((file, Err(error))) => {
                salvage.edited = parse_edited(&file.path, environment, &file.text).ok();
                salvage.problems.insert(0, error);
                kept
            }
        };
        let Some((snapshot, path)) = from else { return salvage };
        path.clone_into(&mut salvage.source);
        let serials = [Some(snapshot.serial), salvage.edited.as_ref().map(|edited| edited.serial)];
        salvage.serial = serials.into_iter().flatten().fold(salvage.serial, u64::max);
        salvage.edited = salvage.edited.take().map(|edited| self.replay(environment, edited, &mut Salvage::default()));
        salvage.snapshot = Some(self.replay(environment, snapshot, &mut salvage));
        salvage
    }

    /// Returns the snapshot with the readable entries of the journal.
    fn replay(&self, environment: &str, snapshot: Snapshot, salvage: &mut Salvage) -> Snapshot {
        let mut entries = vec![];
        let mut last = PathBuf::new();
        for file in &self.journal {
            last.clone_from(&file.path);
            let lines = file.text[..journal::whole(&file.text)].split_inclusive(|byte| *byte == b'\n');
            for (line, entry) in lines.zip(journal::parse_lines(&file.path, &file.text)) {
                match entry {
                    Ok(entry) => entries.push(entry),
                    Err(error) => {
                        salvage.lost.push(String::from_utf8_lossy(line).trim_end().to_owned());
                        salvage.problems.push(error);
                    }
                }
            }
        }
        match journal::replay(&last, environment, Some(snapshot.clone()), entries) {
            Ok(replayed) => replayed.unwrap_or(snapshot),
            Err(error) => {
                salvage.problems.push(error);
                snapshot
            }
        }
    }
}
