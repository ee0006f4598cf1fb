//! From a configuration to a running daemon: what is opened in which order.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tracing::info;

use super::gauges::DaemonGauges;
use super::lock::{DataLock, LockError};
use super::routes::{private_routes, trusted_routes};
use super::systemd;
use crate::actor::{Actors, Foundation, QueueLimits, StoreSettings};
use crate::channel::bigcommerce::BigCommerce;
use crate::channel::shopify::Shopify;
use crate::channel::{CartHttp, Channels, Outbound};
use crate::clock::Clock;
use crate::config::{Config, DatabaseUrl, MasterKey};
use crate::directory::Directory;
use crate::ledger::sqlite::{Sqlite, SqliteOptions};
use crate::ledger::{Ledger, LedgerError};
use crate::metrics::{About, Metrics};
use crate::vault::Vault;
use crate::web::api::{Api, Settings};
use crate::web::auth::Gate;
use crate::web::health::{Health, Readiness};
use crate::web::server::{Running, ServerLimits, bind, serve_private, serve_public, serve_unix};
use crate::web::webhook::{BodyLimits, Front, public_routes};
use crate::web::{Desk, ui::Pages};

/// What a daemon is started from.
pub struct Plan {
    /// The configuration, already checked.
    pub config: Config,
    /// Opens what is sealed.
    pub key: MasterKey,
    /// Say on every page that the stores are simulated.
    pub simulated: bool,
}

/// Why the daemon does not start: one sentence, and what a supervisor may do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A person has to change the configuration, a file or a folder.
    #[error("{0}")]
    Configuration(String),
    /// Port or data folder belong to another process: trying again may help.
    #[error("{0}")]
    InUse(String),
    /// The database is damaged or newer than this build.
    #[error("{0}")]
    Damaged(String),
    /// The database cannot be reached now.
    #[error("{0}")]
    Unreachable(String),
    /// Something else.
    #[error("{0}")]
    Other(String),
}

impl From<LockError> for StartError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { .. } => Self::InUse(error.to_string()),
            LockError::NotWritable { .. } => Self::Configuration(error.to_string()),
        }
    }
}

impl From<LedgerError> for StartError {
    fn from(error: LedgerError) -> Self {
        let sentence = error.to_string();
        match error {
            LedgerError::Corrupt(_) => Self::Damaged(format!("{sentence}; restore a backup")),
            LedgerError::TooNew { .. } => {
                Self::Damaged(format!("{sentence}; start the build that wrote it, or a newer one"))
            }
            LedgerError::Unavailable(_) => Self::Unreachable(sentence),
            LedgerError::Rejected(_) => Self::Other(sentence),
        }
    }
}

/// A running daemon.
pub struct Daemon {
    pub(super) config: Config,
    pub(super) clock: Clock,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) directory: Arc<Directory>,
    pub(super) actors: Arc<Actors>,
    pub(super) readiness: Arc<Readiness>,
    pub(super) gate: Arc<Gate>,
    pub(super) public: Running,
    pub(super) private: Vec<Running>,
    /// Let go of last, when nothing of the daemon touches the folder any more.
    pub(super) lock: DataLock,
}

