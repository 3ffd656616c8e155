//! Names: S3 must have no bucket of another account with a name that the plan creates.
//!
//! The planner finds objects of this account that have a declared name. Only the names of buckets are shared by all
//! accounts.

use futures::future::try_join_all;
use provisioner_model::Diagnostic;

use super::{Context, or_left_out};
use crate::{prelude::*, s3::Bucket};

pub(super) async fn findings(context: &Context<'_>) -> Result<Vec<Diagnostic>> {
    let name = |(address, inputs): (_, &Value)| Some((address, inputs["bucket"].as_str()?.to_owned()));
    let buckets: Vec<(&str, String)> = context.creates(Bucket::TYPE).filter_map(name).collect();
    let checks = buckets
        .iter()
        .map(|(address, name)| async move { or_left_out("name of bucket", of_bucket(context, address, name).await) });
    Ok(try_join_all(checks).await?.concat())
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>
async fn of_bucket(context: &Context<'_>, address: &str, name: &str) -> Result<Vec<Diagnostic>> {
    let Err(error) = context.reader.s3().head_bucket().bucket(name).send().await else { return Ok(vec![]) };
    // The answer has no body, and so no code.
    match error.raw_response().map(|response| response.status().as_u16()) {
        Some(404) => Ok(vec![]),
        Some(status @ (301 | 403)) => Ok(vec![taken(address, name, status)]),
        _ => Err(api("s3:HeadBucket")(error)),
    }
}

fn taken(address: &str, name: &str, status: u16) -> Diagnostic {
    let owner = if status == 301 { "a bucket in another region has it" } else { "a bucket of another account has it" };
    Diagnostic::resource_error(address, format!("bucket: the name `{name}` is taken: {owner}")).hint(
        "all accounts share the names of buckets: choose another one. Credentials without s3:ListBucket see every bucket \
         as another account's",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_another_account_or_region_is_taken() {
        let summary = |status| taken("edge/bucket/logs", "logs", status).summary;
        assert_eq!(summary(403), "bucket: the name `logs` is taken: a bucket of another account has it");
        assert_eq!(summary(301), "bucket: the name `logs` is taken: a bucket in another region has it");
    }
}
