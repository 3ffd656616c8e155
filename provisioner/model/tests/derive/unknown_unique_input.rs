//! A unique group of an input that the type does not have.

use provisioner_model::Resource;

#[derive(Resource)]
#[resource(type = "example:folder:note", unique(title))]
pub struct Note {
    pub name: String,
}

fn main() {}
