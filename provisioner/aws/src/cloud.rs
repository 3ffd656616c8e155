//! The clients: one of each service, made at its first use. Readers retry by themselves; writers never do.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;
use provisioner_model::{
    CloudFormationResource, Diagnostic, TypeInfo,
    error::{Error, Result},
    resource::Cloud,
};
use tokio::sync::OnceCell;

use crate::{
    calls::{ApiCall, CallLog},
    error::api,
    http::{self, CaBundle, CaBundleError},
    record::CallRecording,
    schemas,
};

macro_rules! clients {
    ($($feature:literal $method:ident $krate:ident $name:literal $id:literal,)*) => {
        /// The SDK's IDs of the services, by which a configuration file names their endpoints.
        const SERVICE_IDS: &[&str] = &["S3", "STS", $($id),*];

        /// One client of each service, made at its first use.
        pub struct Clients {
            config: SdkConfig,
            calls: CallLog,
            $(#[cfg(feature = $feature)] $method: std::sync::OnceLock<$krate::Client>,)*
        }

        impl Clients {
            fn new(config: SdkConfig, calls: CallLog) -> Self {
                Self { config, calls, $(#[cfg(feature = $feature)] $method: std::sync::OnceLock::new(),)* }
            }
            $(
                #[doc = concat!("The client of ", $name, ".")]
                #[cfg(feature = $feature)]
                pub fn $method(&self) -> &$krate::Client {
                    self.$method.get_or_init(|| {
                        let config = $krate::config::Builder::from(&self.config).interceptor(self.calls.clone());
                        $krate::Client::from_conf(config.build())
                    })
                }
            )*
        }
    };
}

clients! {
    "acm" acm aws_sdk_acm "Certificate Manager" "ACM",
    "applicationautoscaling" autoscaling aws_sdk_applicationautoscaling "Application Auto Scaling" "Application Auto Scaling",
    "cloudwatch" cloudwatch aws_sdk_cloudwatch "CloudWatch" "CloudWatch",
    "cloudwatchlogs" logs aws_sdk_cloudwatchlogs "CloudWatch Logs" "CloudWatch Logs",
    "dynamodb" dynamodb aws_sdk_dynamodb "DynamoDB" "DynamoDB",
    "ec2" ec2 aws_sdk_ec2 "EC2" "EC2",
    "ecr" ecr aws_sdk_ecr "ECR" "ECR",
    "ecs" ecs aws_sdk_ecs "ECS" "ECS",
    "elasticloadbalancingv2" elb aws_sdk_elasticloadbalancingv2 "Elastic Load Balancing" "Elastic Load Balancing v2",
    "iam" iam aws_sdk_iam "IAM" "IAM",
    "kms" kms aws_sdk_kms "KMS" "KMS",
    "rds" rds aws_sdk_rds "RDS" "RDS",
    "resourcegroupstagging" tagging aws_sdk_resourcegroupstagging "Resource Groups Tagging" "Resource Groups Tagging API",
    "route53" route53 aws_sdk_route53 "Route 53" "Route 53",
    "secretsmanager" secrets aws_sdk_secretsmanager "Secrets Manager" "Secrets Manager",
    "servicequotas" quotas aws_sdk_servicequotas "Service Quotas" "Service Quotas",
    "sns" sns aws_sdk_sns "SNS" "SNS",
    "sqs" sqs aws_sdk_sqs "SQS" "SQS",
    "wafv2" waf aws_sdk_wafv2 "WAF" "WAFV2",
}

// S3 apart: an endpoint of one's own has no wildcard DNS, so that buckets go into the path there.
#[cfg(feature = "s3")]
impl Clients {
    /// A client of S3.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.config.endpoint_url().is_some())
            .interceptor(self.calls.clone())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}

impl Clients {
    /// The region that the clients speak to.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", Region::as_ref)
    }
}

/// AWS, in one account and region.
pub struct Aws {
    read: Arc<Clients>,
    writer: Writer,
    /// Asked for once: several checks need it.
    identity: Arc<OnceCell<Identity>>,
}

/// Reads: the clients may send a request again, and what several types need is read once.
pub struct Reader {
    clients: Arc<Clients>,
    cache: Mutex<HashMap<(TypeId, String), Arc<dyn Any + Send + Sync>>>,
    /// IDs of the combined reads: by key, round by round.
    rounds: Mutex<HashMap<&'static str, Vec<Vec<String>>>>,
}

/// Maximum time until a connection is open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time of one request that reads. The SDK sends it again.
const READ_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time of one request that writes. After it, the outcome is unknown.
const WRITE_ATTEMPT_TIMEOUT: Duration = Duration::from_mins(1);

/// Time for which a call collects IDs. The requests start together, and parallel reads take longer.
const GATHER: Duration = Duration::from_millis(20);

/// Writes: nothing is ever sent twice by the SDK. Derefs to the writing clients; reads go through [`Writer::read`].
pub struct Writer {
    write: Clients,
    read: Arc<Clients>,
    images: Option<PathBuf>,
    ca_bundle: Option<CaBundle>,
}

impl std::ops::Deref for Reader {
    type Target = Clients;
    fn deref(&self) -> &Clients {
        &self.clients
    }
}

impl std::ops::Deref for Writer {
    type Target = Clients;
    fn deref(&self) -> &Clients {
        &self.write
    }
}

impl Writer {
    /// The clients that may send a read again.
    pub fn read(&self) -> &Clients {
        &self.read
    }
    /// Returns the folder with the layouts of the images to push.
    pub fn images(&self) -> Option<&Path> {
        self.images.as_deref()
    }
    /// Returns the certificate authorities that replace the operating system's.
    pub fn ca_bundle(&self) -> Option<&CaBundle> {
        self.ca_bundle.as_ref()
    }
    /// A reader with an empty cache, for an update that must look first.
    pub fn reader(&self) -> Reader {
        Reader::new(self.read.clone())
    }
}

impl Reader {
    fn new(clients: Arc<Clients>) -> Self {
        Self { clients, cache: Mutex::default(), rounds: Mutex::default() }
    }

    /// Returns the result of `read`, which runs once for all concurrent and later requests with `key`. Errors are not
    /// cached.
    pub async fn once<T, F>(&self, key: &str, read: impl FnOnce() -> F + Send) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let cell = {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache
                .entry((TypeId::of::<T>(), key.to_owned()))
                .or_insert_with(|| Arc::new(tokio::sync::OnceCell::<Arc<T>>::new()))
                .clone()
        };
        let cell = cell
            .downcast::<tokio::sync::OnceCell<Arc<T>>>()
            .map_err(|_| Error::bug("cache", "two types under one key"))?;
        cell.get_or_try_init(|| async { read().await.map(Arc::new) }).await.cloned()
    }

    /// Returns the result of `read` for these IDs and all others requested under `key` at about the same time.
    pub async fn together<T, F>(
        &self,
        key: &'static str,
        ids: impl Iterator<Item = &str> + Send,
        read: impl FnOnce(Vec<String>) -> F + Send,
    ) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        let round = {
            let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
            let rounds = rounds.entry(key).or_insert_with(|| vec![vec![]]);
            let round = rounds.len() - 1;
            rounds[round].extend(ids.map(str::to_owned));
            round
        };
        tokio::time::sleep(GATHER).await;
        let closed = || {
            let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
            let rounds = rounds.entry(key).or_default();
            if rounds.len() == round + 1 {
                rounds.push(vec![]);
            }
            rounds[round].clone()
        };
        self.once(&format!("{key} {round}"), || read(closed())).await
    }
}

