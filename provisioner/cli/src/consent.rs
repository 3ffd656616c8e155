//! Consent to plans. `--yes` approves a plan, but never the deletion of protected resources.

use std::collections::BTreeSet;

use provisioner_model::Hint;

/// Asks the user questions.
pub trait Prompt {
    /// Returns whether there is a terminal with a user.
    fn is_interactive(&self) -> bool;
    /// Asks a question and returns the answer; none where the input ended.
    fn ask(&mut self, question: &str) -> Option<String>;
}

/// The consent that the command line's flags give.
#[derive(Clone, Debug, Default)]
pub struct ConsentFlags {
    /// `--yes`: approves the plan.
    pub yes: bool,
    /// `--allow-delete`: the addresses of protected resources that may be deleted or replaced.
    pub allow_delete: BTreeSet<String>,
    /// `--confirm`: the environment's name, as consent to destroy it.
    pub confirm: Option<String>,
    /// `--no-destroy`: refuses every delete, replacements included.
    pub no_destroy: bool,
}

/// The reason for a missing consent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentError {
    /// The answer was no.
    #[error("nothing was done: the plan was not approved")]
    Declined,
    /// The typed name was another one.
    #[error("nothing was done: `{typed}` is not `{wanted}`")]
    Mistyped {
        /// The text that was typed.
        typed: String,
        /// The text that was expected.
        wanted: String,
    },
    /// There is no terminal to ask on.
    #[error("nothing was done: there is no terminal to ask on")]
    Nobody,
    /// The plan would delete objects, and `--no-destroy` refuses that.
    #[error("nothing was done: the plan deletes objects of {}, and --no-destroy is set", addresses.join(", "))]
    Deletes {
        /// Addresses of the resources whose objects it would delete.
        addresses: Vec<String>,
    },
    /// The plan would delete protected resources.
    #[error("nothing was done: the plan deletes protected resources: {}", addresses.join(", "))]
    Protected {
        /// Addresses of the protected resources.
        addresses: Vec<String>,
    },
    /// The destroy of an environment with protected resources.
    #[error("nothing was done: {environment} has protected resources: {}", addresses.join(", "))]
    ProtectedEnvironment {
        /// Name of the environment.
        environment: String,
        /// Addresses of the protected resources.
        addresses: Vec<String>,
    },
    /// `state rm` of protected resources.
    #[error("nothing was done: {} protected", are(addresses))]
    ProtectedAddresses {
        /// Addresses of the resources.
        addresses: Vec<String>,
    },
    /// `--confirm` names none of the protected resources.
    #[error("nothing was done: --confirm names `{named}`, which is no protected resource among these")]
    ConfirmsUnprotected {
        /// The name that `--confirm` has.
        named: String,
        /// The protected resources.
        addresses: Vec<String>,
    },
    /// `--confirm` names another environment.
    #[error("nothing was done: --confirm names `{named}`, and this is `{expected}`")]
    ConfirmsOther {
        /// The name that `--confirm` has.
        named: String,
        /// The name that it must have.
        expected: String,
    },
}

fn are(addresses: &[String]) -> String {
    format!("{} {}", addresses.join(", "), if addresses.len() == 1 { "is" } else { "are" })
}

impl Hint for ConsentError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Nobody => Some("`--yes` approves the plan without a prompt".to_owned()),
            Self::Deletes { .. } => {
                Some("run `plan` to see why; apply without --no-destroy if they may be deleted".to_owned())
            }
            Self::Protected { addresses } => {
                let flags: Vec<String> = addresses.iter().map(|address| format!("--allow-delete {address}")).collect();
                Some(format!("to delete them anyway: {}", flags.join(" ")))
            }
            Self::ProtectedEnvironment { environment, .. } => {
                Some(format!("to destroy it anyway: --confirm {environment}"))
            }
            Self::ConfirmsUnprotected { addresses, .. } if addresses.is_empty() => {
                Some("none of them is protected: leave --confirm out".to_owned())
            }
            Self::ConfirmsUnprotected { addresses, .. } | Self::ProtectedAddresses { addresses } => {
                let flags: Vec<String> = addresses.iter().map(|address| format!("--confirm {address}")).collect();
                Some(format!("to forget {} anyway: {}", if flags.len() == 1 { "it" } else { "them" }, flags.join(" ")))
            }
            // The user's own answer.
            Self::Declined => None,
            Self::Mistyped { wanted, .. } => Some(format!("run the command again, and type `{wanted}` to approve")),
            Self::ConfirmsOther { expected, .. } => Some(format!("to approve: --confirm {expected}")),
        }
    }
}

