//! `aws:ec2:internet-gateway` — a VPC's way to and from the internet.
//!
//! The attachment is made by an update, and again where another hand undid it. Another VPC replaces it: a gateway
//! cannot leave while anything in the old VPC has a public address. A VPC holds one at most.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html>

use aws_sdk_ec2::types::{self, AttachmentStatus, ResourceType};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{
        Actions, Change, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource, Tags,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Vpc, filter, is_made_for, made_for, our_tags, sync_tags, tagged};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// A VPC's way to and from the internet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    pub vpc: In<Id<Vpc>>,
    /// Tags of the internet gateway, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of an internet gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InternetGatewayOutputs {
    /// ID of the form `igw-…`.
    pub id: Id<InternetGateway>,
    /// `attaching`, `available` (attached), `detaching` or `detached`.
    pub state: String,
}

impl InternetGateway {
    /// The gateway of this VPC.
    pub fn new(vpc: In<Id<Vpc>>) -> Self {
        Self { vpc, tags: Tags::new() }
    }
}

impl Resource for InternetGateway {
    const TYPE: &'static str = "aws:ec2:internet-gateway";
    const FIELDS: &'static [Field] = &[Field::new("vpc").replaces(), Field::new("tags").map()];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["vpc"]];
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeInternetGateways"],
        create: &["ec2:CreateInternetGateway", "ec2:CreateTags"],
        update: &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[("DryRun", "the plan is the dry run")];
    type Cloud = Aws;
    type Outputs = InternetGatewayOutputs;

    fn change(field: &Field, there: &Value, _: &Value) -> Change {
        let detached = there.as_str().is_none_or(str::is_empty);
        if field.replaces && !detached { Change::Replace } else { Change::Update }
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match AttachmentStatus::from(observed.outputs.state.as_str()) {
            AttachmentStatus::Attaching | AttachmentStatus::Detaching => Phase::Pending,
            // One that is not attached is ready for the update that attaches it.
            _ => Phase::Ready,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let ids = filter("internet-gateway-id", ids.iter().map(Id::as_str));
        let mut pages = c.ec2().describe_internet_gateways().filters(ids).into_paginator().items().send();
        let mut found = ReadResults::new();
        while let Some(gateway) = pages.try_next().await.map_err(api(READ))? {
            found.push((id_of(&gateway)?, to_observed(&gateway)));
        }
        Ok(found)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let request = c.ec2().describe_internet_gateways().filters(made_for(owner));
        let mut pages = request.into_paginator().items().send();
        let mut found = vec![];
        while let Some(gateway) = pages.try_next().await.map_err(api(READ))? {
            if is_made_for(gateway.tags(), owner) {
                found.push(id_of(&gateway)?);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(vpc) = text(&self.vpc) else { return Ok(vec![]) };
        let request = c.ec2().describe_internet_gateways().filters(filter("attachment.vpc-id", [vpc]));
        let answer = request.send().await.map_err(api(READ))?;
        answer.internet_gateways().iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let tags = tagged(ResourceType::InternetGateway, &self.tags);
        let answer = c.ec2().create_internet_gateway().tag_specifications(tags).send().await.map_err(api(CREATE))?;
        Ok((id_of(&need(CREATE, answer.internet_gateway(), "internetGateway")?)?, None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        let id = recorded.id.as_str();
        if self.vpc != observed.inputs.vpc {
            detach(c, id, text(&observed.inputs.vpc)).await?;
            let request = c.ec2().attach_internet_gateway().internet_gateway_id(id).set_vpc_id(text(&self.vpc));
            request.send().await.map_err(api("ec2:AttachInternetGateway"))?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let id = recorded.id.as_str();
        gone_ok(detach(c, id, text(&recorded.inputs.vpc)).await)?;
        let answer = c.ec2().delete_internet_gateway().internet_gateway_id(id).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteInternetGateway")))
    }
}

const READ: &str = "ec2:DescribeInternetGateways";
const CREATE: &str = "ec2:CreateInternetGateway";

/// Leaves the VPC, if it is in one. Refused (in use) while something in the VPC has a public address.
async fn detach(c: &Writer, id: &str, vpc: Option<String>) -> Result<()> {
    let Some(vpc) = vpc.filter(|vpc| !vpc.is_empty()) else { return Ok(()) };
    let answer = c.ec2().detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send().await;
    let not_attached = |code: &str, _: &str| (code == "Gateway.NotAttached").then_some(ErrorKind::Gone);
    gone_ok(answer.map(drop).map_err(api_with("ec2:DetachInternetGateway", not_attached)))
}

fn id_of(gateway: &types::InternetGateway) -> Result<Id<InternetGateway>> {
    need(READ, gateway.internet_gateway_id(), "internetGatewayId").map(Id::new)
}

fn to_observed(gateway: &types::InternetGateway) -> Result<Observed<InternetGateway>> {
    let attachment = gateway.attachments().first();
    Ok(Observed {
        inputs: InternetGateway {
            vpc: Id::new(attachment.and_then(|attachment| attachment.vpc_id()).unwrap_or_default()).into(),
            tags: our_tags(gateway.tags()),
        },
        outputs: InternetGatewayOutputs {
            id: id_of(gateway)?,
            state: attachment
                .and_then(|attachment| attachment.state())
                .map_or_else(|| AttachmentStatus::Detached.as_str().to_owned(), |state| state.as_str().to_owned()),
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn detached_gateway_is_attached_again_and_attached_gateway_stays() {
        let vpc = &InternetGateway::FIELDS[0];
        assert_eq!(InternetGateway::change(vpc, &json!(""), &json!("vpc-1")), Change::Update);
        assert_eq!(InternetGateway::change(vpc, &json!("vpc-2"), &json!("vpc-1")), Change::Replace);
    }

    #[test]
    fn without_an_attachment_it_has_no_vpc() {
        let observed = to_observed(&types::InternetGateway::builder().internet_gateway_id("igw-1").build()).unwrap();
        assert_eq!(observed.inputs, InternetGateway::new(Id::new("").into()));
        assert_eq!(InternetGateway::phase(None, &observed, None), Phase::Ready);
    }
}
