//! Lists that an update manages whole, item by item: routes by destination, ACL entries by number and direction.

/// The calls that bring a list to what is wanted.
pub(super) struct Changes<'a, T> {
    pub(super) create: Vec<&'a T>,
    pub(super) replace: Vec<&'a T>,
    pub(super) delete: Vec<&'a T>,
}

impl<'a, T> Changes<'a, T> {
    /// Compares two lists by `key`. `means` tells whether a wanted item agrees with the one of its key that is there.
    pub(super) fn between<K: PartialEq>(
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
        changes
            .delete
            .extend(observed.iter().filter(|observed| !desired.iter().any(|item| key(item) == key(observed))));
        changes
    }
}

/// The items whose key an earlier item has already.
pub(super) fn repeated<'a, T, K: PartialEq>(items: &'a [T], key: impl Fn(&'a T) -> K) -> Vec<&'a T> {
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
