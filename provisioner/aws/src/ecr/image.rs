//! `aws:ecr:image`: an image in a repository, pushed from a layout on this machine.
//!
//! Its id is `REPOSITORY@DIGEST`: another digest is another object. The one before stays in the repository and only
//! leaves the state, since earlier revisions of task definitions still name it and a rollback needs it; the
//! repository's lifecycle policy expires it. The layout is looked up by its digest, so that no path is in the state. A
//! read takes one call for each repository, and one for all repositories.
//! API: <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html>

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_ecr::types::{ImageFailureCode, ImageIdentifier};
use provisioner_image::{ContainerRegistry, Credentials, Layout, Pushed, RegistryError, find};

use super::repository::{self, Repository};
use crate::{cloud::Clients, http::CaBundle, prelude::*};

/// An image in a repository.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ecr:image",
    cloudformation(none = "CloudFormation pushes no images"),
    create = "ecr:PutImage",
    unique(repository_name, image_digest),
    omitted(
        registryId = "the account's own registry",
        imageManifest = "the layout's",
        imageManifestMediaType = "the manifest's own",
        imageTag = "the layout's: version and digest",
    )
)]
pub struct Image {
    /// The repository.
    #[field(replaces)]
    pub repository_name: In<Id<Repository>>,
    /// The manifest's digest; [`Image::NOT_BUILT`] if there is none yet.
    #[field(replaces)]
    pub image_digest: String,
    /// The processor as the image's configuration states it: `x86_64` or `arm64`.
    // The digest stands for the configuration, so AWS need not report this.
    #[field(write_only)]
    pub architecture: String,
}

/// The outputs of an image.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct ImageOutputs {
    /// The repository's name, `@`, and the digest.
    pub id: Id<Image>,
    /// The reference for tasks: the repository's URI, `@`, and the digest.
    pub uri: String,
}

impl Image {
    /// Stands for the digest of an image that is still to be built: a plan takes it, a push does not.
    pub const NOT_BUILT: &str = "<not built yet>";

    /// None while the repository is not known.
    fn id(&self) -> Option<Id<Self>> {
        Some(Id::new(format!("{}@{}", text(&self.repository_name)?, self.image_digest)))
    }

    /// Returns the layout of the image with this digest and processor.
    fn layout(&self, c: &Writer) -> Result<Layout> {
        let refused = |why: String| Error::because(ErrorKind::Refused, PUSH, why);
        let missing =
            || format!("{} has not been built on this machine: `provisioner image build ENV`", self.image_digest);
        let folder = c.images().ok_or_else(|| refused(missing()))?;
        let layout = find(folder, &self.image_digest).map_err(|error| refused(chain(&error)))?;
        let layout = layout.ok_or_else(|| refused(missing()))?;
        match layout.architecture() {
            Some(is) if is.name() == self.architecture => Ok(layout),
            Some(is) => Err(refused(format!("the image is for {is}, and {} is wanted", self.architecture))),
            None => Err(refused("the image does not say for which processor it is".to_owned())),
        }
    }
}

impl Resource for Image {
    const RETAIN_ON_REPLACE: bool = true;
    // An upload of layers, over any line.
    const WRITE_TIMEOUT: Duration = Duration::from_mins(30);
    const ACTIONS: Actions = Actions {
        read: &["ecr:BatchGetImage", "ecr:DescribeRepositories"],
        create: &[
            "ecr:BatchCheckLayerAvailability",
            "ecr:CompleteLayerUpload",
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
            "ecr:InitiateLayerUpload",
            "ecr:ListImageReferrers",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ],
        update: &[],
        delete: &["ecr:BatchDeleteImage"],
    };
    type Cloud = Aws;
    type Outputs = ImageOutputs;

