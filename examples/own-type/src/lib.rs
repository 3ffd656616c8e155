//! A resource type of a stranger: text files in a folder, which is their cloud.

use std::{fs, io, path::PathBuf};

use provisioner_model::{
    Actions, Cloud, Created, Error, ErrorKind, Field, Id, Observed, Output, Owner, ReadResults, Receipt, Recorded,
    Resource, Result,
};
use serde::{Deserialize, Serialize};

/// The folder: reader, writer and cloud at once, since it caches nothing.
#[derive(Clone)]
pub struct Folder(pub PathBuf);

impl Cloud for Folder {
    type Reader = Self;
    type Writer = Self;
    fn reader(&self) -> Self {
        self.clone()
    }
    fn writer(&self) -> &Self {
        self
    }
}

/// A text file in the folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The file's name, without a path.
    pub name: String,
    /// The text of the file.
    pub text: String,
}

/// Values that only the folder determines.
#[derive(Serialize, Deserialize)]
pub struct NoteOutputs {
    /// The file's name, which is its ID.
    pub id: Id<Note>,
    /// The file's size in bytes.
    pub size: usize,
}

impl Note {
    /// Its size in bytes.
    pub const SIZE: Output<Self, usize> = Output::new("size");

    /// Returns a note with a name and a text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }
}

fn failed(what: &'static str, error: &std::io::Error) -> Error {
    Error::because(ErrorKind::NotSent, what, error.to_string())
}

fn write(c: &Folder, note: &Note) -> Result<()> {
    fs::create_dir_all(&c.0).map_err(|error| failed("note:Write", &error))?;
    #[expect(clippy::disallowed_methods, reason = "the file is the cloud's object, not our state")]
    fs::write(c.0.join(&note.name), &note.text).map_err(|error| failed("note:Write", &error))
}

impl Resource for Note {
    const TYPE: &'static str = "example:folder:note";
    const FIELDS: &'static [Field] = &[Field::new("name").replaces(), Field::new("text")];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["size"];
    const ACTIONS: Actions = Actions { read: &[], create: &[], update: &[], delete: &[] };
    type Cloud = Folder;
    type Outputs = NoteOutputs;

    async fn read_many(c: &Folder, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let mut found = ReadResults::new();
        for id in ids {
            match fs::read_to_string(c.0.join(id.as_str())) {
                Ok(text) => {
                    let outputs = NoteOutputs { id: id.clone(), size: text.len() };
                    found.push((id.clone(), Ok(Observed { inputs: Self::new(id.as_str(), text), outputs })));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => found.push((id.clone(), Err(failed("note:Read", &error)))),
            }
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Folder, _: &Owner) -> Result<Vec<Id<Self>>> {
        Ok(if c.0.join(&self.name).exists() { vec![Id::new(&self.name)] } else { vec![] })
    }

    async fn create(&self, c: &Folder, _: &Owner) -> Result<Created<Self>> {
        write(c, self)?;
        Ok((Id::new(&self.name), None))
    }

    async fn update(&self, c: &Folder, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Option<Receipt>> {
        write(c, self)?;
        Ok(None)
    }

    async fn delete(c: &Folder, recorded: &Recorded<Self>) -> Result<()> {
        match fs::remove_file(c.0.join(recorded.id.as_str())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("note:Delete", &error)),
            _ => Ok(()),
        }
    }
}
