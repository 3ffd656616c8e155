//! `aws:ec2:route-table-association`: the route table of a subnet.
//!
//! Its ID is the subnet's: a subnet has one table, and the association's own ID changes with each change of the table.
//! EC2 makes that change in place, and the subnet never falls back to the VPC's main table. Only another subnet
//! replaces the association. Its reads share the route tables' call.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html>

use aws_sdk_ec2::types::{self, RouteTableAssociationStateCode as State};

use super::{
    RouteTable, Subnet, filter,
    route_table::{READ, tables},
};
use crate::prelude::*;

/// The association of a subnet with a route table.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:ec2:route-table-association",
    cloudformation = "AWS::EC2::SubnetRouteTableAssociation",
    attributes(id = "${subnet_id}"),
    create = "ec2:AssociateRouteTable",
    unique(subnet_id),
    omitted(GatewayId = "subnets only, no gateways' own routing so far", PublicIpv4Pool = "subnets only")
)]
pub struct RouteTableAssociation {
    /// Subnet of the association.
    #[field(replaces)]
    pub subnet_id: In<Id<Subnet>>,
    /// Route table of the subnet.
    pub route_table_id: In<Id<RouteTable>>,
}

/// The outputs of an association.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct RouteTableAssociationOutputs {
    /// The subnet's ID, which identifies the association.
    pub id: Id<RouteTableAssociation>,
    /// ID of the form `rtbassoc-…`, which changes with each update.
    pub association: String,
    /// `associating`, `associated`, `disassociating`, `disassociated` or `failed`.
    pub state: String,
    /// AWS's message about the state.
    pub message: Option<String>,
}

impl RouteTableAssociation {
    /// The subnet, once it has its routes: for objects that need them. The derive's constants give `id` another type.
    pub const SUBNET: Output<Self, Id<Subnet>> = Output::new("id");
}

impl Resource for RouteTableAssociation {
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["association", "state"];
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeRouteTables"],
        create: &["ec2:AssociateRouteTable"],
        update: &["ec2:ReplaceRouteTableAssociation"],
        delete: &["ec2:DescribeRouteTables", "ec2:DisassociateRouteTable"],
    };
    type Cloud = Aws;
    type Outputs = RouteTableAssociationOutputs;

    fn phase(_: Option<&Self>, observed: &Observed<Self>, _: Option<&Receipt>) -> Phase {
        match State::from(observed.outputs.state.as_str()) {
            State::Associated => Phase::Ready,
            State::Disassociated => Phase::Gone,
            State::Failed => Phase::Failed { why: observed.outputs.message.clone().unwrap_or_default(), remedy: None },
            _ => Phase::Pending,
        }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let tables = tables(c).await?;
        let associations = tables.iter().flat_map(types::RouteTable::associations);
        let ours = associations.filter_map(|association| Some((Id::new(association.subnet_id()?), association)));
        Ok(ours.filter(|(id, _)| ids.contains(id)).map(|(id, association)| (id, to_observed(association))).collect())
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(subnet) = text(&self.subnet_id) else { return Ok(vec![]) };
        let there = association_of(c.ec2(), &subnet).await?;
        Ok(there.map(|_| Id::new(subnet)).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.ec2().associate_route_table(), self => subnet_id, route_table_id);
        let error = api_code("ec2:AssociateRouteTable", "Resource.AlreadyAssociated", ErrorKind::Exists);
        request.send().await.map_err(error)?;
        Ok((Id::new(text(&self.subnet_id).unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        if self.route_table_id != observed.inputs.route_table_id {
            let request = c.ec2().replace_route_table_association().association_id(&observed.outputs.association);
            let request = set_inputs!(request, self => route_table_id);
            // The association changed out of band since it was read.
            let error = api_code("ec2:ReplaceRouteTableAssociation", "InvalidAssociationID.NotFound", ErrorKind::Busy);
            request.send().await.map_err(error)?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        // The association's ID may have changed since it was recorded.
        let Some(association) = association_of(c.read().ec2(), recorded.id.as_str()).await? else { return Ok(()) };
        let answer = c.ec2().disassociate_route_table().association_id(association).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DisassociateRouteTable")))
    }
}

/// The current ID of the subnet's association.
async fn association_of(ec2: &aws_sdk_ec2::Client, subnet: &str) -> Result<Option<String>> {
    let request = ec2.describe_route_tables().filters(filter("association.subnet-id", [subnet]));
    let answer = request.send().await.map_err(api(READ))?;
    let mut associations = answer.route_tables().iter().flat_map(types::RouteTable::associations);
    let ours = associations.find(|association| association.subnet_id() == Some(subnet));
    Ok(ours.and_then(|association| association.route_table_association_id()).map(str::to_owned))
}

fn to_observed(association: &types::RouteTableAssociation) -> Result<Observed<RouteTableAssociation>> {
    let state = association.association_state();
    Ok(Observed {
        inputs: from_sdk!(READ, association => RouteTableAssociation { subnet_id, route_table_id }),
        outputs: from_sdk!(READ, association => RouteTableAssociationOutputs {
            id = subnet_id, association = route_table_association_id;
            state: state.and_then(|state| state.state()).unwrap_or(&State::Associated).as_str().to_owned(),
            message: state.and_then(|state| state.status_message()).map(str::to_owned),
        }),
    })
}
