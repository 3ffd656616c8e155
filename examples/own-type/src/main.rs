//! A stack of notes, without AWS.

use std::process::ExitCode;

use example_own_type::{Folder, Note};
use provisioner_cli::Program;
use provisioner_model::{Stack, erased::ResourceRegistry, state::ProviderTarget};

/// The content of `environments/NAME.toml`.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Notes {
    project: String,
    region: String,
    /// Path of the folder with the notes.
    folder: String,
}

impl provisioner_model::Environment for Notes {
    fn project(&self) -> &str {
        &self.project
    }
    fn region(&self) -> &str {
        &self.region
    }
}

// ANCHOR: program
fn stack(env: &Notes, stack: &mut Stack) {
    let first = stack.add("first", Note::new("first.txt", format!("The notes of {}\n", env.project)));
    stack.output("size", first.get(Note::SIZE));
}

fn main() -> ExitCode {
    let target = |env: &Notes| ProviderTarget { account: "nobody".into(), region: env.region.clone(), endpoint: None };
    let program = Program::new(stack).types(ResourceRegistry::default().with::<Note>());
    provisioner_cli::main(program.without_aws(target).cloud(|env: &Notes| Ok(Folder(env.folder.clone().into()))))
}
// ANCHOR_END: program
