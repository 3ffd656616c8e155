//! `aws:ec2:internet-gateway`: the connection of a VPC with the internet.
//!
//! An update attaches the gateway, and attaches it again if it was detached out of band. Another VPC replaces it: a
//! gateway cannot be detached while an object in its VPC has a public address. A VPC has one gateway at most.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html>

use aws_sdk_ec2::types::{self, AttachmentStatus, Filter, ResourceType};
use serde_json::Value;

use super::{Vpc, filter, ids_made_for, made_for, obstacles, our_tags, sync_tags, tagged};
use crate::prelude::*;

/// The connection of a VPC with the internet.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:internet-gateway",
    cloudformation = "AWS::EC2::InternetGateway",
    create = "ec2:CreateInternetGateway",
    unique(vpc_id)
)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    #[field(replaces, property(each = "AWS::EC2::VPCGatewayAttachment", link = "InternetGatewayId", item = "VpcId"))]
    pub vpc_id: In<Id<Vpc>>,
    /// Tags of the internet gateway, by key.
    pub tags: Tags,
}

/// The outputs of an internet gateway.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct InternetGatewayOutputs {
    /// ID of the form `igw-…`.
    pub id: Id<InternetGateway>,
    /// `attaching`, `available` (attached), `detaching` or `detached`.
    pub state: String,
}

impl Resource for InternetGateway {
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeInternetGateways"],
        create: &["ec2:CreateInternetGateway", "ec2:CreateTags"],
        update: &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:CreateTags", "ec2:DeleteTags"],
        delete: &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway", "ec2:DescribeNetworkInterfaces"],
    };
    type Cloud = Aws;
    type Outputs = InternetGatewayOutputs;

    fn change(field: &FieldSchema, observed: &Value, _: &Value) -> Change {
        let detached = observed.as_str().is_none_or(str::is_empty);
        if field.replaces && !detached { Change::Replace } else { Change::Update }
    }

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match AttachmentStatus::from(observed.outputs.state.as_str()) {
            AttachmentStatus::Attaching | AttachmentStatus::Detaching => Phase::Pending,
            // A detached gateway is ready for the update that attaches it.
            _ => Phase::Ready,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let gateways = describe(c, filter("internet-gateway-id", ids.iter().map(Id::as_str))).await?;
        gateways.iter().map(|gateway| Ok((id_of(gateway)?, to_observed(gateway)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        ids_made_for(owner, &describe(c, made_for(owner)).await?, types::InternetGateway::tags, id_of)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(vpc) = text(&self.vpc_id) else { return Ok(vec![]) };
        describe(c, filter("attachment.vpc-id", [vpc])).await?.iter().map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let tags = tagged(ResourceType::InternetGateway, &self.tags);
        let answer = c.ec2().create_internet_gateway().tag_specifications(tags).send().await.map_err(api(CREATE))?;
        let id = answer.internet_gateway().and_then(types::InternetGateway::internet_gateway_id);
        Ok((member(CREATE, "internetGatewayId", id)?, None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        let id = recorded.id.as_str();
        if self.vpc_id != observed.inputs.vpc_id {
            detach(c, id, text(&observed.inputs.vpc_id)).await?;
            let request = c.ec2().attach_internet_gateway().internet_gateway_id(id);
            let request = set_inputs!(request, self => vpc_id);
            request.send().await.map_err(api("ec2:AttachInternetGateway"))?;
        }
        sync_tags(c, id, &self.tags, &recorded.inputs.tags, &observed.inputs.tags).await?;
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let id = recorded.id.as_str();
        gone_ok(detach(c, id, text(&recorded.inputs.vpc_id)).await)?;
        let answer = c.ec2().delete_internet_gateway().internet_gateway_id(id).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DeleteInternetGateway")))
    }

    async fn obstacles(c: &Reader, recorded: &Recorded<Self>) -> Vec<Obstacle> {
        match text(&recorded.inputs.vpc_id) {
            Some(vpc) => obstacles::behind_gateway(c, &vpc).await,
            None => vec![],
        }
    }
}

const READ: &str = "ec2:DescribeInternetGateways";
const CREATE: &str = "ec2:CreateInternetGateway";

async fn describe(c: &Reader, filter: Filter) -> Result<Vec<types::InternetGateway>> {
    list_all!(READ, c.ec2().describe_internet_gateways().filters(filter))
}

/// Detaches the gateway from the VPC, if it is attached. EC2 refuses (in use) while an object in the VPC has a public
/// address.
async fn detach(c: &Writer, id: &str, vpc: Option<String>) -> Result<()> {
    let Some(vpc) = vpc.filter(|vpc| !vpc.is_empty()) else { return Ok(()) };
    let answer = c.ec2().detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send().await;
    let error = api_code("ec2:DetachInternetGateway", "Gateway.NotAttached", ErrorKind::Gone);
    gone_ok(answer.map(drop).map_err(error))
}

fn id_of(gateway: &types::InternetGateway) -> Result<Id<InternetGateway>> {
    member(READ, "internetGatewayId", gateway.internet_gateway_id())
}

fn to_observed(gateway: &types::InternetGateway) -> Result<Observed<InternetGateway>> {
    let attachment = gateway.attachments().first();
    let state = attachment.and_then(|attachment| attachment.state()).unwrap_or(&AttachmentStatus::Detached);
    Ok(Observed {
        inputs: InternetGateway {
            vpc_id: Id::new(attachment.and_then(|attachment| attachment.vpc_id()).unwrap_or_default()).into(),
            tags: our_tags(gateway.tags()),
        },
        outputs: InternetGatewayOutputs { id: id_of(gateway)?, state: state.as_str().to_owned() },
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