/// The identity of the credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Number of the AWS account.
    pub account: String,
    /// ARN of the caller.
    pub arn: String,
}

impl Aws {
    /// Loads the SDK's whole configuration: environment, profiles, SSO, web identity, containers, instances.
    /// `AWS_ENDPOINT_URL` and its variants for one service work untouched, and so do `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY`. The SDK for Rust does not know `AWS_CA_BUNDLE`, which is read here.
    pub async fn load(region: &str) -> std::result::Result<Self, InvalidConfig> {
        let load = async |bundle: Option<&CaBundle>| {
            let client = http::client(bundle, ProxyConfig::from_env());
            let region = Region::new(region.to_owned());
            aws_config::defaults(BehaviorVersion::latest()).http_client(client).region(region).load().await
        };
        let config = load(None).await;
        check_endpoints(&config)?;
        let Some(path) = setting(&config, None, "AWS_CA_BUNDLE", "ca_bundle").filter(|path| !path.is_empty()) else {
            return Ok(Self::new(config));
        };
        // The sources of credentials have the client as well, so that the configuration is loaded again.
        let bundle = CaBundle::read(Path::new(&path)).await?;
        let mut aws = Self::new(load(Some(&bundle)).await);
        aws.writer.ca_bundle = Some(bundle);
        Ok(aws)
    }

