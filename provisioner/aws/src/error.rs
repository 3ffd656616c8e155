//! The one place where AWS's error codes become kinds.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::{
    client::{
        orchestrator::HttpResponse,
        result::{ConnectorError, SdkError},
    },
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
            SdkError::DispatchFailure(failure) if failure.as_connector_error().is_some_and(lacks_credentials) => {
                ErrorKind::NoCredentials
            }
            SdkError::ServiceError(answer) => {
                kind_of(code.as_deref(), message.as_deref().unwrap_or_default(), answer.raw().status().as_u16())
            }
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

pub(crate) fn request_id(headers: &Headers) -> Option<String> {
    headers.get("x-amzn-requestid").or_else(|| headers.get("x-amz-request-id")).map(str::to_owned)
}

/// Reports whether no connection was made, so that nothing was sent.
fn refused(error: &ConnectorError) -> bool {
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Reports whether the SDK could not load or renew the credentials, so that nothing was sent.
fn lacks_credentials(error: &ConnectorError) -> bool {
    causes(error).any(<dyn std::error::Error>::is::<CredentialsError>)
}

fn causes(error: &ConnectorError) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

// By code first: EC2 throttles with a 503. `Gone`, `Denied`, `Unusable` and a refusal that names an object are final, but
// for the engine's `fresh.rs`: it waits while an object that the call refers to is fresh.
fn kind_of(code: Option<&str>, message: &str, status: u16) -> ErrorKind {
    match code {
        Some(code) if is_throttled(code) => ErrorKind::Throttled,
        Some("RequestTimeTooSkewed" | "RequestInTheFuture") => ErrorKind::Clock,
        Some("InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestExpired" | "AuthFailure")
            if is_about_time(message) =>
        {
            ErrorKind::Clock
        }
        // The server gave up reading the request: it may have read enough.
        Some("RequestTimeout" | "RequestTimeoutException") => ErrorKind::Unknown,
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
            | "ConcurrentUpdateException"
            // SNS, IAM, CloudWatch Logs.
            | "ConcurrentAccess"
            | "EntityTemporarilyUnmodifiable"
            | "OperationAbortedException"
            // ECS.
            | "UpdateInProgressException",
        ) => ErrorKind::Busy,
        Some("WAFUnavailableEntityException") => ErrorKind::NotYet,
        Some(code) if is_over_quota(code) => ErrorKind::QuotaExceeded,
        Some(code) if is_gone(code) => ErrorKind::Gone,
        Some(code) if is_there(code) => ErrorKind::Exists,
        _ if status == 429 => ErrorKind::Throttled,
        _ if status >= 500 => ErrorKind::Unknown,
        Some(_) if asks_to_wait(message) => ErrorKind::NotYet,
        Some(code) if is_unusable(code, message) => ErrorKind::Unusable,
        _ => ErrorKind::Refused,
    }
}

fn is_throttled(code: &str) -> bool {
    // `ThrottlingException`, `EC2ThrottledException`, `RequestThrottled`, SNS's `Throttled` and `KMSThrottling`.
    code.contains("Throttl")
        || matches!(
            code,
            "RequestLimitExceeded"
                | "TooManyRequestsException"
                | "TooManyRequests"
                | "SlowDown"
                | "PriorRequestNotComplete"
                | "ProvisionedThroughputExceededException"
                | "TransactionInProgressException"
                | "BandwidthLimitExceeded"
        )
}

/// `VpcLimitExceeded`, `InstanceQuotaExceededFault`, `TooManyLoadBalancers`, `WAFLimitsExceededException`. Throttling has
/// similar codes, and is checked before.
fn is_over_quota(code: &str) -> bool {
    ["LimitExceeded", "LimitsExceeded", "QuotaExceeded", "QuotaReached"].iter().any(|text| code.contains(text))
        || code.starts_with("TooMany")
}

/// The signature's time is too far from the server's.
fn is_about_time(message: &str) -> bool {
    let message = message.to_lowercase();
    ["signature expired", "signature not yet current", "timestamp", "is now earlier than", "is still later than"]
        .iter()
        .any(|text| message.contains(text))
}

/// The API itself says that the same request may succeed later: RDS does so while its service-linked role is created.
fn asks_to_wait(message: &str) -> bool {
    let message = message.to_lowercase();
    ["try again later", "wait and try", "please wait", "retry your request", "retry the request"]
        .iter()
        .any(|text| message.contains(text))
}

