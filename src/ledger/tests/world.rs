//! A book to write in, and plain things to write.

use std::ops::Deref;

use crate::domain::order::Guard;
use crate::domain::sighting::{Hash, Version};
use crate::domain::timeline::{By, Details};
use crate::domain::{
    AccountId, ArrivedBy, CartOrderId, CartSide, CartState, ChannelKind, Content, Entry,
    EventState, Flags, Kind, Order, OrderId, Position, Rules, Source, Status, StoreId, Timestamp,
};
use crate::ledger::memory::Memory;
use crate::ledger::sqlite::{Sqlite, SqliteOptions};
use crate::ledger::{
    Body, Cause, Close, Commit, DeliveryKey, Journaled, Ledger, NewEntry, NewEvent, NewStore,
    OrderWrite, Recorded, StoreHealth, StoreRow, Write, Written,
};

/// The backends that the facts are proved on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Backend {
    Sqlite,
    Memory,
}

/// An empty book.
pub(super) struct World {
    ledger: Box<dyn Ledger>,
    _folder: Option<tempfile::TempDir>,
}

impl Deref for World {
    type Target = dyn Ledger;

    fn deref(&self) -> &Self::Target {
        self.ledger.as_ref()
    }
}

impl World {
    pub(super) async fn new(backend: Backend) -> Self {
        match backend {
            Backend::Memory => Self { ledger: Box::new(Memory::new()), _folder: None },
            Backend::Sqlite => {
                let folder = tempfile::tempdir().unwrap();
                let options = SqliteOptions {
                    path: folder.path().join("book.db"),
                    readers: 2,
                    checkpoint_bytes: 1 << 20,
                    wal_cap_bytes: 8 << 20,
                    now: Timestamp(0),
                };
                let ledger = Sqlite::open(options).await.unwrap();
                Self { ledger: Box::new(ledger), _folder: Some(folder) }
            }
        }
    }

    /// Writes one thing.
    pub(super) async fn put(&self, write: Write) -> Written {
        let mut written = self.write(&[write]).await.unwrap();
        assert_eq!(written.len(), 1);
        written.pop().unwrap()
    }

    /// Connects a store of the account `default` and takes its first epoch.
    pub(super) async fn connect(&self, slug: &str) -> StoreId {
        self.connect_to(AccountId(1), slug).await
    }

    pub(super) async fn connect_to(&self, account: AccountId, slug: &str) -> StoreId {
        let row = StoreRow { account, ..row(slug) };
        let written =
            self.put(Write::AddStore(Box::new(NewStore { first_run: row.created_at, row }))).await;
        let Written::StoreAdded { id, .. } = written else { panic!("{written:?}") };
        assert_eq!(self.put(Write::TakeEpoch(id)).await, Written::Epoch(1));
        id
    }

    pub(super) async fn account(&self, slug: &str) -> AccountId {
        let write =
            Write::AddAccount { slug: slug.into(), name: slug.to_uppercase(), at: Timestamp(1) };
        let written = self.put(write).await;
        let Written::Added(id) = written else { panic!("{written:?}") };
        AccountId(id)
    }

    pub(super) async fn journal(&self, event: NewEvent) -> Journaled {
        let written = self.put(Write::Journal(event)).await;
        let Written::Journaled(journaled) = written else { panic!("{written:?}") };
        journaled
    }

    pub(super) async fn commit(&self, commit: Commit) -> Written {
        self.put(Write::Commit(Box::new(commit))).await
    }

    /// Puts orders into the book in one turn.
    pub(super) async fn book(&self, store: StoreId, orders: &[Order]) {
        let turn = Commit { orders: orders.iter().map(new_order).collect(), ..commit(store) };
        assert_eq!(self.commit(turn).await, Written::Committed);
    }

    /// Journals an event and closes it.
    pub(super) async fn closed(&self, event: NewEvent, state: EventState) -> Position {
        let (store, account) = (event.store, event.account);
        let position = self.journal(event).await.position;
        let turn = Commit { account, closes: vec![close(position, state)], ..commit(store) };
        assert_eq!(self.commit(turn).await, Written::Committed);
        position
    }
}