impl Daemon {
    /// Starts everything, children before those who use them. Returns when both listeners take
    /// requests. Call it inside an actix `System` that runs on `runtime`.
    pub async fn start(plan: Plan, runtime: &Arc<Runtime>) -> Result<Self, StartError> {
        let Plan { config, key, simulated } = plan;
        let clock = Clock::system();
        // Ports first: a taken one is told before anything is migrated.
        let public_socket = match systemd::inherited_listener() {
            Ok(Some(listener)) => listener,
            Ok(None) => listen(config.public.listen, config.public.backlog, "public.listen")?,
            Err(error) => return Err(StartError::Other(error.to_string())),
        };
        let private_socket =
            listen(config.private.listen, config.public.backlog, "private.listen")?;

        let (ledger, lock) = open_ledger(&config, &clock).await?;
        let ledger: Arc<dyn Ledger> = Arc::new(ledger);
        let vault = Arc::new(Vault::new(*key.expose()));
        let directory = Directory::load(Arc::clone(&ledger), Arc::clone(&vault)).await?;
        let directory = Arc::new(directory);
        check_key(&directory, &ledger).await?;

        let about = About {
            version: env!("CARGO_PKG_VERSION"),
            revision: option_env!("INSTASYNC_REVISION").unwrap_or("unknown"),
            started_at: clock.now(),
        };
        let metrics = Metrics::new(config.metrics.max_stores, about, runtime.handle().clone());
        let http = CartHttp::new(Outbound {
            allow_private: config.outbound.allow_private,
            connect_timeout: config.outbound.connect_timeout,
            timeout: config.outbound.timeout,
        })
        .map_err(|error| StartError::Other(error.to_string()))?;
        let channels = Channels::default()
            .with(Arc::new(Shopify::new(http.clone())))
            .with(Arc::new(BigCommerce::new(http)));
        let actors = Actors::start(
            Foundation {
                ledger: Arc::clone(&ledger),
                directory: Arc::clone(&directory),
                channels: channels.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                queues: queue_limits(&config),
                write_deadline: config.writer.deadline,
                settings: store_settings(&config),
                store_threads: threads(),
            },
            runtime,
        )
        .map_err(|error| StartError::Other(error.to_string()))?;
        let actors = Arc::new(actors);

        let desk = Desk {
            ledger: Arc::clone(&ledger),
            writer: actors.writer.clone(),
            stores: actors.stores.clone(),
            directory: Arc::clone(&directory),
            channels,
            vault: Arc::clone(&vault),
            clock: clock.clone(),
            actors: Arc::clone(&actors),
        };
        let readiness = Arc::new(Readiness::default());
        let gate = Arc::new(Gate::new(Arc::clone(&ledger), vault, clock.clone()));
        let gauges = Arc::new(DaemonGauges::new(desk.clone()));
        let health = Arc::new(Health::new(&desk, Arc::clone(&readiness), metrics.clone(), gauges));
        let settings = Settings {
            public_url: config.public.url.clone().unwrap_or_default(),
            autosync_interval: config.autosync.interval,
        };
        let api = Arc::new(Api::new(desk.clone(), settings));
        let pages = Arc::new(Pages::new(desk.clone(), simulated));

        let limits = server_limits(&config);
        let body = BodyLimits {
            max_bytes: config.webhooks.max_body_bytes,
            timeout: config.public.body_timeout,
            room: config.writer.journal_queue_bytes,
        };
        let front = Arc::new(Front::new(&desk, metrics, body));
        let public = serve_public(public_socket, &limits, move |routes| {
            public_routes(routes, &front);
        })
        .map_err(other)?;
        let (tcp_parts, socket_parts) = {
            let parts = (api, Arc::clone(&gate), health, pages);
            (parts.clone(), parts)
        };
        let own = ServerLimits::private();
        let tcp = serve_private(private_socket, &own, move |routes| {
            private_routes(routes, &tcp_parts);
        })
        .map_err(other)?;
        let listening = [("public", public.addr()), ("private", tcp.addr())];
        let mut private = vec![tcp];
        let path = config.private.socket.clone();
        if let Some(path) = path {
            let served = serve_unix(&path, &own, move |routes| {
                trusted_routes(routes, &socket_parts);
            });
            private.push(served.map_err(|error| {
                StartError::InUse(format!(
                    "the private socket {} cannot be made: {error}",
                    path.display()
                ))
            })?);
            info!(listener = "private", addr = %path.display(), "listening");
        }
        // Told last: whoever waits for these lines finds everything open.
        for (name, addr) in listening {
            if let Some(addr) = addr {
                info!(listener = name, addr = %addr, "listening");
            }
        }
        Ok(Self {
            config,
            clock,
            ledger,
            directory,
            actors,
            readiness,
            gate,
            public,
            private,
            lock,
        })
    }

