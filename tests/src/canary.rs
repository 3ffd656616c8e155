//! A program with a known value in every secret input. The values come from a file, so that neither the command line nor
//! the environment of the process contains them.

use std::{collections::BTreeMap, path::PathBuf};

use provisioner_aws::{
    acm::ImportedCertificate,
    rds::Instance,
    secrets::{Generated, ManagedSecret, SecretValue},
};
use provisioner_cli::Program;
use provisioner_model::Stack;
use provisioner_reference_stack::Environment;
use serde::{Deserialize, Serialize};

/// The secret inputs of all resource types, by type and input. The program states each of them.
pub const SECRET_INPUTS: [(&str, &str); 2] =
    [("aws:rds:instance", "master_user_password"), ("aws:secretsmanager:secret", "secret_string")];

/// The values of the program's secret inputs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Canaries {
    /// Version of all values.
    pub version: u32,
    /// Values by input: `TYPE.INPUT`.
    pub values: BTreeMap<String, String>,
}

/// Returns the program whose secret inputs have the values of a file.
pub fn program(file: PathBuf) -> Program<Environment> {
    Program::new(move |_: &Environment, stack: &mut Stack| {
        let text = std::fs::read(&file).unwrap_or_default();
        if let Ok(canaries) = serde_json::from_slice(&text) {
            declare(&canaries, stack);
        }
    })
}

fn declare(canaries: &Canaries, stack: &mut Stack) {
    let [password, text] = SECRET_INPUTS.map(|(type_name, input)| {
        let slot = format!("{type_name}.{input}");
        let value = canaries.values.get(&slot).cloned().unwrap_or_default();
        stack.secret(&slot, canaries.version, value)
    });
    stack.component("canary", |stack| {
        let given = ManagedSecret::new(SecretValue::Given(text)).recovery_window_in_days(0);
        let given = stack.add("given", given);
        let generated = Generated::new(40).version(canaries.version);
        stack.add("generated", ManagedSecret::new(SecretValue::Generated(generated)).recovery_window_in_days(0));
        stack.add("certificate", ImportedCertificate::new(["canary.internal"], 30).version(canaries.version));
        let database = Instance::new("postgres", "17", "db.t3.micro", 20, "app");
        let database = database.manage_master_user_password(false).master_user_password(password);
        stack.add("database", database);
        stack.output("secret", given.id());
    });
}
