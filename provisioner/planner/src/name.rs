//! Generated names: environment, place, and some hex of lineage, address and generation.

use provisioner_model::{digest::sha256, resource::Name};

/// Number of hexadecimal digits that distinguish names: few enough to leave room within limits of 32 characters.
const DIGITS: usize = 8;

/// The name of the object of this generation at `address`.
pub fn generated(rule: Name, environment: &str, lineage: &str, address: &str, generation: u32) -> String {
    let mut hex = sha256(format!("{lineage} {address} {generation}"));
    hex.truncate(DIGITS);
    // The type is said by where the name stands: `service/role/task` becomes `service-task`.
    let parts: Vec<&str> = address.split('/').collect();
    let place: Vec<&str> = match parts.split_last() {
        Some((name, [path @ .., _kind])) => path.iter().copied().chain([*name]).collect(),
        _ => parts.clone(),
    };
    let text = format!("{environment}-{}", place.join("-"));
    let room = rule.max.saturating_sub(rule.prefix.len() + hex.len() + 1);
    let cut: String = text.chars().take(room).collect();
    format!("{}{}-{hex}", rule.prefix, cut.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_are_descriptive_and_fit() {
        let name = |max, generation| generated(Name::new("name", max), "dev", "l", "service/role/task", generation);
        assert!(name(64, 1).starts_with("dev-service-task-"));
        assert_eq!(name(20, 1).len(), 20);
        assert_ne!(name(64, 1), name(64, 2));
        // The same in every version.
        assert_eq!(name(64, 1), "dev-service-task-7e6b698b");
        let prefixed = generated(Name { prefix: "alias/", ..Name::new("name", 32) }, "dev", "l", "key/main", 1);
        assert!(prefixed.starts_with("alias/dev-main-"), "{prefixed}");
    }
}
