//! What people see of the environment: logs, alarms that reach them, and one page of graphs.

use provisioner_aws::{kms::Key, logs::LogGroup};
use provisioner_model::stack::{Handle, Stack};

use crate::environment::Environment;

/// Where logs go. Declared before whoever writes them: no role may make a group, so none comes back after a destroy.
pub struct Logs {
    /// The app's.
    pub app: Handle<LogGroup>,
    /// The VPC's flow logs.
    pub flows: Handle<LogGroup>,
}

/// The log groups, encrypted, and kept as long as the environment says.
pub fn logs(env: &Environment, key: &Handle<Key>, stack: &mut Stack) -> Logs {
    stack.component("observability", |stack| {
        let group = || LogGroup { kms_key: Some(key.get(Key::ARN)), ..LogGroup::new(env.logs.retention_days) };
        Logs { app: stack.add("app", group()), flows: stack.add("flows", group()) }
    })
}
