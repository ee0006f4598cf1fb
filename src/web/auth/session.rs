//! Sessions of the pages: a random id in a cookie, its hash in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};

use crate::domain::Timestamp;

/// How long a session lasts, whatever it does.
const LASTS: Duration = Duration::from_hours(12);
/// Sessions at the same time; the one that ends first makes room.
const MOST: usize = 1000;
/// The cookie over plain http, which is what a loopback listener speaks.
const NAME: &str = "instasync_session";
/// The cookie behind a proxy that speaks https; browsers pin such a name to this host.
const SECURE_NAME: &str = "__Host-instasync_session";

/// What opened a session, and so what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OpenedBy {
    /// A one-time link: an admin.
    Link,
    /// The token with this hash; the session may do what it may, as long as it is valid.
    Token([u8; 32]),
}

#[derive(Debug, Clone, Copy)]
struct Session {
    opened_by: OpenedBy,
    until: Timestamp,
}

/// All sessions, by their [`super::Gate::key`].
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// Opens one.
    pub(super) fn open(&self, key: [u8; 32], opened_by: OpenedBy, now: Timestamp) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, session| session.until > now);
        if open.len() >= MOST
            && let Some(first) = open.iter().min_by_key(|(_, session)| session.until)
        {
            let first = *first.0;
            open.remove(&first);
        }
        open.insert(key, Session { opened_by, until: now.plus(LASTS) });
    }

    /// What opened the session, while it lasts.
    pub(super) fn find(&self, key: &[u8; 32], now: Timestamp) -> Option<OpenedBy> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let session = open.get(key).filter(|session| session.until > now);
        session.map(|session| session.opened_by)
    }

    /// Ends one.
    pub(super) fn close(&self, key: &[u8; 32]) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// The session id that a request carries.
pub(super) fn cookie(request: &HttpRequest) -> Option<String> {
    let cookie = request.cookie(SECURE_NAME).or_else(|| request.cookie(NAME));
    cookie.map(|cookie| cookie.value().to_owned())
}

/// The cookie that carries an id.
///
/// Lax, not Strict: a one-time link that is opened from a mail or a chat must find the session on
/// the page it leads to. Requests that change something are checked for their origin besides.
pub(super) fn set(request: &HttpRequest, id: String) -> Cookie<'static> {
    let secure = is_https(request);
    Cookie::build(if secure { SECURE_NAME } else { NAME }, id)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(secure)
        .finish()
}

/// The cookie that takes the other away.
pub(super) fn unset(request: &HttpRequest) -> Cookie<'static> {
    let mut cookie = set(request, String::new());
    cookie.make_removal();
    cookie
}

/// What a proxy in front says about itself; believing it only adds a restriction.
fn is_https(request: &HttpRequest) -> bool {
    request.connection_info().scheme() == "https"
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn key(n: usize) -> [u8; 32] {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        key
    }

    #[test]
    fn a_session_lasts_twelve_hours_and_ends_when_told() {
        let sessions = Sessions::default();
        sessions.open(key(1), OpenedBy::Link, NOW);
        let later = NOW.plus(LASTS.checked_sub(Duration::from_secs(1)).unwrap());
        assert_eq!(sessions.find(&key(1), later), Some(OpenedBy::Link));
        assert_eq!(sessions.find(&key(1), NOW.plus(LASTS)), None);
        assert_eq!(sessions.find(&key(2), NOW), None);
        sessions.close(&key(1));
        assert_eq!(sessions.find(&key(1), NOW), None);
    }

    #[test]
    fn sessions_are_bounded() {
        let sessions = Sessions::default();
        let later = NOW.plus(LASTS / 2);
        sessions.open(key(0), OpenedBy::Link, NOW);
        (1..=MOST).for_each(|n| sessions.open(key(n), OpenedBy::Link, later));
        assert_eq!(sessions.find(&key(0), later), None);
        assert!((1..=MOST).all(|n| sessions.find(&key(n), later).is_some()));
    }
}
