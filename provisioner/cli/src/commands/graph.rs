//! `graph`: prints the dependency graph of the declared resources, without credentials.

use clap::{Args, ValueEnum};
use provisioner_model::{Environment, expr::edges};

use super::ExitStatus;
use crate::{
    declaration::Declaration,
    environment::Folder,
    error::Failure,
    program::Program,
    render::graph::{Edges, dot, mermaid, svg},
    terminal::Terminal,
};

#[derive(Args, Debug)]
pub(crate) struct GraphArguments {
    /// Name of the environment.
    #[arg(value_name = "ENV")]
    environment: String,
    /// Format of the output.
    #[arg(long, short, value_enum, default_value_t = GraphFormat::Dot)]
    format: GraphFormat,
}

/// The output formats of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum GraphFormat {
    /// DOT text for Graphviz.
    Dot,
    /// Mermaid text for Markdown.
    Mermaid,
    /// An image in SVG format.
    Svg,
}

pub(super) async fn run<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: GraphArguments,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let environment = folder.load::<E>(&arguments.environment)?;
    let (declaration, _) = Declaration::offline(program, folder, &environment).await?;
    let mut graph = Edges::new();
    for (address, declared) in &declaration.desired.resources {
        let mut needs = vec![];
        edges(&declared.inputs, &mut needs);
        graph.insert(address.clone(), needs.into_iter().collect());
    }
    terminal.data(&match arguments.format {
        GraphFormat::Dot => dot(&environment.name, &graph),
        GraphFormat::Mermaid => mermaid(&graph),
        GraphFormat::Svg => svg(&graph),
    });
    Ok(ExitStatus::Success)
}
