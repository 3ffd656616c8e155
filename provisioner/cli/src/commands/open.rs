//! `open`: the stack's URL, in a browser.

use super::{Ending, state::load};
use crate::{
    arguments::OpenArguments,
    environment::Folder,
    error::{Failure, OperationError},
    terminal::{self, Terminal},
};

pub(super) async fn open(folder: &Folder, arguments: &OpenArguments, terminal: &Terminal) -> Result<Ending, Failure> {
    let (_, snapshot) = load(folder, &arguments.environment).await?;
    let url = snapshot.outputs.get("url").and_then(|url| url.as_str());
    // Nothing else: what opens a file or a program is not for a state to name.
    let url =
        url.filter(|url| url.starts_with("https://") || url.starts_with("http://")).ok_or(OperationError::NoUrl)?;
    terminal.data(&format!("{url}\n"));
    if !arguments.print
        && let Err(why) = terminal::browse(url)
    {
        terminal.say(&format!("No browser was opened: {why}."));
    }
    Ok(Ending::Done)
}
