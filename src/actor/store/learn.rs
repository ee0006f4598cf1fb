//! What a call teaches about the connection, kept in the store's row.

use tracing::warn;

use super::call::{Answer, Called};
use super::connect::Checked;
use super::turn::Turn;
use crate::channel::ChannelError;
use crate::domain::Timestamp;
use crate::ledger::{Connection, StoreHealth, StoreRow};

/// Keeps what a call taught about the connection: a renewed token, scopes, refusals (R47).
pub(super) async fn keep(turn: &Turn, called: &Called) -> Option<StoreRow> {
    let now = turn.resources.clock.now();
    let token = called.token.as_ref();
    let health = learned(&turn.store.health, &called.answer, now);
    if token.is_none() && health.is_none() {
        return None;
    }
    let resources = &turn.resources;
    let directory = &resources.directory;
    let kept = directory
        .update(&resources.writer, turn.store.id, |row| {
            // The call was made with credentials that have been replaced meanwhile: it says nothing
            // of the new ones.
            if row.credentials != called.credentials {
                return Ok(());
            }
            if let Some(token) = token
                && let Ok(mut credentials) = directory.open(row)
            {
                credentials.token = Some(token.clone());
                directory.seal(row, &credentials);
            }
            if let Some(health) = &health {
                row.health = health.clone();
            }
            Ok::<(), std::convert::Infallible>(())
        })
        .await;
    match kept {
        Ok(row) => Some(row),
        Err(error) => {
            warn!(store = %turn.store.slug, %error, "what the cart said could not be kept");
            None
        }
    }
}

/// The store's health after an answer, if the answer changes it.
fn learned(
    before: &StoreHealth,
    answer: &Result<Answer, ChannelError>,
    now: Timestamp,
) -> Option<StoreHealth> {
    match answer {
        Ok(Answer::Checked(checked)) => {
            let Checked { granted, missing, subscribed, trouble, .. } = (**checked).clone();
            Some(StoreHealth {
                connection: Connection::Ok,
                reason: trouble,
                missing_scopes: missing,
                granted_scopes: granted,
                subscribed,
                checked_at: Some(now),
            })
        }
        Ok(Answer::Renewed | Answer::Order(_) | Answer::Orders(_) | Answer::Page(_))
            if before.connection == Connection::Reconnect =>
        {
            Some(StoreHealth { connection: Connection::Ok, reason: None, ..before.clone() })
        }
        Err(error @ ChannelError::Unauthorized(_)) => Some(StoreHealth {
            connection: Connection::Reconnect,
            reason: Some(error.to_string()),
            ..before.clone()
        }),
        _ => None,
    }
}
