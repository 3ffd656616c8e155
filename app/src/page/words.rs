//! Formatting functions for the templates.

use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

/// An amount, for people.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "templates hand over references")]
pub(super) fn money(amount: &i64) -> String {
    crate::input::money(*amount)
}

/// An instant, for people.
pub(super) fn instant(at: &OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC")).unwrap_or_default()
}

/// An action's name, for people.
pub(super) fn action(name: &str) -> String {
    let mut words = name.replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// Returns the first letters of an ID: enough to distinguish a few.
pub(super) fn short(id: &Uuid) -> String {
    id.to_string().chars().take(8).collect()
}

/// A field's name, for people.
pub(super) fn field(name: &str) -> String {
    match name {
        "opening" => "Opening balance".into(),
        "Idempotency-Key" => "The form".into(),
        other => action(&other.replace('_', "-")),
    }
}