    /// Returns clients for a custom endpoint with these keys, independent of environment variables: for tests.
    pub fn at(url: &str, region: &str, key: &str, secret: &str) -> Self {
        let credentials = aws_credential_types::Credentials::new(key, secret, None, None, "stated");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http::client(None, ProxyConfig::disabled()))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .region(Region::new(region.to_owned()))
            .endpoint_url(url)
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Self::new(config)
    }

    /// Returns clients with a custom configuration.
    pub fn new(config: SdkConfig) -> Self {
        let limits =
            |attempt| TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(attempt);
        let once = config.to_builder().retry_config(RetryConfig::disabled());
        let once = once.timeout_config(limits(WRITE_ATTEMPT_TIMEOUT).build()).build();
        let config = config.to_builder().timeout_config(limits(READ_ATTEMPT_TIMEOUT).build()).build();
        let calls = CallLog::default();
        let read = Arc::new(Clients::new(config, calls.clone()));
        let write = Clients::new(once, calls);
        let writer = Writer { write, read: read.clone(), images: None, ca_bundle: None };
        Self { read, writer, identity: Arc::default() }
    }

    /// With the folder that holds the layouts of images, each in a folder of its own.
    #[must_use]
    pub fn with_images(mut self, folder: PathBuf) -> Self {
        self.writer.images = Some(folder);
        self
    }

    /// Returns the certificate authorities that replace the operating system's for calls of AWS.
    pub fn ca_bundle(&self) -> Option<&CaBundle> {
        self.writer.ca_bundle()
    }

    /// Returns the calls that were sent since the last time, with those that had no response.
    pub fn take_calls(&self) -> Vec<ApiCall> {
        self.read.calls.take()
    }

    /// Appends the shape of every call from now on to a recording.
    pub fn record_calls(&self, recording: CallRecording) {
        self.read.calls.record(recording);
    }

    /// Returns the endpoint, if it is not AWS's default.
    pub fn endpoint(&self) -> Option<&str> {
        self.read.config.endpoint_url()
    }

    /// Returns the identity of the credentials.
    pub async fn identity(&self) -> Result<Identity> {
        self.identity.get_or_try_init(|| self.ask_for_identity()).await.cloned()
    }

    async fn ask_for_identity(&self) -> Result<Identity> {
        // The first call of each command, before the engine and its retries.
        let retries = RetryConfig::standard().with_max_attempts(6).with_initial_backoff(Duration::from_millis(250));
        let config = aws_sdk_sts::config::Builder::from(&self.read.config).retry_config(retries);
        let sts = aws_sdk_sts::Client::from_conf(config.interceptor(self.read.calls.clone()).build());
        let answer = sts.get_caller_identity().send().await.map_err(api("sts:GetCallerIdentity"))?;
        let need = |value: Option<&str>, field| {
            value.map(str::to_owned).ok_or_else(|| Error::missing("sts:GetCallerIdentity", field))
        };
        Ok(Identity { account: need(answer.account(), "Account")?, arn: need(answer.arn(), "Arn")? })
    }
}