    fn problems(&self) -> Vec<Problem> {
        let hex = self.image_digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
        let good = hex.is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if good || self.image_digest == Self::NOT_BUILT {
            return vec![];
        }
        vec![Problem::new(
            Field::ImageDigest,
            format!("expected `sha256:` and 64 hexadecimal digits, found `{}`", self.image_digest),
        )]
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, digest) in ids.iter().filter_map(|id| id.as_str().split_once('@')) {
            wanted.entry(name).or_default().push(digest);
        }
        let mut found = ReadResults::new();
        for (name, digests) in wanted {
            let Some(uri) = uri(c, name).await? else { continue };
            for digest in there(c, name, &digests).await? {
                let id = Id::new(format!("{name}@{digest}"));
                found.push((id, Ok(to_observed(name, &digest, &uri))));
            }
        }
        Ok(found)
    }

    // By digest alone: whoever pushed it, it is the same image. So a push has no conflict for `find_by_unique_key`
    // to find.
    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        let Some(name) = text(&self.repository_name) else { return Ok(vec![]) };
        let there = there(c, &name, &[&self.image_digest]).await?;
        Ok(if there.is_empty() { vec![] } else { self.id().into_iter().collect() })
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let layout = self.layout(c)?;
        let name = need(PUSH, text(&self.repository_name).as_deref(), "repositoryName")?;
        let uri = uri(&c.reader(), &name).await?;
        let uri =
            uri.ok_or_else(|| Error::because(ErrorKind::NotYet, PUSH, format!("there is no repository {name}")))?;
        let pushed = push_to(c, &uri, &layout).await?;
        tracing::info!(sent = pushed.sent, there = pushed.there, attached = ?pushed.attached, "pushed {uri}");
        Ok((Id::new(format!("{name}@{}", self.image_digest)), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, _: &Observed<Self>) -> Result<Updated> {
        // Only the processor can differ. Nothing is written, but the image must be for it.
        self.layout(c).map(|_| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let Some((name, digest)) = recorded.id.as_str().split_once('@') else { return Ok(()) };
        let request = c.ecr().batch_delete_image().repository_name(name);
        let request = request.image_ids(ImageIdentifier::builder().image_digest(digest).build());
        let answer = match request.send().await.map_err(api(DELETE)) {
            Ok(answer) => answer,
            Err(error) => return gone_ok(Err(error)),
        };
        let failed = answer.failures().iter().find(|one| one.failure_code() != Some(&ImageFailureCode::ImageNotFound));
        match failed {
            Some(one) => Err(Error {
                code: one.failure_code().map(|code| code.as_str().to_owned()),
                ..Error::because(ErrorKind::Refused, DELETE, one.failure_reason().unwrap_or_default())
            }),
            None => Ok(()),
        }
    }
}

const READ: &str = "ecr:BatchGetImage";
const PUSH: &str = "ecr:PutImage";
const DELETE: &str = "ecr:BatchDeleteImage";
const TOKEN: &str = "ecr:GetAuthorizationToken";

/// Returns the repository's URI; `None` if there is no such repository.
async fn uri(c: &Reader, name: &str) -> Result<Option<String>> {
    let all = repository::all(c).await?;
    Ok(repository::named(&all, Some(name)).and_then(|one| one.repository_uri()).map(str::to_owned))
}

/// Those of these digests that a repository has.
async fn there(c: &Clients, name: &str, digests: &[&str]) -> Result<BTreeSet<String>> {
    let mut there = BTreeSet::new();
    for some in digests.chunks(100) {
        let ids = some.iter().map(|digest| ImageIdentifier::builder().image_digest(*digest).build());
        let answer = c.ecr().batch_get_image().repository_name(name).set_image_ids(Some(ids.collect())).send().await;
        match answer.map_err(api(READ)) {
            Err(error) if error.kind == ErrorKind::Gone => return Ok(there),
            // One that is not there is a failure in the answer, not of the call.
            answer => there
                .extend(answer?.images().iter().filter_map(|one| one.image_id()?.image_digest()).map(str::to_owned)),
        }
    }
    there.retain(|digest| digests.contains(&digest.as_str()));
    Ok(there)
}

fn to_observed(name: &str, digest: &str, uri: &str) -> Observed<Image> {
    Observed {
        inputs: Image::new(Id::new(name).into(), digest, ""),
        outputs: ImageOutputs { id: Id::new(format!("{name}@{digest}")), uri: format!("{uri}@{digest}") },
    }
}

/// Pushes an image to a repository that is there, by its URI.
pub async fn push(aws: &Aws, uri: &str, layout: &Layout) -> Result<Pushed> {
    use provisioner_model::resource::Cloud as _;
    push_to(aws.writer(), uri, layout).await
}

async fn push_to(c: &Writer, uri: &str, layout: &Layout) -> Result<Pushed> {
    let authorities = c.ca_bundle().map(CaBundle::pem);
    let registry = ContainerRegistry::new(uri, Some(credentials(c.read()).await?), authorities).map_err(pushing)?;
    registry.push(layout).await.map_err(pushing)
}

/// ECR's password for the next hours: `user:password` in Base64.
async fn credentials(c: &Clients) -> Result<Credentials> {
    let answer = c.ecr().get_authorization_token().send().await.map_err(api(TOKEN))?;
    let token = answer.authorization_data().first().and_then(|one| one.authorization_token());
    let decoded = token.and_then(|token| aws_smithy_types::base64::decode(token).ok());
    let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let parts = text.as_deref().and_then(|text| text.split_once(':'));
    let (user, password) = parts.ok_or_else(|| Error::missing(TOKEN, "authorizationToken"))?;
    Ok(Credentials { user: user.to_owned(), password: password.to_owned() })
}

/// A push can be sent again: all of it is named by digests.
fn pushing(error: RegistryError) -> Error {
    let kind = match &error {
        error if error.denied() => ErrorKind::Denied,
        error if error.passing() => ErrorKind::Unknown,
        _ => ErrorKind::Refused,
    };
    Error::because(kind, PUSH, error)
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_digest_is_validated_unless_unknown() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (digest, good) in [(digest.as_str(), true), (Image::NOT_BUILT, true), ("sha256:1", false), ("", false)] {
            let image = Image::new(Id::new("app").into(), digest, "x86_64");
            assert_eq!(image.problems().is_empty(), good, "{digest}");
        }
    }
}
