//! `completions`, `man`, `openapi`.

use clap::CommandFactory;

use super::client::Client;
use super::{Cli, CliError, Exit, Global, output};

pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "instasync", &mut text);
    output::data(&String::from_utf8_lossy(&text));
    Exit::Ok
}

pub(super) fn man() -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .map_err(|error| CliError::new(Exit::Error, error.to_string()))?;
    output::data(&String::from_utf8_lossy(&text));
    Ok(Exit::Ok)
}

pub(super) async fn openapi(global: &Global) -> Result<Exit, CliError> {
    let client = Client::new(global)?;
    output::json(&client.get("/openapi.json").await?);
    Ok(Exit::Ok)
}
