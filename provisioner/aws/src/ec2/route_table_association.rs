//! `aws:ec2:route-table-association` — which route table a subnet uses.
//!
//! Its id is the subnet's: a subnet has one table, and the association's own id changes whenever another table takes
//! over, which EC2 does in place, without a moment on the VPC's main table. Only another subnet replaces it. It shares
//! the route tables' one call.
//! API: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html>

use aws_sdk_ec2::types::{self, RouteTableAssociationStateCode as State};
use provisioner_model::{
    error::{ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Observed, Owner, Phase, ReadResults, Receipt, Recorded, Resource},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{
    RouteTable, Subnet, filter,
    route_table::{READ, tables},
};
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, api_with, gone_ok, need},
    value::text,
};

/// The association of a subnet with a route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// Subnet of the association.
    pub subnet: In<Id<Subnet>>,
    /// Route table of the subnet.
    pub route_table: In<Id<RouteTable>>,
}

/// The outputs of an association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTableAssociationOutputs {
    /// The subnet's ID, which identifies the association.
    pub id: Id<RouteTableAssociation>,
    /// `rtbassoc-…`: another one after each change.
    pub association: String,
    /// `associating`, `associated`, `disassociating`, `disassociated` or `failed`.
    pub state: String,
    /// AWS's message about the state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl RouteTableAssociation {
    /// The subnet, once it has its routes: for what is of no use before.
    pub const SUBNET: Output<Self, Id<Subnet>> = Output::new("id");

    /// This subnet uses this table.
    pub fn new(subnet: In<Id<Subnet>>, route_table: In<Id<RouteTable>>) -> Self {
        Self { subnet, route_table }
    }
}

impl Resource for RouteTableAssociation {
    const TYPE: &'static str = "aws:ec2:route-table-association";
    const FIELDS: &'static [Field] = &[Field::new("subnet").replaces(), Field::new("route_table")];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["subnet"]];
    const CHANGES_ON_UPDATE: &'static [&'static str] = &["association", "state"];
    const ACTIONS: Actions = Actions {
        read: &["ec2:DescribeRouteTables"],
        create: &["ec2:AssociateRouteTable"],
        update: &["ec2:ReplaceRouteTableAssociation"],
        delete: &["ec2:DescribeRouteTables", "ec2:DisassociateRouteTable"],
    };
    const OMITTED_PARAMETERS: &'static [(&'static str, &'static str)] = &[
        ("DryRun", "the plan is the dry run"),
        ("GatewayId", "subnets only, no gateways' own routing so far"),
        ("PublicIpv4Pool", "subnets only"),
    ];
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
        let Some(subnet) = text(&self.subnet) else { return Ok(vec![]) };
        let there = association_of(c.ec2(), &subnet).await?;
        Ok(there.map(|_| Id::new(subnet)).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.ec2().associate_route_table().set_subnet_id(text(&self.subnet));
        let request = request.set_route_table_id(text(&self.route_table));
        let there = |code: &str, _: &str| (code == "Resource.AlreadyAssociated").then_some(ErrorKind::Exists);
        request.send().await.map_err(api_with("ec2:AssociateRouteTable", there))?;
        Ok((Id::new(text(&self.subnet).unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, _: &Recorded<Self>, observed: &Observed<Self>) -> Result<Option<Receipt>> {
        if self.route_table != observed.inputs.route_table {
            let request = c.ec2().replace_route_table_association().association_id(&observed.outputs.association);
            let request = request.set_route_table_id(text(&self.route_table));
            // The id is of the last read: whoever changed it since was faster.
            let moved = |code: &str, _: &str| (code == "InvalidAssociationID.NotFound").then_some(ErrorKind::Busy);
            request.send().await.map_err(api_with("ec2:ReplaceRouteTableAssociation", moved))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        // Read anew: the association's id may have changed since it was recorded.
        let Some(association) = association_of(c.read().ec2(), recorded.id.as_str()).await? else { return Ok(()) };
        let answer = c.ec2().disassociate_route_table().association_id(association).send().await;
        gone_ok(answer.map(drop).map_err(api("ec2:DisassociateRouteTable")))
    }
}

/// The id of the subnet's association now.
async fn association_of(ec2: &aws_sdk_ec2::Client, subnet: &str) -> Result<Option<String>> {
    let request = ec2.describe_route_tables().filters(filter("association.subnet-id", [subnet]));
    let answer = request.send().await.map_err(api(READ))?;
    let mut associations = answer.route_tables().iter().flat_map(types::RouteTable::associations);
    let ours = associations.find(|association| association.subnet_id() == Some(subnet));
    Ok(ours.and_then(|association| association.route_table_association_id()).map(str::to_owned))
}

fn to_observed(association: &types::RouteTableAssociation) -> Result<Observed<RouteTableAssociation>> {
    let subnet: String = need(READ, association.subnet_id(), "subnetId")?;
    let table: String = need(READ, association.route_table_id(), "routeTableId")?;
    let state = association.association_state();
    Ok(Observed {
        inputs: RouteTableAssociation { subnet: Id::new(&*subnet).into(), route_table: Id::new(table).into() },
        outputs: RouteTableAssociationOutputs {
            id: Id::new(subnet),
            association: need(READ, association.route_table_association_id(), "routeTableAssociationId")?,
            state: state.and_then(|state| state.state()).unwrap_or(&State::Associated).as_str().to_owned(),
            message: state.and_then(|state| state.status_message()).map(str::to_owned),
        },
    })
}
