//! Reading as much as possible of a state whose files are damaged.

use std::path::{Path, PathBuf};

use provisioner_model::{journal::JournalEntry, state::Snapshot};

use crate::{
    error::StoreError,
    journal,
    snapshot::{parse, parse_edited},
};

/// The files of a state as they are.
#[derive(Debug, Default)]
pub struct StateFiles {
    /// Path or address of the state.
    pub path: PathBuf,
    /// The state.
    pub state: Option<StateFile>,
    /// The journal, in the order of its entries.
    pub journal: Vec<StateFile>,
    /// The versions that are kept, each with the serial of its name, the newest first.
    pub versions: Vec<(u64, StateFile)>,
    /// Files that could not be read at all.
    pub unreadable: Vec<StoreError>,
}

/// A file of a state.
#[derive(Clone, Debug)]
pub struct StateFile {
    /// Path or address of the file.
    pub path: PathBuf,
    /// Content of the file.
    pub text: Vec<u8>,
}

/// The readable part of a state.
#[derive(Debug, Default)]
pub struct Salvage {
    /// The state, or the newest version that can be read, with the readable entries of the journal.
    pub snapshot: Option<Snapshot>,
    /// The file that `snapshot` is from.
    pub source: PathBuf,
    /// The state as somebody changed it, if it is a state.
    pub edited: Option<Snapshot>,
    /// Errors of the state and the journal.
    pub problems: Vec<StoreError>,
    /// Errors of the versions that are kept, which are only backups.
    pub backup_problems: Vec<StoreError>,
    /// The lines of the journal that are not in `snapshot`. An object that such a line announces may exist.
    pub lost: Vec<String>,
    /// The highest serial of the files, also of those that cannot be read.
    pub serial: u64,
}

impl StateFiles {
    /// Returns whether there is nothing of a state.
    pub fn is_empty(&self) -> bool {
        self.state.is_none() && self.journal.is_empty() && self.versions.is_empty() && self.unreadable.is_empty()
    }

    /// Reads what can be read.
    pub fn salvage(mut self, environment: &str) -> Salvage {
        let mut salvage = Salvage { problems: std::mem::take(&mut self.unreadable), ..Salvage::default() };
        let mut kept = None;
        for (serial, file) in &self.versions {
            salvage.serial = salvage.serial.max(*serial);
            match parse(&file.path, environment, &file.text) {
                Ok(snapshot) => kept = kept.or(Some((snapshot, &file.path))),
                Err(error) => salvage.backup_problems.push(error),
            }
        }
        let state = self.state.as_ref().map(|file| (file, parse(&file.path, environment, &file.text)));
        let from = match state {
            Some((file, Ok(snapshot))) => {
                let newest = self.versions.first().map_or(0, |(serial, _)| *serial);
                // A crash before the state is written leaves the next version.
                if newest > snapshot.serial + 1 {
                    let (path, there) = (self.path.clone(), snapshot.serial);
                    salvage.problems.push(StoreError::Outdated { path, there, newest });
                }
                Some((snapshot, &file.path))
            }
            Some((file, Err(error))) => {
                salvage.edited = parse_edited(&file.path, environment, &file.text).ok();
                salvage.problems.push(error);
                kept
            }
            None => {
                if !self.is_empty() {
                    salvage.problems.push(StoreError::Missing { path: self.path.clone() });
                }
                kept
            }
        };
        salvage.edited = salvage.edited.take().map(|edited| {
            salvage.serial = salvage.serial.max(edited.serial);
            self.replay(edited, &mut Salvage::default())
        });
        // Without any version, the journal of a first run still has the objects.
        let first = || self.first_run(environment).map(|snapshot| (snapshot, &self.path));
        if let Some((snapshot, path)) = from.or_else(first) {
            path.clone_into(&mut salvage.source);
            salvage.serial = salvage.serial.max(snapshot.serial);
            salvage.snapshot = Some(self.replay(snapshot, &mut salvage));
        }
        salvage
    }

    /// The empty state that the journal of a first run goes onto.
    fn first_run(&self, environment: &str) -> Option<Snapshot> {
        let lines = self.journal.iter().flat_map(|file| journal::parse_lines(&file.path, &file.text));
        lines.flatten().find_map(|entry| match entry {
            JournalEntry::RunStarted { lineage, serial: 0 } => Some(Snapshot::new(lineage, environment)),
            _ => None,
        })
    }

    /// Returns the snapshot with the readable entries of the journal. Entries are left out only if they belong to another
    /// state, or are in this one already: an entry names its object, so that one too many is found by the next refresh, and
    /// one too few is not.
    fn replay(&self, mut snapshot: Snapshot, salvage: &mut Salvage) -> Snapshot {
        let (lineage, serial) = (snapshot.lineage.clone(), snapshot.serial);
        let mut counts = Counts::Yes;
        for file in &self.journal {
            let lines = file.text[..journal::whole(&file.text)].split_inclusive(|byte| *byte == b'\n');
            for (number, (line, entry)) in lines.zip(journal::parse_lines(&file.path, &file.text)).enumerate() {
                let lost = || String::from_utf8_lossy(line).trim_end().to_owned();
                match entry {
                    Ok(JournalEntry::RunStarted { lineage: of, serial: onto }) => {
                        counts = if of != lineage {
                            Counts::Other
                        } else if onto < serial {
                            Counts::Past
                        } else {
                            Counts::Yes
                        };
                        if of != lineage || onto > serial {
                            let of = (of.as_str(), onto);
                            salvage.problems.push(astray(&file.path, number, of, (&lineage, serial)));
                        }
                    }
                    Ok(entry) => match counts {
                        Counts::Yes => snapshot.fold(entry),
                        Counts::Past => {}
                        Counts::Other => salvage.lost.push(lost()),
                    },
                    Err(error) => {
                        salvage.lost.push(lost());
                        salvage.problems.push(error);
                    }
                }
            }
        }
        snapshot
    }
}

/// The relation of a run's entries to the state.
enum Counts {
    Yes,
    /// The state has them already.
    Past,
    /// They are of another state.
    Other,
}

fn astray(path: &Path, index: usize, found: (&str, u64), there: (&str, u64)) -> StoreError {
    let name = |(lineage, serial): (&str, u64)| format!("lineage {lineage}, serial {serial}");
    StoreError::Astray { path: path.to_owned(), line: index + 1, found: name(found), there: name(there) }
}
