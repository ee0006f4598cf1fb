//! Orders: lists, one, its timeline, what people do to it, and reading one from the cart now.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::Value;
use utoipa::ToSchema;

use super::input::{Fields, Params};
use super::page::{List, ListPage, answer, begins_after};
use super::view::{EntryView, OrderView, RunView};
use super::{Api, Scope, version};
use crate::actor::{Ask, AskError, Fetched};
use crate::channel::OrderRef;
use crate::domain::{
    Address, CartOrderId, Command, Edit, Flag, LineEdit, Order, OrderId, Status, Timestamp,
    Tracking,
};
use crate::ledger::{OrderCursor, OrderFilter, OrderSort, Role};
use crate::web::cursor::Cursors;
use crate::web::problem::{Kind, Problem};

/// What list the cursors belong to.
const LIST: &str = "orders";
/// How long a text that a person adds to an order may be.
const MAX_TEXT: usize = 500;

/// Orders of an account, newest first; with `updated_after`, least recently changed first.
#[utoipa::path(get, path = "/api/v1/orders", tag = "orders", params(
    ("account" = Option<String>, Query, description = "The account, for tokens that see several"),
    ("store" = Option<String>, Query, description = "The store's slug"),
    ("status" = Option<String>, Query, description = "`held_back` shows what is not in the book"),
    ("cart_order_id" = Option<String>, Query, description = "The cart's id"),
    ("q" = Option<String>, Query, description = "Cart number, our number, cart id or e-mail"),
    ("updated_after" = Option<String>, Query, description = "RFC 3339"),
    ("has_revision" = Option<bool>, Query, description = "With, or without, a change of the cart that waits for a decision"),
    ("flag" = Option<String>, Query, description = "With this flag up"),
    ("limit" = Option<u16>, Query, minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
), responses((status = 200, body = ListPage<OrderView>)))]
pub(super) async fn list(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
) -> Result<HttpResponse, Problem> {
    let mut params = Params::of(&request)?;
    let mut filter = OrderFilter::of(scope.account(), params.limit());
    let slug = params.take("store");
    filter.status = params.parse("status", "a status of orders", Status::parse);
    filter.cart_order_id = params.take("cart_order_id").map(CartOrderId);
    filter.q = params.take("q");
    filter.updated_after =
        params.parse("updated_after", "a time such as 2026-11-20T14:00:00Z", Timestamp::parse);
    filter.flag = params.parse("flag", "a flag of orders", Flag::parse);
    filter.has_revision = params.parse("has_revision", "true or false", |text| text.parse().ok());
    if filter.updated_after.is_some() {
        filter.sort = OrderSort::OldestChangeFirst;
    }
    let filters = (
        (scope.account(), &slug, filter.status, &filter.cart_order_id, &filter.q),
        (filter.updated_after, filter.flag.map(Flag::as_str), filter.has_revision),
    );
    let cursors = Cursors::of(&api.desk.vault, LIST, &filters);
    filter.after = begins_after::<OrderCursor>(&mut params, &cursors);
    params.finish()?;
    if let Some(slug) = &slug {
        let store = api.store(&scope, slug)?;
        (filter.account, filter.store) = (store.account, Some(store.id));
    }
    let page = api.desk.ledger.order_page(&filter).await?;
    let next = page.rows.last().filter(|_| page.more).map(|last| {
        let at = match filter.sort {
            OrderSort::NewestFirst => last.created_at,
            OrderSort::OldestChangeFirst => last.updated_at,
        };
        let (store, cart_order_id) = (last.id.store, last.id.cart.clone());
        cursors.write(&OrderCursor { at, store, cart_order_id })
    });
    let views: Result<_, Problem> = page.rows.iter().map(|order| view(&api, order)).collect();
    Ok(answer(&request, views?, next))
}

