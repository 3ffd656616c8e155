//! `aws:iam:role` — permissions that a service or a person takes on for a while.
//!
//! A role's name and path are in its ARN, which IAM never changes, so a change to either replaces it.
//! API: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
//!
//! Reads: two lists of the whole account for any number of roles (one of them shared with their policies). One call
//! for each role where they are no more than two, or where the credentials may not see the account's details.

use aws_sdk_iam::types::{AttachedPermissionsBoundary, Role as SdkRole, Tag};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Created, Field, Id, Name, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource, Tags,
    },
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{FEW, details, listed, our_tags, sdk_tags};
use crate::{
    cloud::{Aws, Reader, Writer},
    document::{decoded, principal_not_yet, to_write},
    each::one_by_one,
    error::{api, api_with, gone_ok, need},
    tags::{TagChange, made_for},
    value::text,
};

/// Permissions that a service or a person takes on for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// At most 64 characters; generated where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `/` where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Trust policy. Name accounts by their root's ARN, as IAM returns them.
    pub assume_role_policy: In<String>,
    /// A description of the role for readers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// In seconds, 3600 to 43200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i32>,
    /// The ARN of a policy that it can never exceed; an empty text for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<In<String>>,
    /// Tags of the role, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleOutputs {
    /// The name of the role.
    pub id: Id<Role>,
    /// The ARN of the role.
    pub arn: String,
    /// `AROA…`: another one for each role that ever had this name.
    pub unique_id: String,
}

impl Role {
    /// The ARN of the role.
    pub const ARN: Output<Self, String> = Output::new("arn");
    /// The name of the role.
    pub const NAME_TEXT: Output<Self, String> = Output::new("id");
    /// ID of the form `AROA…`.
    pub const UNIQUE_ID: Output<Self, String> = Output::new("unique_id");

    /// A role that whoever this policy names may take on.
    pub fn new(assume_role_policy: In<String>) -> Self {
        Self {
            name: None,
            path: None,
            assume_role_policy,
            description: None,
            max_session_duration: None,
            permissions_boundary: None,
            tags: Tags::new(),
        }
    }
}

