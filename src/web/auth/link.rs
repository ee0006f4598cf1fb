//! One-time links: `/?t=…` opens one admin session.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};

use super::session::{self, OpenedBy};
use super::{Gate, unauthorized};
use crate::domain::Timestamp;

/// How long a link is good for.
const LASTS: Duration = Duration::from_mins(15);

/// Codes that were not used yet, by their [`Gate::key`], with their end.
#[derive(Debug, Default)]
pub(super) struct Links {
    unused: Mutex<HashMap<[u8; 32], Timestamp>>,
}

impl Links {
    pub(super) fn add(&self, key: [u8; 32], now: Timestamp) {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        unused.retain(|_, until| *until > now);
        unused.insert(key, now.plus(LASTS));
    }

    /// Whether the code is good; it is not from now on.
    fn take(&self, key: &[u8; 32], now: Timestamp) -> bool {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        unused.remove(key).is_some_and(|until| until > now)
    }
}

/// Opens the session of a one-time link and leads to the overview without the code, so that it does
/// not stay in the address. A code that was used or is too old is answered with 401.
pub fn open_link(gate: &Gate, request: &HttpRequest, code: &str) -> HttpResponse {
    let now = gate.clock.now();
    if !gate.links.take(&gate.key("link", code), now) {
        let sentence = "The link was used already, or is older than 15 minutes; make another.";
        return HttpResponse::from_error(unauthorized(sentence));
    }
    signed_in(request, gate.open_session(OpenedBy::Link))
}

/// Hands the session's cookie over and leads to the overview.
pub(super) fn signed_in(request: &HttpRequest, id: String) -> HttpResponse {
    HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .cookie(session::set(request, id))
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_a_quarter_of_an_hour() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let links = Links::default();
        for code in [1, 2] {
            links.add([code; 32], now);
        }
        assert!(!links.take(&[3; 32], now));
        assert!(links.take(&[1; 32], now.plus(LASTS / 2)));
        assert!(!links.take(&[1; 32], now.plus(LASTS / 2)));
        assert!(!links.take(&[2; 32], now.plus(LASTS)));
    }
}
