//! What lists and searches of orders find.

use rstest::rstest;

use super::{Backend, World, order};
use crate::domain::{AccountId, CartOrderId, Flag, HeldBack, Order, Status, StoreId, Timestamp};
use crate::ledger::{OrderCursor, OrderFilter, OrderSort};

fn held_back(store: StoreId, cart: &str) -> Order {
    Order {
        status: Status::HeldBack,
        held_back: Some(HeldBack::PaymentPending),
        ..order(store, cart)
    }
}

async fn carts(world: &World, filter: &OrderFilter) -> Vec<String> {
    let page = world.order_page(filter).await.unwrap();
    assert!(!page.more);
    page.rows.into_iter().map(|order| order.id.cart.0).collect()
}

fn all() -> OrderFilter {
    OrderFilter::of(AccountId(1), 100)
}

#[rstest]
#[tokio::test]
async fn r13_held_back_orders_show_only_when_asked_for(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
    #[values(OrderSort::NewestFirst, OrderSort::OldestChangeFirst)] sort: OrderSort,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    world.book(store, &[order(store, "1"), held_back(store, "2")]).await;
    let plain = OrderFilter { sort, ..all() };
    assert_eq!(carts(&world, &plain).await, ["1"]);
    assert_eq!(carts(&world, &OrderFilter { store: Some(store), ..plain.clone() }).await, ["1"]);
    let by_status = OrderFilter { status: Some(Status::HeldBack), ..plain.clone() };
    assert_eq!(carts(&world, &by_status).await, ["2"]);
    let of_store = OrderFilter { store: Some(store), ..by_status };
    assert_eq!(carts(&world, &of_store).await, ["2"]);
    let by_id = OrderFilter { cart_order_id: Some(CartOrderId::from("2")), ..plain.clone() };
    assert_eq!(carts(&world, &by_id).await, ["2"]);
    assert_eq!(carts(&world, &OrderFilter { store: Some(store), ..by_id }).await, ["2"]);
    assert_eq!(carts(&world, &OrderFilter { q: Some("1-2".into()), ..plain }).await, ["2"]);
}

#[rstest]
#[tokio::test]
async fn r30_orders_with_something_to_review_are_found(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let mut waits = order(store, "2");
    waits.cart_side.open_since = Some(waits.created_at);
    world.book(store, &[order(store, "1"), waits.clone()]).await;
    let with = |has| OrderFilter { has_revision: Some(has), ..all() };
    assert_eq!(carts(&world, &with(true)).await, ["2"]);
    assert_eq!(carts(&world, &with(false)).await, ["1"]);
    assert_eq!(carts(&world, &OrderFilter { store: Some(store), ..with(true) }).await, ["2"]);
    let oldest = OrderFilter { sort: OrderSort::OldestChangeFirst, ..with(true) };
    assert_eq!(carts(&world, &oldest).await, ["2"]);
}

#[rstest]
#[tokio::test]
async fn q_finds_numbers_names_ids_and_mail_in_any_case(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let mut known = order(store, "gid-900");
    known.number = "1-1001".into();
    known.cart_number = "1001".into();
    known.cart_name = "#EU1001".into();
    known.content.email = Some("Zoë@Example.com".into());
    world.book(store, &[known, order(store, "2")]).await;
    let find = |q: &str| OrderFilter { q: Some(q.to_owned()), ..all() };
    for q in ["1-1001", "1001", "#EU1001", "eu1001", "GID-900", " ZOË@EXAMPLE.COM "] {
        assert_eq!(carts(&world, &find(q)).await, ["gid-900"], "{q}");
    }
    for q in ["", "100", "1-100%", "_-1001", "example.com"] {
        assert_eq!(carts(&world, &find(q)).await, [""; 0], "{q}");
    }
}

#[rstest]
#[tokio::test]
async fn an_order_is_no_longer_found_by_what_it_was_called_before(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let mut first = held_back(store, "7");
    first.content.email = Some("old@example.com".into());
    world.book(store, &[first.clone()]).await;
    let mut second = Order { row_version: 2, ..first };
    second.content.email = Some("new@example.com".into());
    second.number = "1-7B".into();
    world.book(store, &[second]).await;
    let find = |q: &str| OrderFilter { q: Some(q.to_owned()), ..all() };
    for gone in ["old@example.com", "1-7"] {
        assert_eq!(carts(&world, &find(gone)).await, [""; 0], "{gone}");
    }
    for present in ["new@example.com", "1-7b", "7"] {
        assert_eq!(carts(&world, &find(present)).await, ["7"], "{present}");
    }
}

