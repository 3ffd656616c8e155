//! Policies and other JSON in strings.

use percent_encoding::percent_decode_str;
use provisioner_model::{compare::Compare, error::Kind, expr::In};

use crate::value::text;

/// The document to write: what is wanted, where what is there does not mean the same.
pub fn to_write(want: Option<&In<String>>, seen: Option<&In<String>>) -> Option<String> {
    let want = want.and_then(text)?;
    let same = seen.and_then(text).is_some_and(|seen| Compare::Document.same(&want.as_str().into(), &seen.into()));
    (!same).then_some(want)
}

/// A document may name a role that its service sees only in a while: for [`api_with`](crate::error::api_with).
pub fn principal_not_yet(code: &str, message: &str) -> Option<Kind> {
    let about = code.starts_with("MalformedPolicyDocument") || code == "InvalidParameter";
    (about && message.to_lowercase().contains("principal")).then_some(Kind::NotYet)
}

/// A document as we compare it: IAM answers with percent signs, by the rules of URLs.
pub fn decoded(text: &str) -> String {
    // JSON starts with a brace: one that is there as such says that nothing is encoded.
    if !text.starts_with('%') {
        return text.to_owned();
    }
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_iam_encodes_is_decoded_and_nothing_else() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22%C3%BC%25%2Bx%22%7D"), "{\"a\": \"ü%+x\"}");
        assert_eq!(decoded("{\"a\": \"50%25\"}"), "{\"a\": \"50%25\"}");
        assert_eq!(decoded("%7B%2"), "{%2");
    }

    #[test]
    fn a_document_is_written_only_where_it_differs() {
        let want = In::from("{\"a\": [1]}");
        assert_eq!(to_write(Some(&want), Some(&"{\"a\":1}".into())), None);
        assert_eq!(to_write(Some(&want), None).as_deref(), Some("{\"a\": [1]}"));
        assert_eq!(to_write(None, Some(&want)), None);
    }
}
