//! A misspelt field: the compiler checks the name.

use provisioner_model::{FieldName, Resource};

#[derive(Resource)]
#[resource(type = "example:folder:note")]
pub struct Note {
    pub name: String,
    pub text: Option<String>,
}

fn main() {
    println!("{}", Field::Texts.name());
    Note::new("a").txt("b");
}
