//! `migrate`: the database brought up to this build, with nothing served.

use super::serve::on_system;
use super::{CliError, Exit, Global, output};
use crate::config::{Config, LoadOptions};
use crate::daemon::boot::open_ledger;
use crate::daemon::logging;
use crate::ledger::Ledger;

pub(super) fn run(global: &Global) -> Result<Exit, CliError> {
    let options = LoadOptions { file: global.config.clone(), ..LoadOptions::default() };
    let (config, _) = Config::load(options)?;
    logging::start(&config.log);
    on_system(async |_runtime| {
        let (ledger, _lock) = open_ledger(&config, &crate::clock::Clock::system()).await?;
        ledger.close().await.map_err(crate::daemon::StartError::from)?;
        output::talk("The database is up to date.");
        Ok(Exit::Ok)
    })
}
