//! What open connections are doing, and an end for those that do nothing.
//!
//! actix times the first request's headers and an idle connection, but not the headers of a second
//! request, nor a chunked body that goes on after it was refused. So every connection of the public
//! listener is kept in a table with a second handle on its socket, and whoever takes too long over
//! something that only the sender can finish is disconnected. When most of the listener's
//! connections are taken, patience gets short: slow senders then cost their own connection and not
//! the place of a genuine one.

use std::any::Any;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::dev::Extensions;
use tokio::time::{Instant, MissedTickBehavior};

/// How often the table is looked through.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a sender may take over each thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From one answer to the end of the next request's headers.
    pub(super) waiting: Duration,
    /// From a refusal to the end of what was still being sent.
    pub(super) closing: Duration,
    /// For headers and for bodies while few connections are left.
    pub(super) pressed: Duration,
    /// So many connections open, and few are left.
    pub(super) pressed_from: usize,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// The sender has to send headers.
    Waiting,
    /// The sender has to send a body.
    Reading,
    /// We work on it.
    Serving,
    /// It was refused and has to end.
    Closing,
}

/// Every open connection of one listener.
#[derive(Debug)]
pub(super) struct Connections {
    began: Instant,
    patience: Patience,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
}

/// One of them.
#[derive(Debug)]
struct Connection {
    socket: TcpStream,
    began: Instant,
    phase: AtomicU8,
    /// When the phase began, in ms after `began`.
    since: AtomicU64,
}

/// Lives in the connection's data and takes it out of the table at its end.
struct Entry {
    id: u64,
    connection: Arc<Connection>,
    table: Arc<Connections>,
}

impl Connections {
    pub(super) fn new(patience: Patience) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            patience,
            next: AtomicU64::new(0),
            open: Mutex::default(),
        })
    }

    /// Enters a connection that was just accepted.
    pub(super) fn enter(self: &Arc<Self>, stream: &dyn Any, data: &mut Extensions) {
        let Some(stream) = stream.downcast_ref::<tokio::net::TcpStream>() else { return };
        let socket = match stream.as_fd().try_clone_to_owned() {
            Ok(descriptor) => TcpStream::from(descriptor),
            Err(error) => {
                // Still served; only the timeouts that actix has apply to it.
                tracing::warn!(%error, "a connection cannot be watched");
                return;
            }
        };
        let connection = Arc::new(Connection {
            socket,
            began: self.began,
            phase: AtomicU8::new(Phase::Waiting as u8),
            since: AtomicU64::new(0),
        });
        connection.enter(Phase::Waiting);
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(id, Arc::clone(&connection));
        data.insert(Entry { id, connection, table: Arc::clone(self) });
    }

    /// Looks through the table again and again; never ends.
    pub(super) async fn watch(&self) -> Infallible {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.disconnect_late();
        }
    }

    fn disconnect_late(&self) {
        let now = millis(self.began);
        let open = self.lock();
        let pressed = open.len() >= self.patience.pressed_from;
        let late =
            open.values().filter(|connection| connection.is_late(now, &self.patience, pressed));
        let mut ended = 0_usize;
        for connection in late {
            // It may have ended by itself in this moment, which is what was wanted.
            ended += usize::from(connection.socket.shutdown(Shutdown::Both).is_ok());
        }
        if ended > 0 {
            let open = open.len();
            tracing::debug!(ended, open, pressed, "senders that took too long were disconnected");
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn enter(&self, phase: Phase) {
        self.since.store(millis(self.began), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn is_late(&self, now: u64, patience: &Patience, pressed: bool) -> bool {
        let phase = self.phase.load(Ordering::Relaxed);
        let limit = if phase == Phase::Closing as u8 {
            patience.closing
        } else if phase == Phase::Serving as u8 {
            return false;
        } else if pressed {
            patience.pressed
        } else if phase == Phase::Waiting as u8 {
            patience.waiting
        } else {
            // The handler times the body itself and answers 408.
            return false;
        };
        let since = self.since.load(Ordering::Relaxed);
        Duration::from_millis(now.saturating_sub(since)) > limit
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.table.lock().remove(&self.id);
    }
}

/// One request on a watched connection: tells the table who is awaited. Harmless on others.
pub(in crate::web) struct Turn {
    connection: Option<Arc<Connection>>,
    closing: bool,
}

impl Turn {
    /// The headers are here; the sender has to send the body.
    pub(in crate::web) fn begin(request: &HttpRequest) -> Self {
        let entry = request.conn_data::<Entry>();
        let connection = entry.map(|entry| Arc::clone(&entry.connection));
        let turn = Self { connection, closing: false };
        turn.enter(Phase::Reading);
        turn
    }

    /// The body is here; now we work, and are waited for.
    pub(in crate::web) fn serving(&self) {
        self.enter(Phase::Serving);
    }

    /// The answer closes the connection.
    pub(in crate::web) fn closing(&mut self) {
        self.closing = true;
    }

    fn enter(&self, phase: Phase) {
        if let Some(connection) = &self.connection {
            connection.enter(phase);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.enter(if self.closing { Phase::Closing } else { Phase::Waiting });
    }
}

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
