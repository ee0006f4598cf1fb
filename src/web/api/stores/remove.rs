//! Disconnecting a cart: our subscriptions go first, the orders stay (R43).

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::row;
use crate::channel::{Access, ChannelError, Meter};
use crate::ledger::{Role, StoreRow};
use crate::web::api::view::webhook_url;
use crate::web::api::{Api, Scope, version};
use crate::web::problem::Problem;

/// How long the cart may take to let go of our subscriptions.
const PATIENCE: Duration = Duration::from_secs(30);

/// A store that is disconnected.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::web::api) struct Removed {
    /// Its slug.
    store: String,
    /// Always true.
    disconnected: bool,
    /// Subscriptions that were removed from the cart.
    unsubscribed: usize,
    /// Why subscriptions may be left in the cart; what they still deliver is ignored.
    warning: Option<String>,
}

/// Disconnects a store. Its orders stay, and connecting the same cart again revives it.
#[utoipa::path(delete, path = "/api/v1/stores/{store}", tag = "stores",
    params(("store" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Removed)))]
pub(in crate::web::api) async fn remove(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    let wanted = version::wanted(&request)?;
    let store = api.store(&scope, &slug)?;
    let desk = &api.desk;
    let before = row(&api, store.id).await?;
    if wanted.is_some_and(|wanted| wanted != before.version) {
        return Err(version::changed());
    }
    let (unsubscribed, warning) = match before.disconnected_at {
        Some(_) => (0, None),
        None => unsubscribe(&api, &before).await,
    };
    let now = desk.clock.now();
    let disconnect = |row: &mut StoreRow| {
        row.disconnected_at.get_or_insert(now);
        row.health.subscribed.clear();
        // Nothing is called any more, so no token has to be renewed.
        row.token_due = None;
        Ok::<(), Problem>(())
    };
    desk.directory.update(&desk.writer, store.id, disconnect).await?;
    desk.stores.changed(store.id);
    let removed = Removed { store: before.slug, disconnected: true, unsubscribed, warning };
    Ok(HttpResponse::Ok().json(removed))
}

/// Removes what points at this store here, and nothing else.
async fn unsubscribe(api: &Api, row: &StoreRow) -> (usize, Option<String>) {
    // A store that was never called has no subscription of ours.
    if row.health.checked_at.is_none() {
        return (0, None);
    }
    let mut removed = 0;
    let outcome = timeout(PATIENCE, remove_ours(api, row, &mut removed)).await;
    let why = match outcome {
        Ok(Ok(())) => return (removed, None),
        Ok(Err(error)) => error.to_string(),
        Err(_late) => "it did not answer in time".to_owned(),
    };
    let sentence = format!(
        "Not every subscription could be removed from the cart ({why}). What it still delivers is \
         answered and ignored; remove the rest in the cart's settings."
    );
    (removed, Some(sentence))
}

async fn remove_ours(api: &Api, row: &StoreRow, removed: &mut usize) -> Result<(), ChannelError> {
    let desk = &api.desk;
    let Some(channel) = desk.channels.get(row.channel) else { return Ok(()) };
    let credentials =
        desk.directory.open(row).map_err(|wrong| ChannelError::Unauthorized(wrong.to_string()))?;
    let base = row.api_url.clone().unwrap_or_else(|| channel.default_base(&row.domain));
    let now = desk.clock.now();
    let token = match credentials.usable_token(now) {
        Some(token) => token,
        None => channel.new_token(&row.domain, &base, &credentials, now).await?.secret,
    };
    let access = Access {
        domain: row.domain.clone(),
        base,
        token,
        hook_secret: None,
        meter: Meter::default(),
    };
    let ours = webhook_url(&api.settings.public_url, row);
    for subscription in channel.subscriptions(&access).await? {
        if subscription.url == ours {
            channel.unsubscribe(&access, &subscription.id).await?;
            *removed += 1;
        }
    }
    Ok(())
}
