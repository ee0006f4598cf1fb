//! One order as the cart has it now, with all its lines (R7).

use serde::{Deserialize, Serialize};

use super::canonical::{self, Malformed};
use super::graph_order::{GraphOrder, PageInfo};
use super::graphql::{Fault, Graph};
use super::id::Id;
use super::operations::{ORDER_BY_ID, ORDERS_POLL};
use crate::channel::{ChannelError, OrderRef};
use crate::domain::{Sighting, Timestamp};

/// Lines asked for in one call; fewer once the cart finds that too costly.
const LINES: u32 = 50;
/// Orders asked for in one call when searching by name.
const FOUND: u32 = 10;
/// Calls for the lines of one order at most.
const MAX_PAGES: usize = 200;
/// Calls for one search at most. A name is that of few orders.
const MAX_SEARCHES: usize = 20;
/// How often an order that changes between two pages of its lines is read anew.
const ATTEMPTS: usize = 3;

/// Reads the order. `None`: the cart has no such order, or does not show it.
pub(super) async fn order(
    graph: &Graph<'_>,
    which: &OrderRef,
) -> Result<Option<Sighting>, ChannelError> {
    let order = match which {
        OrderRef::Id(id) => match Id::parse(id.as_str()) {
            Some(id) => by_id(graph, id).await?,
            // Shopify's ids are numbers, so it has no order with another one.
            None => None,
        },
        OrderRef::Name(name) => by_name(graph, name).await?,
    };
    order.map(|order| sighting(&order)).transpose()
}

/// The order as everything beyond this room knows it; `Protocol` if a field cannot be what it is called.
pub(super) fn sighting(order: &GraphOrder) -> Result<Sighting, ChannelError> {
    let told = order.told().ok_or(Malformed("line id"));
    let sighting = told.and_then(|told| canonical::sighting(&told));
    sighting.map_err(|Malformed(field)| {
        ChannelError::Protocol(format!("the order's {field} is not what it should be"))
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OrderVariables<'v> {
    id: String,
    lines: u32,
    lines_after: Option<&'v str>,
}

#[derive(Deserialize)]
struct OrderData {
    order: Option<GraphOrder>,
}

async fn by_id(graph: &Graph<'_>, id: Id) -> Result<Option<GraphOrder>, ChannelError> {
    let mut page = LINES;
    for _ in 0..ATTEMPTS {
        match whole(graph, id, &mut page).await? {
            Read::Order(order) => return Ok(Some(*order)),
            Read::Absent => return Ok(None),
            Read::Changed => {}
        }
    }
    Err(ChannelError::Unavailable("the order changed again while its lines were read".to_owned()))
}

enum Read {
    Order(Box<GraphOrder>),
    Absent,
    /// Its pages belong to different states.
    Changed,
}

/// Reads page after page; `page` shrinks until the cart agrees to it.
async fn whole(graph: &Graph<'_>, id: Id, page: &mut u32) -> Result<Read, ChannelError> {
    let gid = format!("gid://shopify/Order/{id}");
    let mut whole: Option<GraphOrder> = None;
    let mut next: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let variables =
            OrderVariables { id: gid.clone(), lines: *page, lines_after: next.as_deref() };
        let mut order = match graph.ask::<OrderData>(&ORDER_BY_ID, variables).await {
            Ok(OrderData { order: Some(order) }) => order,
            Ok(OrderData { order: None }) => return Ok(Read::Absent),
            Err(Fault::TooCostly) if *page > 1 => {
                *page /= 2;
                continue;
            }
            Err(fault) => return Err(fault.into()),
        };
        next = order.take_next_lines()?;
        let so_far = match whole.take() {
            None => order,
            Some(known) if known.updated_at() != order.updated_at() => return Ok(Read::Changed),
            Some(mut known) => {
                known.append(order);
                known
            }
        };
        if next.is_none() {
            return Ok(Read::Order(Box::new(so_far)));
        }
        whole = Some(so_far);
    }
    Err(ChannelError::Protocol(format!("the order's lines do not end after {MAX_PAGES} pages")))
}

#[derive(Serialize)]
struct SearchVariables<'v> {
    q: String,
    n: u32,
    lines: u32,
    after: Option<&'v str>,
}

#[derive(Deserialize)]
struct SearchData {
    orders: SearchPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchPage {
    page_info: PageInfo,
    nodes: Vec<GraphOrder>,
}

/// A name or number as a person types it.
struct Wanted<'n> {
    /// Without the sign that Shopify puts before numbers.
    bare: &'n str,
    /// With it.
    signed: String,
    /// As it was typed.
    typed: &'n str,
}

impl<'n> Wanted<'n> {
    fn new(name: &'n str) -> Option<Self> {
        let typed = name.trim();
        let bare = typed.strip_prefix('#').unwrap_or(typed);
        (!bare.is_empty()).then(|| Self { bare, signed: format!("#{bare}"), typed })
    }

    /// What to search for, the likelier first. A shop may have replaced the sign.
    fn spellings(&self) -> [&str; 2] {
        let number = self.bare.bytes().all(|byte| byte.is_ascii_digit());
        if number || self.typed != self.bare {
            [&self.signed, self.bare]
        } else {
            [self.bare, &self.signed]
        }
    }

    /// The search finds words and beginnings; only these are meant.
    fn is(&self, order: &GraphOrder) -> bool {
        let name = order.name().unwrap_or_default();
        let number = order.number().is_some_and(|number| number.to_string() == self.bare);
        name == self.signed || name == self.bare || number
    }
}

/// Finds an order by what the cart shows. Numbers may repeat: the very name wins, then the newest.
async fn by_name(graph: &Graph<'_>, name: &str) -> Result<Option<GraphOrder>, ChannelError> {
    let Some(wanted) = Wanted::new(name) else { return Ok(None) };
    for spelling in wanted.spellings() {
        let mut found = search(graph, spelling).await?;
        found.retain(|order| wanted.is(order));
        let best = found.into_iter().max_by_key(|order| {
            let exact = order.name() == Some(wanted.typed);
            (exact, order.created_at().and_then(Timestamp::parse))
        });
        if let Some(mut best) = best {
            let complete = best.take_next_lines()?.is_none();
            return if complete { Ok(Some(best)) } else { by_id(graph, best.id()).await };
        }
    }
    Ok(None)
}

async fn search(graph: &Graph<'_>, name: &str) -> Result<Vec<GraphOrder>, ChannelError> {
    let q = format!("name:{}", quoted(name));
    let (mut n, mut lines) = (FOUND, LINES);
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..MAX_SEARCHES {
        let variables = SearchVariables { q: q.clone(), n, lines, after: after.as_deref() };
        match graph.ask::<SearchData>(&ORDERS_POLL, variables).await {
            Ok(SearchData { orders }) => {
                found.extend(orders.nodes);
                after = orders.page_info.next()?;
                if after.is_none() {
                    return Ok(found);
                }
            }
            Err(Fault::TooCostly) if n > 1 || lines > 1 => {
                (n, lines) = ((n / 2).max(1), (lines / 2).max(1));
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    let why = "too many orders match that name; fetch the order by its id";
    Err(ChannelError::Rejected(why.to_owned()))
}

/// A value of Shopify's search syntax.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests;
