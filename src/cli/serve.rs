//! `serve`: the daemon.

use std::sync::Arc;

use super::{CliError, Exit, Global};
use crate::config::{Config, LoadOptions, MasterKey};
use crate::daemon::{Daemon, Ending, Plan, logging};

pub(super) fn run(global: &Global) -> Result<Exit, CliError> {
    let source = LoadOptions { file: global.config.clone(), ..LoadOptions::default() };
    let (config, _) = Config::load(source.clone())?;
    logging::start(&config.log);
    crate::actor::supervise::install_panic_hook();
    let key = MasterKey::load(config.secrets.master_key_file.as_deref())?;
    on_system(async |runtime| {
        let daemon = Daemon::start(Plan { config, key, simulated: false }, runtime).await?;
        Ok(exit(daemon.run(Some(source)).await))
    })
}

pub(super) fn exit(ending: Ending) -> Exit {
    match ending {
        Ending::Calm | Ending::AtOnce => Exit::Ok,
        Ending::Failed => Exit::Error,
    }
}

/// Runs something inside an actix `System` whose arbiters all share one tokio runtime.
pub(super) fn on_system<F>(work: F) -> Result<Exit, CliError>
where
    F: AsyncFnOnce(&Arc<tokio::runtime::Runtime>) -> Result<Exit, CliError>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(Exit::Error, format!("no runtime: {error}")))?;
    let runtime = Arc::new(runtime);
    let shared = Arc::clone(&runtime);
    let system = actix_rt::System::with_tokio_rt(move || shared);
    system.block_on(work(&runtime))
}
