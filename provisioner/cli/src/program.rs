//! A program: a stack, its resource types, and their clouds.

use std::collections::BTreeMap;

use provisioner_model::{
    Diagnostic, Environment, Resource, Stack,
    erased::{Clouds, ResourceRegistry},
    resource::Cloud,
    stack::{Desired, Facts, MAIN},
    state::ProviderTarget,
};

use crate::{
    artifacts::Artifacts,
    environment::{EnvironmentFile, Folder},
    error::Failure,
    terminal::Terminal,
};
#[cfg(feature = "aws")]
use crate::{image, network};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Declare<E> = Box<dyn Fn(&E, &mut Stack) + Send + Sync>;
type Locate<E> = Box<dyn Fn(&E) -> ProviderTarget + Send + Sync>;
type Connect<E> = Box<dyn Fn(&E, &mut Clouds) -> Result<(), Error> + Send + Sync>;

/// A stack with all that the command line needs.
///
/// ```no_run
/// # use provisioner_model::{Environment, Stack};
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Mine { project: String, region: String, copies: u32 }
///
/// impl Environment for Mine {
///     fn project(&self) -> &str { &self.project }
///     fn region(&self) -> &str { &self.region }
/// }
///
/// fn stack(env: &Mine, stack: &mut Stack) {
///     // stack.add(…)
/// }
///
/// fn main() -> std::process::ExitCode {
///     provisioner_cli::main(provisioner_cli::Program::new(stack))
/// }
/// ```
pub struct Program<E> {
    name: Option<&'static str>,
    stack: Declare<E>,
    types: ResourceRegistry,
    clouds: Vec<Connect<E>>,
    target: Option<Locate<E>>,
    #[cfg(feature = "aws")]
    image: Option<image::Wants<E>>,
    #[cfg(feature = "aws")]
    network: Option<network::LookUp<E>>,
}

impl<E: Environment> Program<E> {
    /// A program for this stack, with every resource type of AWS that is built (none without the feature `aws-types`).
    pub fn new(stack: impl Fn(&E, &mut Stack) + Send + Sync + 'static) -> Self {
        Self {
            name: None,
            stack: Box::new(stack),
            types: types(),
            clouds: vec![],
            target: None,
            #[cfg(feature = "aws")]
            image: None,
            #[cfg(feature = "aws")]
            network: None,
        }
    }

    /// With these resource types instead of those of AWS.
    #[must_use]
    pub fn types(self, types: ResourceRegistry) -> Self {
        Self { types, ..self }
    }

    /// Adds a resource type to the program.
    #[must_use]
    pub fn with<R: Resource>(self) -> Self {
        Self { types: self.types.with::<R>(), ..self }
    }

    /// Connects a custom cloud, for the types of that cloud.
    #[must_use]
    pub fn cloud<C: Cloud>(mut self, connect: impl Fn(&E) -> Result<C, Error> + Send + Sync + 'static) -> Self {
        self.clouds.push(Box::new(move |environment, clouds| {
            clouds.add(MAIN, connect(environment)?);
            Ok(())
        }));
        self
    }

    /// Disables AWS: the program uses this target without asking for an account.
    #[must_use]
    pub fn without_aws(mut self, target: impl Fn(&E) -> ProviderTarget + Send + Sync + 'static) -> Self {
        self.target = Some(Box::new(target));
        self
    }

    /// Adds an image of the app in the folder `app`, next to `environments`, if the folder exists and the environment
    /// uses one: for the processor that the function returns. `apply` builds the image when it is out of date, and the
    /// stack finds its digest under `image` in `stack.facts().discovered`: `None` while it is not built.
    #[cfg(feature = "aws")]
    #[must_use]
    pub fn image(self, wants: impl Fn(&E) -> Option<provisioner_image::Architecture> + Send + Sync + 'static) -> Self {
        Self { image: Some(Box::new(wants)), ..self }
    }

    /// Looks up the subnets of an existing network, if the environment names one, before the stack program runs. The stack
    /// finds their IDs, separated by commas, under `public-subnets` and `private-subnets` in `stack.facts().discovered`;
    /// there are none where no cloud is asked (`validate`, `graph`, `destroy`, `rollback`). `check` returns the reasons why the
    /// stack cannot use what was found: mistakes of the environment file, each with its key.
    #[cfg(feature = "aws")]
    #[must_use]
    pub fn network(
        self,
        wants: impl Fn(&E) -> Option<provisioner_aws::ec2::ExistingNetwork> + Send + Sync + 'static,
        check: impl Fn(&E, &provisioner_aws::ec2::DiscoveredNetwork) -> Vec<provisioner_model::environment::Mistake>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { network: Some(network::LookUp { wants: Box::new(wants), check: Box::new(check) }), ..self }
    }

