//! Orders that ask for a decision: by a flag (R21, R24–R26), or by changes to review (R28).

use super::{Action, Item, Severity};
use crate::domain::{AccountId, Flag, Order, Status};
use crate::ledger::{LedgerError, OrderCursor, OrderFilter, StoreRow};
use crate::web::Desk;

/// Orders told of each flag and status; more of them are in the list of orders.
const ORDERS: usize = 100;
/// Pages looked through for orders that are not archived.
const PAGES: usize = 5;

const OPEN: &[Status] = &[Status::AwaitingFulfillment, Status::DropshipmentRequested];

/// A flag, in which statuses it needs a person, how badly, and what may be done.
struct Watch {
    flag: Flag,
    statuses: &'static [Status],
    severity: Severity,
    says: fn(&Order, &str) -> String,
    action: Option<(&'static str, &'static str)>,
}

/// `cancelled_late` and `revived_in_cart` are on orders that are closed here, so they are told until
/// somebody archives the order; the others while it is open.
const WATCHED: [Watch; 6] = [
    Watch {
        flag: Flag::CancelledLate,
        statuses: &[Status::Shipped],
        severity: Severity::High,
        says: |order, cart| {
            format!(
                "{} was cancelled in {cart} after it was shipped here. Stop the parcel or talk to \
                 the customer, then archive the order.",
                order.number
            )
        },
        action: Some(("Archive", "archive")),
    },
    Watch {
        flag: Flag::FulfilledInCart,
        statuses: OPEN,
        severity: Severity::High,
        says: |order, cart| {
            format!(
                "{} is fulfilled in {cart} and still open here. Mark it shipped, so that nothing \
                 ships twice.",
                order.number
            )
        },
        action: Some(("Mark shipped", "ship")),
    },
    Watch {
        flag: Flag::RefundedInCart,
        statuses: OPEN,
        severity: Severity::High,
        says: |order, cart| {
            format!(
                "{} was fully refunded in {cart} without being cancelled. Cancel it here, or ship \
                 it all the same.",
                order.number
            )
        },
        action: Some(("Cancel", "cancel")),
    },
    Watch {
        flag: Flag::DeletedInCart,
        statuses: OPEN,
        severity: Severity::High,
        says: |order, cart| {
            format!(
                "{} was deleted in {cart}. Cancel it here, or ship it all the same.",
                order.number
            )
        },
        action: Some(("Cancel", "cancel")),
    },
    Watch {
        flag: Flag::RevivedInCart,
        statuses: &[Status::Cancelled],
        severity: Severity::Medium,
        says: |order, cart| {
            format!(
                "{} was cancelled and then revived in {cart}; it was not reopened here. Restore \
                 it, or archive it.",
                order.number
            )
        },
        action: Some(("Restore", "restore")),
    },
    Watch {
        flag: Flag::OnHoldInCart,
        statuses: OPEN,
        severity: Severity::Medium,
        says: |order, cart| {
            format!(
                "{} was put on hold in {cart}. Wait with shipping until it is released there.",
                order.number
            )
        },
        action: None,
    },
];

/// Orders of an account that ask for a decision.
pub(super) async fn flagged(desk: &Desk, account: AccountId) -> Result<Vec<Item>, LedgerError> {
    let mut items = Vec::new();
    for watch in &WATCHED {
        for status in watch.statuses {
            let orders = of_flag(desk, account, watch.flag, *status).await?;
            items.extend(orders.iter().map(|order| item(desk, watch, order)));
        }
    }
    Ok(items)
}

/// Changes of carts that wait for a decision, counted by store (R28).
pub(super) async fn to_review(
    desk: &Desk,
    account: AccountId,
    stores: &[StoreRow],
) -> Result<Vec<Item>, LedgerError> {
    let mut filter = OrderFilter::of(account, ORDERS);
    filter.has_revision = Some(true);
    let page = desk.ledger.order_page(&filter).await?;
    let at_least = if page.more { "At least " } else { "" };
    let of_store = |store: &StoreRow| {
        let orders = page.rows.iter().filter(|order| order.id.store == store.id);
        let waits: Vec<_> = orders.filter_map(|order| order.cart_side.open_since).collect();
        let since = waits.iter().min().copied()?;
        let cart = store.channel.title();
        let (name, count) = (&store.name, waits.len());
        let orders = if count == 1 { "order was" } else { "orders were" };
        Some(Item {
            kind: "revision",
            severity: Severity::Medium,
            store: store.slug.clone(),
            text: format!(
                "{name}: {at_least}{count} {orders} changed in {cart}, and the changes wait for a \
                 decision. Accept or reject them."
            ),
            since: Some(since),
            actions: Vec::new(),
            links: vec![format!("/orders?store={}&has_revision=true", store.slug)],
        })
    };
    Ok(stores.iter().filter_map(of_store).collect())
}

/// Orders with that flag in that status that nobody has put away.
async fn of_flag(
    desk: &Desk,
    account: AccountId,
    flag: Flag,
    status: Status,
) -> Result<Vec<Order>, LedgerError> {
    let mut filter = OrderFilter::of(account, ORDERS);
    (filter.flag, filter.status) = (Some(flag), Some(status));
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let page = desk.ledger.order_page(&filter).await?;
        filter.after = page.rows.last().filter(|_| page.more).map(|last| OrderCursor {
            at: last.created_at,
            store: last.id.store,
            cart_order_id: last.id.cart.clone(),
        });
        found.extend(page.rows.into_iter().filter(|order| !order.flags.has(Flag::Archived)));
        if filter.after.is_none() || found.len() >= ORDERS {
            break;
        }
    }
    Ok(found)
}

fn item(desk: &Desk, watch: &Watch, order: &Order) -> Item {
    let store = desk.directory.get(order.id.store);
    let cart = store.as_ref().map_or("the cart", |store| store.channel.title());
    let path = |verb| format!("/api/v1/orders/{}/{verb}", order.id);
    let action = watch.action.map(|(label, verb)| Action::post(label, path(verb)));
    Item {
        kind: watch.flag.as_str(),
        severity: watch.severity,
        text: (watch.says)(order, cart),
        store: store.map(|store| store.slug.to_string()).unwrap_or_default(),
        since: Some(order.updated_at),
        actions: action.into_iter().collect(),
        links: vec![format!("/orders/{}", order.id)],
    }
}