/// Something that the request refers to is missing, not ready, or does not let the caller or the service use it. Most
/// APIs have no code of their own for this, and say it in the message.
fn is_unusable(code: &str, message: &str) -> bool {
    const CODES: [&str; 9] = [
        "NotAccessible",
        "NotReady",
        "NotActive",
        "FailedResourceAccess",
        "UnableToAccess",
        "MissingPermissions",
        // A key of moments ago: ECR, Secrets Manager.
        "KmsException",
        "EncryptionFailure",
        "DecryptionFailure",
    ];
    const TEXTS: [&str; 24] = [
        "does not exist",
        "doesn't exist",
        "do not exist",
        "not found",
        "cannot be found",
        "can't find",
        "cannot find",
        "could not find",
        "no such",
        "not authorized",
        "access denied",
        "access to kms is not allowed",
        "not accessible",
        "cannot access",
        "can't access",
        "could not access",
        "does not have permission",
        "does not have the required permission",
        "insufficient permission",
        "proper permission",
        "not attachable",
        "has no internet gateway",
        "is not in a valid state",
        "invalid principal",
    ];
    let message = message.to_lowercase();
    // Codes of Elastic Load Balancing, whose messages name no object. EC2's `InvalidSubnet.Conflict` is final.
    let invalid_member = matches!(code, "InvalidSecurityGroup" | "InvalidSubnet");
    // `InvalidDBParameterGroupState`, `InvalidStateException`, `KMSInvalidStateException`.
    let state = code.trim_end_matches("Exception").trim_end_matches("Fault");
    let invalid_state = state.contains("Invalid") && state.ends_with("State");
    let denied_role = message.contains("assume")
        && ["unable", "cannot", "can't", "could not", "not be"].iter().any(|text| message.contains(text));
    let invalid_role =
        message.contains("role") && ["is invalid", "is not valid"].iter().any(|text| message.contains(text));
    CODES.iter().any(|text| code.contains(text))
        || TEXTS.iter().any(|text| message.contains(text))
        || invalid_member
        || invalid_state
        || denied_role
        || invalid_role
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
            ("VpcLimitExceeded", ErrorKind::QuotaExceeded),
            ("AddressLimitExceeded", ErrorKind::QuotaExceeded),
            ("InstanceQuotaExceededFault", ErrorKind::QuotaExceeded),
            ("TooManyLoadBalancersException", ErrorKind::QuotaExceeded),
            ("LimitExceededException", ErrorKind::QuotaExceeded),
            ("WAFLimitsExceededException", ErrorKind::QuotaExceeded),
            ("TooManyRequestsException", ErrorKind::Throttled),
        ] {
            assert_eq!(kind_of(Some(code), "", 400), kind, "{code}");
        }
        assert_eq!(kind_of(None, "", 503), ErrorKind::Unknown);
        assert_eq!(kind_of(None, "", 429), ErrorKind::Throttled);
    }

    #[test]
    fn temporary_errors_are_classified() {
        for code in [
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "ProvisionedThroughputExceededException",
            "TransactionInProgressException",
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "Throttled",
            "Throttling",
            "KMSThrottling",
        ] {
            assert_eq!(kind_of(Some(code), "", 400), ErrorKind::Throttled, "{code}");
        }
        for code in
            ["OperationAbortedException", "OperationAborted", "EntityTemporarilyUnmodifiable", "ConcurrentAccess"]
        {
            assert_eq!(kind_of(Some(code), "", 400), ErrorKind::Busy, "{code}");
        }
        assert_eq!(kind_of(Some("RequestTimeout"), "", 400), ErrorKind::Unknown);
    }

    #[test]
    fn wrong_clock_is_not_a_missing_permission() {
        for (code, message) in [
            ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
            ("InvalidSignatureException", "Signature expired: 20261127T120000Z is now earlier than 20261127T121500Z"),
            (
                "SignatureDoesNotMatch",
                "Signature not yet current: 20261127T120000Z is still later than 20261127T110000Z",
            ),
            ("RequestExpired", "Request has expired. Timestamp date is 2026-11-27T12:00:00Z."),
        ] {
            assert_eq!(kind_of(Some(code), message, 403), ErrorKind::Clock, "{code}");
        }
        assert_eq!(kind_of(Some("RequestExpired"), "Request has expired.", 400), ErrorKind::Expired);
        assert_eq!(kind_of(Some("SignatureDoesNotMatch"), "The signature does not match.", 403), ErrorKind::Denied);
    }

    /// Messages of AWS about objects that were created, changed or granted moments before.
    #[test]
    fn objects_that_cannot_be_used_are_no_plain_refusals() {
        for (code, message) in [
            ("KMSKeyNotAccessibleFault", "The specified KMS key isn't accessible."),
            ("ValidationException", "Unable to assume IAM role: arn:aws:iam::123456789012:role/app"),
            ("InvalidConfigurationRequest", "Access Denied for bucket: logs. Please check S3bucket permission"),
            ("InvalidSubnet", "VPC vpc-1 has no internet gateway"),
            ("InvalidRequestException", "Access to KMS is not allowed"),
            ("InvalidParameterValue", "RDS does not have permission to assume the service-linked role"),
            ("InvalidInput", "Policy arn:aws:iam::123456789012:policy/app does not exist or is not attachable."),
            ("MalformedPolicy", "Invalid principal in policy"),
            ("ClientException", "Role is not valid"),
            ("InvalidDBParameterGroupState", "The parameter group is in use."),
            ("KMSInvalidStateException", "The key is pending import."),
            ("KmsException", "The operation failed due to a KMS exception."),
            ("InvalidSecurityGroup", "One or more security groups are invalid"),
        ] {
            assert_eq!(kind_of(Some(code), message, 400), ErrorKind::Unusable, "{code}: {message}");
        }
        let message =
            "Verify that you have permission to create service linked role. Otherwise wait and try again later";
        assert_eq!(kind_of(Some("InvalidParameterValue"), message, 400), ErrorKind::NotYet);
        let message = "Value (10.0.0.0/33) for parameter cidrBlock is invalid. This is not a valid CIDR block.";
        assert_eq!(kind_of(Some("InvalidParameterValue"), message, 400), ErrorKind::Refused);
        let message = "The CIDR '10.0.0.0/20' conflicts with another subnet";
        assert_eq!(kind_of(Some("InvalidSubnet.Conflict"), message, 400), ErrorKind::Refused);
    }
}
