//! What the cart changed of an order, and what people decide about it (R28, R30).

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;

use super::input::Fields;
use super::orders::{order, view};
use super::view::OrderView;
use super::{Api, Scope, version};
use crate::actor::Ask;
use crate::domain::revision::{ChangeKind, Value};
use crate::domain::{Choice, Command, Order, Part, Timestamp};
use crate::ledger::Role;
use crate::web::problem::{Kind, Problem};

/// The changes of the cart that wait for a decision.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revision)]
pub(super) struct RevisionView {
    /// The order's id.
    order: String,
    /// Since when it waits.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    changes: Vec<ChangeView>,
}

/// One change, which can be taken or left by itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RevisionChange)]
struct ChangeView {
    /// Names it for accepting and rejecting: `line:77`, `shipping_address`, `totals` …
    id: String,
    /// `line_added`, `line_removed`, `line_changed`, `shipping_address`, `shipping_method`, `note`,
    /// `contact` or `totals`.
    #[schema(value_type = String)]
    kind: ChangeKind,
    /// As it is here; null: it is not there.
    #[schema(value_type = Option<Object>)]
    ours: Option<Value>,
    /// As it is in the cart; null: it is not there.
    #[schema(value_type = Option<Object>)]
    theirs: Option<Value>,
    /// A person changed the same thing here (R29).
    conflict: bool,
}

/// Which changes are meant.
#[derive(Debug, ToSchema)]
pub(super) struct ChoiceRequest {
    /// Ids of changes; all of them if not given.
    #[schema(value_type = Option<Vec<String>>)]
    changes: Vec<Part>,
}

impl ChoiceRequest {
    fn read(body: &Bytes) -> Result<Self, Problem> {
        let mut fields = Fields::read(body)?;
        let given = fields.texts("changes");
        let mut changes = Vec::new();
        if let Some(given) = &given {
            let parts: Result<Vec<Part>, ()> = given.iter().map(|id| id.parse()).collect();
            match parts {
                Ok(parts) if !parts.is_empty() => changes = parts,
                Ok(_) => {
                    fields.mistake::<()>("changes", "names none; leave it out to mean all");
                }
                Err(()) => {
                    let what = "must be ids of changes, such as line:77 or shipping_address";
                    fields.mistake::<()>("changes", what);
                }
            }
        }
        fields.finish()?;
        Ok(Self { changes })
    }
}

/// The revision that waits; its `ETag` is what accepting and rejecting need as `If-Match`.
#[utoipa::path(get, path = "/api/v1/orders/{id}/revision", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = RevisionView)))]
pub(super) async fn show(
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let order = order(&api, &scope, &id).await?;
    let Some(revision) = order.revision() else {
        return Err(Problem::not_found("revision of this order"));
    };
    let changes = revision.changes.into_iter().map(|change| ChangeView {
        id: change.id.to_string(),
        kind: change.kind,
        ours: change.ours,
        theirs: change.theirs,
        conflict: change.conflict,
    });
    let (order, since) = (order.id.to_string(), revision.since);
    let shown = RevisionView { order, since, changes: changes.collect() };
    Ok(HttpResponse::Ok().insert_header((ETAG, format!("\"{}\"", revision.tag))).json(shown))
}

/// Takes changes of the cart over. `If-Match` names the revision that was looked at.
#[utoipa::path(post, path = "/api/v1/orders/{id}/revision/accept", tag = "orders",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    request_body = Option<ChoiceRequest>, responses((status = 200, body = OrderView)))]
pub(super) async fn accept(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    decide(&request, &api, &scope, &id, &body, Command::AcceptRevision).await
}

/// Leaves changes of the cart: they come back only if the cart changes the same again.
#[utoipa::path(post, path = "/api/v1/orders/{id}/revision/reject", tag = "orders",
    params(("id" = String, Path), ("If-Match" = String, Header)),
    request_body = Option<ChoiceRequest>, responses((status = 200, body = OrderView)))]
pub(super) async fn reject(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    decide(&request, &api, &scope, &id, &body, Command::RejectRevision).await
}

async fn decide(
    request: &HttpRequest,
    api: &Api,
    scope: &Scope,
    id: &str,
    body: &Bytes,
    command: impl FnOnce(Choice) -> Command,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let ChoiceRequest { changes } = ChoiceRequest::read(body)?;
    let order = order(api, scope, id).await?;
    let tag = tag(request, &order)?;
    let ask = Ask {
        order: order.id,
        command: command(Choice { changes, tag }),
        by: scope.caller.name.clone(),
        if_version: None,
    };
    let done = api.desk.stores.ask(ask).await?;
    Ok(version::tagged(done.row_version, &view(api, &done)?))
}

/// The revision that `If-Match` names; `*` means whichever waits now.
fn tag(request: &HttpRequest, order: &Order) -> Result<String, Problem> {
    let Some(value) = request.headers().get(IF_MATCH) else {
        let sentence = "Two people may decide at once: send the ETag of the revision you looked at \
                        as If-Match.";
        return Err(Problem::new(Kind::MatchNeeded, sentence));
    };
    let value = value.to_str().unwrap_or_default().trim();
    if value == "*" {
        return Ok(order.revision().map(|revision| revision.tag).unwrap_or_default());
    }
    let tag = value.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    Ok(tag.unwrap_or(value).to_owned())
}
