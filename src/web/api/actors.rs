//! The actors, for operators: what they are doing, restart, pause, resume (R51).

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::page::List;
use super::{Api, Scope};
use crate::actor::{ActorState, ActorView, AskError, Restarted};
use crate::domain::Timestamp;
use crate::ledger::{Role, StoreRow};
use crate::web::problem::{Kind, Problem};

/// One actor.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
pub(super) struct View {
    /// `writer`, `timer`, `stores`, or the store's slug.
    name: String,
    store: Option<String>,
    /// `passive`, `starting`, `running`, `paused`, `backing_off`, `quarantined` or `stopped`.
    #[schema(value_type = String)]
    state: ActorState,
    /// How often it has been built; 0 for one that nobody needed yet.
    incarnation: u64,
    /// How often it was restarted since the daemon started.
    restarts: u64,
    /// What it knows of and has not worked off.
    mailbox: u64,
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    busy_since: Option<Timestamp>,
    /// The text of its last panic; for operators.
    last_panic: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_panic_at: Option<Timestamp>,
}

/// An actor that was restarted, and is up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Restarted)]
struct RestartedView {
    store: String,
    incarnation: u64,
    restarts: u64,
    #[schema(value_type = String)]
    state: ActorState,
}

impl View {
    fn new(view: ActorView, scope: &Scope) -> Self {
        // A panic may quote what it choked on.
        let tells = scope.needs(Role::Operator).is_ok();
        Self {
            name: view.name,
            store: view.store,
            state: view.state,
            incarnation: view.incarnation,
            restarts: view.restarts,
            mailbox: view.mailbox,
            started_at: view.started_at,
            busy_since: view.busy_since,
            last_panic: view.last_panic.filter(|_| tells),
            last_panic_at: view.last_panic_at,
        }
    }
}

/// Every actor there is: those the daemon lives by first, then stores, worst first. A store that
/// nobody needs has none. Whoever is limited to an account sees that account's stores.
#[utoipa::path(get, path = "/admin/actors", tag = "actors",
    responses((status = 200, body = List<View>)))]
pub(super) async fn list(api: web::Data<Api>, scope: Scope) -> Result<HttpResponse, Problem> {
    let directory = &api.desk.directory;
    let seen = |view: &ActorView| match &view.store {
        Some(slug) => directory.by_slug(slug).is_some_and(|store| scope.sees(store.account)),
        None => scope.caller.account.is_none(),
    };
    let views = api.desk.actors.views().into_iter().filter(seen);
    let data = views.map(|view| View::new(view, &scope)).collect();
    Ok(HttpResponse::Ok().json(List { data }))
}

/// One store's actor, passive or not.
#[utoipa::path(get, path = "/admin/stores/{store}/actor", tag = "actors",
    params(("store" = String, Path)), responses((status = 200, body = View)))]
pub(super) async fn show(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let store = api.store(&scope, &slug)?;
    answer(&api, &scope, store.id)
}

/// Restarts a store's actor; answers once it is up. Nothing is lost.
#[utoipa::path(post, path = "/admin/stores/{store}/restart", tag = "actors",
    params(("store" = String, Path)), responses((status = 200, body = RestartedView)))]
pub(super) async fn restart(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let store = api.store(&scope, &slug)?;
    match api.desk.stores.restart(store.id, &scope.caller.name).await {
        Ok(Restarted { store, incarnation, restarts, state }) => {
            Ok(HttpResponse::Ok().json(RestartedView { store, incarnation, restarts, state }))
        }
        Err(AskError::Deadline(span)) => {
            let seconds = span.as_secs();
            let sentence = format!("The actor did not come up within {seconds} s; it may still.");
            Err(Problem::new(Kind::Timeout, sentence))
        }
        Err(error) => Err(error.into()),
    }
}

/// Stops working on a store's events; they are stored. Survives restarts of the daemon.
#[utoipa::path(post, path = "/admin/stores/{store}/pause", tag = "actors",
    params(("store" = String, Path)), responses((status = 200, body = View)))]
pub(super) async fn pause(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    set_paused(&api, &scope, &slug, true).await
}

/// Works on a store's events again.
#[utoipa::path(post, path = "/admin/stores/{store}/resume", tag = "actors",
    params(("store" = String, Path)), responses((status = 200, body = View)))]
pub(super) async fn resume(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    set_paused(&api, &scope, &slug, false).await
}

async fn set_paused(
    api: &Api,
    scope: &Scope,
    slug: &str,
    paused: bool,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let store = api.store(scope, slug)?;
    let desk = &api.desk;
    let set = |row: &mut StoreRow| {
        row.paused = paused;
        Ok::<(), Problem>(())
    };
    desk.directory.update(&desk.writer, store.id, set).await?;
    desk.stores.changed(store.id);
    tracing::info!(store = %store.slug, by = scope.caller.name, paused, "a store's work was switched");
    answer(api, scope, store.id)
}

fn answer(
    api: &Api,
    scope: &Scope,
    store: crate::domain::StoreId,
) -> Result<HttpResponse, Problem> {
    let view = api.desk.stores.actor(store).ok_or_else(|| Problem::not_found("store"))?;
    Ok(HttpResponse::Ok().json(View::new(view, scope)))
}
