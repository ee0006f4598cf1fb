//! The actors together, and what the tests of several of them share.
#![allow(clippy::disallowed_methods, reason = "tests wait on tokio's paused clock")]

pub(crate) mod cart;
mod crashes;
mod pipeline;
mod polls;
mod re_examination;
mod reads;
mod schedule;
mod subscriptions;
mod turns;
pub(crate) mod world;

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::timeout;
use tracing_subscriber::fmt::MakeWriter;

/// Runs a test on one thread as an arbiter would run it, with a clock that only moves when nothing
/// else does: hours take milliseconds.
pub(crate) fn on_paused_arbiter<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, test)
}

/// Waits for an outcome; a day on the paused clock means never.
pub(crate) async fn outcome<T>(of: impl Future<Output = T>) -> T {
    timeout(Duration::from_hours(24), of).await.expect("no outcome")
}

/// Notes in the order they were made, from any thread. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn note(&self, word: &str) {
        let mut log = self.0.lock().unwrap();
        if !log.is_empty() {
            log.push(b' ');
        }
        log.extend_from_slice(word.as_bytes());
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