/// One order, held back or not.
#[utoipa::path(get, path = "/api/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = OrderView)))]
pub(super) async fn show(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Params::of(&request)?.finish()?;
    let order = order(&api, &scope, &id).await?;
    Ok(version::tagged(order.row_version, &view(&api, &order)?))
}

/// What happened to an order, oldest first (R19).
#[utoipa::path(get, path = "/api/v1/orders/{id}/timeline", tag = "orders",
    params(("id" = String, Path)), responses((status = 200, body = List<EntryView>)))]
pub(super) async fn timeline(
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let order = order(&api, &scope, &id).await?;
    let rows = api.desk.ledger.timeline(&order.id).await?;
    let data = rows.into_iter().map(EntryView::new).collect();
    Ok(HttpResponse::Ok().json(List { data }))
}

pub(super) async fn order(api: &Api, scope: &Scope, id: &str) -> Result<Order, Problem> {
    let unknown = || Problem::not_found("order");
    let id: OrderId = id.parse().map_err(|()| unknown())?;
    let found = api.desk.ledger.order(&id).await?;
    found.filter(|order| scope.sees(order.account)).ok_or_else(unknown)
}

pub(super) fn view(api: &Api, order: &Order) -> Result<OrderView, Problem> {
    let store = api.listing(order.id.store)?;
    Ok(OrderView::new(order, &store))
}

// === What people do ===

/// What a cancellation may say.
#[derive(Debug, ToSchema)]
pub(super) struct CancelRequest {
    /// Why, in the person's words.
    reason: Option<String>,
}

/// How an order was shipped.
#[derive(Debug, ToSchema)]
pub(super) struct ShipRequest {
    tracking_number: Option<String>,
    carrier: Option<String>,
    tracking_url: Option<String>,
    /// Whether the cart should tell the customer.
    notify_customer: Option<bool>,
}

impl CancelRequest {
    fn read(fields: &mut Fields) -> Self {
        Self { reason: short(fields, "reason") }
    }
}

impl ShipRequest {
    fn read(fields: &mut Fields) -> Self {
        Self {
            tracking_number: short(fields, "tracking_number"),
            carrier: short(fields, "carrier"),
            tracking_url: short(fields, "tracking_url"),
            notify_customer: fields.flag("notify_customer"),
        }
    }

    fn tracking(self) -> Tracking {
        let Self { tracking_number, carrier, tracking_url, notify_customer } = self;
        Tracking { tracking_number, carrier, tracking_url, notify_customer }
    }
}

/// Cancels an open order.
#[utoipa::path(post, path = "/api/v1/orders/{id}/cancel", tag = "orders",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = Option<CancelRequest>, responses((status = 200, body = OrderView)))]
pub(super) async fn cancel(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    act(&request, &api, &scope, &id, &body, |fields| Command::Cancel {
        reason: CancelRequest::read(fields).reason,
    })
    .await
}

/// Marks an order shipped.
#[utoipa::path(post, path = "/api/v1/orders/{id}/ship", tag = "orders",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = Option<ShipRequest>, responses((status = 200, body = OrderView)))]
pub(super) async fn ship(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    act(&request, &api, &scope, &id, &body, |fields| {
        Command::Ship(ShipRequest::read(fields).tracking())
    })
    .await
}

/// The parts of an address.
const ADDRESS_PARTS: [&str; 11] = [
    "name",
    "company",
    "address1",
    "address2",
    "city",
    "province",
    "province_code",
    "zip",
    "country",
    "country_code",
    "phone",
];

/// What of an order is to be changed here; the rest stays. `null` takes address or note away.
#[derive(Debug, ToSchema)]
#[expect(clippy::option_option, reason = "absent, null and a value mean three things")]
pub(super) struct EditRequest {
    /// Lines: `{cart_line_id, quantity}` changes one (0 removes it), `{sku?, name, quantity,
    /// unit_price}` adds one.
    #[schema(value_type = Option<Vec<Object>>)]
    lines: Vec<LineEdit>,
    #[schema(value_type = Option<Object>)]
    shipping_address: Option<Option<Address>>,
    #[schema(value_type = Option<String>)]
    note: Option<Option<String>>,
}

