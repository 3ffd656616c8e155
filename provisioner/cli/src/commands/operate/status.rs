//! `status`.

use provisioner_aws::operations::status as operation;
use provisioner_model::Environment;

use super::Subject;
use crate::{
    arguments::operations::StatusArguments,
    commands::{Ending, changes::json},
    environment::Folder,
    error::{Failure, OperationError},
    program::Program,
    render,
    run::Signals,
    terminal::{self, Terminal},
};

pub(super) async fn status<E: Environment>(
    program: &Program<E>,
    folder: &Folder,
    arguments: &StatusArguments,
    terminal: &Terminal,
) -> Result<Ending, Failure> {
    let subject = Subject::open(program, folder, &arguments.environment).await?;
    let aws = subject.aws()?;
    let Some(pause) = arguments.watch else {
        let status = operation::status(aws, &subject.state).await;
        if arguments.json {
            let troubles = status.troubles();
            json(
                &serde_json::json!({ "environment": subject.name, "troubles": troubles, "status": status }),
                terminal,
            )?;
        } else {
            terminal.data(&render::status::status(&subject.name, &status, terminal.out_now(), terminal::now()));
        }
        return match status.troubles().is_empty() {
            _ if !status.unread.is_empty() => Err(OperationError::Partly.into()),
            false if arguments.exit_code => Ok(Ending::Changes),
            _ => Ok(Ending::Done),
        };
    };
    let mut signals = Signals::new().map_err(Failure::Start)?;
    let mut first = true;
    loop {
        let look = async {
            let status = operation::status(aws, &subject.state).await;
            let page = terminal.out_now();
            terminal.redraw(&render::status::status(&subject.name, &status, page, terminal::now()), first);
            tokio::time::sleep(pause).await;
        };
        tokio::select! {
            () = look => first = false,
            () = signals.next() => {
                // After the terminal's own ^C.
                terminal.data(if terminal.redraws { "\n" } else { "" });
                return Ok(Ending::Done);
            }
        }
    }
}
