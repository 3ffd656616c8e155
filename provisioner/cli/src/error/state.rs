//! Errors of the commands that read or change the state.

use std::path::PathBuf;

use provisioner_model::{Hint, state::Moved};
use provisioner_store::StoreError;

/// Describes what became of a state that is not in force.
fn fate(moved: &Moved) -> String {
    match moved {
        Moved::From(place) => format!("its move from {place} was interrupted"),
        Moved::To(place) => format!("it was moved to {place}"),
    }
}

/// An error of a command that reads or changes the state.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// There is no state.
    #[error("`{0}` has no state yet")]
    None(String),
    /// A damaged state without a version that can be read.
    #[error("no version of the state of `{0}` can be read")]
    NothingReadable(String),
    /// The state was not edited, or is not a state any more.
    #[error("the state of `{0}` cannot be kept as it is: it is not valid")]
    NoEdits(String),
    /// A file that could not be read.
    #[error("could not read {}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// A file that is no exported state of the environment.
    #[error("the file cannot be imported: {0}")]
    NotExported(StoreError),
    /// The file has the state of another life of the environment.
    #[error("the state has lineage {there}, and that of the file {imported}")]
    OtherLineage {
        /// Lineage of the state.
        there: String,
        /// Lineage of the file.
        imported: String,
    },
    /// There is no record of such a run.
    #[error("`{environment}` has no recorded run `{run}`")]
    NoRun {
        /// Name of the environment.
        environment: String,
        /// The requested name.
        run: String,
    },
    /// A version of the state is not kept.
    #[error("there is no version {serial} of the state")]
    NoVersion {
        /// The requested serial.
        serial: u64,
        /// The serials of the versions that are kept.
        kept: Vec<u64>,
    },
    /// The state is, or will be, somewhere else.
    #[error("the state of `{environment}` in {place} is not in force: {}", fate(moved))]
    Moved {
        /// Name of the environment.
        environment: String,
        /// The place of the state that was read.
        place: String,
        /// The move.
        moved: Moved,
    },
    /// The environment file names another place than that of the state.
    #[error("`{environment}` has no state in {place}, and one on this machine")]
    NotMoved {
        /// Name of the environment.
        environment: String,
        /// The place that the file names.
        place: String,
    },
    /// The program cannot reach S3.
    #[error("the state of `{0}` is in S3, and this program is built without AWS")]
    WithoutAws(String),
    /// The program cannot reach DynamoDB.
    #[error("`lock_table` is {0}, and this program is built without DynamoDB")]
    WithoutDynamoDb(String),
    /// The environment file names no bucket.
    #[error("`{0}` has its state on this machine")]
    NoBucket(String),
    /// A move to the same place.
    #[error("the state of `{environment}` is in {place} already")]
    SamePlace {
        /// Name of the environment.
        environment: String,
        /// The place.
        place: String,
    },
    /// A move onto another state.
    #[error("`{environment}` has a state in {from} and another one in {to}")]
    TwoStates {
        /// Name of the environment.
        environment: String,
        /// The place to move from.
        from: String,
        /// The place to move to.
        to: String,
    },
    /// There is no such row.
    #[error("{address} is not in the state")]
    NoRow {
        /// The requested address.
        address: String,
        /// One that is probably meant.
        close: Option<String>,
    },
    /// The address is taken.
    #[error("{0} is in the state already")]
    Taken(String),
    /// An address has the wrong form.
    #[error("{0} is not an address: expected lower-case letters, digits and dashes in parts separated by slashes")]
    Form(String),
    /// An address of another type.
    #[error("{to} is an address for another type than that of {from}")]
    OtherType {
        /// Now.
        from: String,
        /// Then.
        to: String,
    },
    /// Others need it.
    #[error("{address} cannot leave the state: {} still refer to it", needed_by.join(", "))]
    Needed {
        /// Address of the resource.
        address: String,
        /// By whom.
        needed_by: Vec<String>,
    },
    /// There is no such output.
    #[error("there is no output `{name}`")]
    NoOutput {
        /// Name of the output.
        name: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// The program does not declare it.
    #[error("the program does not declare {address}")]
    Undeclared {
        /// Address of the resource.
        address: String,
        /// One that is probably meant.
        close: Option<String>,
    },
    /// The type is not known here.
    #[error("this program does not know the type `{0}`")]
    Type(String),
    /// There is no such object.
    #[error("there is no {type_name} with the id {id}")]
    NoObject {
        /// The type.
        type_name: String,
        /// The id.
        id: String,
    },
    /// An object is recorded at another address.
    #[error("{id} is in the state already, at {address}")]
    Known {
        /// The id.
        id: String,
        /// Address of the resource.
        address: String,
    },
    /// The object could not be read.
    #[error("{id} could not be read")]
    Read {
        /// The id.
        id: String,
        /// The cause.
        source: provisioner_model::Error,
    },
}