impl EditRequest {
    fn read(fields: &mut Fields) -> Self {
        let lines = fields.take("lines").map(serde_json::from_value::<Vec<LineEdit>>);
        let lines = match lines {
            Some(Ok(lines)) => lines,
            Some(Err(_)) => {
                fields.mistake::<()>(
                    "lines",
                    "must be a list of {cart_line_id, quantity} or {sku, name, quantity, unit_price}",
                );
                Vec::new()
            }
            None => Vec::new(),
        };
        let address = fields.given("shipping_address").map(|address| {
            let known = |name: &String| ADDRESS_PARTS.contains(&name.as_str());
            let fits = address.as_object().is_none_or(|given| given.keys().all(known));
            serde_json::from_value(address).ok().filter(|_| fits).unwrap_or_else(|| {
                let parts = ADDRESS_PARTS.join(", ");
                fields.mistake(
                    "shipping_address",
                    &format!("must be null or have only texts of {parts}"),
                )
            })
        });
        let note = fields.given("note").map(|note| match note {
            Value::Null => None,
            Value::String(note) => Some(note),
            _ => fields.mistake("note", "must be text or null"),
        });
        Self { lines, shipping_address: address, note }
    }
}

/// Edits lines, address or note of an open order; what is touched is locked against the cart (R29).
#[utoipa::path(patch, path = "/api/v1/orders/{id}", tag = "orders",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = EditRequest, responses((status = 200, body = OrderView)))]
pub(super) async fn edit(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    id: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    act(&request, &api, &scope, &id, &body, |fields| {
        let EditRequest { lines, shipping_address, note } = EditRequest::read(fields);
        Command::Edit(Box::new(Edit { lines, shipping_address, note }))
    })
    .await
}

/// Steps that say nothing but their name.
macro_rules! steps {
    ($($(#[doc = $doc:literal])* $name:ident at $path:literal is $command:expr;)*) => {$(
        $(#[doc = $doc])*
        #[utoipa::path(post, path = $path, tag = "orders",
            params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
            responses((status = 200, body = OrderView)))]
        pub(super) async fn $name(
            request: HttpRequest,
            api: web::Data<Api>,
            scope: Scope,
            id: web::Path<String>,
            body: Bytes,
        ) -> Result<HttpResponse, Problem> {
            act(&request, &api, &scope, &id, &body, |_| $command).await
        }
    )*};
}

steps! {
    /// Takes a cancellation back.
    restore at "/api/v1/orders/{id}/restore" is Command::Restore;
    /// A supplier was asked to ship it.
    request_dropship at "/api/v1/orders/{id}/request-dropship" is Command::RequestDropship;
    /// Puts an order away.
    archive at "/api/v1/orders/{id}/archive" is Command::Archive;
    /// Takes an order out of the archive.
    unarchive at "/api/v1/orders/{id}/unarchive" is Command::Unarchive;
    /// Brings a held-back order into the book as it is (R13).
    import_anyway at "/api/v1/orders/{id}/import-anyway" is Command::ImportAnyway;
}

/// A text that a person adds.
fn short(fields: &mut Fields, name: &str) -> Option<String> {
    let text = fields.text(name).map(|text| text.trim().to_owned())?;
    if text.chars().count() > MAX_TEXT {
        return fields.mistake(name, "is longer than 500 characters");
    }
    Some(text).filter(|text| !text.is_empty())
}

