//! Ownership tags: what every tagged object carries, so that it is found again and people see whose it is.

use serde_json::Value;

use crate::resource::Tags;

/// The common prefix of all ownership tag keys.
pub const PREFIX: &str = "provisioner:";
/// Finds an object again. It alone does: an address changes with a rename.
pub const TOKEN: &str = "provisioner:token";
/// The tag key of the resource's address, for information only.
pub const ADDRESS: &str = "provisioner:address";
/// Of the state: project, environment and a random text, so that a second state of an environment is found.
pub const LINEAGE: &str = "provisioner:lineage";
/// The keys of the tags on an object that one environment owns.
pub const OWN_TAGS: [&str; 3] = [TOKEN, ADDRESS, LINEAGE];
/// On a shared object: one of us made it, so that the last user deletes it.
pub const MADE: &str = "provisioner:made";
/// The tag key prefix of a shared object's users; the user's lineage follows.
pub const USED_BY: &str = "provisioner:used-by:";

/// Returns a new lineage of the state of a project's environment. `random` is a text that no other state has.
///
/// ```
/// use provisioner_model::ownership::{new_lineage, stack_of};
///
/// let lineage = new_lineage("shop", "dev", "5f3a");
/// assert_eq!(lineage, "shop/dev/5f3a");
/// assert_eq!(stack_of(&lineage), Some("shop/dev"));
/// ```
pub fn new_lineage(project: &str, environment: &str, random: &str) -> String {
    // It is a tag's value, and a part of a tag's key of at most 128 characters.
    let part = |text: &str| -> String {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        text.chars().map(allowed).take(32).collect()
    };
    format!("{}/{}/{random}", part(project), part(environment))
}

/// Returns the project and environment of a lineage; `None` for a lineage of an earlier version.
pub fn stack_of(lineage: &str) -> Option<&str> {
    lineage.rsplit_once('/').map(|(stack, _)| stack)
}

/// The tag of one environment, by its state's lineage, on a shared object.
pub fn used_by(lineage: &str) -> String {
    format!("{USED_BY}{lineage}")
}

/// Returns whether only `lineage` uses a shared object that Provisioner created. `observed` are the object's inputs.
pub fn is_last_user(observed: &Value, lineage: &str) -> bool {
    let Some(tags) = observed.get("tags").and_then(Value::as_object) else { return false };
    let ours = used_by(lineage);
    tags.contains_key(MADE) && !tags.keys().any(|key| key.starts_with(USED_BY) && *key != ours)
}

/// Returns whether an object is shared, and others may use it: another environment has its tag there, or nobody of us
/// created the object. `recorded` has the tags that this environment wrote.
pub fn may_have_other_users(recorded: &Tags, observed: &Tags) -> bool {
    let is_user = |key: &&String| key.starts_with(USED_BY);
    let is_shared = recorded.keys().any(|key| is_user(&key));
    let others = observed.keys().filter(is_user).any(|key| !recorded.contains_key(key));
    is_shared && (others || !observed.contains_key(MADE))
}
