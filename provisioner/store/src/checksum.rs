//! Checksums of the state file and of journal lines: the text of a JSON object has the SHA-256 of its other bytes as its
//! first member.

use std::borrow::Cow;

use provisioner_model::digest::sha256;

/// The beginning of a text with a checksum.
const START: &[u8] = b"{\"checksum\":\"";
/// The text between the checksum and the bytes that it is about.
const END: &[u8] = b"\",";
/// Number of hexadecimal digits.
const DIGITS: usize = 64;

/// The text is not the one that the checksum is about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mismatch;

/// Adds the checksum to the text of a JSON object that has a member.
pub fn add(text: &[u8]) -> Vec<u8> {
    let rest = text.strip_prefix(b"{").unwrap_or(text);
    [START, sha256(rest).as_bytes(), END, rest].concat()
}

/// Returns the text without its checksum, which must match; a text without one is returned as it is.
pub(crate) fn remove(text: &[u8]) -> Result<Cow<'_, [u8]>, Mismatch> {
    let Some(rest) = text.strip_prefix(START) else { return Ok(Cow::Borrowed(text)) };
    let (digits, rest) = rest.split_at_checked(DIGITS).ok_or(Mismatch)?;
    let rest = rest.strip_prefix(END).ok_or(Mismatch)?;
    if sha256(rest).as_bytes() == digits { Ok(Cow::Owned([b"{", rest].concat())) } else { Err(Mismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_found() {
        let text = add(b"{\"a\":1,\n\"b\":[2]}\n");
        assert_eq!(remove(&text).unwrap().as_ref(), b"{\"a\":1,\n\"b\":[2]}\n");
        assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok(), "it is JSON");
        for bit in 0..text.len() * 8 {
            let mut flipped = text.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Without its beginning, it is a text without a checksum, and has a member that the parsers refuse.
            assert!(!flipped.starts_with(START) || remove(&flipped) == Err(Mismatch), "bit {bit}");
        }
    }

    #[test]
    fn truncated_text_does_not_match() {
        let text = add(b"{\"a\":1}");
        for length in START.len()..text.len() {
            assert_eq!(remove(&text[..length]), Err(Mismatch), "{length}");
        }
    }
}
