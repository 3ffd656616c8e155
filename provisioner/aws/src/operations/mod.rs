//! Operations for people: what is asked of a stack, or done to it, between two applies. They call the SDK and give plain
//! data; which objects they look at comes from the state, so that they work for any stack.

pub mod health;
pub mod logs;
pub mod objects;
pub mod rollback;
pub mod run;
pub mod running;
pub mod status;

/// The IAM actions of what only looks: `status` and `logs`. Who reads logs may read what users did, so that no role gets
/// these by itself.
pub const LOOK: &[&str] = &[
    "cloudwatch:DescribeAlarms",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:ListTasks",
    "elasticloadbalancing:DescribeTargetHealth",
    "logs:FilterLogEvents",
    "rds:DescribeDBInstances",
];

/// IAM actions that `run` needs besides [`LOOK`]. `iam:PassRole` is for the task's two roles.
pub const RUN: &[&str] = &["ecs:RunTask", "ecs:StopTask", "ecs:TagResource", "iam:PassRole"];

/// IAM actions that `rollback` needs besides [`LOOK`] and those of an apply of the service.
pub const ROLL_BACK: &[&str] =
    &["ecs:DescribeServiceRevisions", "ecs:ListServiceDeployments", "ecs:ListTaskDefinitions"];
