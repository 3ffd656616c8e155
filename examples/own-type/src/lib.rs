//! A third-party resource type: text files in a folder, which is their cloud.

use std::{fs, io, path::PathBuf};

use provisioner_model::{
    Actions, Cloud, Created, Error, ErrorKind, Id, Observed, Outputs, Owner, ReadResults, Receipt, Recorded, Resource,
    Result,
};

// ANCHOR: cloud
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
// ANCHOR_END: cloud

// ANCHOR: inputs
/// A text file in the folder.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(type = "example:folder:note", unique(name))]
pub struct Note {
    /// The file's name, without a path.
    #[field(replaces)]
    pub name: String,
    /// The text of the file.
    pub text: String,
}

/// Values that only the folder determines.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct NoteOutputs {
    /// The file's name, which is its ID.
    pub id: Id<Note>,
    /// The file's size in bytes.
    pub size: usize,
}
// ANCHOR_END: inputs

fn failed(what: &'static str, error: &std::io::Error) -> Error {
    Error::because(ErrorKind::NotSent, what, error.to_string())
}

fn write(c: &Folder, note: &Note) -> Result<()> {
    fs::create_dir_all(&c.0).map_err(|error| failed("note:Write", &error))?;
    #[expect(clippy::disallowed_methods, reason = "the file is the cloud's object, not our state")]
    fs::write(c.0.join(&note.name), &note.text).map_err(|error| failed("note:Write", &error))
}

// ANCHOR: behaviour
impl Resource for Note {
    provisioner_model::schema_constants!();
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["size"];
    const ACTIONS: Actions = Actions { read: &[], create: &[], update: &[], delete: &[] };
    type Cloud = Folder;
    type Outputs = NoteOutputs;

    async fn read_many(c: &Folder, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let mut results = ReadResults::new();
        for id in ids {
            match fs::read_to_string(c.0.join(id.as_str())) {
                Ok(text) => {
                    let outputs = NoteOutputs { id: id.clone(), size: text.len() };
                    results.push((id.clone(), Ok(Observed { inputs: Self::new(id.as_str(), text), outputs })));
                }
                // An object that does not exist has no row.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => results.push((id.clone(), Err(failed("note:Read", &error)))),
            }
        }
        Ok(results)
    }

    /// Files carry no tags, so that the name stands for the token.
    async fn find_by_token(&self, c: &Folder, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Folder) -> Result<Vec<Id<Self>>> {
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
// ANCHOR_END: behaviour
