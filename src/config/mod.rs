//! Configuration: typed, layered, strict.
//!
//! [`Config`] is a tree of small structs whose names are the keys; `config/default.toml` explains
//! each. [`Config::load`] lays the layers over one another and collects *every* mistake with its
//! place; a configuration with a mistake is not used at all.

mod keys;
mod load;
mod master_key;
mod setting;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use keys::Change;
pub(crate) use load::environment;
pub use load::{ConfigErrors, LoadOptions, Mistake, Origin, Sources};
pub use master_key::{KeyError, MasterKey};
pub(crate) use setting::parse_span;

/// The built-in defaults, which explain every key.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

macro_rules! sections {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(missing_docs, reason = "config/default.toml explains every key")]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }
    )*};
}

sections! {
    /// `[public]`
    Public {
        listen: SocketAddr,
        url: Option<String>,
        workers: Option<usize>,
        max_connections: usize,
        header_timeout: Duration,
        body_timeout: Duration,
        keep_alive: Duration,
        backlog: u32,
    }
    /// `[private]`
    Private {
        listen: SocketAddr,
        socket: Option<PathBuf>,
    }
    /// `[database]`
    Database {
        url: DatabaseUrl,
        readers: u32,
        checkpoint_bytes: u64,
        wal_cap_bytes: u64,
    }
    /// `[secrets]`
    Secrets {
        master_key_file: Option<PathBuf>,
    }
    /// `[webhooks]`
    Webhooks {
        max_body_bytes: usize,
    }
    /// `[writer]`
    Writer {
        journal_queue: usize,
        journal_queue_bytes: usize,
        commit_queue: usize,
        commit_queue_bytes: usize,
        max_batch: usize,
        deadline: Duration,
    }
    /// `[stores]`
    Stores {
        turn_events: usize,
        command_queue: usize,
        command_deadline: Duration,
        idle_after: Duration,
        hang_after: Duration,
        sweep_every: Duration,
    }
    /// `[supervision]`
    Supervision {
        store_restarts: u32,
        store_period: Duration,
        quarantine_retry: Duration,
        vital_restarts: u32,
        vital_period: Duration,
    }
    /// `[outbound]`
    Outbound {
        allow_private: bool,
        connect_timeout: Duration,
        timeout: Duration,
    }
    /// `[autosync]`
    Autosync {
        interval: Duration,
        miss_after: Duration,
        list_lag: Duration,
    }
    /// `[journal]`
    Journal {
        keep_days: u32,
    }
    /// `[metrics]`
    Metrics {
        max_stores: usize,
    }
    /// `[log]`
    Log {
        format: LogFormat,
        filter: String,
    }
    /// `[shutdown]`
    Shutdown {
        drain: Duration,
    }
    /// Everything.
    Config {
        public: Public,
        private: Private,
        database: Database,
        secrets: Secrets,
        webhooks: Webhooks,
        writer: Writer,
        stores: Stores,
        supervision: Supervision,
        outbound: Outbound,
        autosync: Autosync,
        journal: Journal,
        metrics: Metrics,
        log: Log,
        shutdown: Shutdown,
    }
}

/// Where the book is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server; understood, not supported yet.
    Postgres(String),
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}
