//! Rules for user input. They are the same for the API and the page.

use crate::problem::{FieldError, Problem};

/// At most that is moved or opened with at once, in minor units.
pub const MOST_AMOUNT: i64 = 1_000_000_000_000;
/// At most that is in an account when it is opened, in minor units.
pub const MOST_OPENING: i64 = 100_000_000;
/// A password's fewest and most characters.
pub const PASSWORD: (usize, usize) = (12, 128);

/// Collects what is wrong with which field.
#[derive(Default)]
pub struct Checked(Vec<FieldError>);

impl Checked {
    /// Notes it where it does not hold.
    pub fn that(&mut self, holds: bool, field: &'static str, message: &str) -> &mut Self {
        if !holds {
            self.0.push(FieldError { field, message: message.to_owned() });
        }
        self
    }

    /// Checks the name of a user.
    pub fn name(&mut self, field: &'static str, name: &str) -> &mut Self {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let fits = (3..=32).contains(&name.len()) && starts && name.chars().all(plain);
        self.that(fits, field, "must be 3 to 32 small letters, digits, . _ or -, and start with a letter or digit")
    }

    /// Checks a new user's password.
    pub fn password(&mut self, field: &'static str, password: &str) -> &mut Self {
        let fits = (PASSWORD.0..=PASSWORD.1).contains(&password.chars().count());
        self.that(fits, field, "must have 12 to 128 characters")
    }

    /// A password that is only compared.
    pub fn known_password(&mut self, field: &'static str, password: &str) -> &mut Self {
        let fits = (1..=PASSWORD.1).contains(&password.chars().count());
        self.that(fits, field, "must have 1 to 128 characters")
    }

    /// Checks an account's name.
    pub fn label(&mut self, field: &'static str, label: &str) -> &mut Self {
        let fits =
            (1..=40).contains(&label.chars().count()) && !label.chars().any(char::is_control) && label.trim() == label;
        self.that(fits, field, "must have 1 to 40 characters, no line breaks, and no space at its ends")
    }

    /// Checks an idempotency key.
    pub fn key(&mut self, field: &'static str, key: &str) -> &mut Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        let fits = (1..=64).contains(&key.len()) && key.chars().all(plain);
        self.that(fits, field, "must be 1 to 64 letters, digits, _ or -")
    }

    /// An amount to move.
    pub fn amount(&mut self, field: &'static str, amount: i64) -> &mut Self {
        self.that(
            (1..=MOST_AMOUNT).contains(&amount),
            field,
            "must be more than nothing, and at most 10 000 000 000.00",
        )
    }

    /// An amount to open with.
    pub fn opening(&mut self, field: &'static str, amount: i64) -> &mut Self {
        self.that((0..=MOST_OPENING).contains(&amount), field, "must be from 0.00 to 1 000 000.00")
    }

    /// All that is wrong.
    pub fn end(&mut self) -> Result<(), Problem> {
        if self.0.is_empty() { Ok(()) } else { Err(Problem::invalid(std::mem::take(&mut self.0))) }
    }
}

/// Reads an amount as people write it, `12` or `12.34`, into minor units.
pub fn amount(text: &str) -> Option<i64> {
    let text = text.trim();
    let (whole, cents) = text.split_once(['.', ',']).unwrap_or((text, "00"));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 13 || !digits(whole) || cents.is_empty() || cents.len() > 2 || !digits(cents) {
        return None;
    }
    let cents = if cents.len() == 1 { format!("{cents}0") } else { cents.to_owned() };
    whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents.parse().ok()?)
}

/// Minor units as people read them: `1 234.56`.
pub fn money(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, cents) = (amount.unsigned_abs() / 100, amount.unsigned_abs() % 100);
    let digits = whole.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    format!("{sign}{grouped}.{cents:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        assert_eq!(amount("12.34"), Some(1234));
        assert_eq!(amount(" 12,5 "), Some(1250));
        assert_eq!(amount("0"), Some(0));
        for wrong in ["", ".", "1.", "-1", "1e3", "1.234", "99999999999999", "1.2.3", "+1", "٣"] {
            assert_eq!(amount(wrong), None, "{wrong}");
        }
        assert_eq!(money(123_456_789), "1\u{a0}234\u{a0}567.89");
        assert_eq!(money(5), "0.05");
        assert_eq!(money(i64::MIN), "-92\u{a0}233\u{a0}720\u{a0}368\u{a0}547\u{a0}758.08");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let wrong = Checked::default().name("name", "A").password("password", "short").end().unwrap_err();
        assert_eq!(wrong.errors.iter().map(|e| e.field).collect::<Vec<_>>(), ["name", "password"]);
    }
}