impl Resource for Role {
    const TYPE: &'static str = "aws:iam:role";
    const FIELDS: &'static [Field] = &[
        Field::new("name").replaces(),
        Field::new("path").replaces(),
        Field::new("assume_role_policy").document().may_dangle(),
        Field::new("description"),
        Field::new("max_session_duration"),
        Field::new("permissions_boundary"),
        Field::new("tags").map(),
    ];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 64));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["iam:ListRoles", "iam:GetAccountAuthorizationDetails", "iam:GetRole"],
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
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] =
        &[("MaxSigninSessionDuration", "new: for people who sign in with a role, not so far")];
    type Cloud = Aws;
    type Outputs = RoleOutputs;

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        // A fresh role shows its unique id where the ARN will be.
        if observed.outputs.arn.starts_with("arn:") { Phase::Ready } else { Phase::Pending }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        if ids.len() > FEW {
            match futures::try_join!(listed(c), details(c)) {
                Ok((listed, details)) => {
                    let one = |id: &Id<Self>| {
                        let (role, detail) = (listed.get(id.as_str())?, details.roles.get(id.as_str())?);
                        Some((id.clone(), to_observed(role, detail.tags(), detail.permissions_boundary())))
                    };
                    return Ok(ids.iter().filter_map(one).collect());
                }
                Err(error) if error.kind == ErrorKind::Denied => {}
                Err(error) => return Err(error),
            }
        }
        let one = async |id: &Id<Self>| {
            let role = get(c, id.as_str()).await?;
            to_observed(&role, role.tags(), role.permissions_boundary())
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let role = named(c, self.name.as_deref()).await?;
        Ok(role.filter(|role| made_for(&our_tags(role.tags()), owner)).map(|role| id_of(&role)).into_iter().collect())
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        Ok(named(c, self.name.as_deref()).await?.map(|role| id_of(&role)).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let answer = c
            .iam()
            .create_role()
            .set_role_name(self.name.clone())
            .set_path(self.path.clone())
            .set_assume_role_policy_document(text(&self.assume_role_policy))
            .set_description(self.description.clone())
            .set_max_session_duration(self.max_session_duration)
            .set_permissions_boundary(self.permissions_boundary.as_ref().and_then(text).filter(|arn| !arn.is_empty()))
            .set_tags(Some(sdk_tags(&self.tags)))
            .send()
            .await
            .map_err(api_with("iam:CreateRole", principal_not_yet))?;
        Ok((id_of(&need("iam:CreateRole", answer.role(), "Role")?), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let (name, observed) = (recorded.id.as_str(), &observed.inputs);
        if let Some(document) = to_write(Some(&self.assume_role_policy), Some(&observed.assume_role_policy)) {
            let request = c.iam().update_assume_role_policy().role_name(name).policy_document(document);
            request.send().await.map_err(api_with("iam:UpdateAssumeRolePolicy", principal_not_yet))?;
        }
        // A member that this call leaves out goes back to its default: both, always.
        let description = self.description.clone().or_else(|| observed.description.clone());
        let duration = self.max_session_duration.or(observed.max_session_duration);
        if (&description, &duration) != (&observed.description, &observed.max_session_duration) {
            let request = c.iam().update_role().role_name(name).set_description(description);
            request.set_max_session_duration(duration).send().await.map_err(api("iam:UpdateRole"))?;
        }
        if let Some(boundary) =
            self.permissions_boundary.as_ref().filter(|_| self.permissions_boundary != observed.permissions_boundary)
        {
            if let Some(arn) = text(boundary).filter(|arn| !arn.is_empty()) {
                let request = c.iam().put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
                request.send().await.map_err(api("iam:PutRolePermissionsBoundary"))?;
            } else {
                let request = c.iam().delete_role_permissions_boundary().role_name(name);
                request.send().await.map_err(api("iam:DeleteRolePermissionsBoundary"))?;
            }
        }
        let tags = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.tags);
        if !tags.set.is_empty() {
            let request = c.iam().tag_role().role_name(name).set_tags(Some(sdk_tags(&tags.set)));
            request.send().await.map_err(api("iam:TagRole"))?;
        }
        if !tags.drop.is_empty() {
            let request = c.iam().untag_role().role_name(name).set_tag_keys(Some(tags.drop));
            request.send().await.map_err(api("iam:UntagRole"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.iam().delete_role().role_name(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("iam:DeleteRole")))
    }
}

fn id_of(role: &SdkRole) -> Id<Role> {
    Id::new(role.role_name())
}

async fn get(c: &Reader, name: &str) -> Result<SdkRole> {
    let answer = c.iam().get_role().role_name(name).send().await.map_err(api("iam:GetRole"))?;
    need("iam:GetRole", answer.role(), "Role")
}

async fn named(c: &Reader, name: Option<&str>) -> Result<Option<SdkRole>> {
    let Some(name) = name else { return Ok(None) };
    match get(c, name).await {
        Ok(role) => Ok(Some(role)),
        Err(error) if error.kind == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

/// The only place where the SDK's type becomes ours. Tags and boundary apart: the list has neither.
fn to_observed(role: &SdkRole, tags: &[Tag], boundary: Option<&AttachedPermissionsBoundary>) -> Result<Observed<Role>> {
    let boundary = boundary.and_then(AttachedPermissionsBoundary::permissions_boundary_arn).unwrap_or_default();
    let document = need("iam:GetRole", role.assume_role_policy_document(), "AssumeRolePolicyDocument")?;
    Ok(Observed {
        inputs: Role {
            name: Some(role.role_name().to_owned()),
            path: Some(role.path().to_owned()),
            assume_role_policy: decoded(&document).into(),
            description: Some(role.description().unwrap_or_default().to_owned()),
            max_session_duration: role.max_session_duration(),
            permissions_boundary: Some(boundary.into()),
            tags: our_tags(tags),
        },
        outputs: RoleOutputs { id: id_of(role), arn: role.arn().to_owned(), unique_id: role.role_id().to_owned() },
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
        assert_eq!(observed.inputs.assume_role_policy, "{\"Version\":\"2012-10-17\"}".into());
    }
}
