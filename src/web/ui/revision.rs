//! What the cart changed of an order, side by side, and deciding about it with a plain form (R28).

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{Message, Pages, is_simulated};
use crate::actor::{Ask, AskError};
use crate::domain::revision::{Change, ChangeKind, Value};
use crate::domain::{Choice, Command, Order, OrderId, Part};
use crate::ledger::Role;
use crate::web::api::Scope;
use crate::web::problem::Problem;

/// The changes that wait, as the page tells them.
pub(super) struct Told {
    pub(super) tag: String,
    pub(super) changes: Vec<Row>,
    /// Some of it was changed here too.
    pub(super) conflict: bool,
    /// Whoever looks may decide.
    pub(super) may_decide: bool,
}

/// One change.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) what: &'static str,
    pub(super) ours: String,
    pub(super) theirs: String,
    pub(super) conflict: bool,
}

impl Told {
    /// What waits for a decision on an order.
    pub(super) fn of(order: &Order, scope: &Scope) -> Option<Self> {
        let revision = order.revision()?;
        let changes: Vec<Row> = revision.changes.iter().map(Row::new).collect();
        Some(Self {
            tag: revision.tag,
            conflict: changes.iter().any(|change| change.conflict),
            changes,
            may_decide: scope.needs(Role::Operator).is_ok(),
        })
    }
}

impl Row {
    fn new(change: &Change) -> Self {
        Self {
            id: change.id.to_string(),
            what: match change.kind {
                ChangeKind::LineAdded => "Line added",
                ChangeKind::LineRemoved => "Line removed",
                ChangeKind::LineChanged => "Line changed",
                ChangeKind::ShippingAddress => "Shipping address",
                ChangeKind::ShippingMethod => "Shipping method",
                ChangeKind::Note => "Note",
                ChangeKind::Contact => "Contact",
                ChangeKind::Totals => "Shipping, taxes and discounts",
            },
            ours: words(change.ours.as_ref()),
            theirs: words(change.theirs.as_ref()),
            conflict: change.conflict,
        }
    }
}

fn words(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Line(line)) => {
            format!("{} × {} at {}", line.quantity, line.name, line.unit_price)
        }
        Some(Value::Address(address)) => super::order::address(address),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Contact { email, phone }) => {
            [email, phone].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
        }
        Some(Value::Totals { currency, shipping, adjustments }) => {
            format!("shipping {shipping}, taxes and discounts {adjustments} {currency}")
        }
    }
}

/// What a list sends of an order that is ticked: its id and the tag of what waits.
pub(super) fn choice(order: &Order) -> Option<String> {
    Some(format!("{} {}", order.id, order.revision()?.tag))
}

/// The fields of a form, some of them several times.
type Form = web::Form<Vec<(String, String)>>;

/// All values of a field.
fn values<'f>(form: &'f Form, name: &str) -> impl Iterator<Item = &'f str> {
    form.iter().filter(move |(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// What was pressed.
fn verdict(form: &Form) -> Result<fn(Choice) -> Command, Problem> {
    match values(form, "verdict").next() {
        Some("accept") => Ok(Command::AcceptRevision),
        Some("reject") => Ok(Command::RejectRevision),
        _ => Err(Problem::invalid("/verdict", "verdict must be accept or reject.")),
    }
}

/// Accepts or rejects the ticked changes of an order, and shows it again.
pub(super) async fn decide(
    request: HttpRequest,
    pages: web::Data<Pages>,
    scope: Scope,
    id: web::Path<String>,
    form: Form,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let id: OrderId = id.parse().map_err(|()| Problem::not_found("order"))?;
    let command = verdict(&form)?;
    let changes: Vec<Part> = values(&form, "change").filter_map(|id| id.parse().ok()).collect();
    if changes.is_empty() {
        return Ok(nothing_ticked(&request));
    }
    let tag = values(&form, "tag").next().unwrap_or_default().to_owned();
    match ask(&pages, &scope, &id, command(Choice { changes, tag })).await {
        Ok(()) => Ok(see(&format!("/orders/{id}"))),
        Err(Asked::Changed(why)) => {
            let text = format!("{why} Go back and load the order again.");
            let simulated = is_simulated(&request);
            let message =
                Message { title: "It changed meanwhile", text: &text, trace_id: None, simulated };
            Ok(message.shown(StatusCode::PRECONDITION_FAILED))
        }
        Err(Asked::Failed(problem)) => Err(problem),
    }
}

/// Accepts or rejects all changes of the orders ticked in the list. What changed since the list was
/// shown is left alone and told.
pub(super) async fn decide_many(
    request: HttpRequest,
    pages: web::Data<Pages>,
    scope: Scope,
    form: Form,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Operator)?;
    let command = verdict(&form)?;
    let ticked: Vec<(OrderId, String)> = values(&form, "order")
        .filter_map(|ticked| {
            let (id, tag) = ticked.split_once(' ')?;
            Some((id.parse().ok()?, tag.to_owned()))
        })
        .collect();
    if ticked.is_empty() {
        return Ok(nothing_ticked(&request));
    }
    let count = ticked.len();
    let mut left = Vec::new();
    for (id, tag) in ticked {
        match ask(&pages, &scope, &id, command(Choice { changes: Vec::new(), tag })).await {
            Ok(()) => {}
            Err(Asked::Changed(why)) => left.push(format!("{id}: {why}")),
            Err(Asked::Failed(problem)) => return Err(problem),
        }
    }
    if left.is_empty() {
        return Ok(see("/orders?has_revision=true"));
    }
    let done = count - left.len();
    let text = format!(
        "{done} of {count} orders were decided about; the others were left as they are. {} Go back \
         and load the list again.",
        left.join(" ")
    );
    let simulated = is_simulated(&request);
    let message = Message { title: "Not all of them", text: &text, trace_id: None, simulated };
    Ok(message.shown(StatusCode::PRECONDITION_FAILED))
}

/// Why a decision did not happen.
enum Asked {
    /// The order is not as it was shown: look again.
    Changed(AskError),
    /// Anything else.
    Failed(Problem),
}

async fn ask(pages: &Pages, scope: &Scope, id: &OrderId, command: Command) -> Result<(), Asked> {
    let known = pages.desk.ledger.order(id).await.map_err(|error| Asked::Failed(error.into()))?;
    if known.is_none_or(|order| !scope.sees(order.account)) {
        return Err(Asked::Failed(Problem::not_found("order")));
    }
    let by = scope.caller.name.clone();
    let ask = Ask { order: id.clone(), command, by, if_version: None };
    match pages.desk.stores.ask(ask).await {
        Ok(_order) => Ok(()),
        Err(error @ (AskError::Changed(_) | AskError::Refused(_) | AskError::Conflict)) => {
            Err(Asked::Changed(error))
        }
        Err(error) => Err(Asked::Failed(error.into())),
    }
}

fn see(page: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, page.to_owned())).finish()
}

fn nothing_ticked(request: &HttpRequest) -> HttpResponse {
    Message {
        title: "Nothing was ticked",
        text: "Go back and tick what you want to accept or reject.",
        trace_id: None,
        simulated: is_simulated(request),
    }
    .shown(StatusCode::UNPROCESSABLE_ENTITY)
}
