//! Policies and other JSON in strings.

use percent_encoding::percent_decode_str;
use provisioner_model::{compare::Compare, error::ErrorKind, expr::In};

use crate::value::text;

/// Returns the document to write: the desired one, if the observed one differs in meaning.
pub fn to_write(desired: Option<&In<String>>, observed: Option<&In<String>>) -> Option<String> {
    let desired = desired.and_then(text)?;
    let same = observed
        .and_then(text)
        .is_some_and(|observed| Compare::Document.is_equivalent(&desired.as_str().into(), &observed.into()));
    (!same).then_some(desired)
}

/// A document may name a role that its service sees only in a while: for [`api_with`](crate::error::api_with).
pub fn principal_not_yet(code: &str, message: &str) -> Option<ErrorKind> {
    let about = code.starts_with("MalformedPolicyDocument") || code == "InvalidParameter";
    (about && message.to_lowercase().contains("principal")).then_some(ErrorKind::NotYet)
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
    fn policy_documents_are_percent_decoded() {
        assert_eq!(decoded("%7B%22a%22%3A%20%22%C3%BC%25%2Bx%22%7D"), "{\"a\": \"ü%+x\"}");
        assert_eq!(decoded("{\"a\": \"50%25\"}"), "{\"a\": \"50%25\"}");
        assert_eq!(decoded("%7B%2"), "{%2");
    }

    #[test]
    fn document_is_written_only_where_it_differs() {
        let desired = In::from("{\"a\": [1]}");
        assert_eq!(to_write(Some(&desired), Some(&"{\"a\":1}".into())), None);
        assert_eq!(to_write(Some(&desired), None).as_deref(), Some("{\"a\": [1]}"));
        assert_eq!(to_write(None, Some(&desired)), None);
    }
}
