//! `image inspect`: shows layers, sizes, labels, components, and whether the image is out of date.

use clap::Args;
use provisioner_image::BuildStatus;
use provisioner_model::Environment;
use serde_json::json;

use super::source;
use crate::{
    environment::Folder,
    error::Failure,
    image::{size, total},
    program::Program,
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct InspectArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: InspectArguments,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let source = source(program, folder, &folder.load::<E>(&arguments.environment)?)?;
    let build_status = source.build_status()?;
    let state = match build_status {
        BuildStatus::Missing => "not built yet",
        BuildStatus::Current(_) => "up to date",
        BuildStatus::OutOfDate(_) => "out of date",
    };
    let Some(layout) = build_status.layout() else {
        if arguments.json {
            terminal.json(&json!({ "state": state, "architecture": source.architecture }))?;
            return Ok(());
        }
        terminal.data(&format!("{state}\n"));
        return Ok(());
    };
    let (layers, labels, attached) = (layout.layers()?, layout.labels()?, layout.attached()?);
    let components = attached.values().find_map(|document| document["components"].as_array()).map_or(0, Vec::len);
    if arguments.json {
        terminal.json(&json!({
                "state": state,
                "digest": layout.digest(),
                "architecture": layout.architecture(),
                "tag": layout.tag(),
                "labels": labels,
                "layers": layers.iter().map(|it| json!({ "digest": it.digest, "size": it.size })).collect::<Vec<_>>(),
                "size": total(layout)?,
                "components": components,
                "attached": attached.keys().collect::<Vec<_>>(),
        }))?;
        return Ok(());
    }
    let mut rows = vec![
        ("state".to_owned(), state.to_owned()),
        ("digest".to_owned(), layout.digest().to_owned()),
        ("processor".to_owned(), layout.architecture().map_or("unknown", |one| one.name()).to_owned()),
        ("tag".to_owned(), layout.tag().to_owned()),
        ("size".to_owned(), size(total(layout)?)),
    ];
    rows.extend(layers.iter().map(|layer| ("layer".to_owned(), format!("{} {}", layer.digest, size(layer.size)))));
    rows.extend(labels.iter().map(|(name, value)| ("label".to_owned(), format!("{name}={value}"))));
    rows.push(("components".to_owned(), components.to_string()));
    rows.extend(attached.keys().map(|kind| ("attached".to_owned(), kind.clone())));
    for (name, value) in &rows {
        terminal.data(&format!("{name:<11} {value}\n"));
    }
    Ok(())
}
