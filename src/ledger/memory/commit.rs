//! One turn of a store: checked first, then applied; a mismatch refuses it alone (I10).

use std::collections::BTreeSet;

use super::book::Book;
use crate::domain::{EventState, OrderId, Position};
use crate::ledger::{Cause, Commit, EventRow, LedgerError, Mismatch, TimelineRow, Written};

impl Book {
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<Written, LedgerError> {
        if let Some(mismatch) = self.mismatch(commit) {
            return Ok(Written::Refused(mismatch));
        }
        if !commit.names_its_causes() {
            return Err(LedgerError::Rejected("an entry without its event".to_owned()));
        }
        self.close(commit);
        self.retry(commit);
        let recorded: Vec<Position> =
            (0..commit.recorded.len()).map(|_| self.next_position()).collect();
        self.record(commit, &recorded);
        self.request(commit);
        for write in &commit.orders {
            let mut order = write.order.clone();
            order.id.store = commit.store;
            order.account = commit.account;
            self.orders.insert(order.id.clone(), order);
        }
        self.write_timeline(commit, &recorded);
        if let Some(write) = &commit.run {
            self.runs.insert(write.event, write.run.clone());
        }
        if let Some(progress) = &commit.progress {
            self.put_progress(commit.store, progress);
        }
        Ok(Written::Committed)
    }

    fn mismatch(&self, commit: &Commit) -> Option<Mismatch> {
        if self.stores.get(&commit.store).map(|store| store.epoch) != Some(commit.epoch) {
            return Some(Mismatch::Epoch);
        }
        let open = self.open.get(&commit.store);
        let mut named = BTreeSet::new();
        for position in commit.named_events() {
            let is_open = open.is_some_and(|open| open.contains_key(&position));
            if !is_open || !named.insert(position) {
                return Some(Mismatch::Event(position));
            }
        }
        let mut written = BTreeSet::new();
        let moved = commit.orders.iter().any(|write| {
            let id = OrderId::new(commit.store, write.order.id.cart.clone());
            let present = self.orders.get(&id).map_or(0, |order| order.row_version);
            present != write.expected || !written.insert(id)
        });
        moved.then_some(Mismatch::Order)
    }

    fn close(&mut self, commit: &Commit) {
        for close in &commit.closes {
            if let Some(open) = self.open.get_mut(&commit.store) {
                open.remove(&close.position);
                if open.is_empty() {
                    self.open.remove(&commit.store);
                }
            }
            let Some(kept) = self.events.get_mut(&(commit.store, close.position)) else { continue };
            let row = &mut kept.row;
            row.state = close.state;
            row.reason.clone_from(&close.reason);
            if close.cart_order_id.is_some() {
                row.cart_order_id.clone_from(&close.cart_order_id);
            }
            row.done_at = Some(commit.at);
            row.next_at = None;
            row.rules_version = Some(commit.rules_version);
            row.build = Some(commit.build.to_owned());
        }
    }

    fn retry(&mut self, commit: &Commit) {
        for retry in &commit.retries {
            let Some(kept) = self.events.get_mut(&(commit.store, retry.position)) else { continue };
            let row = &mut kept.row;
            row.state = EventState::Retrying;
            row.reason = Some(retry.reason.clone());
            row.attempts = retry.attempts;
            row.next_at = Some(retry.next_at);
            if retry.cart_order_id.is_some() {
                row.cart_order_id.clone_from(&retry.cart_order_id);
            }
        }
    }

    fn record(&mut self, commit: &Commit, positions: &[Position]) {
        for (recorded, position) in commit.recorded.iter().zip(positions) {
            let row = EventRow {
                position: *position,
                account: commit.account,
                store: commit.store,
                topic: recorded.topic.clone(),
                source: recorded.source,
                state: recorded.state,
                reason: recorded.reason.clone(),
                delivery_id: None,
                duplicates: 0,
                cart_order_id: recorded.cart_order_id.clone(),
                received_at: recorded.received_at,
                triggered_at: None,
                done_at: Some(commit.at),
                attempts: 0,
                next_at: None,
                rules_version: Some(commit.rules_version),
                build: Some(commit.build.to_owned()),
                by: recorded.by.clone(),
            };
            self.keys.entry((commit.store, recorded.key)).or_insert(*position);
            self.keep_event(row, recorded.body.clone());
        }
    }

    fn request(&mut self, commit: &Commit) {
        for request in &commit.requests {
            self.journal(&request.event(commit));
        }
    }

    fn write_timeline(&mut self, commit: &Commit, recorded: &[Position]) {
        for new in &commit.timeline {
            let event = match new.cause {
                Cause::Event(position) => Some(position),
                Cause::Recorded(index) => recorded.get(index).copied(),
            };
            let id = OrderId::new(commit.store, new.cart_order_id.clone());
            self.timelines.entry(id).or_default().extend(event.map(|event| TimelineRow {
                at: new.entry.at,
                kind: new.entry.kind,
                event,
                by: new.entry.by.name().to_owned(),
                rule: new.entry.rule.to_owned(),
                details: new.entry.details.clone(),
            }));
        }
    }
}
