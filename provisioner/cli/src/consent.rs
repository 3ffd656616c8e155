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
    /// `--confirm`: the environment's name, as consent to all of a destroy.
    pub confirm: Option<String>,
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
    /// `--confirm` named another environment.
    #[error("nothing was done: --confirm names `{named}`, and this is `{environment}`")]
    OtherEnvironment {
        /// The name that `--confirm` has.
        named: String,
        /// Name of the environment.
        environment: String,
    },
}

impl Hint for ConsentError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Nobody => Some("`--yes` approves the plan without a prompt".to_owned()),
            Self::Protected { addresses } => {
                let flags: Vec<String> = addresses.iter().map(|address| format!("--allow-delete {address}")).collect();
                Some(format!("to delete them anyway: {}", flags.join(" ")))
            }
            Self::ProtectedEnvironment { environment, .. } => {
                Some(format!("to destroy it anyway: --confirm {environment}"))
            }
            Self::Declined | Self::Mistyped { .. } | Self::OtherEnvironment { .. } => None,
        }
    }
}

/// Consent to an apply: the protected resources that may be lost.
pub fn apply(
    environment: &str,
    protected: &BTreeSet<String>,
    flags: &ConsentFlags,
    prompt: &mut dyn Prompt,
) -> Result<BTreeSet<String>, ConsentError> {
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
    match &flags.confirm {
        Some(named) if named == environment => return Ok(protected.clone()),
        Some(named) => {
            let (named, environment) = (named.clone(), environment.to_owned());
            return Err(ConsentError::OtherEnvironment { named, environment });
        }
        None => {}
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
        assert_eq!(apply("dev", &none, &flags, &mut script(&[])), Err(ConsentError::Nobody));
        assert_eq!(apply("dev", &none, &flags, &mut script(&["no"])), Err(ConsentError::Declined));
        assert_eq!(apply("dev", &none, &flags, &mut script(&["Y"])), Ok(none.clone()));
        assert_eq!(apply("dev", &none, &ConsentFlags { yes: true, ..flags }, &mut script(&[])), Ok(none));
    }

    #[test]
    fn yes_flag_does_not_delete_protected_resources() {
        let protected = set(&["database/instance/main"]);
        let yes = ConsentFlags { yes: true, ..ConsentFlags::default() };
        let refused = apply("prod", &protected, &yes, &mut script(&[])).unwrap_err();
        assert_eq!(refused.hint().as_deref(), Some("to delete them anyway: --allow-delete database/instance/main"));
        assert!(apply("prod", &protected, &yes, &mut script(&["y"])).is_err());
        assert_eq!(apply("prod", &protected, &yes, &mut script(&["database/instance/main"])), Ok(protected.clone()));
        let other = ConsentFlags { allow_delete: set(&["database/instance/other"]), ..yes.clone() };
        assert!(apply("prod", &protected, &other, &mut script(&[])).is_err());
        let allowed = ConsentFlags { allow_delete: protected.clone(), ..yes };
        assert_eq!(apply("prod", &protected, &allowed, &mut script(&[])), Ok(protected));
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
