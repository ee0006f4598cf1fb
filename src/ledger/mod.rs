//! The port to storage, and its backends.
//!
//! Truth lives here; everything in memory can be read again. Two halves:
//!
//! * **Writes** are values ([`Write`]). Only the Writer actor hands them over, in batches; one batch
//!   is one transaction, durable when [`Ledger::write`] returns `Ok` (I1). A batch fails or succeeds
//!   as a whole; a write that *cannot apply* (a stale epoch, a moved version, a taken slug) is no
//!   failure but an answer ([`Written`]), and leaves nothing behind (I10).
//! * **Reads** go to the backend directly, from any thread.
//!
//! Every key begins with the account or the store, pages are keyset pages, and nothing here speaks
//! of files or SQL, so that another engine can stand behind the same port. `tests/` holds one
//! conformance suite that every backend passes, and a property that drives them side by side.

pub mod body;
pub mod commit;
pub mod error;
pub mod journal;
pub mod memory;
pub mod query;
pub mod sqlite;
pub mod store;
pub mod task;
mod term;
#[cfg(test)]
mod tests;

use async_trait::async_trait;

pub use body::Body;
pub use commit::{
    Cause, Close, Commit, Mismatch, NewEntry, OrderWrite, Recorded, Request, Retry, TimelineRow,
};
pub use error::LedgerError;
pub use journal::{DeliveryKey, EventRow, Journaled, NewEvent, OpenEvent};
pub use query::{
    Backlog, EventCursor, EventFilter, OrderCursor, OrderFilter, OrderSort, Page, StoreBacklog,
};
pub use store::{
    AccountRow, Answer, Connection, NewStore, Role, RuleChange, RulesChange, StoreHealth,
    StoreListing, StoreRow, StoreTaken, TokenRow,
};
pub use task::{
    Autosync, Due, DueTask, POLL, Run, RunWrite, StartTask, TaskProgress, TaskRow, TaskSettings,
    Trigger,
};

use crate::domain::{AccountId, CartOrderId, Order, OrderId, Position, StoreId, Task, Timestamp};

/// One thing to write. Applied in the order given.
#[derive(Debug, Clone)]
pub enum Write {
    /// A delivery of a cart, or a request for a fetch, into the journal.
    Journal(NewEvent),
    /// One turn of a store actor: orders, timelines and the events they close, together (I2).
    Commit(Box<Commit>),
    /// A new incarnation of a store's actor begins; older epochs may not commit any more (I10).
    TakeEpoch(StoreId),
    /// An event is about to be tried by itself; the count survives an abort of the process.
    CountTry {
        /// Its store.
        store: StoreId,
        /// Which event.
        position: Position,
    },
    /// Connects a store.
    AddStore(Box<NewStore>),
    /// Replaces a store's row if its `version` is still the one given; the new row's is one higher.
    UpdateStore(Box<StoreRow>),
    /// Adds an account (R1).
    AddAccount {
        /// Its name in lower case `[a-z0-9-]`, unique.
        slug: String,
        /// As people wrote it.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// Adds a token.
    AddToken(TokenRow),
    /// Revokes a token; nothing happens to one that is unknown or revoked.
    RevokeToken {
        /// Which.
        id: i64,
        /// When.
        at: Timestamp,
    },
    /// Begins a run of a task.
    StartTask(Box<StartTask>),
    /// Moves the time that a task is due at; answered like a run that begins.
    PutOff {
        /// The store.
        store: StoreId,
        /// Which task.
        task: Task,
        /// From when to when.
        due: Due,
    },
    /// Changes the settings of a task.
    SetTask(TaskSettings),
    /// Keeps the answer to a request that carried an `Idempotency-Key`, for 24 h.
    KeepAnswer(Answer),
}

/// The answer to a [`Write`], by position in the batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// To [`Write::Journal`], and to [`Write::StartTask`] if a run began.
    Journaled(Journaled),
    /// To [`Write::Commit`]: all of it is durable.
    Committed,
    /// To [`Write::Commit`]: nothing of it was applied.
    Refused(Mismatch),
    /// To [`Write::TakeEpoch`]: the epoch of the new incarnation.
    Epoch(i64),
    /// To [`Write::CountTry`]: how often it has been tried by itself, this time included; 0 if the
    /// event is no longer open.
    Tries(u32),
    /// To [`Write::AddStore`].
    StoreAdded {
        /// Given by the ledger.
        id: StoreId,
        /// The store's number within its account (R1), given by the ledger.
        index: u32,
    },
    /// To [`Write::AddStore`] and [`Write::UpdateStore`]: domain or slug belongs to another store.
    StoreTaken(StoreTaken),
    /// To [`Write::UpdateStore`]: somebody changed the row meanwhile, or there is none. To
    /// [`Write::StartTask`] and [`Write::PutOff`]: the task is not due then any more.
    Moved,
    /// To [`Write::AddAccount`] and [`Write::AddToken`]: the new row's id.
    Added(i64),
    /// To [`Write::AddAccount`]: the slug belongs to another account.
    Taken,
    /// To the rest: done.
    Done,
}

