//! A daemon at work: signals, the watchdog, reload, and the order of a calm end.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use super::boot::Daemon;
use super::systemd;
use crate::config::{Config, LoadOptions};
use crate::domain::StoreId;

/// How a daemon ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Calmly, because it was asked to.
    Calm,
    /// At once: it was asked a second time. Safe, since everything acknowledged is on disk (I1).
    AtOnce,
    /// It could not go on; a supervisor should start it anew.
    Failed,
}

/// How long requests that have begun may take; a cart waits no longer.
const REQUESTS: Duration = Duration::from_secs(6);
/// How long the writer may take for what was queued.
const FLUSH: Duration = Duration::from_secs(5);
/// How long the watchdog waits for a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How often the line of `systemctl status` is renewed.
const STATUS: Duration = Duration::from_secs(10);

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    End,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::End,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits to be asked to end.
    async fn end(&mut self) {
        while self.next().await != Asked::End {}
    }
}

impl Daemon {
    /// Works until it is asked to end or cannot go on. `source` is where the configuration is read
    /// again on SIGHUP; none for a demo.
    pub async fn run(self, source: Option<LoadOptions>) -> Ending {
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => {
                error!(%error, "signals cannot be received");
                return Ending::Failed;
            }
        };
        systemd::ready(&self.status().await);
        let mut config = self.config.clone();
        let mut status = tokio::time::interval(STATUS);
        let mut watchdog =
            tokio::time::interval(systemd::watchdog().unwrap_or(Duration::MAX / 4).max(STEP) / 2);
        let failed = loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    Asked::End => break None,
                    Asked::Reload => {
                        systemd::reloading();
                        if let Some(source) = &source {
                            reload(source, &mut config);
                        }
                        systemd::ready(&self.status().await);
                    }
                },
                name = self.actors.given_up() => break Some(name),
                _ = status.tick() => systemd::status(&self.status().await),
                _ = watchdog.tick() => self.prove_work().await,
            }
        };
        if let Some(name) = failed {
            error!(actor = name, "the daemon cannot go on without this actor");
        }
        tokio::select! {
            () = self.end() => {
                if failed.is_some() { Ending::Failed } else { Ending::Calm }
            }
            () = signals.end() => {
                warn!("asked a second time: leaving at once");
                Ending::AtOnce
            }
        }
    }

    /// Pings systemd, but only while listeners, timer and writer turn. A full disk or an unreachable
    /// cart is no reason to be killed.
    async fn prove_work(&self) {
        let writer = self.actors.writer.is_alive(HEARTBEAT).await;
        let since = self.clock.now().since(self.actors.timer.turned_at());
        let timer = since < self.config.stores.sweep_every * 3 + HEARTBEAT;
        let listener = self.knock().await;
        if writer && timer && listener {
            systemd::ping();
        } else {
            error!(writer, timer, listener, "no sign of life; the watchdog is not told");
        }
    }

    /// Whether the public listener answers. Any answer will do.
    async fn knock(&self) -> bool {
        let Some(addr) = self.public.addr() else { return true };
        let knock = async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let mut stream = tokio::net::TcpStream::connect(addr).await?;
            stream.write_all(b"GET / HTTP/1.1\r\nHost: self\r\nConnection: close\r\n\r\n").await?;
            stream.read_u8().await
        };
        matches!(tokio::time::timeout(HEARTBEAT, knock).await, Ok(Ok(_)))
    }

    /// `2 stores, 0 waiting`.
    async fn status(&self) -> String {
        let stores = self.directory.len();
        let backlogs = self.ledger.backlogs(StoreId(0), 1000).await;
        match (self.actors.writer.trouble(), backlogs) {
            (Some(trouble), _) => {
                format!("{stores} stores; nothing can be stored: {}", trouble.why)
            }
            (None, Ok(backlogs)) if backlogs.is_empty() => {
                format!("{stores} stores, nothing waits")
            }
            (None, Ok(backlogs)) => {
                let now = self.clock.now();
                let oldest = backlogs.iter().map(|backlog| now.since(backlog.due)).max();
                let wait = oldest.unwrap_or_default().as_secs_f32();
                format!("{stores} stores, {} with work, oldest wait {wait:.1} s", backlogs.len())
            }
            (None, Err(error)) => format!("{stores} stores; {error}"),
        }
    }

    /// The order of a calm end: nothing new is begun, what was begun is finished, what was promised
    /// is written, and then everything is let go of.
    async fn end(self) {
        info!("ending");
        systemd::stopping();
        self.readiness.drain();
        self.actors.timer.stop();
        let servers = std::iter::once(self.public).chain(self.private);
        let stopping =
            futures_util::future::join_all(servers.map(crate::web::server::Running::stop));
        match tokio::time::timeout(REQUESTS, stopping).await {
            Ok(ended) => {
                for error in ended.into_iter().filter_map(Result::err) {
                    warn!(%error, "a listener ended badly");
                }
            }
            Err(_late) => warn!("requests were still in work"),
        }
        self.actors.stores.drain(self.config.shutdown.drain).await;
        self.actors.writer.flush(FLUSH).await;
        if let Err(error) = self.ledger.close().await {
            error!(%error, "the database was not closed calmly; the next start reads its journal");
        }
        match Arc::try_unwrap(self.actors) {
            Ok(actors) => actors.stop(),
            // A handler still holds them; the threads end with the process.
            Err(_held) => {}
        }
        drop(self.lock);
        info!("ended");
    }
}

/// Between two signs of life at least.
const STEP: Duration = Duration::from_secs(1);

/// Reads the configuration again: all of it or nothing. What takes effect only by a restart is told.
fn reload(source: &LoadOptions, config: &mut Config) {
    match Config::load(source.clone()) {
        Ok((fresh, _)) => {
            let changes = config.diff(&fresh);
            if changes.is_empty() {
                info!("the configuration is unchanged");
            }
            for change in &changes {
                info!(key = %change.key, restart = change.needs_restart, "a setting changed");
            }
            super::logging::set_filter(&fresh.log.filter);
            *config = fresh;
        }
        Err(errors) => {
            // Never die of a reload: the old configuration stays.
            for error in errors.sentences() {
                error!(error, "the configuration was not reloaded");
            }
        }
    }
}
