//! `state export`: prints the state for a backup, or as import blocks for Terraform.

use clap::{Args, ValueEnum};
use provisioner_model::Environment;

use crate::{environment::Folder, error::Failure, state_store::StateStore, terminal::Terminal};

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Format of the output.
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// The state, as `state import` reads it.
    Json,
    /// A block `import` for each resource of Terraform's AWS provider.
    #[cfg(feature = "aws-types")]
    Terraform,
}

pub(super) async fn run<E: Environment>(
    folder: &Folder,
    arguments: ExportArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let (_, snapshot) = StateStore::open::<E>(folder, &arguments.environment).await?;
    match arguments.format {
        Format::Json => {
            terminal.data(&String::from_utf8_lossy(&provisioner_store::snapshot::text(&snapshot)?));
        }
        #[cfg(feature = "aws-types")]
        Format::Terraform => terraform::print(&snapshot, terminal),
    }
    Ok(())
}

#[cfg(feature = "aws-types")]
mod terraform {
    use std::fmt::Write as _;

    use provisioner_aws::terraform::imports;
    use provisioner_model::state::Snapshot;
    use serde_json::Value;

    use crate::{render::count, terminal::Terminal};

    /// Prints the blocks, and says what has none.
    pub(super) fn print(snapshot: &Snapshot, terminal: &Terminal) {
        let mut out = String::new();
        let mut left_out = vec![];
        for (address, row) in &snapshot.rows {
            let Some(object) = row.current() else { continue };
            let Some(id) = &object.id else {
                left_out.push(address.as_str());
                continue;
            };
            let outputs = object.outputs.as_ref().unwrap_or(&Value::Null);
            let Some(imports) = imports(&row.type_name, id, &object.inputs, outputs) else {
                left_out.push(address.as_str());
                continue;
            };
            let name = name(address);
            for (number, (resource, id)) in imports.iter().enumerate() {
                // Several resources of the same type, such as the policies of a role.
                let same = imports[..number].iter().filter(|(other, _)| other == resource).count();
                let name = if same == 0 { name.clone() } else { format!("{name}_{}", same + 1) };
                let _ = writeln!(out, "import {{\n  to = {resource}.{name}\n  id = {}\n}}\n", quoted(id));
            }
        }
        terminal.data(&out);
        if !left_out.is_empty() {
            terminal.say(&format!(
                "{} left out, without an ID or of a type that Terraform's AWS provider does not have: {}",
                count(left_out.len(), "resource"),
                left_out.join(", ")
            ));
        }
        terminal.say(
            "Write this to a file beside the configuration of the provider, then `terraform plan \
             -generate-config-out=generated.tf` writes the resources.",
        );
    }

    /// An address as the name of a resource: `network/subnet/public-a` becomes `network_subnet_public-a`.
    fn name(address: &str) -> String {
        let name = address.replace('/', "_");
        if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
    }

    /// A string of HCL.
    fn quoted(text: &str) -> String {
        let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
        format!("\"{text}\"")
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn names_and_strings_are_those_of_hcl() {
            assert_eq!(name("network/subnet/public-a"), "network_subnet_public-a");
            assert_eq!(name("2/vpc/main"), "_2_vpc_main");
            assert_eq!(quoted("a\"${b}\\"), "\"a\\\"$${b}\\\\\"");
        }
    }
}