impl Hint for StateError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoRow { close: Some(close), .. } | Self::Undeclared { close: Some(close), .. } => {
                Some(format!("did you mean {close}?"))
            }
            Self::NoRow { .. } => Some("`provisioner state list ENV` shows the addresses".to_owned()),
            Self::Undeclared { .. } => Some("declare it first: an import fills what is declared".to_owned()),
            Self::NoOutput { known, .. } if !known.is_empty() => Some(format!("these exist: {}", known.join(", "))),
            Self::Needed { .. } => Some("remove those first, or destroy them".to_owned()),
            Self::Known { .. } => Some("`provisioner state mv ENV FROM TO` changes its address".to_owned()),
            Self::None(name) => Some(format!("`provisioner apply {name}` creates it")),
            Self::NothingReadable(_) => Some(
                "restore the files from a backup: `provisioner state import ENV FILE`; in S3, the bucket keeps old versions"
                    .to_owned(),
            ),
            Self::NoEdits(name) => {
                Some(format!("`provisioner state repair {name}` restores the newest version that can be read"))
            }
            Self::NoRun { environment, .. } => Some(format!("`provisioner runs {environment}` lists those that are kept")),
            Self::Unreadable { .. } => Some("check the path, and that this user may read it".to_owned()),
            Self::NotExported(_) => {
                Some("`provisioner state export ENV` writes such a file; a file of `history` is one, too".to_owned())
            }
            Self::OtherLineage { .. } => Some(
                "they list different objects: export the state, then remove its folder, or its objects in the bucket, if no \
                 object of it exists any more"
                    .to_owned(),
            ),
            Self::Moved { environment, moved: Moved::To(place), .. } if place.starts_with("s3://") => Some(format!(
                "name that place in `[state]` of environments/{environment}.toml, as in the branch that moved it"
            )),
            Self::Moved { environment, moved: Moved::To(_), .. } => {
                Some(format!("remove `[state]` from environments/{environment}.toml, on the machine that has the state"))
            }
            Self::Moved { environment, moved: Moved::From(place), .. } => {
                let bucket = place.strip_suffix(&format!("/{environment}")).filter(|place| place.starts_with("s3://"));
                let place = bucket.unwrap_or("local");
                Some(format!("`provisioner state move {environment} --from {place}` completes the move"))
            }
            Self::NotMoved { environment, .. } => {
                Some(format!("`provisioner state move {environment} --from local` moves it"))
            }
            Self::NoVersion { kept, .. } => Some(match (kept.first(), kept.last()) {
                (Some(first), Some(last)) => format!("these are kept: {first} to {last}"),
                _ => "no earlier versions are kept".to_owned(),
            }),
            Self::WithoutAws(_) => Some(
                "build the program with the feature `aws-types` of `provisioner-cli`, or remove `[state]`".to_owned(),
            ),
            Self::WithoutDynamoDb(_) => Some(
                "build the program with the feature `aws` of `provisioner-cli`, or remove `lock_table`".to_owned(),
            ),
            Self::NoBucket(name) => Some(format!(
                "name a bucket in environments/{name}.toml: `[state]`, with `backend = \"s3\"` and `bucket`"
            )),
            Self::SamePlace { environment, .. } => Some(format!(
                "`[state]` of environments/{environment}.toml names the place to move to, and `--from` the other one"
            )),
            Self::TwoStates { .. } => Some(
                "both list objects: `provisioner state list` shows them. Rename one of the two environments, or forget its \
                 resources first"
                    .to_owned(),
            ),
            Self::Taken(address) => Some(format!(
                "choose another address, or forget that resource first: provisioner state rm ENV {address}"
            )),
            Self::Form(_) => Some("`provisioner state list ENV` shows addresses".to_owned()),
            Self::OtherType { from, .. } => {
                Some(format!("choose an address of the same type; `provisioner state show ENV {from}` shows it"))
            }
            Self::NoOutput { .. } => Some("the stack has none: `Stack::output` declares one".to_owned()),
            Self::Type(_) => Some("use the program that declares this type, or add the type to this one".to_owned()),
            Self::NoObject { .. } => Some("check the ID, and that account and region are the environment's".to_owned()),
            Self::Read { source, .. } => source.hint(),
        }
    }
}
