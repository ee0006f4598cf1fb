//! The pages: rendered here, complete without a script.
//!
//! A tab asks for nothing a reader did not open: the live part of the overview is one fragment,
//! fetched every two seconds while somebody looks at it.

mod assets;
mod order;
mod orders;
mod overview;
mod revision;
mod words;

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;
use tracing::error;

use super::Desk;
use super::api::Scope;
use super::auth::{Gate, open_link};
use super::problem::{Kind, Problem};
use crate::domain::OrderId;
use crate::ledger::LedgerError;

/// What the pages need. One for all workers.
pub struct Pages {
    desk: Desk,
    simulated: bool,
}

impl Pages {
    /// Pages over those handles; `simulated` puts a ribbon on each.
    pub fn new(desk: Desk, simulated: bool) -> Self {
        Self { desk, simulated }
    }
}

/// What every page has around its content.
struct Frame {
    here: &'static str,
    who: String,
    simulated: bool,
}

impl Frame {
    fn new(pages: &Pages, scope: &Scope, here: &'static str) -> Self {
        Self { here, who: scope.caller.name.clone(), simulated: pages.simulated }
    }
}

/// A page that says only one thing.
#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct Message<'a> {
    /// Heading and title.
    pub(super) title: &'a str,
    /// What happened and what to do.
    pub(super) text: &'a str,
    /// Under which the log tells more.
    pub(super) trace_id: Option<&'a str>,
    /// Puts the ribbon on it.
    pub(super) simulated: bool,
}

impl Message<'_> {
    /// The page with that status.
    pub(super) fn shown(&self, status: StatusCode) -> HttpResponse {
        // The template has only text in it, so that rendering cannot fail.
        html(status, self.render().expect("invariant: a page of text renders"))
    }
}

/// Whether the daemon that answers a request belongs to a demo.
pub(super) fn is_simulated(request: &HttpRequest) -> bool {
    request.app_data::<web::Data<Pages>>().is_some_and(|pages| pages.simulated)
}

/// Why a page cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(transparent)]
    Problem(#[from] Problem),
    #[error("there is no such thing")]
    NotFound,
    #[error("the page could not be rendered")]
    Template(#[from] askama::Error),
}

/// The routes of the pages.
pub fn configure(config: &mut web::ServiceConfig, pages: &Arc<Pages>) {
    config
        .app_data(web::Data::from(Arc::clone(pages)))
        .configure(assets::configure)
        .route("/", web::get().to(overview))
        .route("/live/overview", web::get().to(live_overview))
        .route("/orders", web::get().to(orders_list))
        .route("/orders/revisions", web::post().to(revision::decide_many))
        .route("/orders/{id}", web::get().to(order_page))
        .route("/orders/{id}/revision", web::post().to(revision::decide));
}

#[derive(Deserialize)]
struct Link {
    t: Option<String>,
}

async fn overview(
    request: HttpRequest,
    pages: web::Data<Pages>,
    gate: web::Data<Gate>,
    link: web::Query<Link>,
) -> HttpResponse {
    if let Some(code) = &link.t {
        return open_link(&gate, &request, code);
    }
    show(&request, async |scope| {
        let live = overview::read(&pages.desk, scope.account()).await?;
        let frame = Frame::new(&pages, &scope, "overview");
        Ok(overview::Overview { frame, live }.render()?)
    })
    .await
}

async fn live_overview(request: HttpRequest, pages: web::Data<Pages>) -> HttpResponse {
    show(&request, async |scope| {
        let live = overview::read(&pages.desk, scope.account()).await?;
        Ok(overview::Fragment { live }.render()?)
    })
    .await
}

async fn orders_list(
    request: HttpRequest,
    pages: web::Data<Pages>,
    query: web::Query<orders::Query>,
) -> HttpResponse {
    show(&request, async |scope| {
        let page = orders::read(&pages.desk, &scope, &query).await?;
        let frame = Frame::new(&pages, &scope, "orders");
        Ok(orders::Orders { frame, page }.render()?)
    })
    .await
}

async fn order_page(
    request: HttpRequest,
    pages: web::Data<Pages>,
    id: web::Path<String>,
) -> HttpResponse {
    show(&request, async |scope| {
        let id = id.parse::<OrderId>().map_err(|()| PageError::NotFound)?;
        let page = order::read(&pages.desk, &scope, &id).await?;
        let frame = Frame::new(&pages, &scope, "orders");
        Ok(order::OrderPage { frame, page }.render()?)
    })
    .await
}

/// Lets somebody in who may read, and renders. Who is not signed in is shown the way in; any other
/// problem is told.
async fn show<F>(request: &HttpRequest, render: F) -> HttpResponse
where
    F: AsyncFnOnce(Scope) -> Result<String, PageError>,
{
    let scope = match Scope::extract(request).await {
        Ok(scope) => scope,
        Err(problem) if problem.kind() == Kind::Unauthorized => {
            return HttpResponse::SeeOther().insert_header((header::LOCATION, "/login")).finish();
        }
        Err(problem) => return HttpResponse::from_error(problem),
    };
    match render(scope).await {
        Ok(text) => html(StatusCode::OK, text),
        Err(PageError::NotFound) => Message {
            title: "There is no such order",
            text: "Its link may be incomplete, or the order belongs to an account that is not \
                   yours. The list of orders finds it by its number, cart id or e-mail.",
            trace_id: None,
            simulated: is_simulated(request),
        }
        .shown(StatusCode::NOT_FOUND),
        Err(error) => {
            error!(%error, "a page could not be shown");
            Message {
                title: "Not now",
                text: "The page cannot be shown at the moment. Reload it in a few seconds.",
                trace_id: None,
                simulated: is_simulated(request),
            }
            .shown(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

/// Nothing from elsewhere is loaded, framed or run.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

pub(super) fn html(status: StatusCode, text: String) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(text)
}
