//! A point of the sweep: `OPERATION CALL INTERRUPTION CONTINUATION`, such as
//! `apply ec2:CreateSubnet#2 kill-after destroy`.

use std::{fmt, str::FromStr};

/// The command that is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// The first apply.
    Apply,
    /// The apply of a change with replacements.
    Update,
    Destroy,
}

/// The fault at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interruption {
    /// SIGKILL before the request reaches the endpoint.
    KillBefore,
    /// SIGKILL after the endpoint has answered; the answer is lost.
    KillAfter,
    /// A lost answer, without a kill.
    Withhold,
}

/// The next operation of the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuation {
    Apply,
    Destroy,
    /// An apply with the program from before the interrupted command; after a destroy, with a changed program.
    Revert,
    /// An apply without the resource whose call was interrupted, and without what refers to it.
    Remove,
    /// A destroy after an unrelated change was applied.
    DestroyLater,
}

#[derive(Clone, Debug)]
pub(super) struct Point {
    pub(super) operation: Operation,
    /// The call's operation and its number, as fault rules have them.
    pub(super) call: String,
    pub(super) interruption: Interruption,
    pub(super) continuation: Continuation,
}

impl Interruption {
    pub(super) const ALL: [Self; 3] = [Self::KillBefore, Self::KillAfter, Self::Withhold];

    /// Returns the fault in the text form of fault rules.
    pub(super) fn fault(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::Withhold => "withhold",
        }
    }
}

impl Operation {
    const ALL: [Self; 3] = [Self::Apply, Self::Update, Self::Destroy];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "apply",
            Self::Update => "update",
            Self::Destroy => "destroy",
        })
    }
}

impl Continuation {
    pub(super) const ALL: [Self; 5] = [Self::Apply, Self::Destroy, Self::Revert, Self::Remove, Self::DestroyLater];

    fn name(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Destroy => "destroy",
            Self::Revert => "revert",
            Self::Remove => "remove",
            Self::DestroyLater => "destroy-later",
        }
    }
}

impl Point {
    pub(super) fn is_same_interruption(&self, other: &Self) -> bool {
        (self.operation, &self.call, self.interruption) == (other.operation, &other.call, other.interruption)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, call, interruption, continuation } = self;
        write!(f, "{operation} {call} {} {}", interruption.fault(), continuation.name())
    }
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || format!("invalid point {text:?}: expected OPERATION CALL INTERRUPTION CONTINUATION");
        let words: Vec<&str> = text.split_whitespace().collect();
        let [operation, call, interruption, continuation] = words[..] else { return Err(invalid()) };
        let operation = Operation::ALL.into_iter().find(|one| one.to_string() == operation);
        let interruption = Interruption::ALL.into_iter().find(|one| one.fault() == interruption);
        let continuation = Continuation::ALL.into_iter().find(|one| one.name() == continuation);
        match (operation, interruption, continuation) {
            (Some(operation), Some(interruption), Some(continuation)) => {
                Ok(Self { operation, call: call.to_owned(), interruption, continuation })
            }
            _ => Err(invalid()),
        }
    }
}
