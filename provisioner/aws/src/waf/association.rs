//! `aws:wafv2:web-acl-association`: the association of a web ACL with the load balancer that it protects.
//!
//! A resource has at most one: associating replaces the previous ACL, and disassociating names the resource alone. So
//! another ACL is an update in place, another resource is a replacement, and the engine deletes the old association
//! first. Reads: one call for each.
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>

use std::time::Duration;

use super::WebAcl;
use crate::{cloud::Clients, each::one_by_one, prelude::*};

/// The association of a web ACL with the load balancer that it protects.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:wafv2:web-acl-association",
    cloudformation = "AWS::WAFv2::WebACLAssociation",
    create = "wafv2:AssociateWebACL",
    unique(resource_arn)
)]
pub struct WebAclAssociation {
    /// Web ACL of the association.
    #[field(property = "WebACLArn")]
    pub web_acl_arn: In<Id<WebAcl>>,
    /// The ARN of the protected resource.
    #[field(replaces)]
    pub resource_arn: In<String>,
}

/// The outputs of an association.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct WebAclAssociationOutputs {
    /// The ARN of the protected resource.
    pub id: Id<WebAclAssociation>,
}

impl Resource for WebAclAssociation {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["wafv2:GetWebACLForResource", "wafv2:GetWebACL"],
        create: &["wafv2:AssociateWebACL", "elasticloadbalancing:SetWebAcl"],
        update: &["wafv2:AssociateWebACL", "elasticloadbalancing:SetWebAcl"],
        delete: &["wafv2:DisassociateWebACL", "elasticloadbalancing:SetWebAcl"],
    };
    // A fresh load balancer or ACL may take minutes to be known to WAF.
    const READY_TIMEOUT: Duration = Duration::from_mins(10);
    type Cloud = Aws;
    type Outputs = WebAclAssociationOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        // Another kind of ID would be refused, not missed.
        let ids: Vec<_> = ids.iter().filter(|id| id.as_str().starts_with("arn:")).cloned().collect();
        let read = async |id: &Id<Self>| {
            let web_acl = current(c, id.as_str()).await?.ok_or_else(|| Error::new(ErrorKind::Gone, READ))?;
            Ok(Observed {
                inputs: Self::new(Id::new(web_acl).into(), id.as_str()),
                outputs: WebAclAssociationOutputs { id: id.clone() },
            })
        };
        Ok(one_by_one(&ids, read).await)
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        // An association has no tags: ours is the one with our ACL.
        let Some(resource) = text(&self.resource_arn) else { return Ok(vec![]) };
        let ours = current(c, &resource).await?.is_some_and(|arn| Some(arn) == text(&self.web_acl_arn));
        Ok(if ours { vec![Id::new(resource)] } else { vec![] })
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(resource) = text(&self.resource_arn) else { return Ok(vec![]) };
        Ok(current(c, &resource).await?.map(|_| Id::new(resource)).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let resource = text(&self.resource_arn).unwrap_or_default();
        // AWS would replace another ACL without an error.
        if let Some(other) = current(c.read(), &resource).await? {
            let why = format!("`{resource}` already has the web ACL `{other}`");
            return Err(Error::because(ErrorKind::Exists, "wafv2:AssociateWebACL", why));
        }
        associate(self, c).await?;
        Ok((Id::new(resource), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        if self.web_acl_arn != observed.inputs.web_acl_arn {
            associate(self, c).await?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let resource = recorded.id.as_str();
        // The call names the resource alone: it must not strip an ACL that was associated outside Provisioner since.
        if current(c.read(), resource).await? != text(&recorded.inputs.web_acl_arn) {
            return Ok(());
        }
        let answer = c.waf().disassociate_web_acl().resource_arn(resource).send().await;
        gone_ok(answer.map(drop).map_err(api("wafv2:DisassociateWebACL")))
    }
}

const READ: &str = "wafv2:GetWebACLForResource";

async fn associate(desired: &WebAclAssociation, c: &Writer) -> Result<()> {
    let answer = set_inputs!(c.waf().associate_web_acl(), desired => web_acl_arn, resource_arn).send().await;
    answer.map(drop).map_err(api("wafv2:AssociateWebACL"))
}

/// Returns the ARN of the resource's ACL. None also if the resource itself is gone.
async fn current(c: &Clients, resource: &str) -> Result<Option<String>> {
    let answer = c.waf().get_web_acl_for_resource().resource_arn(resource).send().await;
    let answer = none_if(ErrorKind::Gone, answer.map_err(api(READ)))?;
    Ok(answer.and_then(|answer| answer.web_acl().map(|acl| acl.arn().to_owned())))
}
