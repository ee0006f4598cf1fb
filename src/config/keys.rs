//! The table of all keys: how each is set and shown, and whether it takes effect at once.

use std::path::PathBuf;

use super::setting::{Raw, Setting};
use super::{
    Autosync, Config, Database, DatabaseUrl, Journal, Log, LogFormat, Metrics, Outbound, Private,
    Public, Secrets, Shutdown, Stores, Supervision, Webhooks, Writer,
};

/// One key.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) set: fn(&mut Config, &Raw) -> Result<(), String>,
    pub(super) show: fn(&Config) -> String,
    /// Takes effect on SIGHUP already.
    live: bool,
}

/// A key whose value differs between two configurations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its name.
    pub key: &'static str,
    /// It takes effect by a restart only.
    pub needs_restart: bool,
}

macro_rules! keys {
    ($($section:ident . $field:ident,)*) => {
        /// Every key, in the order of `default.toml`.
        pub(super) const KEYS: &[Key] = &[$(Key {
            name: concat!(stringify!($section), ".", stringify!($field)),
            set: |config, raw| {
                config.$section.$field = Setting::read(raw)?;
                Ok(())
            },
            show: |config| Setting::show(&config.$section.$field),
            live: matches!(concat!(stringify!($section), ".", stringify!($field)).as_bytes(), b"log.filter"),
        },)*];
    };
}

keys! {
    public.listen, public.url, public.workers, public.max_connections, public.header_timeout,
    public.body_timeout, public.keep_alive, public.backlog,
    private.listen, private.socket,
    database.url, database.readers, database.checkpoint_bytes, database.wal_cap_bytes,
    secrets.master_key_file,
    webhooks.max_body_bytes,
    writer.journal_queue, writer.journal_queue_bytes, writer.commit_queue,
    writer.commit_queue_bytes, writer.max_batch, writer.deadline,
    stores.turn_events, stores.command_queue, stores.command_deadline, stores.idle_after,
    stores.hang_after, stores.sweep_every,
    supervision.store_restarts, supervision.store_period, supervision.quarantine_retry,
    supervision.vital_restarts, supervision.vital_period,
    outbound.allow_private, outbound.connect_timeout, outbound.timeout,
    autosync.interval, autosync.miss_after, autosync.list_lag,
    journal.keep_days,
    metrics.max_stores,
    log.format, log.filter,
    shutdown.drain,
}

pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The key that was probably meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |key: &&Key| {
        let whole = strsim::damerau_levenshtein(key.name, name);
        // The right name in the wrong section is a near miss too.
        let moved = strsim::damerau_levenshtein(&last(key.name), &last(name)) + 1;
        whole.min(moved)
    };
    let key = KEYS.iter().min_by_key(distance)?;
    (distance(&key) <= 3).then_some(key.name)
}

impl Config {
    /// Which keys differ from `other`.
    pub fn diff(&self, other: &Self) -> Vec<Change> {
        let differs = |key: &&Key| (key.show)(self) != (key.show)(other);
        let change = |key: &Key| Change { key: key.name, needs_restart: !key.live };
        KEYS.iter().filter(differs).map(change).collect()
    }

    /// A value for every field, so that the first layer has something to overwrite. `default.toml`
    /// sets every key; a test proves it.
    pub(super) fn blank() -> Self {
        use std::net::{Ipv4Addr, SocketAddr};
        use std::time::Duration;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let zero = Duration::ZERO;
        Self {
            public: Public {
                listen: addr,
                url: None,
                workers: None,
                max_connections: 0,
                header_timeout: zero,
                body_timeout: zero,
                keep_alive: zero,
                backlog: 0,
            },
            private: Private { listen: addr, socket: None },
            database: Database {
                url: DatabaseUrl::Sqlite(PathBuf::new()),
                readers: 0,
                checkpoint_bytes: 0,
                wal_cap_bytes: 0,
            },
            secrets: Secrets { master_key_file: None },
            webhooks: Webhooks { max_body_bytes: 0 },
            writer: Writer {
                journal_queue: 0,
                journal_queue_bytes: 0,
                commit_queue: 0,
                commit_queue_bytes: 0,
                max_batch: 0,
                deadline: zero,
            },
            stores: Stores {
                turn_events: 0,
                command_queue: 0,
                command_deadline: zero,
                idle_after: zero,
                hang_after: zero,
                sweep_every: zero,
            },
            supervision: Supervision {
                store_restarts: 0,
                store_period: zero,
                quarantine_retry: zero,
                vital_restarts: 0,
                vital_period: zero,
            },
            outbound: Outbound { allow_private: false, connect_timeout: zero, timeout: zero },
            autosync: Autosync { interval: zero, miss_after: zero, list_lag: zero },
            journal: Journal { keep_days: 0 },
            metrics: Metrics { max_stores: 0 },
            log: Log { format: LogFormat::Text, filter: String::new() },
            shutdown: Shutdown { drain: zero },
        }
    }
}

impl Setting for DatabaseUrl {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = String::read(raw)?;
        if let Some(path) = text.strip_prefix("sqlite:").map(|path| path.trim_start_matches("//"))
            && !path.is_empty()
        {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text));
        }
        Err(format!("must be \"sqlite:PATH\", not {text:?}"))
    }

    fn show(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("\"sqlite:{}\"", path.display()),
            // It may hold a password.
            Self::Postgres(_) => "\"postgres://…\"".to_owned(),
        }
    }
}

impl Setting for LogFormat {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) if text == "text" => Ok(Self::Text),
            Raw::Text(text) if text == "json" => Ok(Self::Json),
            _ => Err("must be \"text\" or \"json\"".to_owned()),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Text => "\"text\"".to_owned(),
            Self::Json => "\"json\"".to_owned(),
        }
    }
}
