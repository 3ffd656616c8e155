//! A type without a name.

use provisioner_model::Resource;

#[derive(Resource)]
pub struct Note {
    pub name: String,
}

fn main() {}
