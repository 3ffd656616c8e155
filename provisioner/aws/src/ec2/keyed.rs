//! Lists that an update manages item by item: routes by destination, ACL entries by number and direction.

use crate::prelude::*;

/// An item of such a list, and the calls that write it to the object with the ID `parent`.
pub(super) trait KeyedItem {
    /// Returns the part of the item that a list may contain only once.
    fn key(&self) -> impl PartialEq;
    /// Returns whether the observed item of the same key needs no change.
    fn means(&self, observed: &Self) -> bool;
    /// Returns the error in the item itself.
    fn problem(&self) -> Option<String>;
    /// Returns the error of a second item with the key.
    fn repetition(&self) -> String;
    async fn create(&self, c: &Writer, parent: &str) -> Result<()>;
    async fn replace(&self, c: &Writer, parent: &str) -> Result<()>;
    async fn delete(&self, c: &Writer, parent: &str) -> Result<()>;
}

/// Returns the errors of a list, all in the input `field`.
pub(super) fn problems<T: KeyedItem>(field: impl Into<&'static str>, items: &[T]) -> Vec<Problem> {
    let field = field.into();
    let repeated = repeated(items, T::key).into_iter().map(T::repetition);
    items.iter().filter_map(T::problem).chain(repeated).map(|why| Problem::new(field, why)).collect()
}

/// Writes what differs. Deletes come last, so that no traffic is without its route or entry in between.
pub(super) async fn write<T: KeyedItem>(c: &Writer, parent: &str, desired: &[T], observed: &[T]) -> Result<()> {
    let changes = Changes::between(desired, observed, T::key, T::means);
    for item in changes.create {
        item.create(c, parent).await?;
    }
    for item in changes.replace {
        item.replace(c, parent).await?;
    }
    for item in changes.delete {
        item.delete(c, parent).await?;
    }
    Ok(())
}

/// The items of a list that need a call.
struct Changes<'a, T> {
    create: Vec<&'a T>,
    replace: Vec<&'a T>,
    delete: Vec<&'a T>,
}

impl<'a, T> Changes<'a, T> {
    /// Compares two lists by `key`. `means` returns whether an observed item agrees with the desired one of its key.
    fn between<K: PartialEq>(
        desired: &'a [T],
        observed: &'a [T],
        key: impl Fn(&'a T) -> K,
        means: impl Fn(&T, &T) -> bool,
    ) -> Self {
        let mut changes = Self { create: vec![], replace: vec![], delete: vec![] };
        for item in desired {
            match observed.iter().find(|observed| key(observed) == key(item)) {
                None => changes.create.push(item),
                Some(observed) if !means(item, observed) => changes.replace.push(item),
                Some(_) => {}
            }
        }
        let is_desired = |observed: &&'a T| desired.iter().any(|item| key(item) == key(observed));
        changes.delete.extend(observed.iter().filter(|observed| !is_desired(observed)));
        changes
    }
}

/// The items whose key an earlier item has already.
fn repeated<'a, T, K: PartialEq>(items: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<&'a T> {
    let is_repeated = |at: usize| items[..at].iter().any(|earlier| key(earlier) == key(&items[at]));
    (0..items.len()).filter(|at| is_repeated(*at)).map(|at| &items[at]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_matched_by_key() {
        let (desired, observed) = ([(1, 'a'), (2, 'b'), (3, 'c')], [(2, 'b'), (3, 'x'), (4, 'd')]);
        let changes = Changes::between(&desired, &observed, |item| item.0, |desired, observed| desired == observed);
        assert_eq!((changes.create, changes.replace), (vec![&(1, 'a')], vec![&(3, 'c')]));
        assert_eq!(changes.delete, [&(4, 'd')]);
    }

    #[test]
    fn each_repetition_is_listed() {
        assert_eq!(repeated(&[(1, 'a'), (2, 'b'), (1, 'c'), (1, 'd')], |item| item.0), [&(1, 'c'), &(1, 'd')]);
    }
}
