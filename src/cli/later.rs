//! Commands of the interface that this build does not have yet. Nothing pretends: each says so.

use super::{CliError, Exit};

/// What later builds will do. Arguments are taken as they come, so that the answer is this one
/// sentence and no usage error.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Not in this build yet: write a backup.
    Backup(Anything),
    /// Not in this build yet: restore a backup.
    Restore(Anything),
    /// Not in this build yet: products and stock.
    Product(Anything),
}

/// Any arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Anything {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

pub(super) fn run(command: &Command) -> Result<Exit, CliError> {
    let name = match command {
        Command::Backup(_) => "backup",
        Command::Restore(_) => "restore",
        Command::Product(_) => "product",
    };
    Err(refuse(name))
}

/// The sentence for a command of later builds.
pub(super) fn refuse(name: &str) -> CliError {
    CliError::new(Exit::Usage, format!("`{name}` is not in this build yet; a later one brings it."))
}
