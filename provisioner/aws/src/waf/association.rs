//! `aws:wafv2:web-acl-association` — a web ACL put before a load balancer.
//!
//! A resource has at most one: associating replaces what was there, and disassociating names the resource alone. So
//! another ACL is an update in place, another resource is a replacement, and neither is ever made before the old one
//! is gone. Reads: one call for each.
//! API: <https://docs.aws.amazon.com/waf/latest/APIReference/API_AssociateWebACL.html>

use std::time::Duration;

use futures::future::join_all;
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, ReadResults, Receipt, Recorded, Resource},
};
use serde::{Deserialize, Serialize};

use super::WebAcl;
use crate::{
    cloud::{Aws, Clients, Reader, Writer},
    error::{api, gone_ok},
    value::text,
};

/// A web ACL put before a load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebAclAssociation {
    /// Web ACL of the association.
    pub web_acl: In<Id<WebAcl>>,
    /// The ARN of what it guards.
    pub resource: In<String>,
}

/// The outputs of an association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WebAclAssociationOutputs {
    /// The ARN of what is guarded.
    pub id: Id<WebAclAssociation>,
}

impl WebAclAssociation {
    /// This ACL before this resource.
    pub fn new(web_acl: In<Id<WebAcl>>, resource: impl Into<In<String>>) -> Self {
        Self { web_acl, resource: resource.into() }
    }
}

impl Resource for WebAclAssociation {
    const TYPE: &'static str = "aws:wafv2:web-acl-association";
    const FIELDS: &'static [Field] = &[Field::new("web_acl"), Field::new("resource").replaces()];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["resource"]];
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
        let rows = ids.iter().filter(|id| id.as_str().starts_with("arn:")).map(|id| async move {
            let observed = current(c, id.as_str()).await.transpose()?;
            Some((id.clone(), observed.map(|web_acl| to_observed(id, &web_acl))))
        });
        Ok(join_all(rows).await.into_iter().flatten().collect())
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        // Nothing on it tells who made it: ours is the one with our ACL.
        let Some(resource) = text(&self.resource) else { return Ok(vec![]) };
        let ours = current(c, &resource).await?.is_some_and(|arn| Some(arn) == text(&self.web_acl));
        Ok(if ours { vec![Id::new(resource)] } else { vec![] })
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(resource) = text(&self.resource) else { return Ok(vec![]) };
        Ok(current(c, &resource).await?.map(|_| Id::new(resource)).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let resource = text(&self.resource).unwrap_or_default();
        // AWS would replace another's without a word.
        if let Some(other) = current(c.read(), &resource).await? {
            let why = format!("`{resource}` has the web ACL `{other}` already");
            return Err(Error::because(ErrorKind::Exists, "wafv2:AssociateWebACL", why));
        }
        associate(self, c).await?;
        Ok((Id::new(resource), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, observed: &Observed<Self>) -> Result<Option<Receipt>> {
        if self.web_acl != observed.inputs.web_acl {
            associate(self, c).await?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let resource = recorded.id.as_str();
        // The call names the resource alone: it must not strip an ACL that another hand has put there since.
        if current(c.read(), resource).await? != text(&recorded.inputs.web_acl) {
            return Ok(());
        }
        let answer = c.waf().disassociate_web_acl().resource_arn(resource).send().await;
        gone_ok(answer.map(drop).map_err(api("wafv2:DisassociateWebACL")))
    }
}

async fn associate(desired: &WebAclAssociation, c: &Writer) -> Result<()> {
    let request = c.waf().associate_web_acl().set_web_acl_arn(text(&desired.web_acl));
    let answer = request.set_resource_arn(text(&desired.resource)).send().await;
    answer.map(drop).map_err(api("wafv2:AssociateWebACL"))
}

/// The ARN of the ACL before it; none also where the resource itself is gone.
async fn current(c: &Clients, resource: &str) -> Result<Option<String>> {
    let answer = c.waf().get_web_acl_for_resource().resource_arn(resource).send().await;
    match answer.map_err(api("wafv2:GetWebACLForResource")) {
        Ok(answer) => Ok(answer.web_acl().map(|acl| acl.arn().to_owned())),
        Err(error) if error.kind == ErrorKind::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

fn to_observed(id: &Id<WebAclAssociation>, web_acl: &str) -> Observed<WebAclAssociation> {
    Observed {
        inputs: WebAclAssociation::new(Id::new(web_acl).into(), id.as_str()),
        outputs: WebAclAssociationOutputs { id: id.clone() },
    }
}
