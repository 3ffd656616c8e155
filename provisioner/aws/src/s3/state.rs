//! A bucket of Amazon S3, or of a service with the same API, as the storage of the state.
//!
//! Each request is sent once: the store repeats what may be repeated. Conditional writes need `s3:PutObject` and
//! `s3:GetObject`; without `s3:ListBucket`, S3 answers 403 instead of 404 for an object that does not exist.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_sdk_s3::{
    Client,
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef},
    types::{Delete, ObjectIdentifier, ServerSideEncryption},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{orchestrator::HttpResponse, result::SdkError},
};
use aws_smithy_types::{DateTime, byte_stream::ByteStream, date_time::Format, error::metadata::ProvideErrorMetadata};
use provisioner_model::{Error, ErrorKind, resource::Cloud};
use provisioner_store::objects::{Condition, ListedObject, ObjectError, ObjectFut, ObjectStorage, StoredObject};

use crate::{Aws, error::api};

/// A bucket as the storage of states.
pub struct BucketStorage {
    client: Client,
    bucket: String,
    kms_key: Option<String>,
}

impl BucketStorage {
    /// The bucket of this name, in the region of `aws`. Objects are encrypted with `kms_key`, or else by the bucket's
    /// default.
    pub fn new(aws: &Aws, bucket: &str, kms_key: Option<&str>) -> Self {
        Self { client: Cloud::writer(aws).s3(), bucket: bucket.to_owned(), kms_key: kms_key.map(str::to_owned) }
    }

    async fn get_now(&self, key: &str) -> Result<Option<StoredObject>, ObjectError> {
        let date = ResponseDate::default();
        let request = self.client.get_object().bucket(&self.bucket).key(key);
        let response = match request.customize().interceptor(date.clone()).send().await {
            Ok(response) => response,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(failed("s3:GetObject", error)),
        };
        let age = date.age_of(response.last_modified());
        let etag = response.e_tag().unwrap_or_default().to_owned();
        let body = response.body.collect().await;
        // The object can be read again.
        let body = body.map_err(|error| ObjectError::Unknown(Box::new(error)))?.to_vec();
        Ok(Some(StoredObject { body, etag, age }))
    }

    async fn put_now(&self, key: &str, body: &[u8], condition: Condition<'_>) -> Result<String, ObjectError> {
        let mut request = self.client.put_object().bucket(&self.bucket).key(key);
        request = request.body(ByteStream::from(body.to_vec())).content_type("application/json");
        request = match condition {
            Condition::Always => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Unchanged(etag) => request.if_match(etag),
        };
        if let Some(key) = &self.kms_key {
            request = request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key);
            request = request.bucket_key_enabled(true);
        }
        match request.send().await {
            Ok(response) => Ok(response.e_tag().unwrap_or_default().to_owned()),
            // `If-Match` on an object that is gone.
            Err(error) if error.code() == Some("NoSuchKey") => Err(ObjectError::Condition),
            Err(error) => Err(failed("s3:PutObject", error)),
        }
    }

    async fn list_now(&self, prefix: &str) -> Result<Vec<ListedObject>, ObjectError> {
        let mut listed = vec![];
        let mut token = None;
        loop {
            let date = ResponseDate::default();
            let request =
                self.client.list_objects_v2().bucket(&self.bucket).prefix(prefix).set_continuation_token(token);
            let response = request.customize().interceptor(date.clone()).send().await;
            let page = response.map_err(|error| failed("s3:ListObjectsV2", error))?;
            listed.extend(page.contents().iter().filter_map(|object| {
                Some(ListedObject { key: object.key()?.to_owned(), age: date.age_of(object.last_modified()) })
            }));
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                return Ok(listed);
            }
        }
    }

    async fn delete_now(&self, keys: &[String]) -> Result<(), ObjectError> {
        for keys in keys.chunks(MAX_DELETE) {
            let objects = keys.iter().filter_map(|key| ObjectIdentifier::builder().key(key).build().ok()).collect();
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let delete = delete.map_err(|error| ObjectError::Final(Box::new(error)))?;
            let response = self.client.delete_objects().bucket(&self.bucket).delete(delete).send().await;
            let response = response.map_err(|error| failed("s3:DeleteObjects", error))?;
            if let Some(error) = response.errors().first() {
                let (code, message) = (error.code().unwrap_or_default(), error.message().unwrap_or_default());
                let text = format!("{}: {code}: {message}", error.key().unwrap_or_default());
                return Err(match code {
                    "InternalError" | "SlowDown" | "ServiceUnavailable" => ObjectError::Temporary(text.into()),
                    _ => ObjectError::Final(text.into()),
                });
            }
        }
        Ok(())
    }
}

/// Maximum number of objects of one `DeleteObjects` request.
const MAX_DELETE: usize = 1000;

impl ObjectStorage for BucketStorage {
    fn get<'a>(&'a self, key: &'a str) -> ObjectFut<'a, Option<StoredObject>> {
        Box::pin(self.get_now(key))
    }

    fn put<'a>(&'a self, key: &'a str, body: &'a [u8], condition: Condition<'a>) -> ObjectFut<'a, String> {
        Box::pin(self.put_now(key, body, condition))
    }

    fn list<'a>(&'a self, prefix: &'a str) -> ObjectFut<'a, Vec<ListedObject>> {
        Box::pin(self.list_now(prefix))
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> ObjectFut<'a, ()> {
        Box::pin(self.delete_now(keys))
    }

    fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// Sorts an error by what became of the request. S3 answers a conditional write with 409 while another write to the object
/// is under way, and with 412 if its condition does not hold.
/// API: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
fn failed<E>(action: &'static str, error: SdkError<E, HttpResponse>) -> ObjectError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let error: Error = api(action)(error);
    match (status, error.kind) {
        (412, _) => ObjectError::Condition,
        (409 | 429 | 503, _) | (_, ErrorKind::Throttled | ErrorKind::Busy | ErrorKind::NotSent) => {
            ObjectError::Temporary(Box::new(error))
        }
        (_, ErrorKind::Unknown) => ObjectError::Unknown(Box::new(error)),
        _ => ObjectError::Final(Box::new(error)),
    }
}

/// The time of a response, by the clock of S3.
#[derive(Clone, Default)]
struct ResponseDate(Arc<Mutex<Option<DateTime>>>);

impl ResponseDate {
    /// The time since an object was written. Without a date, the object counts as new, which is the safe side: nobody takes
    /// a lease that may be held.
    fn age_of(&self, written: Option<&DateTime>) -> Duration {
        let date = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = date.zip(written).map_or(0, |(date, written)| date.secs().saturating_sub(written.secs()));
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }
}

impl fmt::Debug for ResponseDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseDate")
    }
}

impl Intercept for ResponseDate {
    fn name(&self) -> &'static str {
        "ResponseDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) =
            date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        Ok(())
    }
}