/// A value in the configuration of the AWS SDK that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    /// An endpoint that is not a URL.
    #[error("the endpoint `{value}` is not a URL")]
    Endpoint {
        /// The service that the endpoint is for; `None` for all services.
        service: Option<&'static str>,
        /// The value that was found.
        value: String,
    },
    /// The CA bundle.
    #[error(transparent)]
    CaBundle(#[from] CaBundleError),
}

/// Returns whether the SDK can use a value as an endpoint: `http://HOST` or `https://HOST`.
pub fn is_endpoint_url(value: &str) -> bool {
    let host = value.strip_prefix("http://").or_else(|| value.strip_prefix("https://"));
    let starts_well = host.is_some_and(|host| host.starts_with(|first: char| first.is_alphanumeric() || first == '['));
    starts_well && !value.contains(|character: char| character.is_whitespace() || character.is_control())
}

/// Checks the endpoints that the clients will use. The SDK panics at an empty endpoint, and ignores others that are no
/// URLs: the calls would go to AWS instead of the emulator that the user meant.
fn check_endpoints(config: &SdkConfig) -> std::result::Result<(), InvalidConfig> {
    let services = std::iter::once(None).chain(SERVICE_IDS.iter().copied().map(Some));
    for service in services {
        let value = setting(config, service, "AWS_ENDPOINT_URL", "endpoint_url");
        if let Some(value) = value.filter(|value| !is_endpoint_url(value)) {
            return Err(InvalidConfig::Endpoint { service, value });
        }
    }
    Ok(())
}

/// Returns a setting of the environment or the profile, for one service or for all.
fn setting(config: &SdkConfig, service: Option<&str>, variable: &str, key: &str) -> Option<String> {
    // No service has this ID, so that it gives the setting of all services.
    let id = service.unwrap_or("all services");
    let key = ServiceConfigKey::builder().service_id(id).env(variable).profile(key).build().ok()?;
    config.service_config()?.load_config(key)
}

impl Cloud for Aws {
    type Reader = Reader;
    type Writer = Writer;
    fn reader(&self) -> Reader {
        Reader::new(self.read.clone())
    }
    fn writer(&self) -> &Writer {
        &self.writer
    }
    fn findings(info: &TypeInfo, resources: &[CloudFormationResource], region: &str) -> Vec<Diagnostic> {
        schemas::findings(info, resources, region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_urls_with_a_host() {
        for url in ["http://127.0.0.1:4566", "https://[::1]/", "https://emulator"] {
            assert!(is_endpoint_url(url), "{url}");
        }
        for text in ["", "http://", "127.0.0.1:4566", "ftp://host", "http://a b", "http:// host"] {
            assert!(!is_endpoint_url(text), "{text}");
        }
    }

    #[tokio::test]
    async fn concurrent_reads_share_a_call() {
        let aws = Aws::at("http://127.0.0.1:9", "us-east-1", "test", "test");
        let (reader, calls) = (aws.reader(), Mutex::new(vec![]));
        let ask = |id: &'static str| {
            let calls = &calls;
            reader.together("tags", [id].into_iter(), move |ids| async move {
                calls.lock().unwrap().push(ids);
                match calls.lock().unwrap().len() {
                    // Whoever finds an error is told, and the next asks again for all.
                    2 => Err(Error::because(provisioner_model::ErrorKind::Gone, "tags", "gone meanwhile")),
                    _ => Ok(id),
                }
            })
        };
        let (first, second) = futures::join!(ask("a"), ask("b"));
        assert_eq!((*first.unwrap(), *second.unwrap()), ("a", "a"));
        let (third, fourth) = futures::join!(ask("c"), ask("d"));
        assert!(third.is_err());
        assert_eq!(*fourth.unwrap(), "d");
        assert_eq!(*calls.lock().unwrap(), [["a", "b"], ["c", "d"], ["c", "d"]]);
    }
}
