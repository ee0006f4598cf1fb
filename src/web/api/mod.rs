//! The API of the private listener: one file per subject, thin handlers.
//!
//! | file | subject |
//! |---|---|
//! | [`scope`] | who asks, and which account they see |
//! | [`input`] | query parameters and bodies, read strictly with all mistakes at once |
//! | [`idempotency`] | `Idempotency-Key`: the first answer is the only one |
//! | [`version`] | `ETag` and `If-Match` |
//! | [`page`] | pages of lists |
//! | [`view`] | the JSON of stores, orders, events and runs |
//! | [`stores`] | connecting, changing and disconnecting carts |
//! | [`tasks`] | what serves each task of a store, told truthfully (R2–R5, R44) |
//! | [`orders`], [`events`], [`runs`] | what people and tools read and do |
//! | [`replay`] | trying a change of rules on what is kept |
//! | [`revisions`] | what the cart changed of an order, and what people decide about it |
//! | [`lookup`] | where is my order? (R48) |
//! | [`attention`] | what only a person can mend (R50) |
//! | [`accounts`], [`tokens`] | merchants, and who may ask |
//! | [`actors`] | the actors, for operators (R51) |
//! | [`openapi`] | the description of all this, made from the code |

mod accounts;
mod actors;
mod attention;
mod events;
mod idempotency;
mod input;
mod lookup;
mod openapi;
mod orders;
mod page;
mod replay;
mod revisions;
mod runs;
mod scope;
mod stores;
mod tasks;
#[cfg(test)]
mod tests;
mod tokens;
mod version;
mod view;

use std::sync::Arc;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::{HttpResponse, Resource, Route, web};

use self::idempotency::InFlight;
pub use self::scope::Scope;
use super::Desk;
use super::auth::{self, Gate};
use super::problem::{self, Kind, Problem};
use crate::domain::{AccountId, StoreId};
use crate::ledger::StoreListing;

/// Larger than any body this interface takes.
const MAX_BODY: usize = 64 * 1024;

/// What the API tells and does not decide.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where carts reach the public listener; empty if nobody said.
    pub public_url: String,
    /// How often a store is polled that does not choose (`autosync.interval`).
    pub autosync_interval: Duration,
}

/// What the handlers work with. One for all workers.
pub struct Api {
    desk: Desk,
    settings: Settings,
    in_flight: InFlight,
}

impl Api {
    /// The API over those handles.
    pub fn new(desk: Desk, settings: Settings) -> Self {
        Self { desk, settings, in_flight: InFlight::default() }
    }

    /// The store of that slug, if the caller may know of it (R1).
    fn store(&self, scope: &Scope, slug: &str) -> Result<Arc<StoreListing>, Problem> {
        let found = self.desk.directory.by_slug(slug).filter(|store| scope.sees(store.account));
        found.ok_or_else(|| Problem::not_found("store"))
    }

    /// A store's slug and channel, for telling about its orders and events.
    fn listing(&self, id: StoreId) -> Result<Arc<StoreListing>, Problem> {
        self.desk.directory.get(id).ok_or_else(|| Problem::not_found("store"))
    }

    /// The accounts that a question without a store is about.
    async fn accounts(&self, scope: &Scope) -> Result<Vec<AccountId>, Problem> {
        let rows = self.desk.ledger.accounts().await?;
        Ok(rows.iter().map(|row| row.id).filter(|id| scope.covers(*id)).collect())
    }
}

/// The routes of this room, for [`actix_web::Scope::configure`].
pub fn configure(
    api: web::Data<Api>,
    gate: web::Data<Gate>,
) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(api)
            .app_data(gate)
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .app_data(web::FormConfig::default().limit(MAX_BODY))
            .configure(auth::configure)
            .service(at("/openapi.json", [web::get().to(openapi::document)]))
            .service(at("/problems/{slug}", [web::get().to(problem::page)]))
            .service(
                web::scope("/api/v1")
                    .wrap(from_fn(idempotency::once))
                    .configure(version_1)
                    .default_service(web::to(problem::no_route)),
            )
            .service(
                web::scope("/admin")
                    .wrap(from_fn(idempotency::once))
                    .configure(admin)
                    .default_service(web::to(problem::no_route)),
            );
    }
}

