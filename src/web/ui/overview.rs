//! The overview: how every store stands, what needs a person, the latest orders.

use std::collections::HashMap;

use askama::Template;

use super::words::{OrderRow, When, span};
use super::{Frame, PageError};
use crate::domain::{AccountId, Flag, StoreId, Task, Timestamp};
use crate::ledger::{Backlog, Connection, OrderFilter, StoreRow, TaskRow};
use crate::web::Desk;
use crate::web::attention::{self, Severity};
use crate::web::bolt::bolt;

/// Orders shown.
const LATEST: usize = 20;
/// Stores shown. What is wrong with any other is told above them all the same.
const STORES: usize = 60;
/// Things shown that need a person, worst first; the rest is counted.
const TROUBLES: usize = 12;

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
    /// Things that need a person and are not shown.
    unshown: usize,
    stores: Vec<Card>,
    more_stores: bool,
    orders: Vec<OrderRow>,
}

struct Item {
    tone: &'static str,
    urgency: &'static str,
    text: String,
    since: Option<When>,
    /// The page that shows it, and what it is called.
    link: Option<(&'static str, String)>,
    /// What mends or shows it on the command line.
    command: Option<String>,
}

struct Card {
    /// Worst first.
    rank: u8,
    name: String,
    channel: &'static str,
    domain: String,
    tone: &'static str,
    health: &'static str,
    bolt: &'static str,
    bolt_reason: Option<String>,
    complete: Option<When>,
    last_webhook: Option<When>,
    waiting: String,
    set_aside: u64,
}

/// Reads everything the overview tells about an account, in a number of queries that does not grow
/// with the book: two for each store shown, one for each kind of trouble, and a few more.
pub(super) async fn read(desk: &Desk, account: AccountId) -> Result<Live, PageError> {
    let now = desk.clock.now();
    let mut troubles = attention::collect(desk, account).await?;
    let mut stores = desk.ledger.stores(account, StoreId(0), STORES + 1).await?;
    let more_stores = stores.len() > STORES;
    stores.truncate(STORES);
    let mut cards = Vec::with_capacity(stores.len());
    let mut waiting = 0;
    let mut oldest: Option<Timestamp> = None;
    let mut complete = Vec::new();
    for store in &stores {
        let backlog = desk.ledger.backlog(store.id).await?;
        waiting += backlog.waiting;
        oldest = [oldest, backlog.oldest].into_iter().flatten().min();
        let tasks = desk.ledger.tasks(store.id).await?;
        let orders = tasks.into_iter().find(|task| task.task == Task::ImportOrders);
        let orders = orders.unwrap_or_else(|| TaskRow::new(Task::ImportOrders, now));
        if store.disconnected_at.is_none() {
            complete.push(orders.progress.complete_up_to);
        }
        let wanted = desk.channels.get(store.channel).map_or(&[][..], |it| it.wanted_topics());
        let bolt = bolt(store, &orders, wanted, backlog.last_webhook, now);
        let complete = orders.progress.complete_up_to.map(|at| When::new(at, now));
        cards.push(Card { complete, ..card(store, &backlog, bolt, &troubles, now) });
    }
    cards.sort_by_key(|card| card.rank);
    let names: HashMap<StoreId, &str> =
        stores.iter().map(|store| (store.id, store.name.as_str())).collect();
    let page = desk.ledger.order_page(&OrderFilter::of(account, LATEST)).await?;
    let name = |id| names.get(&id).copied().unwrap_or_default();
    let orders =
        page.rows.iter().map(|order| OrderRow::new(order, name(order.id.store), now)).collect();
    let truth = if stores.is_empty() {
        "No store is connected yet.".to_owned()
    } else {
        // Stores that are not shown are not spoken for.
        let complete: Option<Vec<Timestamp>> = complete.into_iter().collect();
        let complete = complete.filter(|_| !more_stores).and_then(|all| all.into_iter().min());
        truth(waiting, oldest, complete, troubles.len(), now)
    };
    for trouble in troubles.iter_mut().filter(|trouble| trouble.kind == "set_aside") {
        let named = stores.iter().find(|store| store.slug == trouble.store);
        let name = named.map_or(&trouble.store, |store| &store.name);
        trouble.text = format!("{name}: {}", trouble.text);
    }
    let unshown = troubles.len().saturating_sub(TROUBLES);
    troubles.truncate(TROUBLES);
    let attention = troubles.into_iter().map(|found| item(found, now)).collect();
    Ok(Live { truth, attention, unshown, stores: cards, more_stores, orders })
}

/// One line that says how things are.
fn truth(
    waiting: u64,
    oldest: Option<Timestamp>,
    complete: Option<Timestamp>,
    attention: usize,
    now: Timestamp,
) -> String {
    let work = match (waiting, oldest) {
        (0, _) | (_, None) => complete.map_or_else(
            || "Everything that came in has been worked on.".to_owned(),
            |up_to| format!("All orders are complete up to {}.", When::new(up_to, now).second),
        ),
        (1, Some(oldest)) => format!("1 event has waited for {}.", span(now.since(oldest))),
        (many, Some(oldest)) => {
            format!("{many} events wait, the oldest for {}.", span(now.since(oldest)))
        }
    };
    let people = match attention {
        0 => "Nothing needs you.".to_owned(),
        1 => "One thing needs you.".to_owned(),
        many => format!("{many} things need you."),
    };
    format!("{work} {people}")
}

fn card(
    store: &StoreRow,
    backlog: &Backlog,
    (bolt, bolt_reason): (&'static str, Option<String>),
    troubles: &[attention::Item],
    now: Timestamp,
) -> Card {
    let (rank, tone, health) = health(store, backlog, bolt, troubles);
    let oldest = backlog.oldest.filter(|_| backlog.waiting > 0);
    Card {
        rank,
        name: store.name.clone(),
        channel: store.channel.title(),
        domain: store.domain.clone(),
        tone,
        health,
        bolt,
        bolt_reason,
        complete: None,
        last_webhook: backlog.last_webhook.map(|at| When::new(at, now)),
        waiting: oldest.map_or_else(
            || backlog.waiting.to_string(),
            |oldest| format!("{}, oldest for {}", backlog.waiting, span(now.since(oldest))),
        ),
        set_aside: backlog.set_aside,
    }
}

/// How a store is, as its place among the others, its colour and its word.
fn health(
    store: &StoreRow,
    backlog: &Backlog,
    bolt: &str,
    troubles: &[attention::Item],
) -> (u8, &'static str, &'static str) {
    // What is the matter with single orders is not the store's own state.
    let of_store = |item: &&attention::Item| {
        item.store == store.slug
            && item.severity > Severity::Low
            && Flag::parse(item.kind).is_none()
            && item.kind != "revision"
    };
    let worst = troubles.iter().find(of_store).map(|item| item.severity);
    if store.disconnected_at.is_some() {
        (5, "plain", "Disconnected")
    } else if store.health.connection == Connection::Reconnect {
        (0, "bad", "Reconnect")
    } else if worst == Some(Severity::High) {
        (1, "bad", "Needs you")
    } else if store.paused {
        (2, "warn", "Paused")
    } else if worst.is_some() || backlog.set_aside > 0 || matches!(bolt, "lost" | "degraded") {
        (3, "warn", "Needs a look")
    } else {
        (4, "ok", "Healthy")
    }
}

fn item(found: attention::Item, now: Timestamp) -> Item {
    let (tone, urgency) = match found.severity {
        Severity::High => ("bad", "Urgent"),
        Severity::Medium => ("warn", "To do"),
        Severity::Low => ("plain", "Note"),
    };
    let order = found.links.iter().find_map(|link| link.strip_prefix("/orders/"));
    let list = found.links.iter().find(|link| link.starts_with("/orders?"));
    let link = match (order, list) {
        (Some(order), _) => Some(("Look at the order", format!("/orders/{order}"))),
        (None, list) => list.map(|list| ("Look at the changes", list.clone())),
    };
    Item {
        tone,
        urgency,
        command: command(found.kind, &found.store, order),
        link,
        since: found.since.map(|at| When::new(at, now)),
        text: found.text,
    }
}

/// The command that helps, for what no page does.
fn command(kind: &str, store: &str, order: Option<&str>) -> Option<String> {
    let of_store = |verb| Some(format!("instasync store {verb} {store}"));
    let of_order = |verb| order.map(|order| format!("instasync order {verb} {order}"));
    match kind {
        "quarantined" => of_store("restart"),
        "reconnect" | "missing_scopes" | "subscriptions" => of_store("reconnect"),
        "paused" => of_store("resume"),
        "set_aside" => Some(format!("instasync events list --store {store} --state set_aside")),
        _ => match Flag::parse(kind)? {
            Flag::CancelledLate => of_order("archive"),
            Flag::FulfilledInCart => of_order("ship"),
            Flag::RefundedInCart | Flag::DeletedInCart => of_order("cancel"),
            Flag::RevivedInCart => of_order("restore"),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn r44_a_store_whose_webhooks_do_not_come_is_not_called_healthy() {
        let store = crate::web::testing::store_row(1, "pine", "pine.myshopify.com");
        let word = |bolt| health(&store, &Backlog::default(), bolt, &[]).2;
        let words = ["live", "quiet", "degraded", "lost"].map(word);
        assert_eq!(words, ["Healthy", "Healthy", "Needs a look", "Needs a look"]);
    }

    #[test]
    fn the_line_of_truth_tells_work_and_people() {
        let now = Timestamp::from_seconds(1_700_000_000);
        let before = Some(now.minus(Duration::from_secs(7300)));
        assert_eq!(
            truth(0, None, None, 0, now),
            "Everything that came in has been worked on. Nothing needs you."
        );
        let up_to = Some(Timestamp::from_seconds(1_700_000_000));
        assert_eq!(
            truth(0, None, up_to, 0, now),
            "All orders are complete up to 2023-11-14 22:13:20 UTC. Nothing needs you."
        );
        assert_eq!(
            truth(1, before, None, 1, now),
            "1 event has waited for 2 h. One thing needs you."
        );
        assert_eq!(
            truth(9, before, None, 3, now),
            "9 events wait, the oldest for 2 h. 3 things need you."
        );
    }

    #[test]
    fn r50_what_no_page_does_names_its_command() {
        let order = "ord_1_5001";
        let told = |kind, order| command(kind, "pine", order);
        assert_eq!(told("paused", None).as_deref(), Some("instasync store resume pine"));
        let ship = told("fulfilled_in_cart", Some(order));
        assert_eq!(ship, Some(format!("instasync order ship {order}")));
        assert_eq!(told("fulfilled_in_cart", None), None);
        assert_eq!(told("database", None), None);
    }
}
