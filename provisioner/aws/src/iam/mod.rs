//! IAM: roles, policies and identity providers.

mod oidc_provider;
mod policy;
mod role;
mod role_policies;

use std::{collections::HashMap, sync::Arc};

use aws_sdk_iam::types::{AttachedPolicy, EntityType, PolicyVersion, Role as SdkRole, RoleDetail, Tag};
use provisioner_model::erased::ResourceRegistry;

pub use self::{
    oidc_provider::{OidcProvider, OidcProviderOutputs},
    policy::{ManagedPolicy, ManagedPolicyOutputs},
    role::{Role, RoleOutputs},
    role_policies::{RolePolicies, RolePoliciesOutputs},
};
use crate::prelude::*;

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<Role>().with::<RolePolicies>().with::<ManagedPolicy>().with::<OidcProvider>()
}

/// The number of roles up to which one call for each role costs no more than the lists of the whole account.
const FEW: usize = 2;

/// Every role of the account with description and longest session, which the details lack.
async fn listed(c: &Reader) -> Result<Arc<HashMap<String, SdkRole>>> {
    c.once("iam:roles", || async {
        let pages = c.iam().list_roles().max_items(1000).into_paginator().items().send();
        let roles: Vec<SdkRole> = pages.collect::<Result<_, _>>().await.map_err(api("iam:ListRoles"))?;
        Ok(roles.into_iter().map(|role| (role.role_name().to_owned(), role)).collect())
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

tag_conversions!(Tag, key, value);
