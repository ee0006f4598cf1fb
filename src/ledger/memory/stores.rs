//! Stores, accounts, tokens and kept answers.

use std::ops::Bound::{Excluded, Unbounded};

use super::book::{Book, KeptStore};
use crate::domain::{AccountId, StoreId, Task, Timestamp};
use crate::ledger::store::ANSWERS_KEPT;
use crate::ledger::{
    AccountRow, Answer, LedgerError, NewStore, StoreListing, StoreRow, StoreTaken, TaskRow,
    TokenRow, Written,
};

// === Writes ===

impl Book {
    pub(super) fn take_epoch(&mut self, store: StoreId) -> Result<Written, LedgerError> {
        let Some(kept) = self.stores.get_mut(&store) else {
            return Err(LedgerError::Rejected(format!("there is no store {store}")));
        };
        kept.epoch += 1;
        Ok(Written::Epoch(kept.epoch))
    }

    pub(super) fn add_store(&mut self, new: &NewStore) -> Result<Written, LedgerError> {
        let NewStore { row, first_run } = new;
        if let Some(taken) = self.taken(row, StoreId(0)) {
            return Ok(Written::StoreTaken(taken));
        }
        self.know_account(row.account)?;
        let id = StoreId(self.stores.keys().last().map_or(1, |last| last.0 + 1));
        let of_account = self.stores.values().filter(|kept| kept.row.account == row.account);
        let index = of_account.map(|kept| kept.row.index).max().unwrap_or(0) + 1;
        let row = StoreRow { id, index, version: 1, ..row.clone() };
        let orders = TaskRow::new(Task::ImportOrders, *first_run);
        self.tasks.insert((id, Task::ImportOrders), orders);
        self.stores.insert(id, KeptStore { row, epoch: 0 });
        Ok(Written::StoreAdded { id, index })
    }

    pub(super) fn update_store(&mut self, row: &StoreRow) -> Written {
        if let Some(taken) = self.taken(row, row.id) {
            return Written::StoreTaken(taken);
        }
        match self.stores.get_mut(&row.id) {
            Some(kept) if kept.row.version == row.version => {
                // What a store is born with stays.
                kept.row = StoreRow {
                    account: kept.row.account,
                    index: kept.row.index,
                    channel: kept.row.channel,
                    created_at: kept.row.created_at,
                    version: row.version + 1,
                    ..row.clone()
                };
                Written::Done
            }
            _ => Written::Moved,
        }
    }

    /// Whose domain or slug it is, beside `own`.
    fn taken(&self, row: &StoreRow, own: StoreId) -> Option<StoreTaken> {
        let others = || self.stores.values().map(|kept| &kept.row).filter(|other| other.id != own);
        let same_cart = others()
            .find(|other| other.channel == row.channel && other.domain == row.domain)
            .map(|other| StoreTaken::Domain(other.id));
        same_cart
            .or_else(|| others().any(|other| other.slug == row.slug).then_some(StoreTaken::Slug))
    }

    fn know_account(&self, account: AccountId) -> Result<(), LedgerError> {
        if self.accounts.contains_key(&account) {
            return Ok(());
        }
        Err(LedgerError::Rejected(format!("there is no account {account}")))
    }

    pub(super) fn add_account(&mut self, slug: &str, name: &str, at: Timestamp) -> Written {
        if self.accounts.values().any(|account| account.slug == slug) {
            return Written::Taken;
        }
        let id = AccountId(self.accounts.keys().last().map_or(1, |last| last.0 + 1));
        let row = AccountRow { id, slug: slug.to_owned(), name: name.to_owned(), created_at: at };
        self.accounts.insert(id, row);
        Written::Added(id.0)
    }

    pub(super) fn add_token(&mut self, token: &TokenRow) -> Result<Written, LedgerError> {
        token.account.map_or(Ok(()), |account| self.know_account(account))?;
        if self.token(&token.hash).is_some() {
            return Err(LedgerError::Rejected("the token is there already".to_owned()));
        }
        let id = self.tokens.keys().last().map_or(1, |last| last + 1);
        self.tokens.insert(id, TokenRow { id, ..token.clone() });
        Ok(Written::Added(id))
    }

    pub(super) fn revoke_token(&mut self, id: i64, at: Timestamp) -> Written {
        if let Some(token) = self.tokens.get_mut(&id) {
            token.revoked_at.get_or_insert(at);
        }
        Written::Done
    }

    /// Keeps an answer, and forgets those that are too old to be asked for.
    pub(super) fn keep_answer(&mut self, answer: &Answer) -> Written {
        let oldest = answer.at.minus(ANSWERS_KEPT);
        self.answers.retain(|_, kept| kept.at >= oldest);
        self.answers.insert((answer.scope.clone(), answer.key.clone()), answer.clone());
        Written::Done
    }
}

// === Reads ===

impl Book {
    pub(super) fn store_listings(&self, after: StoreId, limit: usize) -> Vec<StoreListing> {
        let rows = self.stores.range((Excluded(after), Unbounded)).take(limit);
        rows.map(|(_, kept)| kept.row.listing()).collect()
    }

    pub(super) fn store(&self, id: StoreId) -> Option<StoreRow> {
        self.stores.get(&id).map(|kept| kept.row.clone())
    }

    pub(super) fn same_credentials(&self, group: &[u8]) -> Vec<StoreId> {
        let rows = self.stores.values().map(|kept| &kept.row);
        rows.filter(|row| row.credential_group == group).map(|row| row.id).collect()
    }

    pub(super) fn stores_of(
        &self,
        account: AccountId,
        after: StoreId,
        limit: usize,
    ) -> Vec<StoreRow> {
        let rows = self.stores.range((Excluded(after), Unbounded)).map(|(_, kept)| &kept.row);
        rows.filter(|row| row.account == account).take(limit).cloned().collect()
    }

    pub(super) fn accounts(&self) -> Vec<AccountRow> {
        self.accounts.values().cloned().collect()
    }

    pub(super) fn tokens(&self) -> Vec<TokenRow> {
        self.tokens.values().cloned().collect()
    }

    pub(super) fn token(&self, hash: &[u8; 32]) -> Option<TokenRow> {
        self.tokens.values().find(|token| token.hash == *hash).cloned()
    }

    pub(super) fn answer(&self, scope: &str, key: &str) -> Option<Answer> {
        self.answers.get(&(scope.to_owned(), key.to_owned())).cloned()
    }
}