pub(super) fn new_order(order: &Order) -> OrderWrite {
    OrderWrite { expected: order.row_version - 1, order: order.clone() }
}

pub(super) fn close(position: Position, state: EventState) -> Close {
    Close { position, state, reason: None, cart_order_id: None }
}

/// A store to connect.
pub(super) fn row(slug: &str) -> StoreRow {
    StoreRow {
        id: StoreId(0),
        account: AccountId(1),
        index: 0,
        channel: ChannelKind::Shopify,
        name: slug.to_uppercase(),
        slug: slug.to_owned(),
        domain: format!("{slug}.example"),
        api_url: None,
        disconnected_at: None,
        paused: false,
        rules: Rules::defaults(ChannelKind::Shopify),
        rules_version: 1,
        rules_history: Vec::new(),
        credentials: vec![1, 2],
        credential_group: slug.as_bytes().to_vec(),
        token_due: None,
        health: StoreHealth::default(),
        created_at: Timestamp(5),
        version: 0,
    }
}

/// A delivery with an id of its own.
pub(super) fn event(store: StoreId, id: &str) -> NewEvent {
    NewEvent {
        account: AccountId(1),
        store,
        topic: "orders/create".to_owned(),
        source: Source::Webhook,
        delivery_id: Some(id.to_owned()),
        key: DeliveryKey::of("orders/create", id),
        cart_order_id: None,
        body: Body::pack(format!("{{\"id\":\"{id}\"}}").as_bytes()),
        received_at: Timestamp(100),
        triggered_at: Some(Timestamp(90)),
        by: None,
    }
}

/// An order awaiting fulfilment, at its first version.
pub(super) fn order(store: StoreId, cart: &str) -> Order {
    let hash = Hash(7);
    let version = Version {
        updated_at: Timestamp(15),
        cancelled: false,
        source: 0,
        read_at: Timestamp(0),
        hash,
    };
    Order {
        id: OrderId::new(store, CartOrderId::from(cart)),
        account: AccountId(1),
        number: format!("1-{cart}"),
        cart_number: cart.to_owned(),
        cart_name: format!("#{cart}"),
        status: Status::AwaitingFulfillment,
        held_back: None,
        arrived_by: ArrivedBy::Instasync,
        flags: Flags::default(),
        placed_at: Timestamp(10),
        created_at: Timestamp(20),
        updated_at: Timestamp(30),
        row_version: 1,
        content: Content { currency: "EUR".to_owned(), ..Content::default() },
        cart_side: CartSide::default(),
        cart: CartState::default(),
        guard: Guard::new(version, hash),
        tracking: None,
    }
}

/// A turn of a store's first incarnation that changes nothing yet.
pub(super) fn commit(store: StoreId) -> Commit {
    Commit {
        account: AccountId(1),
        store,
        epoch: 1,
        at: Timestamp(200),
        rules_version: 3,
        build: "test",
        closes: Vec::new(),
        retries: Vec::new(),
        recorded: Vec::new(),
        requests: Vec::new(),
        orders: Vec::new(),
        timeline: Vec::new(),
        run: None,
        progress: None,
    }
}

/// A person's command that enters the journal closed.
pub(super) fn recorded(cart: &str) -> Recorded {
    Recorded {
        topic: "cancel".to_owned(),
        source: Source::Person,
        state: EventState::Done,
        reason: None,
        cart_order_id: Some(CartOrderId::from(cart)),
        key: DeliveryKey::unique(),
        body: Body::pack(b"{\"command\":\"cancel\"}"),
        received_at: Timestamp(150),
        by: Some("ada".to_owned()),
    }
}

/// An entry of a timeline.
pub(super) fn entry(cart: &str, cause: Cause, kind: Kind) -> NewEntry {
    NewEntry {
        cart_order_id: CartOrderId::from(cart),
        cause,
        entry: Entry {
            at: Timestamp(200),
            kind,
            by: By::Cart(ChannelKind::Shopify),
            rule: "R21",
            details: Details::from([("status".to_owned(), "shipped".to_owned())]),
        },
    }
}
