//! The book in memory: for tests that steer tokio's clock, where no file can be waited for.
//!
//! It means exactly what the other backends mean; the conformance suite runs on it too. It can fail
//! and it can be held still, so that a test can ask what the rest of the house does then.
//!
//! | file | subject |
//! |---|---|
//! | [`book`] | what is kept, and one batch of writes |
//! | [`commit`] | one turn of a store |
//! | [`stores`] | stores, accounts, tokens, kept answers |
//! | [`tasks`] | tasks, when they are due, and their runs |
//! | [`orders`], [`events`] | what is read |

mod book;
mod commit;
mod events;
mod orders;
mod stores;
mod tasks;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

use self::book::Book;
use super::{
    AccountRow, Answer, Backlog, DeliveryKey, DueTask, EventFilter, EventRow, Ledger, LedgerError,
    OpenEvent, OrderFilter, Page, Run, StoreBacklog, StoreListing, StoreRow, TaskRow, TimelineRow,
    TokenRow, Write, Written,
};
use crate::domain::{AccountId, CartOrderId, Order, OrderId, Position, StoreId, Timestamp};

/// The book in memory. It lives as long as the value does: a test that wants to see a restart
/// keeps it and starts everything else anew.
#[derive(Default)]
pub struct Memory {
    book: Mutex<Book>,
    faults: Mutex<Faults>,
    /// Writes pass it together, [`Memory::hold_writes`] takes it alone.
    gate: Arc<RwLock<()>>,
    unclean: AtomicBool,
    reads: AtomicU64,
}

/// What goes wrong next.
#[derive(Default)]
struct Faults {
    writes: Option<(usize, LedgerError)>,
    crashing_writes: usize,
    reads: Option<LedgerError>,
    stores: HashMap<StoreId, Trouble>,
}

/// What goes wrong in the reads of one store's actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Whoever reads crashes.
    Panic,
    /// No read ever ends.
    Hang,
}

/// While it lives, writes wait.
#[must_use = "writes go on as soon as it is dropped"]
pub struct Held {
    _gate: OwnedRwLockWriteGuard<()>,
}

impl Memory {
    /// A new book with the account `default`.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next `count` writes fail and apply nothing.
    pub fn fail_writes(&self, count: usize, error: LedgerError) {
        lock(&self.faults).writes = Some((count, error));
    }

    /// The next `count` writes crash whoever makes them; nothing of them is applied.
    pub fn panic_writes(&self, count: usize) {
        lock(&self.faults).crashing_writes = count;
    }

    /// From now on the reads of one store's actor go wrong so, until `None` mends it.
    pub fn trouble(&self, store: StoreId, trouble: Option<Trouble>) {
        let mut faults = lock(&self.faults);
        match trouble {
            Some(trouble) => faults.stores.insert(store, trouble),
            None => faults.stores.remove(&store),
        };
    }

    async fn troubled(&self, store: StoreId) {
        let trouble = lock(&self.faults).stores.get(&store).copied();
        match trouble {
            Some(Trouble::Panic) => crash(),
            Some(Trouble::Hang) => std::future::pending().await,
            None => {}
        }
    }

    /// Every read fails, until `None` mends it.
    pub fn fail_reads(&self, error: Option<LedgerError>) {
        lock(&self.faults).reads = error;
    }

    /// Lets the write that runs now end, then holds the following ones back.
    pub async fn hold_writes(&self) -> Held {
        Held { _gate: Arc::clone(&self.gate).write_owned().await }
    }

    /// What [`Ledger::ended_uncleanly`] shall answer.
    pub fn set_ended_uncleanly(&self, unclean: bool) {
        self.unclean.store(unclean, Ordering::SeqCst);
    }

    /// Reads made so far, failed ones too.
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }

    fn read(&self) -> Result<MutexGuard<'_, Book>, LedgerError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        match &lock(&self.faults).reads {
            Some(error) => Err(error.clone()),
            None => Ok(lock(&self.book)),
        }
    }

    fn next_write_fails(&self) -> Result<(), LedgerError> {
        let mut faults = lock(&self.faults);
        if faults.crashing_writes > 0 {
            faults.crashing_writes -= 1;
            drop(faults);
            crash();
        }
        match &mut faults.writes {
            Some((count, error)) if *count > 0 => {
                *count -= 1;
                Err(error.clone())
            }
            _ => Ok(()),
        }
    }
}

#[expect(clippy::panic, reason = "what a test has asked for")]
fn crash() -> ! {
    panic!("the ledger crashes, as the test wishes")
}