async fn act(
    request: &HttpRequest,
    api: &Api,
    scope: &Scope,
    id: &str,
    body: &Bytes,
    read: impl FnOnce(&mut Fields) -> Command,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let mut fields = Fields::read(body)?;
    let command = read(&mut fields);
    fields.finish()?;
    let if_version = version::wanted(request)?;
    let order = order(api, scope, id).await?.id;
    let ask = Ask { order, command, by: scope.caller.name.clone(), if_version };
    let done = match api.desk.stores.ask(ask).await {
        Err(AskError::Conflict) if if_version.is_some() => return Err(version::changed()),
        outcome => outcome?,
    };
    Ok(version::tagged(done.row_version, &view(api, &done)?))
}

// === Reading from the cart ===

/// Which order to read; one of the two.
#[derive(Debug, ToSchema)]
pub(super) struct FetchRequest {
    /// The cart's id.
    cart_order_id: Option<String>,
    /// The name or number the cart shows, such as `#1001`.
    cart_order_name: Option<String>,
}

/// Runs that go on in the background.
#[derive(Debug, serde::Serialize, ToSchema)]
pub(super) struct RunsStarted {
    pub(super) runs: Vec<RunView>,
}

/// Reads one order from the cart now (R7). Whatever the outcome, it is on the order's timeline.
#[utoipa::path(post, path = "/api/v1/stores/{store}/orders/fetch", tag = "orders",
    params(("store" = String, Path)), request_body = FetchRequest, responses(
        (status = 200, body = OrderView),
        (status = 202, body = RunsStarted, description = "It goes on in the background"),
    ))]
pub(super) async fn fetch(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let which = FetchRequest::read(&body)?.which()?;
    let store = api.store(&scope, &slug)?;
    if !store.connected {
        let sentence = "The store is disconnected; connect it again before reading from its cart.";
        return Err(Problem::new(Kind::Conflict, sentence));
    }
    let by = scope.caller.name.clone();
    match api.desk.stores.fetch(store.id, which, by).await? {
        Fetched::Order(order) => Ok(version::tagged(order.row_version, &view(&api, &order)?)),
        Fetched::NotInCart => {
            Err(Problem::new(Kind::NotInCart, "The cart answered that it has no such order."))
        }
        Fetched::Running(position) => {
            let event = api.desk.ledger.event(position).await?;
            let (event, _) = event.ok_or_else(|| Problem::not_found("run"))?;
            let runs = vec![RunView::new(&event, None, &store.slug)];
            Ok(HttpResponse::Accepted().json(RunsStarted { runs }))
        }
    }
}

/// Examines the store's held-back orders under its present rules (R13), in the background.
#[utoipa::path(post, path = "/api/v1/stores/{store}/orders/re-examine", tag = "orders",
    params(("store" = String, Path)), responses((status = 202, body = RunsStarted)))]
pub(super) async fn re_examine(
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    Fields::read(&body)?.finish()?;
    let store = api.store(&scope, &slug)?;
    let position = api.desk.stores.re_examine(store.id, scope.caller.name.clone()).await?;
    let event = api.desk.ledger.event(position).await?;
    let (event, _) = event.ok_or_else(|| Problem::not_found("run"))?;
    let runs = vec![RunView::new(&event, None, &store.slug)];
    Ok(HttpResponse::Accepted().json(RunsStarted { runs }))
}

impl FetchRequest {
    fn read(body: &Bytes) -> Result<Self, Problem> {
        let mut fields = Fields::read(body)?;
        let request = Self {
            cart_order_id: short(&mut fields, "cart_order_id"),
            cart_order_name: short(&mut fields, "cart_order_name"),
        };
        fields.finish()?;
        Ok(request)
    }

    fn which(self) -> Result<OrderRef, Problem> {
        match (self.cart_order_id, self.cart_order_name) {
            (Some(id), None) => Ok(OrderRef::Id(CartOrderId(id))),
            (None, Some(name)) => Ok(OrderRef::Name(name)),
            _ => {
                let sentence =
                    "Name the order by cart_order_id or by cart_order_name, one of the two.";
                Err(Problem::invalid("/cart_order_id", sentence))
            }
        }
    }
}
