//! The log: to standard error, as text for people or JSON for machines.
//!
//! Nothing that is logged carries payloads, names, addresses or secrets (I12).

use std::sync::OnceLock;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::config::{Log, LogFormat, environment};

static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Starts the log of the process. A second call changes nothing.
pub fn start(log: &Log) {
    let (filter, handle) = reload::Layer::new(EnvFilter::new(&log.filter));
    let registry = Registry::default().with(filter);
    let started = match log.format {
        LogFormat::Json => {
            let layer = fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
        // The journal has the time already.
        LogFormat::Text if environment("JOURNAL_STREAM").is_some() => {
            let layer = fmt::layer().without_time().with_ansi(false).with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
        LogFormat::Text => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr())
                && environment("NO_COLOR").is_none();
            let layer = fmt::layer().with_ansi(ansi).with_writer(std::io::stderr);
            registry.with(layer).try_init()
        }
    };
    if started.is_ok() {
        let _first = FILTER.set(handle);
    }
}

/// Changes what is logged from now on; the configuration has checked the filter.
pub fn set_filter(filter: &str) {
    if let Some(handle) = FILTER.get()
        && let Err(error) = handle.reload(EnvFilter::new(filter))
    {
        tracing::warn!(%error, "the log filter could not be changed");
    }
}
