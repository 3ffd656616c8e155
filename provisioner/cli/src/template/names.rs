//! Logical IDs and names of parameters.

use std::collections::BTreeSet;

/// The logical IDs so far. Two addresses may have one name in `PascalCase`.
#[derive(Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn unused(&mut self, name: &str) -> String {
        let numbered = (2..).map(|number| format!("{name}N{number}"));
        let mut candidates = std::iter::once(name.to_owned()).chain(numbered);
        let unused = candidates.find(|candidate| !self.0.contains(candidate)).unwrap_or_default();
        self.0.insert(unused.clone());
        unused
    }
}

/// Returns the letters and digits of a text, with a capital at the start of each word: a logical ID may have no others.
pub(super) fn pascal(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_punctuation_have_different_logical_ids() {
        let mut names = Names::default();
        assert_eq!(names.unused(&pascal("edge/listener-rule/a")), "EdgeListenerRuleA");
        assert_eq!(names.unused(&pascal("edge/listener/rule-a")), "EdgeListenerRuleAN2");
    }
}
