//! AWS for Provisioner: one file per resource type, on the official SDK.
//!
//! Code that every file shares is in [`cloud`] (clients and the readers' cache), [`error`] (codes become kinds), [`tags`]
//! and `sdk` (conversions that follow from names and types alone). Nothing here knows of plans, order, retries or printing.

pub mod authorization;
pub mod calls;
pub mod cloud;
pub mod document;
pub mod each;
pub mod error;
pub mod http;
pub mod items;
pub mod partition;
#[cfg(feature = "ec2")]
pub mod preflight;
mod prelude;
mod properties;
pub mod record;
pub mod schemas;
mod sdk;
pub mod tags;
pub mod terraform;
pub mod value;

#[cfg(feature = "acm")]
pub mod acm;
#[cfg(feature = "applicationautoscaling")]
pub mod autoscaling;
#[cfg(feature = "cloudwatch")]
pub mod cloudwatch;
#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "ec2")]
pub mod ec2;
#[cfg(feature = "ecr")]
pub mod ecr;
#[cfg(feature = "ecs")]
pub mod ecs;
#[cfg(feature = "elasticloadbalancingv2")]
pub mod elb;
#[cfg(feature = "iam")]
pub mod iam;
#[cfg(feature = "kms")]
pub mod kms;
#[cfg(feature = "cloudwatchlogs")]
pub mod logs;
#[cfg(feature = "operations")]
pub mod operations;
#[cfg(feature = "rds")]
pub mod rds;
#[cfg(feature = "route53")]
pub mod route53;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "secretsmanager")]
pub mod secrets;
#[cfg(feature = "sns")]
pub mod sns;
#[cfg(feature = "sqs")]
pub mod sqs;
#[cfg(feature = "wafv2")]
pub mod waf;

/// The types of a service whose feature is off. They name IDs, as in `Id<ec2::Subnet>`, and are good for nothing else:
/// an ID needs no SDK, and a program may get it from somewhere else.
macro_rules! only_for_ids {
    ($feature:literal: $module:ident, $($name:ident)+) => {
        #[cfg(not(feature = $feature))]
        #[doc = concat!("Names for IDs: the feature `", $feature, "` has the resource types.")]
        pub mod $module {
            $(
                #[doc = concat!("A name for IDs: the feature `", $feature, "` has the resource type.")]
                #[derive(Debug)]
                pub enum $name {}
            )+
        }
    };
}

only_for_ids!("ec2": ec2, SecurityGroup Subnet Vpc);
only_for_ids!("route53": route53, Record);

pub use cloud::{Aws, Identity, InvalidConfig, Reader, Writer, is_endpoint_url};
pub use partition::Partition;

use provisioner_model::erased::ResourceRegistry;

/// Every resource type of this crate that the chosen features build.
pub fn registry() -> ResourceRegistry {
    let types = ResourceRegistry::default();
    #[cfg(feature = "ec2")]
    let types = ec2::register(types);
    #[cfg(feature = "acm")]
    let types = acm::register(types);
    #[cfg(feature = "applicationautoscaling")]
    let types = autoscaling::register(types);
    #[cfg(feature = "cloudwatch")]
    let types = cloudwatch::register(types);
    #[cfg(feature = "dynamodb")]
    let types = dynamodb::register(types);
    #[cfg(feature = "ecr")]
    let types = ecr::register(types);
    #[cfg(feature = "ecs")]
    let types = ecs::register(types);
    #[cfg(feature = "elasticloadbalancingv2")]
    let types = elb::register(types);
    #[cfg(feature = "iam")]
    let types = iam::register(types);
    #[cfg(feature = "kms")]
    let types = kms::register(types);
    #[cfg(feature = "cloudwatchlogs")]
    let types = logs::register(types);
    #[cfg(feature = "rds")]
    let types = rds::register(types);
    #[cfg(feature = "route53")]
    let types = route53::register(types);
    #[cfg(feature = "s3")]
    let types = s3::register(types);
    #[cfg(feature = "secretsmanager")]
    let types = secrets::register(types);
    #[cfg(feature = "sns")]
    let types = sns::register(types);
    #[cfg(feature = "sqs")]
    let types = sqs::register(types);
    #[cfg(feature = "wafv2")]
    let types = waf::register(types);
    types
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_type_names_the_feature_that_builds_it() {
        let manifest = include_str!("../Cargo.toml");
        for kind in super::registry().all() {
            let parts: Vec<&str> = kind.info().type_name.split(':').collect();
            let [whose, feature, _] = parts[..] else { panic!("{}", kind.info().type_name) };
            assert_eq!(whose, "aws");
            assert!(
                manifest.contains(&format!("\n{feature} = [\"dep:aws-sdk-{feature}\"")),
                "{}",
                kind.info().type_name
            );
        }
    }
}