/// Consent to an apply: the protected resources that may be lost. `deleted` are the addresses of which the plan deletes
/// an object, and `protected` those of them that are protected.
pub fn apply(
    environment: &str,
    deleted: &BTreeSet<String>,
    protected: &BTreeSet<String>,
    flags: &ConsentFlags,
    prompt: &mut dyn Prompt,
) -> Result<BTreeSet<String>, ConsentError> {
    if flags.no_destroy && !deleted.is_empty() {
        return Err(ConsentError::Deletes { addresses: deleted.iter().cloned().collect() });
    }
    let mut missing: Vec<&String> = protected.difference(&flags.allow_delete).collect();
    if !missing.is_empty() && !prompt.is_interactive() {
        return Err(ConsentError::Protected { addresses: missing.into_iter().cloned().collect() });
    }
    for address in missing.drain(..) {
        typed(
            address,
            &format!("{address} is protected, and this plan deletes it. Type its address to allow that:"),
            prompt,
        )?;
    }
    if !flags.yes {
        approved(&format!("Apply this to {environment}? [y/N]"), prompt)?;
    }
    Ok(protected.clone())
}

/// Consent to a destroy. Where anything is protected, the environment's name is consent to all of it.
pub fn destroy(
    environment: &str,
    protected: &BTreeSet<String>,
    flags: &ConsentFlags,
    prompt: &mut dyn Prompt,
) -> Result<BTreeSet<String>, ConsentError> {
    if confirmed(environment, flags)? {
        return Ok(protected.clone());
    }
    if protected.is_empty() {
        if !flags.yes {
            approved(&format!("Destroy all of {environment}? [y/N]"), prompt)?;
        }
        return Ok(BTreeSet::new());
    }
    if !prompt.is_interactive() {
        let addresses = protected.iter().cloned().collect();
        return Err(ConsentError::ProtectedEnvironment { environment: environment.to_owned(), addresses });
    }
    let list: Vec<&str> = protected.iter().map(String::as_str).collect();
    let question = format!(
        "This destroys {environment}, protected resources included: {}. Type the environment's name:",
        list.join(", ")
    );
    typed(environment, &question, prompt)?;
    Ok(protected.clone())
}

/// A resource that `state rm` forgets.
#[derive(Debug)]
pub struct Forgotten<'a> {
    /// Address of the resource.
    pub address: &'a str,
    /// IDs of its objects, for people.
    pub ids: String,
    /// Protected resources need consent of their own.
    pub is_protected: bool,
}

