//! What systemd is told, and what it hands over. Without systemd every call does nothing.

use std::net::TcpListener;
use std::time::Duration;

use sd_notify::NotifyState;
use tracing::warn;

/// Everything is bound and recovered: webhooks can come.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// One line for `systemctl status`.
pub fn status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The configuration is being read again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "systemd was not told of the reload"),
    }
}

/// A calm end has begun.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The daemon works.
pub fn ping() {
    tell(&[NotifyState::Watchdog]);
}

/// Starting takes longer than usual (a migration): so much more time is wanted.
pub fn more_time(span: Duration) {
    let micros = u32::try_from(span.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::ExtendTimeoutUsec(micros)]);
}

/// How often systemd expects a ping, if it does.
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// The public listener, if systemd holds its port (socket activation).
pub fn inherited_listener() -> std::io::Result<Option<TcpListener>> {
    listenfd::ListenFd::from_env().take_tcp_listener(0)
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "systemd could not be told");
    }
}