    /// Under this name in messages, instead of the name of its file.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The source of the app's image; none where this environment uses no image of the app.
    #[cfg(feature = "aws")]
    pub(crate) fn image_source(&self, folder: &Folder, settings: &E) -> Option<provisioner_image::ImageSource> {
        let architecture = self.image.as_ref().and_then(|wants| wants(settings))?;
        image::source(folder, architecture)
    }

    /// Builds the app's image where it is missing or out of date.
    #[cfg(feature = "aws")]
    pub(crate) fn build_image(&self, folder: &Folder, settings: &E, terminal: &Terminal) -> Result<(), Failure> {
        if let Some(source) = self.image_source(folder, settings) {
            image::build_if_outdated(&source, terminal)?;
        }
        Ok(())
    }

    /// The build artifacts, as they are on this machine.
    #[cfg(feature = "aws")]
    pub(crate) fn artifacts(&self, folder: &Folder, settings: &E) -> Result<Artifacts, Failure> {
        match self.image_source(folder, settings) {
            Some(source) => Ok(image::artifacts(&source)?),
            None => Ok(Artifacts::default()),
        }
    }

    /// Looks up what the environment names in the cloud.
    #[cfg(feature = "aws")]
    pub(crate) async fn look_up(
        &self,
        environment: &EnvironmentFile<E>,
        clouds: &Clouds,
    ) -> Result<BTreeMap<String, Option<String>>, Failure> {
        match &self.network {
            Some(network) => network.facts(environment, clouds).await,
            None => Ok(BTreeMap::new()),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "as the one with AWS, which asks")]
    pub(crate) async fn look_up(
        &self,
        _: &EnvironmentFile<E>,
        _: &Clouds,
    ) -> Result<BTreeMap<String, Option<String>>, Failure> {
        Ok(BTreeMap::new())
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "as the one with AWS, which builds")]
    pub(crate) fn build_image(&self, _: &Folder, _: &E, _: &Terminal) -> Result<(), Failure> {
        Ok(())
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "as the one with AWS, which has an image")]
    pub(crate) fn artifacts(&self, _: &Folder, _: &E) -> Result<Artifacts, Failure> {
        Ok(Artifacts::default())
    }

    pub(crate) fn name(&self) -> Option<&'static str> {
        self.name
    }

    pub(crate) fn registry(&self) -> &ResourceRegistry {
        &self.types
    }

    /// Runs the stack program and returns its declarations.
    pub(crate) fn declare(&self, environment: &E, facts: Facts) -> Result<Desired, Vec<Diagnostic>> {
        let mut stack = Stack::new(facts);
        (self.stack)(environment, &mut stack);
        stack.finish()
    }

    /// Connects to every cloud, and finds out where that is.
    pub(crate) async fn connect(&self, folder: &Folder, environment: &E) -> Result<(Clouds, ProviderTarget), Failure> {
        let mut clouds = Clouds::default();
        let target = match &self.target {
            Some(target) => target(environment),
            None => aws(folder, environment.region(), &mut clouds).await?,
        };
        Self::check_account(environment, &target)?;
        for connect in &self.clouds {
            connect(environment, &mut clouds).map_err(Failure::Cloud)?;
        }
        Ok((clouds, target))
    }

    /// Refuses credentials of another account than the environment file states.
    fn check_account(environment: &E, target: &ProviderTarget) -> Result<(), Failure> {
        match environment.account().filter(|stated| *stated != target.account) {
            None => Ok(()),
            Some(stated) => {
                Err(Failure::OtherAccount { stated: stated.to_owned(), credentials: target.account.clone() })
            }
        }
    }
}

#[cfg(feature = "aws-types")]
fn types() -> ResourceRegistry {
    provisioner_aws::registry()
}

#[cfg(not(feature = "aws-types"))]
fn types() -> ResourceRegistry {
    ResourceRegistry::default()
}

/// The account that the credentials belong to.
#[cfg(feature = "aws-types")]
#[cfg_attr(
    not(feature = "aws"),
    expect(unused_variables, reason = "the folder has images only with the feature `aws`")
)]
async fn aws(folder: &Folder, region: &str, clouds: &mut Clouds) -> Result<ProviderTarget, Failure> {
    let aws = load_aws(region).await?;
    #[cfg(feature = "aws")]
    let aws = aws.with_images(image::layouts(folder.path()));
    let identity = aws.identity().await.map_err(Failure::Identity)?;
    check_partition(&identity.arn, region)?;
    let endpoint = aws.endpoint().map(str::to_owned).or_else(crate::terminal::service_endpoint);
    clouds.add(MAIN, aws);
    Ok(ProviderTarget { account: identity.account, region: region.to_owned(), endpoint })
}

