//! `aws:iam:role`: permissions that a service or a person assumes for a limited time.
//!
//! A role's name and path are in its ARN, which IAM never changes, so a change to either replaces it.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
//!
//! Reads: two lists of the whole account for any number of roles (one of them shared with their policies). One call
//! for each role where they are no more than two, or where the credentials may not see the account's details.

use aws_sdk_iam::types::{AttachedPermissionsBoundary, Role as SdkRole, Tag};

use super::{FEW, details, listed, our_tags, sdk_tags};
use crate::{
    document::{decoded, principal_not_yet},
    each::one_by_one,
    prelude::*,
    tags::made_for,
};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_+=,.@-]+$",
    page: "https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html",
    ..NameRule::ANY
};

/// Permissions that a service or a person assumes for a limited time.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:iam:role",
    cloudformation = "AWS::IAM::Role",
    attributes(arn = "Arn", unique_id = "RoleId"),
    create = "iam:CreateRole",
    unique(role_name),
    omitted(MaxSigninSessionDuration = "new: for people who sign in with a role, not so far")
)]
pub struct Role {
    /// At most 64 characters; generated if absent.
    #[field(replaces, name(max = 64, rule = NAME_RULE))]
    pub role_name: Option<String>,
    /// `/` if absent.
    #[field(replaces)]
    pub path: Option<String>,
    /// The trust policy. Name an account by its root's ARN, as IAM returns it.
    #[field(document, may_dangle)]
    pub assume_role_policy_document: In<String>,
    /// A description for readers.
    #[field(cloud_default = "")]
    pub description: Option<String>,
    /// The longest session in seconds: 3600 (the default) to 43200.
    #[field(cloud_default = 3600)]
    pub max_session_duration: Option<i32>,
    /// The ARN of the policy that limits the role's permissions; an empty text for none.
    #[field(cloud_default = none, convert = filled_text)]
    pub permissions_boundary: Option<In<String>>,
    /// Tags.
    pub tags: Tags,
}

/// The outputs of a role.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct RoleOutputs {
    /// The role's name.
    #[output(constant = "NAME_TEXT")]
    pub id: Id<Role>,
    /// The role's ARN.
    pub arn: String,
    /// ID of the form `AROA…`, different for each role that ever had this name.
    pub unique_id: String,
}

