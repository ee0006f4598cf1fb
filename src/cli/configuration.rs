//! `check-config` and `config show`.

use super::{CliError, Exit, Global, output};
use crate::config::{Config, DEFAULT, LoadOptions, MasterKey};

/// Sub-commands of `config`.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Effective values, each with where it came from.
    Show {
        /// The built-in defaults with their explanations instead.
        #[arg(long)]
        defaults: bool,
    },
}

pub(super) fn check(global: &Global) -> Result<Exit, CliError> {
    let options = LoadOptions { file: global.config.clone(), ..LoadOptions::default() };
    let (config, _) = Config::load(options)?;
    MasterKey::load(config.secrets.master_key_file.as_deref())?;
    output::talk("The configuration is good.");
    Ok(Exit::Ok)
}

pub(super) fn run(command: &Command, global: &Global) -> Result<Exit, CliError> {
    let Command::Show { defaults } = command;
    if *defaults {
        output::data(DEFAULT);
        return Ok(Exit::Ok);
    }
    let options = LoadOptions { file: global.config.clone(), ..LoadOptions::default() };
    let (config, sources) = Config::load(options)?;
    let rows = sources.rows(&config);
    if global.json {
        let entry = |(key, value, source): &(&str, String, String)| serde_json::json!({"key": key, "value": value.trim_matches('"'), "source": source});
        output::json(&rows.iter().map(entry).collect());
    } else {
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(key, value, source)| vec![key.to_owned(), value, source])
            .collect();
        output::table(&["KEY", "VALUE", "SOURCE"], &rows, "no keys");
    }
    Ok(Exit::Ok)
}