/// The clients of AWS, with the endpoints, the proxies and the CA bundle of the environment variables and the profile. With
/// `PROVISIONER_RECORD`, they record their calls.
#[cfg(feature = "aws-types")]
pub(crate) async fn load_aws(region: &str) -> Result<provisioner_aws::Aws, Failure> {
    use provisioner_aws::InvalidConfig;
    let variables = crate::terminal::endpoint_variables();
    if let Some((variable, value)) = variables.into_iter().find(|(_, value)| !provisioner_aws::is_endpoint_url(value)) {
        return Err(Failure::Endpoint { variable, value });
    }
    crate::proxies::check()?;
    let aws = provisioner_aws::Aws::load(region).await.map_err(|invalid| {
        let (profile, file) = crate::terminal::aws_profile();
        match invalid {
            InvalidConfig::Endpoint { service, value } => Failure::ProfileEndpoint { profile, file, service, value },
            InvalidConfig::CaBundle(source) if crate::terminal::has_ca_bundle() => {
                Failure::CaBundle { setting: "AWS_CA_BUNDLE".to_owned(), source }
            }
            InvalidConfig::CaBundle(source) => {
                Failure::CaBundle { setting: format!("`ca_bundle` of the AWS profile `{profile}`"), source }
            }
        }
    })?;
    if let Some(folder) = crate::terminal::recording_folder() {
        match provisioner_aws::record::CallRecording::open(&folder) {
            Ok(recording) => aws.record_calls(recording),
            Err(source) => return Err(Failure::CallRecording { folder, source }),
        }
    }
    Ok(aws)
}

/// Refuses credentials of another partition than the region's: no account exists in two of them.
#[cfg(feature = "aws-types")]
fn check_partition(caller: &str, region: &str) -> Result<(), Failure> {
    let Some(provisioner_aws::Partition { id, .. }) = provisioner_aws::Partition::of_arn(caller) else {
        return Err(Failure::UnknownPartition { caller: caller.to_owned() });
    };
    let expected = partition(region);
    if id == expected {
        return Ok(());
    }
    let (region, expected) = (region.to_owned(), expected.to_owned());
    Err(Failure::OtherPartition { credentials: id.to_owned(), region, expected })
}

/// The partition of a region. Before an apply, [`check_partition`] compares it with the caller's.
#[cfg(feature = "aws-types")]
fn partition(region: &str) -> &'static str {
    provisioner_aws::Partition::of_client(region).id
}

#[cfg(not(feature = "aws-types"))]
fn partition(_: &str) -> &'static str {
    "aws"
}

#[cfg(not(feature = "aws-types"))]
#[expect(clippy::unused_async, reason = "as the one with AWS, which asks")]
async fn aws(_: &Folder, _: &str, _: &mut Clouds) -> Result<ProviderTarget, Failure> {
    use provisioner_model::Error;
    Err(Failure::Identity(Error::bug("sts:GetCallerIdentity", "this program is built without AWS")))
}

#[cfg(feature = "aws")]
pub(crate) use network::is_looked_up;

/// Returns whether these facts contain values that a cloud was asked for: never without AWS.
#[cfg(not(feature = "aws"))]
pub(crate) fn is_looked_up(_: &Facts) -> bool {
    false
}

/// The facts that a stack program sees: the environment's name, its target, and the digests of build artifacts.
pub(crate) fn facts(
    environment: &str,
    target: &ProviderTarget,
    stopped: bool,
    discovered: BTreeMap<String, Option<String>>,
) -> Facts {
    Facts {
        environment: environment.to_owned(),
        account: target.account.clone(),
        region: target.region.clone(),
        partition: partition(&target.region).to_owned(),
        stopped,
        discovered,
    }
}

#[cfg(all(test, feature = "aws-types"))]
mod tests {
    use super::*;

    #[test]
    fn partition_of_the_caller_is_that_of_the_region() {
        let check = |partition: &str, region: &str| {
            check_partition(&format!("arn:{partition}:sts::123456789012:assumed-role/r/s"), region)
        };
        for (partition, region) in [
            ("aws", "us-east-1"),
            ("aws-cn", "cn-north-1"),
            ("aws-eusc", "eusc-de-east-1"),
            ("aws-iso", "us-iso-east-1"),
            ("aws", "nz-north-1"),
        ] {
            assert!(check(partition, region).is_ok(), "{partition} {region}");
            let target = ProviderTarget { account: "1".into(), region: region.into(), endpoint: None };
            assert_eq!(facts("dev", &target, false, BTreeMap::new()).partition, partition);
        }
        assert!(matches!(check("aws", "cn-north-1"), Err(Failure::OtherPartition { .. })));
        assert!(matches!(check("aws-x", "us-east-1"), Err(Failure::UnknownPartition { .. })));
    }
}
