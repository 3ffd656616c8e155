//! Rules for the environment's own tags.

use std::collections::BTreeSet;

use provisioner_aws::tags::{MAX_TAGS, key_problem, value_problem};
use provisioner_model::{
    environment::Mistake,
    ownership::{OWN_TAGS, PREFIX},
};

use crate::{STACK_TAGS, environment::Environment};

/// Checks the tags against the rules that all services accept, and against Provisioner's own tags.
pub(super) fn tags(env: &Environment) -> Vec<Mistake> {
    let at = |key: &str, what: String| Mistake { path: vec!["tags".to_owned(), key.to_owned()], what, hint: None };
    let most = MAX_TAGS - STACK_TAGS.len() - OWN_TAGS.len();
    let mut mistakes = vec![];
    if env.tags.len() > most {
        let what = format!("there are {} tags, and at most {most} are possible", env.tags.len());
        let hint = format!("AWS allows {MAX_TAGS} tags of an object, and Provisioner needs the others");
        mistakes.push(Mistake::new("tags", what).hint(hint));
    }
    let mut lower_keys = BTreeSet::new();
    for (key, value) in &env.tags {
        let lower = key.to_lowercase();
        // The keys of IAM's tags differ by more than case: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>
        if STACK_TAGS.contains(&lower.as_str()) || lower.starts_with(PREFIX) {
            let what = format!("Provisioner sets the tag `{lower}` itself");
            mistakes.push(at(key, what).hint("another key: IAM compares keys without regard to case"));
        }
        if !lower_keys.insert(lower) {
            let what = format!("another key differs from `{key}` only in case");
            mistakes.push(at(key, what).hint("another key: IAM compares keys without regard to case"));
        }
        mistakes.extend([key_problem(key), value_problem(value)].into_iter().flatten().map(|what| at(key, what)));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use crate::environment::rules::tests::after;

    fn with(tags: &[(&str, &str)]) -> Vec<String> {
        after(|env| env.tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn tags_follow_the_rules_of_all_services() {
        assert_eq!(with(&[("team", "a"), ("example.org/cost center", "")]), [""; 0]);
        assert_eq!(
            with(&[("aws:team", "a"), ("owner", "a;b")]),
            [
                "tags.aws:team: `aws:team` begins with `aws:`, which AWS reserves ()",
                "tags.owner: the value of a tag cannot contain `;`: letters, digits, spaces and `_.:/=+-@` ()"
            ]
        );
    }

    #[test]
    fn tags_of_provisioner_are_reserved() {
        for key in ["project", "Environment", "provisioner:token", "Provisioner:x"] {
            let lines = with(&[(key, "a")]);
            assert!(lines.len() == 1 && lines[0].contains("Provisioner sets the tag"), "{key}: {lines:?}");
        }
        let lines = with(&[("Team", "a"), ("team", "b")]);
        assert_eq!(
            lines,
            [
                "tags.team: another key differs from `team` only in case (another key: IAM compares keys without regard to case)"
            ]
        );
    }

    #[test]
    fn tags_leave_room_for_those_of_provisioner() {
        let many = |count: usize| {
            after(|env| env.tags = (0..count).map(|number| (format!("tag{number}"), String::new())).collect())
        };
        assert_eq!(many(45), [""; 0]);
        assert_eq!(
            many(46),
            [
                "tags: there are 46 tags, and at most 45 are possible (AWS allows 50 tags of an object, and Provisioner needs the others)"
            ]
        );
    }
}
