//! What is kept, and one batch of writes.

use std::collections::{BTreeMap, HashMap};

use crate::domain::{AccountId, EventState, Order, OrderId, Position, StoreId, Task, Timestamp};
use crate::ledger::{
    AccountRow, Answer, Body, DeliveryKey, EventRow, Journaled, LedgerError, NewEvent, Run,
    StoreRow, TaskRow, TimelineRow, TokenRow, Write, Written,
};

/// Everything.
#[derive(Clone)]
pub(super) struct Book {
    /// The last position given out.
    pub(super) position: Position,
    pub(super) accounts: BTreeMap<AccountId, AccountRow>,
    pub(super) stores: BTreeMap<StoreId, KeptStore>,
    pub(super) tokens: BTreeMap<i64, TokenRow>,
    pub(super) answers: BTreeMap<(String, String), Answer>,
    /// Events in both states; the key of an open one is in the same map as that of a closed one.
    pub(super) events: BTreeMap<(StoreId, Position), KeptEvent>,
    /// Where open events stand, so that nobody walks the whole history for them.
    pub(super) open: BTreeMap<StoreId, BTreeMap<Position, u32>>,
    pub(super) keys: HashMap<(StoreId, DeliveryKey), Position>,
    pub(super) owners: BTreeMap<Position, StoreId>,
    pub(super) orders: BTreeMap<OrderId, Order>,
    pub(super) timelines: BTreeMap<OrderId, Vec<TimelineRow>>,
    pub(super) tasks: BTreeMap<(StoreId, Task), TaskRow>,
    pub(super) runs: BTreeMap<Position, Run>,
}

/// A store and what its row does not tell.
#[derive(Clone)]
pub(super) struct KeptStore {
    pub(super) row: StoreRow,
    pub(super) epoch: i64,
}

/// An event and its body.
#[derive(Clone)]
pub(super) struct KeptEvent {
    pub(super) row: EventRow,
    pub(super) body: Body,
}

impl Default for Book {
    fn default() -> Self {
        let account = AccountRow {
            id: AccountId(1),
            slug: "default".to_owned(),
            name: "Default".to_owned(),
            created_at: Timestamp(0),
        };
        Self {
            position: Position(0),
            accounts: [(account.id, account)].into(),
            stores: BTreeMap::new(),
            tokens: BTreeMap::new(),
            answers: BTreeMap::new(),
            events: BTreeMap::new(),
            open: BTreeMap::new(),
            keys: HashMap::new(),
            owners: BTreeMap::new(),
            orders: BTreeMap::new(),
            timelines: BTreeMap::new(),
            tasks: BTreeMap::new(),
            runs: BTreeMap::new(),
        }
    }
}

impl Book {
    /// Applies all or nothing.
    pub(super) fn write(&mut self, batch: &[Write]) -> Result<Vec<Written>, LedgerError> {
        // A copy of everything is dear, and few kinds of writes can fail.
        let before = batch.iter().any(can_be_rejected).then(|| self.clone());
        let written = batch.iter().map(|write| self.apply(write)).collect();
        if let (Err(_), Some(before)) = (&written, before) {
            *self = before;
        }
        written
    }

    fn apply(&mut self, write: &Write) -> Result<Written, LedgerError> {
        match write {
            Write::Journal(event) => Ok(Written::Journaled(self.journal(event))),
            Write::Commit(commit) => self.commit(commit),
            Write::TakeEpoch(store) => self.take_epoch(*store),
            Write::CountTry { store, position } => Ok(self.count_try(*store, *position)),
            Write::AddStore(new) => self.add_store(new),
            Write::UpdateStore(row) => Ok(self.update_store(row)),
            Write::AddAccount { slug, name, at } => Ok(self.add_account(slug, name, *at)),
            Write::AddToken(token) => self.add_token(token),
            Write::RevokeToken { id, at } => Ok(self.revoke_token(*id, *at)),
            Write::StartTask(start) => Ok(self.start_task(start)),
            Write::PutOff { store, task, due } => Ok(self.put_off(*store, *task, due)),
            Write::SetTask(settings) => Ok(self.set_task(settings)),
            Write::KeepAnswer(answer) => Ok(self.keep_answer(answer)),
        }
    }

    /// Journals a delivery; a known one only counts up (R10).
    pub(super) fn journal(&mut self, event: &NewEvent) -> Journaled {
        if let Some(position) = self.keys.get(&(event.store, event.key)).copied() {
            if let Some(kept) = self.events.get_mut(&(event.store, position)) {
                kept.row.duplicates += 1;
            }
            return Journaled { position, duplicate: true };
        }
        let row = EventRow {
            position: self.next_position(),
            account: event.account,
            store: event.store,
            topic: event.topic.clone(),
            source: event.source,
            state: EventState::Waiting,
            reason: None,
            delivery_id: event.delivery_id.clone(),
            duplicates: 0,
            cart_order_id: event.cart_order_id.clone(),
            received_at: event.received_at,
            triggered_at: event.triggered_at,
            done_at: None,
            attempts: 0,
            next_at: None,
            rules_version: None,
            build: None,
            by: event.by.clone(),
        };
        let position = row.position;
        self.keys.insert((event.store, event.key), position);
        self.open.entry(event.store).or_default().insert(position, 0);
        self.keep_event(row, event.body.clone());
        Journaled { position, duplicate: false }
    }

    pub(super) fn next_position(&mut self) -> Position {
        self.position = Position(self.position.0 + 1);
        self.position
    }

    pub(super) fn keep_event(&mut self, row: EventRow, body: Body) {
        self.owners.insert(row.position, row.store);
        self.events.insert((row.store, row.position), KeptEvent { row, body });
    }

    fn count_try(&mut self, store: StoreId, position: Position) -> Written {
        let tries = self.open.get_mut(&store).and_then(|open| open.get_mut(&position));
        Written::Tries(tries.map_or(0, |tries| {
            *tries += 1;
            *tries
        }))
    }
}

fn can_be_rejected(write: &Write) -> bool {
    match write {
        Write::TakeEpoch(_) | Write::AddStore(_) | Write::AddToken(_) => true,
        Write::Commit(commit) => !commit.names_its_causes(),
        Write::Journal(_)
        | Write::CountTry { .. }
        | Write::UpdateStore(_)
        | Write::AddAccount { .. }
        | Write::RevokeToken { .. }
        | Write::StartTask(_)
        | Write::PutOff { .. }
        | Write::SetTask(_)
        | Write::KeepAnswer(_) => false,
    }
}
