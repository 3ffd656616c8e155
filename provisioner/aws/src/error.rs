//! The one place where AWS's error codes become kinds.

use aws_smithy_runtime_api::{
    client::{orchestrator::HttpResponse, result::SdkError},
    http::Headers,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use provisioner_model::error::{Error, ErrorKind, Result};

/// Turns an SDK error into ours: `.map_err(api("ec2:CreateSubnet"))`.
pub fn api<E>(action: &'static str) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    api_with(action, |_, _| None)
}

/// As [`api`], for a call whose code or message means something of its own: the first argument is the code, the
/// second the message.
pub fn api_with<E>(
    action: &'static str,
    special: impl FnOnce(&str, &str) -> Option<ErrorKind>,
) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    move |error| {
        let code = error.code().map(str::to_owned);
        let message = error.message().map(str::to_owned);
        let known = special(code.as_deref().unwrap_or_default(), message.as_deref().unwrap_or_default());
        let kind = known.unwrap_or_else(|| match &error {
            // The request lacks a required member, or a value cannot be written as the protocol needs it.
            SdkError::ConstructionFailure(_) => ErrorKind::Bug,
            SdkError::DispatchFailure(failure) if failure.is_user() => ErrorKind::NotSent,
            SdkError::DispatchFailure(failure) if failure.as_connector_error().is_some_and(refused) => {
                ErrorKind::NotSent
            }
            SdkError::ServiceError(answer) => kind_of(code.as_deref(), answer.raw().status().as_u16()),
            // A timeout, a cut connection: the effect may have happened.
            _ => ErrorKind::Unknown,
        });
        let request_id = error.raw_response().and_then(|raw| request_id(raw.headers()));
        let error = match message {
            Some(message) => Error::because(kind, action, message),
            None => Error::because(kind, action, error),
        };
        Error { code, request_id, ..error }
    }
}

/// As [`api`], for a call that gives one code a special meaning.
pub fn api_code<E>(
    action: &'static str,
    code: &'static str,
    kind: ErrorKind,
) -> impl FnOnce(SdkError<E, HttpResponse>) -> Error
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    api_with(action, move |found, _| (found == code).then_some(kind))
}

fn request_id(headers: &Headers) -> Option<String> {
    headers.get("x-amzn-requestid").or_else(|| headers.get("x-amz-request-id")).map(str::to_owned)
}

/// No connection was made, so nothing was sent.
fn refused(error: &aws_smithy_runtime_api::client::result::ConnectorError) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}

// By code first: EC2 throttles with a 503. On a create or update, the engine takes `Gone` for `NotYet` while what it
// refers to is fresh.
fn kind_of(code: Option<&str>, status: u16) -> ErrorKind {
    match code {
        Some(
            "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "LimitExceededException.Throttling",
        ) => ErrorKind::Throttled,
        Some(
            "UnauthorizedOperation"
            | "AccessDenied"
            | "AccessDeniedException"
            | "AuthorizationError"
            | "AuthFailure"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch",
        ) => ErrorKind::Denied,
        Some("RequestExpired" | "ExpiredToken" | "ExpiredTokenException") => ErrorKind::Expired,
        Some(
            "DependencyViolation" | "ResourceInUse" | "ResourceInUseException" | "DeleteConflict" | "BucketNotEmpty",
        ) => ErrorKind::InUse,
        Some(
            "IncorrectState"
            | "IncorrectInstanceState"
            | "ConcurrentModification"
            | "ConcurrentModificationException"
            | "OperationAborted"
            | "WAFOptimisticLockException"
            | "ConcurrentUpdateException",
        ) => ErrorKind::Busy,
        Some("WAFUnavailableEntityException") => ErrorKind::NotYet,
        Some(code) if is_gone(code) => ErrorKind::Gone,
        Some(code) if is_there(code) => ErrorKind::Exists,
        _ if status >= 500 => ErrorKind::Unknown,
        _ => ErrorKind::Refused,
    }
}

fn is_gone(code: &str) -> bool {
    let code = code.trim_end_matches("Exception").trim_end_matches("Fault");
    code.ends_with("NotFound")
        || code.starts_with("NoSuch")
        || matches!(code, "NotFound" | "ResourceNotFound" | "WAFNonexistentItem" | "NatGatewayNotFound")
}

fn is_there(code: &str) -> bool {
    let code = code.trim_end_matches("Exception").trim_end_matches("Fault");
    code.ends_with(".Duplicate")
        || code.ends_with("AlreadyExists")
        || code.ends_with("AlreadyOwnedByYou")
        || code.starts_with("Duplicate")
        || matches!(code, "AlreadyExists" | "ResourceExists" | "WAFDuplicateItem" | "EntityAlreadyExists")
}

/// Accepts that an object is gone: its deletion is a success, and lists of its parts are empty.
pub fn gone_ok<T: Default>(result: Result<T>) -> Result<T> {
    result.or_else(|error| if error.kind == ErrorKind::Gone { Ok(T::default()) } else { Err(error) })
}

/// The result, or `None` for an error of this kind: `none_if(ErrorKind::Gone, get(c, id).await)?`.
pub fn none_if<T>(kind: ErrorKind, result: Result<T>) -> Result<Option<T>> {
    result.map(Some).or_else(|error| if error.kind == kind { Ok(None) } else { Err(error) })
}

/// A part of a request, whose builder may lack a member: a bug of the resource type.
pub fn built<T>(part: std::result::Result<T, aws_smithy_types::error::operation::BuildError>) -> Result<T> {
    part.map_err(|error| Error::bug("request", error))
}

/// An answer's member that the API documents as always there.
pub fn need<T: ?Sized + ToOwned>(action: &'static str, value: Option<&T>, member: &'static str) -> Result<T::Owned> {
    value.map(ToOwned::to_owned).ok_or_else(|| Error::missing(action, member))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_become_kinds() {
        for (code, kind) in [
            ("InvalidSubnetID.NotFound", ErrorKind::Gone),
            ("NoSuchEntity", ErrorKind::Gone),
            ("DBInstanceNotFoundFault", ErrorKind::Gone),
            ("ResourceNotFoundException", ErrorKind::Gone),
            ("EntityAlreadyExists", ErrorKind::Exists),
            ("DuplicateLoadBalancerNameException", ErrorKind::Exists),
            ("InvalidPermission.Duplicate", ErrorKind::Exists),
            ("DependencyViolation", ErrorKind::InUse),
            ("ThrottlingException", ErrorKind::Throttled),
            ("ValidationError", ErrorKind::Refused),
        ] {
            assert_eq!(kind_of(Some(code), 400), kind, "{code}");
        }
        assert_eq!(kind_of(None, 503), ErrorKind::Unknown);
    }
}