/// A backend.
#[async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Applies `batch` in one transaction and answers each write, in order. `Err`: nothing of it
    /// was applied. Durable on return (I1). Never called twice at the same time.
    async fn write(&self, batch: &[Write]) -> Result<Vec<Written>, LedgerError>;

    /// Prepares for a calm start: flushes what is buffered, marks the end as clean and lets go of
    /// every resource. Nothing may be called afterwards.
    async fn close(&self) -> Result<(), LedgerError>;

    /// Whether the previous process ended without [`Ledger::close`].
    fn ended_uncleanly(&self) -> bool;

    /// Cheap proof that reading works (`/readyz`).
    async fn ping(&self) -> Result<(), LedgerError>;

    // === The store actor's reads ===

    /// Open events of a store after a position, oldest first, with their bodies. Stops at `limit`
    /// events or once `max_bytes` of bodies are read; at least one event if there is any.
    async fn open_events(
        &self,
        store: StoreId,
        after: Position,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<OpenEvent>, LedgerError>;

    /// Orders by cart order id; those that do not exist are missing from the answer.
    async fn orders(&self, store: StoreId, ids: &[CartOrderId]) -> Result<Vec<Order>, LedgerError>;

    /// Which of `ids` one of the `stores` already holds (R15).
    async fn held_by(
        &self,
        stores: &[StoreId],
        ids: &[CartOrderId],
    ) -> Result<Vec<CartOrderId>, LedgerError>;

    // === The sweep's reads ===

    /// Stores with id greater than `after` that have open events, in growing order, each with when
    /// it is due.
    async fn backlogs(
        &self,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreBacklog>, LedgerError>;

    // === Tasks and runs ===

    /// Tasks due until then, the longest due first, those after `after`; of stores that are paused
    /// or disconnected none.
    async fn due_tasks(
        &self,
        after: Option<&DueTask>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DueTask>, LedgerError>;

    /// The tasks of a store that have ever been set; a new store has the one that imports orders.
    async fn tasks(&self, store: StoreId) -> Result<Vec<TaskRow>, LedgerError>;

    /// What runs have done so far, by their events; those that have not begun are missing.
    async fn runs(&self, events: &[Position]) -> Result<Vec<(Position, Run)>, LedgerError>;

    /// Of these orders, those of which a webhook has come since the instant beside them (R41).
    async fn told_since(
        &self,
        account: AccountId,
        store: StoreId,
        changes: &[(CartOrderId, Timestamp)],
    ) -> Result<Vec<CartOrderId>, LedgerError>;

    /// Orders of a store that polls found since then and no webhook has told of (R41).
    async fn misses(&self, store: StoreId, since: Timestamp) -> Result<u64, LedgerError>;

    // === Stores, accounts, tokens ===

    /// Every store, in the compact form the directory keeps in memory, in pages by growing id.
    async fn store_listings(
        &self,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreListing>, LedgerError>;

    /// One store in full.
    async fn store(&self, id: StoreId) -> Result<Option<StoreRow>, LedgerError>;

    /// Stores whose webhooks are signed with the same secret (R15).
    async fn same_credentials(&self, group: &[u8]) -> Result<Vec<StoreId>, LedgerError>;

    /// Stores of an account by growing id, for lists.
    async fn stores(
        &self,
        account: AccountId,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreRow>, LedgerError>;

    /// Every account.
    async fn accounts(&self) -> Result<Vec<AccountRow>, LedgerError>;

    /// Every token, revoked ones too.
    async fn tokens(&self) -> Result<Vec<TokenRow>, LedgerError>;

    /// The token with this SHA-256, if it is known.
    async fn token(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, LedgerError>;

    /// The kept answer to an idempotent request.
    async fn answer(&self, scope: &str, key: &str) -> Result<Option<Answer>, LedgerError>;

    // === What people and tools read ===

    /// One order.
    async fn order(&self, id: &OrderId) -> Result<Option<Order>, LedgerError>;

    /// A page of orders of one account.
    async fn order_page(&self, filter: &OrderFilter) -> Result<Page<Order>, LedgerError>;

    /// The timeline of an order, oldest first.
    async fn timeline(&self, id: &OrderId) -> Result<Vec<TimelineRow>, LedgerError>;

    /// A page of events of one account, newest first, without bodies.
    async fn event_page(&self, filter: &EventFilter) -> Result<Page<EventRow>, LedgerError>;

    /// One event with its body, open or closed. `None` also when its body has expired and the row
    /// with it.
    async fn event(&self, position: Position) -> Result<Option<(EventRow, Vec<u8>)>, LedgerError>;

    /// The event that a delivery became, for looking up a cart's delivery id (R48).
    async fn event_by_key(
        &self,
        store: StoreId,
        key: DeliveryKey,
    ) -> Result<Option<EventRow>, LedgerError>;

    /// How much work and trouble a store has.
    async fn backlog(&self, store: StoreId) -> Result<Backlog, LedgerError>;
}
