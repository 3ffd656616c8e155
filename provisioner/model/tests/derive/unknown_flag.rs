//! A flag that no field has.

use provisioner_model::Resource;

#[derive(Resource)]
#[resource(type = "example:folder:note")]
pub struct Note {
    #[field(replace)]
    pub name: String,
}

fn main() {}
