//! `image build`, `image push`, `image save` and `image inspect`.

use provisioner_files::write_atomically;
use provisioner_image::{ImageError, Source, Standing};
use provisioner_model::Environment;
use serde_json::{Value, json};

use super::{Ending, changes};
use crate::{
    arguments::ImageCommand,
    environment::{Folder, Loaded},
    error::{Failure, ImageFailure},
    image::{size, total, up_to_date},
    program::Program,
    run::Session,
    terminal::Terminal,
};

pub(super) async fn image<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    command: ImageCommand,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    match command {
        ImageCommand::Build { environment } => {
            let layout = up_to_date(&source(program, folder, &environment)?, terminal)?;
            terminal.data(&format!("{}\n", layout.digest()));
        }
        ImageCommand::Push { environment } => push(program, folder, &environment, terminal).await?,
        ImageCommand::Save { environment, out, name } => {
            let source = source(program, folder, &environment)?;
            let standing = source.standing()?;
            let layout = standing.layout().ok_or(ImageFailure::NotBuilt(environment))?;
            write_atomically(&out, &layout.archive(&name)?).map_err(ImageError::from)?;
            terminal.say(&format!("Saved as {name}. To load it: docker load --input {}", out.display()));
        }
        ImageCommand::Inspect { environment, json } => {
            inspect(&source(program, folder, &environment)?, json, terminal)?;
        }
    }
    Ok(Ending::Done)
}

fn source<E: Environment>(program: &Program<E>, folder: &Folder, name: &str) -> Result<Source, Failure> {
    let Loaded { name, environment } = folder.load::<E>(name)?;
    program.image_source(folder, &environment).ok_or_else(|| ImageFailure::None(name).into())
}

async fn push<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    name: &str,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let source = source(program, folder, name)?;
    let standing = source.standing()?;
    let layout = standing.layout().ok_or_else(|| ImageFailure::NotBuilt(name.to_owned()))?;
    if matches!(standing, Standing::OutOfDate(_)) {
        terminal.say("The image is out of date: its source has changed. It is pushed as it is.");
    }
    // The account and the endpoint must be those that the state was made with.
    let session = Session::open(program, folder, name).await?;
    let repository = session.snapshot.outputs.get("repository").and_then(Value::as_str);
    let repository = repository.ok_or_else(|| ImageFailure::NoRepository(name.to_owned()))?;
    let aws = provisioner_aws::Aws::load(&session.target.region).await;
    let pushed = provisioner_aws::ecr::push(&aws, repository, layout).await.map_err(ImageFailure::Push)?;
    let (sent, there) = (pushed.sent, pushed.there);
    terminal.say(&format!("Pushed, as {}: {sent} sent, {there} there already.", layout.tag()));
    terminal.data(&format!("{repository}@{}\n", layout.digest()));
    Ok(())
}

fn inspect(source: &Source, as_json: bool, terminal: &Terminal) -> Result<(), Failure> {
    let standing = source.standing()?;
    let state = match standing {
        Standing::Missing => "not built yet",
        Standing::Current(_) => "up to date",
        Standing::OutOfDate(_) => "out of date",
    };
    let Some(layout) = standing.layout() else {
        if as_json {
            return changes::json(&json!({ "state": state, "architecture": source.architecture }), terminal);
        }
        terminal.data(&format!("{state}\n"));
        return Ok(());
    };
    let (layers, labels, attached) = (layout.layers()?, layout.labels()?, layout.attached()?);
    let components = attached.values().find_map(|document| document["components"].as_array()).map_or(0, Vec::len);
    if as_json {
        return changes::json(
            &json!({
                "state": state,
                "digest": layout.digest(),
                "architecture": layout.architecture(),
                "tag": layout.tag(),
                "labels": labels,
                "layers": layers.iter().map(|it| json!({ "digest": it.digest, "size": it.size })).collect::<Vec<_>>(),
                "size": total(layout)?,
                "components": components,
                "attached": attached.keys().collect::<Vec<_>>(),
            }),
            terminal,
        );
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
