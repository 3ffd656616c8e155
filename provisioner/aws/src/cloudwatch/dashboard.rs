//! `aws:cloudwatch:dashboard` — a page of graphs.
//!
//! The name is in its ARN, so a change to it replaces it.
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>
//!
//! Reads: two calls for each dashboard.

use aws_sdk_cloudwatch::operation::get_dashboard::GetDashboardOutput;
use provisioner_model::{
    error::{Error, ErrorKind, Result},
    expr::In,
    resource::{Actions, Created, Field, Id, Name, Observed, Owner, ReadResults, Receipt, Recorded, Resource, Tags},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::{sdk_tags, sync_tags, tags_of};
use crate::{
    cloud::{Aws, Reader, Writer},
    document::to_write,
    each::one_by_one,
    error::{api, api_with, gone_ok, need},
    tags::{TagChange, made_for},
    value::text,
};

/// A page of graphs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dashboard {
    /// Letters, digits, `-` and `_`; generated where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Content of the dashboard: a JSON document of widgets.
    pub body: In<String>,
    /// Tags of the dashboard, by key.
    #[serde(default)]
    pub tags: Tags,
}

/// The outputs of a dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DashboardOutputs {
    /// The name of the dashboard.
    pub id: Id<Dashboard>,
    /// The ARN of the dashboard.
    pub arn: String,
}

impl Dashboard {
    /// The ARN of the dashboard.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// A dashboard with these widgets.
    pub fn new(body: In<String>) -> Self {
        Self { name: None, body, tags: Tags::new() }
    }
}

impl Resource for Dashboard {
    const TYPE: &'static str = "aws:cloudwatch:dashboard";
    const FIELDS: &'static [Field] =
        &[Field::new("name").replaces(), Field::new("body").document().may_dangle(), Field::new("tags").map()];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name::new("name", 255));
    const TAGGED: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource"],
        create: &["cloudwatch:GetDashboard", "cloudwatch:PutDashboard", "cloudwatch:TagResource"],
        update: &["cloudwatch:PutDashboard", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
        delete: &["cloudwatch:DeleteDashboards"],
    };
    type Cloud = Aws;
    type Outputs = DashboardOutputs;

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let one = async |id: &Id<Self>| {
            let dashboard = get(c, id.as_str()).await?;
            let tags = tags_of(c, &need(READ, dashboard.dashboard_arn(), "DashboardArn")?).await?;
            to_observed(id, &dashboard, tags)
        };
        Ok(one_by_one(ids, one).await)
    }

    async fn find_by_token(&self, c: &Reader, owner: &Owner) -> Result<Vec<Id<Self>>> {
        let ids: Vec<_> = self.name.iter().map(Id::new).collect();
        let mut found = vec![];
        for (id, observed) in Self::read_many(c, &ids).await? {
            if made_for(&observed?.inputs.tags, owner) {
                found.push(id);
            }
        }
        Ok(found)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(name) = &self.name else { return Ok(vec![]) };
        match get(c, name).await {
            Ok(_) => Ok(vec![Id::new(name)]),
            Err(error) if error.kind == ErrorKind::Gone => Ok(vec![]),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call would overwrite another's.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, WRITE, "a dashboard of this name is there"));
        }
        let request = c.cloudwatch().put_dashboard().set_dashboard_name(self.name.clone());
        let request = request.set_dashboard_body(text(&self.body)).set_tags(Some(sdk_tags(&self.tags)));
        request.send().await.map_err(api(WRITE))?;
        Ok((Id::new(self.name.clone().unwrap_or_default()), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        if let Some(body) = to_write(Some(&self.body), Some(&observed.inputs.body)) {
            let request = c.cloudwatch().put_dashboard().dashboard_name(recorded.id.as_str()).dashboard_body(body);
            request.send().await.map_err(api(WRITE))?;
        }
        let change = TagChange::between(&self.tags, &recorded.inputs.tags, &observed.inputs.tags);
        sync_tags(c, &observed.outputs.arn, change).await.map(|()| None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.cloudwatch().delete_dashboards().dashboard_names(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api_with("cloudwatch:DeleteDashboards", gone)))
    }
}

const READ: &str = "cloudwatch:GetDashboard";
const WRITE: &str = "cloudwatch:PutDashboard";

fn gone(code: &str, _: &str) -> Option<ErrorKind> {
    (code == "DashboardNotFoundError").then_some(ErrorKind::Gone)
}

async fn get(c: &Reader, name: &str) -> Result<GetDashboardOutput> {
    c.cloudwatch().get_dashboard().dashboard_name(name).send().await.map_err(api_with(READ, gone))
}

/// The only place where the SDK's type becomes ours.
fn to_observed(id: &Id<Dashboard>, dashboard: &GetDashboardOutput, tags: Tags) -> Result<Observed<Dashboard>> {
    Ok(Observed {
        inputs: Dashboard {
            name: Some(id.as_str().to_owned()),
            body: need(READ, dashboard.dashboard_body(), "DashboardBody")?.into(),
            tags,
        },
        outputs: DashboardOutputs { id: id.clone(), arn: need(READ, dashboard.dashboard_arn(), "DashboardArn")? },
    })
}
