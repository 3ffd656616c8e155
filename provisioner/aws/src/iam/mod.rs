//! IAM: roles, policies and identity providers.

mod oidc_provider;
mod policy;
mod role;
mod role_policies;

use std::{collections::HashMap, sync::Arc};

use aws_sdk_iam::types::{AttachedPolicy, EntityType, PolicyVersion, Role as SdkRole, RoleDetail, Tag};
use provisioner_model::{erased::ResourceRegistry, error::Result, resource::Tags};

pub use self::{
    oidc_provider::{OidcProvider, OidcProviderOutputs},
    policy::{ManagedPolicy, ManagedPolicyOutputs},
    role::{Role, RoleOutputs},
    role_policies::{RolePolicies, RolePoliciesOutputs},
};
use crate::{cloud::Reader, error::api};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Role>().with::<RolePolicies>().with::<ManagedPolicy>().with::<OidcProvider>()
}

/// Up to so many roles are asked for one by one: no more calls than the lists of the whole account, and less in them.
const FEW: usize = 2;

/// Every role of the account with description and longest session, which the details lack.
async fn listed(c: &Reader) -> Result<Arc<HashMap<String, SdkRole>>> {
    c.once("iam:roles", || async {
        let mut pages = c.iam().list_roles().max_items(1000).into_paginator().items().send();
        let mut roles = HashMap::new();
        while let Some(role) = pages.try_next().await.map_err(api("iam:ListRoles"))? {
            roles.insert(role.role_name().to_owned(), role);
        }
        Ok(roles)
    })
    .await
}

/// Data from the account's authorization details: roles with tags and policies, and the documents of customer managed
/// policies.
struct Details {
    /// Role details by role name.
    roles: HashMap<String, RoleDetail>,
    /// The document in force and its version, by ARN.
    documents: HashMap<String, (String, PolicyVersion)>,
}

/// One list for roles, their policies and managed policies alike.
async fn details(c: &Reader) -> Result<Arc<Details>> {
    c.once("iam:details", || async {
        let request = c.iam().get_account_authorization_details().max_items(1000);
        let request = request.filter(EntityType::Role).filter(EntityType::LocalManagedPolicy);
        let mut pages = request.into_paginator().send();
        let mut details = Details { roles: HashMap::new(), documents: HashMap::new() };
        while let Some(page) = pages.try_next().await.map_err(api("iam:GetAccountAuthorizationDetails"))? {
            for role in page.role_detail_list.unwrap_or_default() {
                details.roles.insert(role.role_name().unwrap_or_default().to_owned(), role);
            }
            for policy in page.policies.unwrap_or_default() {
                let Some((arn, version)) = policy.arn.zip(policy.default_version_id) else { continue };
                let document = policy.policy_version_list.unwrap_or_default().into_iter();
                if let Some(document) = document.into_iter().find(|one| one.version_id() == Some(&version)) {
                    details.documents.insert(arn, (version, document));
                }
            }
        }
        Ok(details)
    })
    .await
}

fn arns(policies: &[AttachedPolicy]) -> Vec<String> {
    policies.iter().filter_map(AttachedPolicy::policy_arn).map(str::to_owned).collect()
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    // Both members are set, which is all that `build` can miss.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

fn our_tags(tags: &[Tag]) -> Tags {
    crate::tags::observed_tags(tags.iter().map(|tag| (Some(tag.key()), Some(tag.value()))))
}
