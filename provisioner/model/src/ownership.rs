//! Ownership tags: what every tagged object carries, so that it is found again and people see whose it is.

/// What the keys of all of them begin with.
pub const PREFIX: &str = "provisioner:";
/// Finds an object again. It alone does: an address changes with a rename.
pub const TOKEN: &str = "provisioner:token";
/// Where it is declared, for people.
pub const ADDRESS: &str = "provisioner:address";
/// Of the state, for people.
pub const LINEAGE: &str = "provisioner:lineage";
/// On a shared object: one of us made it, so that the last user deletes it.
pub const MADE: &str = "provisioner:made";
/// What the tags of a shared object's users begin with.
pub const USED_BY: &str = "provisioner:used-by:";

/// The tag of one environment, by its state's lineage, on a shared object.
pub fn used_by(lineage: &str) -> String {
    format!("{USED_BY}{lineage}")
}