    /// Where the pages are.
    pub fn private_addr(&self) -> Option<SocketAddr> {
        self.private.first().and_then(Running::addr)
    }

    /// Where carts reach it.
    pub fn public_addr(&self) -> Option<SocketAddr> {
        self.public.addr()
    }

    /// A code that opens one admin session: the `t` of a one-time link.
    pub fn link_code(&self) -> String {
        self.gate.new_link_code()
    }
}

/// Takes the lock of the data folder and opens the database, which brings it up to this build.
pub(crate) async fn open_ledger(
    config: &Config,
    clock: &Clock,
) -> Result<(Sqlite, DataLock), StartError> {
    let path = match &config.database.url {
        DatabaseUrl::Sqlite(path) => path.clone(),
        DatabaseUrl::Postgres(_) => {
            return Err(StartError::Configuration(
                "database.url names PostgreSQL, which this build does not support yet; use \
                 sqlite:PATH."
                    .to_owned(),
            ));
        }
    };
    let lock = DataLock::take(path.parent().unwrap_or_else(|| std::path::Path::new(".")))?;
    systemd::more_time(MIGRATION);
    let options = SqliteOptions {
        path,
        readers: config.database.readers,
        checkpoint_bytes: config.database.checkpoint_bytes,
        wal_cap_bytes: config.database.wal_cap_bytes,
        now: clock.now(),
    };
    Ok((Sqlite::open(options).await?, lock))
}

/// How long a migration may take beyond an ordinary start.
const MIGRATION: Duration = Duration::from_mins(5);

fn listen(addr: SocketAddr, backlog: u32, key: &str) -> Result<TcpListener, StartError> {
    bind(addr, backlog).map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => StartError::InUse(format!(
            "the address {addr} ({key}) is in use by another process; stop it or choose another port"
        )),
        _ => StartError::Configuration(format!("cannot listen on {addr} ({key}): {error}")),
    })
}

/// A wrong master key is told at the start, not at the first webhook.
async fn check_key(directory: &Directory, ledger: &Arc<dyn Ledger>) -> Result<(), StartError> {
    let Some(first) = ledger.store_listings(crate::domain::StoreId(0), 1).await?.pop() else {
        return Ok(());
    };
    let Some(row) = ledger.store(first.id).await? else { return Ok(()) };
    match directory.open(&row) {
        Ok(_) => Ok(()),
        Err(wrong) => Err(StartError::Configuration(wrong.to_string())),
    }
}

/// Threads for store actors: as many as there are cores, four at most.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(4)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn other(error: std::io::Error) -> StartError {
    StartError::Other(error.to_string())
}

fn server_limits(config: &Config) -> ServerLimits {
    let workers = config.public.workers.unwrap_or_else(threads);
    ServerLimits {
        max_connections: config.public.max_connections,
        header_timeout: config.public.header_timeout,
        keep_alive: config.public.keep_alive,
        ..ServerLimits::public(workers)
    }
}

fn queue_limits(config: &Config) -> QueueLimits {
    let writer = &config.writer;
    QueueLimits {
        journal: writer.journal_queue,
        journal_bytes: writer.journal_queue_bytes,
        commit: writer.commit_queue,
        commit_bytes: writer.commit_queue_bytes,
        batch: writer.max_batch,
    }
}

fn store_settings(config: &Config) -> StoreSettings {
    let (stores, supervision) = (&config.stores, &config.supervision);
    StoreSettings {
        turn_events: stores.turn_events,
        command_queue: stores.command_queue,
        command_deadline: stores.command_deadline,
        idle_after: stores.idle_after,
        hang_after: stores.hang_after,
        sweep_every: stores.sweep_every,
        store_restarts: supervision.store_restarts,
        store_period: supervision.store_period,
        quarantine_retry: supervision.quarantine_retry,
        vital_restarts: supervision.vital_restarts,
        vital_period: supervision.vital_period,
        public_url: config.public.url.clone(),
        autosync: config.autosync.interval,
        miss_after: config.autosync.miss_after,
        list_lag: config.autosync.list_lag,
    }
}