fn version_1(config: &mut web::ServiceConfig) {
    // First, since some of them look like the id of something.
    for path in LATER {
        config.service(web::resource(*path).default_service(web::to(not_yet)));
    }
    config
        .service(at("/stores", [web::get().to(stores::list), web::post().to(stores::add)]))
        .service(at(
            "/stores/{store}",
            [
                web::get().to(stores::show),
                web::patch().to(stores::change),
                web::delete().to(stores::remove),
            ],
        ))
        .service(at("/stores/{store}/rules/history", [web::get().to(stores::history)]))
        .service(at(
            "/stores/{store}/tasks",
            [web::get().to(tasks::list), web::put().to(tasks::change)],
        ))
        .service(at("/stores/{store}/sync", [web::post().to(tasks::sync)]))
        .service(at("/stores/{store}/orders/fetch", [web::post().to(orders::fetch)]))
        .service(at("/stores/{store}/orders/re-examine", [web::post().to(orders::re_examine)]))
        .service(at("/orders", [web::get().to(orders::list)]))
        .service(at("/orders/{id}", [web::get().to(orders::show), web::patch().to(orders::edit)]))
        .service(at("/orders/{id}/revision", [web::get().to(revisions::show)]))
        .service(at("/orders/{id}/revision/accept", [web::post().to(revisions::accept)]))
        .service(at("/orders/{id}/revision/reject", [web::post().to(revisions::reject)]))
        .service(at("/orders/{id}/timeline", [web::get().to(orders::timeline)]))
        .service(at("/orders/{id}/cancel", [web::post().to(orders::cancel)]))
        .service(at("/orders/{id}/restore", [web::post().to(orders::restore)]))
        .service(at("/orders/{id}/ship", [web::post().to(orders::ship)]))
        .service(at("/orders/{id}/request-dropship", [web::post().to(orders::request_dropship)]))
        .service(at("/orders/{id}/archive", [web::post().to(orders::archive)]))
        .service(at("/orders/{id}/unarchive", [web::post().to(orders::unarchive)]))
        .service(at("/orders/{id}/import-anyway", [web::post().to(orders::import_anyway)]))
        .service(at("/events", [web::get().to(events::list)]))
        .service(at("/events/replay", [web::post().to(replay::dry_run)]))
        .service(at("/events/{id}", [web::get().to(events::show)]))
        .service(at("/runs", [web::get().to(runs::list)]))
        .service(at("/runs/{id}", [web::get().to(runs::show)]))
        .service(at("/runs/{id}/cancel", [web::post().to(runs::cancel)]))
        .service(at("/lookup", [web::get().to(lookup::find)]))
        .service(at("/attention", [web::get().to(attention::list)]))
        .service(at("/accounts", [web::get().to(accounts::list), web::post().to(accounts::add)]))
        .service(at("/tokens", [web::get().to(tokens::list), web::post().to(tokens::create)]))
        .service(at("/tokens/{id}", [web::delete().to(tokens::revoke)]));
}

fn admin(config: &mut web::ServiceConfig) {
    config
        .service(at("/actors", [web::get().to(actors::list)]))
        .service(at("/stores/{store}/actor", [web::get().to(actors::show)]))
        .service(at("/stores/{store}/restart", [web::post().to(actors::restart)]))
        .service(at("/stores/{store}/pause", [web::post().to(actors::pause)]))
        .service(at("/stores/{store}/resume", [web::post().to(actors::resume)]));
}

/// A path with what may be done there; anything else is a problem that says so.
fn at<const N: usize>(path: &str, routes: [Route; N]) -> Resource {
    let resource = web::resource(path).default_service(web::to(problem::wrong_method));
    routes.into_iter().fold(resource, Resource::route)
}

/// Routes of the interface that later builds bring.
const LATER: &[&str] = &[
    "/runs/{id}/confirm",
    "/products",
    "/products/{sku}",
    "/products/{sku}/{rest:.*}",
    "/events/{id}/replay",
    "/events/{id}/dismiss",
    "/export/orders.csv",
];

/// Nothing pretends: what this build does not do, it says (to whoever is signed in).
async fn not_yet(_scope: Scope) -> Result<HttpResponse, Problem> {
    let sentence = "This build does not have it yet; a later one brings it. Nothing was done.";
    Err(Problem::new(Kind::Later, sentence))
}
