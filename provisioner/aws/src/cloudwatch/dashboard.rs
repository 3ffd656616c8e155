//! `aws:cloudwatch:dashboard`: a page of graphs.
//!
//! The name is in its ARN, so a change to it replaces it.
//! API: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>
//!
//! Reads: two calls for each dashboard.

use aws_sdk_cloudwatch::operation::get_dashboard::GetDashboardOutput;

use super::{sdk_tags, tags_of};
use crate::{document::to_write, each::one_by_one, prelude::*, tags::owned_reads};

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^[A-Za-z0-9_-]+$",
    page: "https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html",
    ..NameRule::ANY
};

/// A page of graphs.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(
    type = "aws:cloudwatch:dashboard",
    cloudformation = "AWS::CloudWatch::Dashboard",
    create = "cloudwatch:PutDashboard",
    unique(dashboard_name)
)]
pub struct Dashboard {
    /// Letters, digits, `-` and `_`; generated if absent.
    #[field(replaces, name(max = 255, rule = NAME_RULE))]
    pub dashboard_name: Option<String>,
    /// Content of the dashboard: a JSON document of widgets.
    #[field(document, may_dangle, convert = ToProperty::to_property)]
    pub dashboard_body: In<String>,
    /// Tags of the dashboard, by key.
    pub tags: Tags,
}

/// The outputs of a dashboard.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct DashboardOutputs {
    /// The name of the dashboard.
    pub id: Id<Dashboard>,
    /// The ARN of the dashboard.
    pub arn: String,
}

impl Resource for Dashboard {
    const IDEMPOTENT_CREATE: bool = true;
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
        let ids: Vec<_> = self.dashboard_name.iter().map(Id::new).collect();
        owned_reads(Self::read_many(c, &ids).await?, owner, |inputs| &inputs.tags)
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let Some(name) = &self.dashboard_name else { return Ok(vec![]) };
        Ok(none_if(ErrorKind::Gone, get(c, name).await)?.map(|_| Id::new(name)).into_iter().collect())
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        // The call would overwrite another dashboard.
        if !self.find_by_unique_key(&c.reader()).await?.is_empty() {
            return Err(Error::because(ErrorKind::Exists, WRITE, "a dashboard of this name is there"));
        }
        let request = set_inputs!(c.cloudwatch().put_dashboard(), self => dashboard_name, dashboard_body);
        request.set_tags(Some(sdk_tags(&self.tags))).send().await.map_err(api(WRITE))?;
        Ok((Id::new(self.dashboard_name.clone().unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        if let Some(body) = to_write(Some(&self.dashboard_body), Some(&observed.inputs.dashboard_body)) {
            let request = c.cloudwatch().put_dashboard().dashboard_name(recorded.id.as_str()).dashboard_body(body);
            request.send().await.map_err(api(WRITE))?;
        }
        let arn = &observed.outputs.arn;
        write_tags!(&self.tags, &recorded.inputs.tags, &observed.inputs.tags;
            c.cloudwatch().tag_resource().resource_arn(arn) => "cloudwatch:TagResource",
            c.cloudwatch().untag_resource().resource_arn(arn) => "cloudwatch:UntagResource");
        Ok(None)
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
        inputs: from_sdk!(READ, dashboard => Dashboard {
            dashboard_body; dashboard_name: Some(id.as_str().to_owned()), tags
        }),
        outputs: from_sdk!(READ, dashboard => DashboardOutputs { arn = dashboard_arn; id: id.clone() }),
    })
}
