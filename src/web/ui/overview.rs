//! The overview: how every store stands, what needs a person, the latest orders.

use std::collections::HashMap;

use askama::Template;

use super::words::{OrderRow, When};
use super::{Frame, PageError};
use crate::domain::{AccountId, StoreId, Timestamp};
use crate::ledger::{Backlog, Connection, OrderFilter, StoreRow};
use crate::web::{Desk, attention};

/// Orders shown.
const LATEST: usize = 20;
/// Stores shown; more are found by the store filter of the order list.
const STORES: usize = 60;

/// The whole page.
#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct Overview {
    pub(super) frame: Frame,
    pub(super) live: Live,
}

/// The part that is kept up to date.
#[derive(Template)]
#[template(path = "overview_live.html")]
pub(super) struct Fragment {
    pub(super) live: Live,
}

/// What the overview tells.
pub(super) struct Live {
    truth: String,
    attention: Vec<Item>,
    stores: Vec<Card>,
    orders: Vec<OrderRow>,
}

struct Item {
    tone: &'static str,
    store: String,
    text: String,
    link: Option<String>,
}

struct Card {
    name: String,
    channel: &'static str,
    domain: String,
    tone: &'static str,
    health: &'static str,
    bolt: String,
    last_event: Option<When>,
    waiting: u64,
    set_aside: u64,
}

/// Reads everything the overview tells about an account.
pub(super) async fn read(desk: &Desk, account: AccountId) -> Result<Live, PageError> {
    let now = desk.clock.now();
    let stores = desk.ledger.stores(account, StoreId(0), STORES).await?;
    let mut cards = Vec::with_capacity(stores.len());
    let mut waiting = 0;
    let mut oldest: Option<Timestamp> = None;
    for store in &stores {
        let backlog = desk.ledger.backlog(store.id).await?;
        waiting += backlog.waiting;
        oldest = [oldest, backlog.oldest].into_iter().flatten().min();
        cards.push(card(store, &backlog, now));
    }
    let names: HashMap<StoreId, &str> =
        stores.iter().map(|store| (store.id, store.name.as_str())).collect();
    let page = desk.ledger.order_page(&OrderFilter::of(account, LATEST)).await?;
    let name = |id| names.get(&id).copied().unwrap_or_default();
    let orders =
        page.rows.iter().map(|order| OrderRow::new(order, name(order.id.store), now)).collect();
    let attention: Vec<Item> =
        attention::collect(desk, account).await?.into_iter().map(item).collect();
    let truth = truth(waiting, oldest, attention.len(), now);
    Ok(Live { truth, attention, stores: cards, orders })
}

/// One line that says how things are.
fn truth(waiting: u64, oldest: Option<Timestamp>, attention: usize, now: Timestamp) -> String {
    let work = match (waiting, oldest) {
        (0, _) | (_, None) => "Everything that came in has been worked on.".to_owned(),
        (1, Some(oldest)) => {
            format!("1 event waits, since {} s.", now.since(oldest).as_secs())
        }
        (many, Some(oldest)) => {
            format!("{many} events wait, the oldest since {} s.", now.since(oldest).as_secs())
        }
    };
    let people = match attention {
        0 => "Nothing needs you.".to_owned(),
        1 => "One thing needs you.".to_owned(),
        many => format!("{many} things need you."),
    };
    format!("{work} {people}")
}

fn card(store: &StoreRow, backlog: &Backlog, now: Timestamp) -> Card {
    let (tone, health) = if store.disconnected_at.is_some() {
        ("warn", "Disconnected")
    } else if store.paused {
        ("warn", "Paused")
    } else if store.health.connection == Connection::Reconnect {
        ("bad", "Reconnect")
    } else if backlog.set_aside > 0 {
        ("warn", "Needs a look")
    } else {
        ("ok", "Healthy")
    };
    let bolt = match (&store.health.checked_at, backlog.last_event) {
        _ if store.disconnected_at.is_some() => "off".to_owned(),
        (_, Some(_)) => "live".to_owned(),
        (Some(_), None) if store.health.subscribed.is_empty() => "not registered".to_owned(),
        _ => "waiting for the first".to_owned(),
    };
    Card {
        name: store.name.clone(),
        channel: store.channel.title(),
        domain: store.domain.clone(),
        tone,
        health,
        bolt,
        last_event: backlog.last_event.map(|at| When::new(at, now)),
        waiting: backlog.waiting,
        set_aside: backlog.set_aside,
    }
}

fn item(found: attention::Item) -> Item {
    let tone = if found.is_severe() { "bad" } else { "warn" };
    Item { tone, store: found.store, text: found.text, link: found.links.into_iter().next() }
}