impl Resource for Role {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        // The summary is for the check of a plan: see `preflight/quotas.rs`.
        read: &["iam:ListRoles", "iam:GetAccountAuthorizationDetails", "iam:GetAccountSummary", "iam:GetRole"],
        create: &["iam:CreateRole", "iam:TagRole", "iam:PutRolePermissionsBoundary"],
        update: &[
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:TagRole",
            "iam:UntagRole",
        ],
        delete: &["iam:DeleteRole"],
    };
    type Cloud = Aws;
    type Outputs = RoleOutputs;

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        // A fresh role shows its unique id where the ARN will be.
        if observed.outputs.arn.starts_with("arn:") { Phase::Ready } else { Phase::Pending }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        if ids.len() > FEW
            && let Some((listed, details)) = none_if(ErrorKind::Denied, futures::try_join!(listed(c), details(c)))?
        {
            let one = |id: &Id<Self>| {
                let (role, detail) = (listed.get(id.as_str())?, details.roles.get(id.as_str())?);
                Some((id.clone(), to_observed(role, detail.tags(), detail.permissions_boundary())))
            };
            return Ok(ids.iter().filter_map(one).collect());
        }
        let one = async |id: &Id<Self>| {
            let role = get(c, id.as_str()).await?;
            to_observed(&role, role.tags(), role.permissions_boundary())
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let role = self.named(c).await?.filter(|role| made_for(&our_tags(role.tags()), owner));
        Ok(role.iter().map(id_of).collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        Ok(self.named(c).await?.iter().map(id_of).collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let boundary = self.permissions_boundary.as_ref().and_then(text).filter(|arn| !arn.is_empty());
        let request = c.iam().create_role().set_permissions_boundary(boundary).set_tags(Some(sdk_tags(&self.tags)));
        let request = set_inputs!(request, self =>
            role_name, path, assume_role_policy_document, description, max_session_duration);
        let answer = request.send().await.map_err(api_with("iam:CreateRole", principal_not_yet))?;
        Ok((id_of(&need("iam:CreateRole", answer.role(), "Role")?), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let name = recorded.id.as_str();
        let changed = ChangedFields::between(self, &recorded.inputs, &observed.inputs);
        if changed.contains(Field::AssumeRolePolicyDocument) {
            let request = c.iam().update_assume_role_policy().role_name(name);
            let request = request.set_policy_document(text(&self.assume_role_policy_document));
            request.send().await.map_err(api_with("iam:UpdateAssumeRolePolicy", principal_not_yet))?;
        }
        if changed.contains_any(&[Field::Description, Field::MaxSessionDuration]) {
            // A member that this call leaves out goes back to its default: both, always.
            let description = self.description.clone().or_else(|| observed.inputs.description.clone());
            let duration = self.max_session_duration.or(observed.inputs.max_session_duration);
            let request = c.iam().update_role().role_name(name).set_description(description);
            request.set_max_session_duration(duration).send().await.map_err(api("iam:UpdateRole"))?;
        }
        if changed.contains(Field::PermissionsBoundary) {
            let boundary = self.permissions_boundary.as_ref().and_then(text);
            if let Some(arn) = boundary.filter(|arn| !arn.is_empty()) {
                let request = c.iam().put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
                request.send().await.map_err(api("iam:PutRolePermissionsBoundary"))?;
            } else {
                let request = c.iam().delete_role_permissions_boundary().role_name(name);
                request.send().await.map_err(api("iam:DeleteRolePermissionsBoundary"))?;
            }
        }
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.iam().tag_role().role_name(name) => "iam:TagRole",
            c.iam().untag_role().role_name(name) => "iam:UntagRole");
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.iam().delete_role().role_name(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("iam:DeleteRole")))
    }
}

impl Role {
    /// The account's role of this name.
    async fn named(&self, c: &Reader) -> Result<Option<SdkRole>> {
        let Some(name) = &self.role_name else { return Ok(None) };
        none_if(ErrorKind::Gone, get(c, name).await)
    }
}

const READ: &str = "iam:GetRole";

fn id_of(role: &SdkRole) -> Id<Role> {
    Id::new(role.role_name())
}

async fn get(c: &Reader, name: &str) -> Result<SdkRole> {
    let answer = c.iam().get_role().role_name(name).send().await.map_err(api(READ))?;
    need(READ, answer.role(), "Role")
}

/// The only place where the SDK's type becomes ours. Tags and boundary apart: the list has neither.
fn to_observed(role: &SdkRole, tags: &[Tag], boundary: Option<&AttachedPermissionsBoundary>) -> Result<Observed<Role>> {
    let boundary = boundary.and_then(AttachedPermissionsBoundary::permissions_boundary_arn).unwrap_or_default();
    let document = need(READ, role.assume_role_policy_document(), "AssumeRolePolicyDocument")?;
    Ok(Observed {
        inputs: from_sdk!(READ, role => Role {
            role_name, path, max_session_duration;
            assume_role_policy_document: decoded(&document).into(),
            description: Some(role.description().unwrap_or_default().to_owned()),
            permissions_boundary: Some(boundary.into()),
            tags: our_tags(tags),
        }),
        outputs: from_sdk!(READ, role => RoleOutputs { id = role_name, arn, unique_id = role_id }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_role_is_pending_until_its_principal_is_an_arn() {
        let sdk = |arn: &str| {
            let role = SdkRole::builder().role_name("r").path("/").role_id("AROA1").arn(arn);
            let role = role.create_date(aws_smithy_types::DateTime::from_secs(0));
            role.assume_role_policy_document("%7B%22Version%22%3A%222012-10-17%22%7D").build().unwrap()
        };
        let observed = to_observed(&sdk("AROA1"), &[], None).unwrap();
        assert_eq!(Role::phase(None, &observed, None), Phase::Pending);
        let observed = to_observed(&sdk("arn:aws:iam::1:role/r"), &[], None).unwrap();
        assert_eq!(Role::phase(None, &observed, None), Phase::Ready);
        assert_eq!(observed.inputs.assume_role_policy_document, "{\"Version\":\"2012-10-17\"}".into());
    }
}
