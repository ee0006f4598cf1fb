//! Troubles of connections, of actors, and events that were set aside.

use std::collections::BTreeMap;

use super::{Action, Item, Severity};
use crate::actor::ActorState;
use crate::domain::event::reason;
use crate::domain::{AccountId, CartOrderId, EventState, OrderId, StoreId, Timestamp};
use crate::ledger::{Connection, EventFilter, LedgerError, StoreRow};
use crate::web::Desk;

/// Events set aside that are looked at; more of them are in the list of events.
const SET_ASIDE: usize = 500;

/// What is wrong with a store itself.
pub(super) fn troubles(desk: &Desk, store: &StoreRow) -> Vec<Item> {
    if store.disconnected_at.is_some() {
        return Vec::new();
    }
    let actor = desk.stores.actor(store.id);
    let quarantined = actor.filter(|actor| actor.state == ActorState::Quarantined);
    let quarantine = quarantined.map(|actor| quarantine(store, actor.last_panic_at));
    let found = [
        quarantine,
        reconnect(store),
        scopes(desk, store),
        subscriptions(store),
        doubtful(desk, store),
        paused(store),
    ];
    found.into_iter().flatten().collect()
}

fn quarantine(store: &StoreRow, since: Option<Timestamp>) -> Item {
    let path = format!("/admin/stores/{}/restart", store.slug);
    Item {
        kind: "quarantined",
        severity: Severity::High,
        store: store.slug.clone(),
        text: format!(
            "{} crashes too often and was put aside; its webhooks are stored and not worked on. \
             It is tried again by itself; look at its last crash and restart it.",
            store.name
        ),
        since,
        actions: vec![Action::post("Restart", path)],
        links: vec![format!("/admin/stores/{}/actor", store.slug)],
    }
}

fn reconnect(store: &StoreRow) -> Option<Item> {
    if store.health.connection != Connection::Reconnect {
        return None;
    }
    let why = store.health.reason.as_deref().unwrap_or("no reason was given");
    Some(Item {
        kind: "reconnect",
        severity: Severity::High,
        store: store.slug.clone(),
        text: format!(
            "The cart of {} refused the credentials ({why}). Its webhooks are still taken; \
             reconnect it with new credentials.",
            store.name
        ),
        since: store.health.checked_at,
        actions: vec![Action::patch("Reconnect", api_path(store))],
        links: vec![api_path(store)],
    })
}

/// Scopes without which nothing useful works.
fn scopes(desk: &Desk, store: &StoreRow) -> Option<Item> {
    let health = &store.health;
    let channel = desk.channels.get(store.channel)?;
    let checked = health.checked_at.filter(|_| health.connection == Connection::Ok)?;
    let gaps = channel.scope_gaps(&health.granted_scopes);
    let sentences: Vec<_> = gaps
        .iter()
        .filter(|gap| gap.essential)
        .map(|gap| format!("{}: {}", gap.scope, gap.sentence))
        .collect();
    (!sentences.is_empty()).then(|| Item {
        kind: "missing_scopes",
        severity: Severity::High,
        store: store.slug.clone(),
        text: format!("{} lacks scopes. {}", store.name, sentences.join(" ")),
        since: Some(checked),
        actions: vec![Action::patch("Reconnect", api_path(store))],
        links: vec![api_path(store)],
    })
}

/// The connection works and something of the subscriptions does not.
fn subscriptions(store: &StoreRow) -> Option<Item> {
    let health = &store.health;
    let why = health.reason.as_ref().filter(|_| health.connection == Connection::Ok)?;
    Some(Item {
        kind: "subscriptions",
        severity: Severity::Medium,
        store: store.slug.clone(),
        text: format!("{}: {why}", store.name),
        since: health.checked_at,
        actions: vec![Action::patch("Reconnect", api_path(store))],
        links: vec![format!("{}/tasks", api_path(store))],
    })
}

