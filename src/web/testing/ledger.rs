//! A ledger that holds stores.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use crate::domain::{
    AccountId, CartOrderId, ChannelKind, Order, OrderId, Position, Rules, StoreId, Timestamp,
};
use crate::ledger::{
    AccountRow, Answer, Backlog, DeliveryKey, DueTask, EventFilter, EventRow, Ledger, LedgerError,
    OpenEvent, OrderFilter, Page, Run, StoreBacklog, StoreHealth, StoreListing, StoreRow, TaskRow,
    TimelineRow, TokenRow, Write, Written,
};

/// Answers about stores; everything else is an error.
#[derive(Default)]
pub(in crate::web) struct StoresOnly {
    rows: Mutex<Vec<StoreRow>>,
    /// From then on nothing can be read.
    pub(in crate::web) broken: AtomicBool,
}

impl StoresOnly {
    pub(in crate::web) fn with(rows: Vec<StoreRow>) -> Self {
        Self { rows: Mutex::new(rows), broken: AtomicBool::new(false) }
    }

    fn readable(&self) -> Result<(), LedgerError> {
        if self.broken.load(Ordering::Relaxed) { missing() } else { Ok(()) }
    }
}

/// A connected Shopify store without credentials.
pub(in crate::web) fn store_row(id: i64, slug: &str, domain: &str) -> StoreRow {
    StoreRow {
        id: StoreId(id),
        account: AccountId(1),
        index: 1,
        channel: ChannelKind::Shopify,
        name: slug.to_owned(),
        slug: slug.to_owned(),
        domain: domain.to_owned(),
        api_url: None,
        disconnected_at: None,
        paused: false,
        rules: Rules::defaults(ChannelKind::Shopify),
        rules_version: 1,
        rules_history: Vec::new(),
        credentials: Vec::new(),
        credential_group: Vec::new(),
        token_due: None,
        health: StoreHealth::default(),
        created_at: Timestamp(0),
        version: 1,
    }
}

fn missing<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Unavailable("not in this test".to_owned()))
}

#[async_trait]
impl Ledger for StoresOnly {
    async fn write(&self, _: &[Write]) -> Result<Vec<Written>, LedgerError> {
        missing()
    }

    async fn close(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    fn ended_uncleanly(&self) -> bool {
        false
    }

    async fn ping(&self) -> Result<(), LedgerError> {
        self.readable()
    }

    async fn open_events(
        &self,
        _: StoreId,
        _: Position,
        _: usize,
        _: usize,
    ) -> Result<Vec<OpenEvent>, LedgerError> {
        missing()
    }

    async fn orders(&self, _: StoreId, _: &[CartOrderId]) -> Result<Vec<Order>, LedgerError> {
        missing()
    }

    async fn held_by(
        &self,
        _: &[StoreId],
        _: &[CartOrderId],
    ) -> Result<Vec<CartOrderId>, LedgerError> {
        missing()
    }

    async fn same_credentials(&self, _: &[u8]) -> Result<Vec<StoreId>, LedgerError> {
        missing()
    }

    async fn backlogs(&self, _: StoreId, _: usize) -> Result<Vec<StoreBacklog>, LedgerError> {
        missing()
    }

    async fn due_tasks(
        &self,
        _: Option<&DueTask>,
        _: Timestamp,
        _: usize,
    ) -> Result<Vec<DueTask>, LedgerError> {
        missing()
    }

    async fn tasks(&self, _: StoreId) -> Result<Vec<TaskRow>, LedgerError> {
        missing()
    }

    async fn runs(&self, _: &[Position]) -> Result<Vec<(Position, Run)>, LedgerError> {
        missing()
    }

    async fn told_since(
        &self,
        _: AccountId,
        _: StoreId,
        _: &[(CartOrderId, Timestamp)],
    ) -> Result<Vec<CartOrderId>, LedgerError> {
        missing()
    }

    async fn misses(&self, _: StoreId, _: Timestamp) -> Result<u64, LedgerError> {
        missing()
    }

    async fn store_listings(
        &self,
        after: StoreId,
        limit: usize,
    ) -> Result<Vec<StoreListing>, LedgerError> {
        let rows = self.rows.lock().unwrap();
        let listings = rows.iter().filter(|row| row.id > after).take(limit);
        Ok(listings.map(StoreRow::listing).collect())
    }

    async fn store(&self, id: StoreId) -> Result<Option<StoreRow>, LedgerError> {
        self.readable()?;
        Ok(self.rows.lock().unwrap().iter().find(|row| row.id == id).cloned())
    }

    async fn stores(
        &self,
        _: AccountId,
        _: StoreId,
        _: usize,
    ) -> Result<Vec<StoreRow>, LedgerError> {
        missing()
    }

    async fn accounts(&self) -> Result<Vec<AccountRow>, LedgerError> {
        missing()
    }

    async fn tokens(&self) -> Result<Vec<TokenRow>, LedgerError> {
        missing()
    }

    async fn token(&self, _: &[u8; 32]) -> Result<Option<TokenRow>, LedgerError> {
        missing()
    }

    async fn answer(&self, _: &str, _: &str) -> Result<Option<Answer>, LedgerError> {
        missing()
    }

    async fn order(&self, _: &OrderId) -> Result<Option<Order>, LedgerError> {
        missing()
    }

    async fn order_page(&self, _: &OrderFilter) -> Result<Page<Order>, LedgerError> {
        missing()
    }

    async fn timeline(&self, _: &OrderId) -> Result<Vec<TimelineRow>, LedgerError> {
        missing()
    }

    async fn event_page(&self, _: &EventFilter) -> Result<Page<EventRow>, LedgerError> {
        missing()
    }

    async fn event(&self, _: Position) -> Result<Option<(EventRow, Vec<u8>)>, LedgerError> {
        missing()
    }

    async fn event_by_key(
        &self,
        _: StoreId,
        _: DeliveryKey,
    ) -> Result<Option<EventRow>, LedgerError> {
        missing()
    }

    async fn backlog(&self, _: StoreId) -> Result<Backlog, LedgerError> {
        missing()
    }
}