/// Consent to forget resources: their objects stay in the cloud, and no apply or destroy finds them any more. `confirmed`
/// has the addresses of protected resources.
pub fn forget(
    resources: &[Forgotten<'_>],
    yes: bool,
    confirmed: &BTreeSet<String>,
    prompt: &mut dyn Prompt,
) -> Result<(), ConsentError> {
    let protected = || resources.iter().filter(|resource| resource.is_protected).map(|resource| resource.address);
    if let Some(other) = confirmed.iter().find(|named| !protected().any(|address| address == named.as_str())) {
        let addresses = protected().map(str::to_owned).collect();
        return Err(ConsentError::ConfirmsUnprotected { named: other.clone(), addresses });
    }
    let unconfirmed = || resources.iter().filter(|resource| !confirmed.contains(resource.address));
    let protected: Vec<&Forgotten<'_>> = unconfirmed().filter(|resource| resource.is_protected).collect();
    if !protected.is_empty() && !prompt.is_interactive() {
        let addresses = protected.iter().map(|resource| resource.address.to_owned()).collect();
        return Err(ConsentError::ProtectedAddresses { addresses });
    }
    for Forgotten { address, ids, .. } in protected {
        let question =
            format!("{address} ({ids}) is protected. Type its address to forget it; the object stays in the cloud:");
        typed(address, &question, prompt)?;
    }
    let plain: Vec<String> = unconfirmed()
        .filter(|resource| !resource.is_protected)
        .map(|resource| format!("{} ({})", resource.address, resource.ids))
        .collect();
    match plain.len() {
        0 => Ok(()),
        _ if yes => Ok(()),
        1 => approved(&format!("Forget {}? The object stays in the cloud. [y/N]", plain[0]), prompt),
        number => {
            let list = plain.join("\n  ");
            approved(&format!("Forget these {number}?\n  {list}\nThe objects stay in the cloud. [y/N]"), prompt)
        }
    }
}

/// Returns whether `--confirm` names what is lost; fails if it names something else.
fn confirmed(expected: &str, flags: &ConsentFlags) -> Result<bool, ConsentError> {
    match &flags.confirm {
        None => Ok(false),
        Some(named) if named == expected => Ok(true),
        Some(named) => Err(ConsentError::ConfirmsOther { named: named.clone(), expected: expected.to_owned() }),
    }
}

/// A yes to a question that loses nothing protected.
pub fn approved(question: &str, prompt: &mut dyn Prompt) -> Result<(), ConsentError> {
    if !prompt.is_interactive() {
        return Err(ConsentError::Nobody);
    }
    match prompt.ask(question).map(|answer| answer.to_lowercase()).as_deref() {
        Some("y" | "yes") => Ok(()),
        _ => Err(ConsentError::Declined),
    }
}

fn typed(wanted: &str, question: &str, prompt: &mut dyn Prompt) -> Result<(), ConsentError> {
    match prompt.ask(question) {
        Some(answer) if answer == wanted => Ok(()),
        None => Err(ConsentError::Declined),
        Some(answer) if answer.is_empty() => Err(ConsentError::Declined),
        Some(typed) => Err(ConsentError::Mistyped { typed, wanted: wanted.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers in order; an empty list means that there is no terminal.
    struct Script(Vec<&'static str>, usize);

    impl Prompt for Script {
        fn is_interactive(&self) -> bool {
            !self.0.is_empty()
        }
        fn ask(&mut self, _: &str) -> Option<String> {
            let answer = self.0.get(self.1).map(|answer| (*answer).to_owned());
            self.1 += 1;
            answer
        }
    }

    fn script(answers: &[&'static str]) -> Script {
        Script(answers.to_vec(), 0)
    }

    fn set(addresses: &[&str]) -> BTreeSet<String> {
        addresses.iter().map(|address| (*address).to_owned()).collect()
    }

    #[test]
    fn plan_needs_approval_on_a_terminal_or_the_yes_flag() {
        let none = set(&[]);
        let flags = ConsentFlags::default();
        assert_eq!(apply("dev", &none, &none, &flags, &mut script(&[])), Err(ConsentError::Nobody));
        assert_eq!(apply("dev", &none, &none, &flags, &mut script(&["no"])), Err(ConsentError::Declined));
        assert_eq!(apply("dev", &none, &none, &flags, &mut script(&["Y"])), Ok(none.clone()));
        assert_eq!(apply("dev", &none, &none, &ConsentFlags { yes: true, ..flags }, &mut script(&[])), Ok(none));
    }

    #[test]
    fn yes_flag_does_not_delete_protected_resources() {
        let protected = set(&["database/instance/main"]);
        let yes = ConsentFlags { yes: true, ..ConsentFlags::default() };
        let refused = apply("prod", &protected, &protected, &yes, &mut script(&[])).unwrap_err();
        assert_eq!(refused.hint().as_deref(), Some("to delete them anyway: --allow-delete database/instance/main"));
        assert!(apply("prod", &protected, &protected, &yes, &mut script(&["y"])).is_err());
        assert_eq!(
            apply("prod", &protected, &protected, &yes, &mut script(&["database/instance/main"])),
            Ok(protected.clone())
        );
        let other = ConsentFlags { allow_delete: set(&["database/instance/other"]), ..yes.clone() };
        assert!(apply("prod", &protected, &protected, &other, &mut script(&[])).is_err());
        let allowed = ConsentFlags { allow_delete: protected.clone(), ..yes };
        assert_eq!(apply("prod", &protected, &protected, &allowed, &mut script(&[])), Ok(protected));
    }

    #[test]
    fn no_destroy_flag_refuses_every_delete() {
        let (none, replaced) = (set(&[]), set(&["network/subnet/public-a"]));
        let flags = ConsentFlags { yes: true, no_destroy: true, ..ConsentFlags::default() };
        let refused = apply("dev", &replaced, &none, &flags, &mut script(&["y"])).unwrap_err();
        assert_eq!(refused, ConsentError::Deletes { addresses: vec!["network/subnet/public-a".to_owned()] });
        let allowed = ConsentFlags { allow_delete: replaced.clone(), ..flags.clone() };
        assert!(apply("dev", &replaced, &replaced, &allowed, &mut script(&["y"])).is_err());
        assert_eq!(apply("dev", &none, &none, &flags, &mut script(&[])), Ok(none));
    }

    #[test]
    fn protected_resource_is_forgotten_only_with_its_address() {
        let one = |is_protected| [Forgotten { address: "a/b", ids: "1".into(), is_protected }];
        let confirm = |name: &str| BTreeSet::from([name.to_owned()]);
        let none = BTreeSet::new();
        assert_eq!(forget(&one(false), true, &none, &mut script(&[])), Ok(()));
        assert_eq!(forget(&one(false), false, &none, &mut script(&["y"])), Ok(()));
        let refused = forget(&one(true), true, &none, &mut script(&[])).unwrap_err();
        assert_eq!(refused.hint().as_deref(), Some("to forget it anyway: --confirm a/b"));
        assert!(forget(&one(true), true, &none, &mut script(&["y"])).is_err());
        assert_eq!(forget(&one(true), true, &none, &mut script(&["a/b"])), Ok(()));
        assert_eq!(forget(&one(true), true, &confirm("a/b"), &mut script(&[])), Ok(()));
        assert!(forget(&one(true), true, &confirm("a/c"), &mut script(&["a/b"])).is_err());
    }

    #[test]
    fn each_protected_resource_of_many_needs_consent() {
        let of = |address, is_protected| Forgotten { address, ids: "1".into(), is_protected };
        let all = [of("a/b", true), of("a/c", true), of("a/d", false)];
        let confirmed = BTreeSet::from(["a/b".to_owned()]);
        let refused = forget(&all, true, &confirmed, &mut script(&[])).unwrap_err();
        assert_eq!(refused.hint().as_deref(), Some("to forget it anyway: --confirm a/c"));
        assert_eq!(forget(&all, true, &confirmed, &mut script(&["a/c"])), Ok(()));
        assert_eq!(forget(&all, false, &confirmed, &mut script(&["a/c", "n"])), Err(ConsentError::Declined));
        assert_eq!(forget(&all, false, &confirmed, &mut script(&["a/c", "y"])), Ok(()));
    }

    #[test]
    fn protected_environment_is_destroyed_only_with_its_name() {
        let protected = set(&["database/instance/main"]);
        let yes = ConsentFlags { yes: true, ..ConsentFlags::default() };
        assert!(matches!(
            destroy("prod", &protected, &yes, &mut script(&[])),
            Err(ConsentError::ProtectedEnvironment { .. })
        ));
        assert!(destroy("prod", &protected, &yes, &mut script(&["dev"])).is_err());
        assert_eq!(destroy("prod", &protected, &yes, &mut script(&["prod"])), Ok(protected.clone()));
        let confirm = |name: &str| ConsentFlags { confirm: Some(name.to_owned()), ..ConsentFlags::default() };
        assert_eq!(destroy("prod", &protected, &confirm("prod"), &mut script(&[])), Ok(protected.clone()));
        assert!(destroy("prod", &protected, &confirm("dev"), &mut script(&["prod"])).is_err());
        assert_eq!(destroy("dev", &set(&[]), &yes, &mut script(&[])), Ok(set(&[])));
        assert_eq!(destroy("dev", &set(&[]), &ConsentFlags::default(), &mut script(&[])), Err(ConsentError::Nobody));
    }
}