/// A test that panicked while it held the lock has failed already; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Ledger for Memory {
    async fn write(&self, batch: &[Write]) -> Result<Vec<Written>, LedgerError> {
        let _pass = self.gate.read().await;
        self.next_write_fails()?;
        lock(&self.book).write(batch)
    }

    async fn close(&self) -> Result<(), LedgerError> {
        self.set_ended_uncleanly(false);
        Ok(())
    }

    fn ended_uncleanly(&self) -> bool {
        self.unclean.load(Ordering::SeqCst)
    }

    async fn ping(&self) -> Result<(), LedgerError> {
        self.read().map(drop)
    }

    async fn open_events(
        &self,
        store: StoreId,
        after: Position,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OpenEvent>, LedgerError> {
        self.troubled(store).await;
        Ok(self.read()?.open_events(store, after, limit, max_bytes))
    }

    async fn orders(&self, store: StoreId, ids: &[CartOrderId]) -> Result<Vec<Order>, LedgerError> {
        Ok(self.read()?.orders(store, ids))
    }

    async fn held_by(
        &self,
        stores: &[StoreId],
        ids: &[CartOrderId],
    ) -> Result<Vec<CartOrderId>, LedgerError> {
        Ok(self.read()?.held_by(stores, ids))
    }

    async fn backlogs(
        &self,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreBacklog>, LedgerError> {
        Ok(self.read()?.backlogs(after, limit))
    }

    async fn due_tasks(
        &self,
        after: Option<&DueTask>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueTask>, LedgerError> {
        Ok(self.read()?.due_tasks(after, until, limit))
    }

    async fn tasks(&self, store: StoreId) -> Result<Vec<TaskRow>, LedgerError> {
        Ok(self.read()?.tasks_of(store))
    }

    async fn runs(&self, events: &[Position]) -> Result<Vec<(Position, Run)>, LedgerError> {
        Ok(self.read()?.runs(events))
    }

    async fn told_since(
        &self,
        _: AccountId,
        store: StoreId,
        changes: &[(CartOrderId, Timestamp)],
    ) -> Result<Vec<CartOrderId>, LedgerError> {
        Ok(self.read()?.told_since(store, changes))
    }

    async fn misses(&self, store: StoreId, since: Timestamp) -> Result<u64, LedgerError> {
        Ok(self.read()?.misses(store, since))
    }

    async fn store_listings(
        &self,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreListing>, LedgerError> {
        Ok(self.read()?.store_listings(after, limit))
    }

    async fn store(&self, id: StoreId) -> Result<Option<StoreRow>, LedgerError> {
        self.troubled(id).await;
        Ok(self.read()?.store(id))
    }

    async fn same_credentials(&self, group: &[u8]) -> Result<Vec<StoreId>, LedgerError> {
        Ok(self.read()?.same_credentials(group))
    }

    async fn stores(
        &self,
        account: AccountId,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreRow>, LedgerError> {
        Ok(self.read()?.stores_of(account, after, limit))
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, LedgerError> {
        Ok(self.read()?.accounts())
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, LedgerError> {
        Ok(self.read()?.tokens())
    }

    async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, LedgerError> {
        Ok(self.read()?.token(hash))
    }

    async fn answer(&self, scope: &str, key: &str) -> Result<Option<Answer>, LedgerError> {
        Ok(self.read()?.answer(scope, key))
    }

    async fn order(&self, id: &OrderId) -> Result<Option<Order>, LedgerError> {
        Ok(self.read()?.order(id))
    }

    async fn order_page(&self, filter: &OrderFilter) -> Result<Page<Order>, LedgerError> {
        Ok(self.read()?.order_page(filter))
    }

    async fn timeline(&self, id: &OrderId) -> Result<Vec<TimelineRow>, LedgerError> {
        Ok(self.read()?.timeline(id))
    }

    async fn event_page(&self, filter: &EventFilter) -> Result<Page<EventRow>, LedgerError> {
        Ok(self.read()?.event_page(filter))
    }

    async fn event(&self, position: Position) -> Result<Option<(EventRow, Vec<u8>)>, LedgerError> {
        Ok(self.read()?.event(position))
    }

    async fn event_by_key(
        &self,
        store: StoreId,
        key: DeliveryKey,
    ) -> Result<Option<EventRow>, LedgerError> {
        Ok(self.read()?.event_by_key(store, key))
    }

    async fn backlog(&self, store: StoreId) -> Result<Backlog, LedgerError> {
        Ok(self.read()?.backlog(store))
    }
}
