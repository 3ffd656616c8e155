//! Resource types of WAF: web ACLs.

mod association;
mod web_acl;

use provisioner_model::erased::ResourceRegistry;

pub use self::{
    association::{WebAclAssociation, WebAclAssociationOutputs},
    web_acl::{
        Action, ByteMatch, Inspect, ManagedRules, Override, RateBased, Rule, Scope, Statement, Visibility, WebAcl,
        WebAclOutputs,
    },
};

/// Adds this service's types.
pub fn register(types: ResourceRegistry) -> ResourceRegistry {
    types.with::<WebAcl>().with::<WebAclAssociation>()
}