#[rstest]
#[tokio::test]
async fn r1_nothing_of_another_account_is_listed(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let other = world.account("other").await;
    let (mine, theirs) = (world.connect("mine").await, world.connect_to(other, "theirs").await);
    let mut flagged = order(mine, "7");
    flagged.flags.set(Flag::Test, true);
    world.book(mine, &[flagged]).await;
    let foreign = OrderFilter::of(other, 10);
    let id = CartOrderId::from("7");
    for filter in [
        foreign.clone(),
        OrderFilter { store: Some(mine), ..foreign.clone() },
        OrderFilter { store: Some(theirs), ..foreign.clone() },
        OrderFilter { q: Some("7".into()), ..foreign.clone() },
        OrderFilter { cart_order_id: Some(id.clone()), ..foreign.clone() },
        OrderFilter { cart_order_id: Some(id), store: Some(mine), ..foreign.clone() },
        OrderFilter { status: Some(Status::AwaitingFulfillment), ..foreign.clone() },
        OrderFilter { flag: Some(Flag::Test), ..foreign.clone() },
        OrderFilter { sort: OrderSort::OldestChangeFirst, ..foreign },
    ] {
        assert_eq!(carts(&world, &filter).await, [""; 0], "{filter:?}");
    }
}

#[rstest]
#[tokio::test]
async fn conditions_hold_all_at_once(#[values(Backend::Sqlite, Backend::Memory)] backend: Backend) {
    let world = World::new(backend).await;
    let (store, other) = (world.connect("shop").await, world.connect("other").await);
    let make = |store, cart: &str, status, flag: Option<Flag>, updated| {
        let mut order = Order { status, updated_at: Timestamp(updated), ..order(store, cart) };
        if let Some(flag) = flag {
            order.flags.set(flag, true);
        }
        order
    };
    let (open, shipped) = (Status::AwaitingFulfillment, Status::Shipped);
    let orders = [
        make(store, "1", open, Some(Flag::Test), 100),
        make(store, "2", shipped, Some(Flag::Test), 200),
        make(store, "3", shipped, Some(Flag::Archived), 300),
        make(store, "4", shipped, None, 400),
    ];
    world.book(store, &orders).await;
    world.book(other, &[make(other, "5", shipped, Some(Flag::Test), 500)]).await;
    let shipped = OrderFilter { status: Some(shipped), ..all() };
    assert_eq!(carts(&world, &shipped).await, ["5", "4", "3", "2"]);
    let flagged = OrderFilter { flag: Some(Flag::Test), ..shipped.clone() };
    assert_eq!(carts(&world, &flagged).await, ["5", "2"]);
    let of_store = OrderFilter { store: Some(store), ..flagged };
    assert_eq!(carts(&world, &of_store).await, ["2"]);
    let changed = OrderFilter {
        updated_after: Some(Timestamp(200)),
        sort: OrderSort::OldestChangeFirst,
        ..shipped
    };
    assert_eq!(carts(&world, &changed).await, ["3", "4", "5"]);
}

#[rstest]
#[tokio::test]
async fn pages_follow_each_other_without_gaps_or_repetitions(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
    #[values(OrderSort::NewestFirst, OrderSort::OldestChangeFirst)] sort: OrderSort,
) {
    let world = World::new(backend).await;
    let stores = [world.connect("one").await, world.connect("two").await];
    for store in stores {
        // Many of one instant, so that pages end between them.
        let made: Vec<Order> = (0..7)
            .map(|n| Order {
                created_at: Timestamp(n / 3),
                updated_at: Timestamp(n / 4),
                ..order(store, &n.to_string())
            })
            .collect();
        world.book(store, &made).await;
    }
    let mut filter = OrderFilter { sort, limit: 3, ..all() };
    let mut seen = Vec::new();
    loop {
        let page = world.order_page(&filter).await.unwrap();
        assert!(page.rows.len() <= 3);
        seen.extend(page.rows.iter().map(|order| order.id.clone()));
        let Some(last) = page.rows.last() else { break };
        let at = match sort {
            OrderSort::NewestFirst => last.created_at,
            OrderSort::OldestChangeFirst => last.updated_at,
        };
        let cart_order_id = last.id.cart.clone();
        filter.after = Some(OrderCursor { at, store: last.id.store, cart_order_id });
        if !page.more {
            break;
        }
    }
    let whole = world.order_page(&OrderFilter { sort, ..all() }).await.unwrap();
    assert_eq!(whole.rows.len(), 14);
    assert_eq!(seen, whole.rows.into_iter().map(|order| order.id).collect::<Vec<_>>());
}

#[rstest]
#[tokio::test]
async fn r15_an_order_of_a_sibling_store_is_recognised(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let (one, two) = (world.connect("one").await, world.connect("two").await);
    let third = world.connect("three").await;
    world.book(one, &[order(one, "1"), order(one, "2")]).await;
    world.book(two, &[order(two, "2")]).await;
    world.book(third, &[order(third, "3")]).await;
    let ids: Vec<CartOrderId> = ["3", "2", "1", "9"].map(CartOrderId::from).into();
    let mut held = world.held_by(&[one, two], &ids).await.unwrap();
    held.sort();
    assert_eq!(held, ["1", "2"].map(CartOrderId::from));
    assert_eq!(world.held_by(&[], &ids).await.unwrap(), []);
    assert_eq!(world.held_by(&[one], &[]).await.unwrap(), []);
}
