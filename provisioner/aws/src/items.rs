//! Lists that are managed item by item: which items to add and to remove, so that those of others stay.

/// The items to add and to remove.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ItemChange {
    /// Declared items that the object lacks.
    pub add: Vec<String>,
    /// Items that were added before, are no longer declared, and still exist.
    pub remove: Vec<String>,
}

impl ItemChange {
    /// Compares the desired, recorded and observed items.
    pub fn between(desired: &[String], recorded: &[String], observed: &[String]) -> Self {
        let add = desired.iter().filter(|item| !observed.contains(item));
        let remove = recorded.iter().filter(|item| !desired.contains(item) && observed.contains(item));
        Self { add: add.cloned().collect(), remove: remove.cloned().collect() }
    }

    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Returns the list after the change, for an API that replaces the whole list.
    pub fn merged(&self, observed: &[String]) -> Vec<String> {
        let kept = observed.iter().filter(|item| !self.remove.contains(item));
        kept.chain(&self.add).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_items_stay_and_dropped_items_are_removed() {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let observed = list(&["foreign", "old", "kept"]);
        let change = ItemChange::between(&list(&["kept", "new"]), &list(&["kept", "old", "gone"]), &observed);
        assert_eq!(change, ItemChange { add: list(&["new"]), remove: list(&["old"]) });
        assert_eq!(change.merged(&observed), list(&["foreign", "kept", "new"]));
    }
}