/// Deliveries carry the right secret and a signature that does not fit: they are worked on as hints,
/// and the client secret that is kept here may be an old one.
fn doubtful(desk: &Desk, store: &StoreRow) -> Option<Item> {
    let since = desk.directory.doubted_at(store.id)?;
    Some(Item {
        kind: "doubtful_signature",
        severity: Severity::Medium,
        store: store.slug.clone(),
        text: format!(
            "Webhooks of {} carry a signature that does not fit the client secret kept here. They \
             are still worked on; reconnect it with the client secret of its present API account.",
            store.name
        ),
        since: Some(since),
        actions: vec![Action::patch("Reconnect", api_path(store))],
        links: vec![api_path(store)],
    })
}

fn paused(store: &StoreRow) -> Option<Item> {
    store.paused.then(|| Item {
        kind: "paused",
        severity: Severity::Low,
        store: store.slug.clone(),
        text: format!(
            "{} is paused; its webhooks are stored and not worked on until it is resumed.",
            store.name
        ),
        since: None,
        actions: vec![Action::post("Resume", format!("/admin/stores/{}/resume", store.slug))],
        links: vec![api_path(store)],
    })
}

/// Events set aside for one reason in one store.
struct Group {
    count: usize,
    oldest: Timestamp,
    order: Option<CartOrderId>,
}

/// Events that only a person can mend, grouped by store and reason (R49).
pub(super) async fn set_aside(
    desk: &Desk,
    account: AccountId,
    stores: &[StoreRow],
) -> Result<Vec<Item>, LedgerError> {
    let mut filter = EventFilter::of(account, SET_ASIDE);
    filter.state = Some(EventState::SetAside);
    let page = desk.ledger.event_page(&filter).await?;
    let mut groups: BTreeMap<(StoreId, Option<String>), Group> = BTreeMap::new();
    // Newest first, so the last one seen of a group is its oldest.
    for event in page.rows {
        let group = groups.entry((event.store, event.reason)).or_insert(Group {
            count: 0,
            oldest: event.received_at,
            order: None,
        });
        group.count += 1;
        group.oldest = event.received_at;
        group.order = event.cart_order_id.or_else(|| group.order.take());
    }
    let mut items = Vec::with_capacity(groups.len());
    for ((id, why), group) in groups {
        let store = stores.iter().find(|store| store.id == id);
        let slug = store.map(|store| store.slug.clone());
        let slug = slug.or_else(|| Some(desk.directory.get(id)?.slug.to_string()));
        let mut item = item_of(slug.unwrap_or_default(), why.as_deref(), &group, page.more);
        // An order that never came to be has no page.
        if let Some(order) = group.order.map(|order| OrderId::new(id, order))
            && desk.ledger.order(&order).await?.is_some()
        {
            item.links.insert(0, format!("/orders/{order}"));
        }
        items.push(item);
    }
    Ok(items)
}

fn item_of(slug: String, why: Option<&str>, group: &Group, more: bool) -> Item {
    let sentence = why.and_then(reason::sentence).unwrap_or("No reason is known.");
    let at_least = if more { "At least " } else { "" };
    let events = if group.count == 1 { "event was" } else { "events were" };
    let mut actions = Vec::new();
    if let Some(order) = &group.order {
        let path = format!("/api/v1/stores/{slug}/orders/fetch");
        let fetch = Action::post("Fetch the order again", path);
        actions.push(fetch.with(serde_json::json!({"cart_order_id": order})));
    }
    let links = vec![format!("/api/v1/events?store={slug}&state=set_aside")];
    Item {
        kind: "set_aside",
        severity: Severity::Medium,
        text: format!("{at_least}{} {events} set aside. {sentence}", group.count),
        store: slug,
        since: Some(group.oldest),
        actions,
        links,
    }
}

fn api_path(store: &StoreRow) -> String {
    format!("/api/v1/stores/{}", store.slug)
}
