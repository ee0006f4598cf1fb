//! Held-back orders under rules that have changed (R13), page by page between the store's other
//! turns: webhooks outrank it.
//!
//! The request is an open event until the last page is done. After a crash it begins anew, which is
//! harmless: what came into the book is no longer held back.

use super::turn::{Turn, TurnFailed};
use crate::domain::event::reason;
use crate::domain::{CartOrderId, EventState, Position, Status};
use crate::ledger::{OrderCursor, OrderFilter};

/// Orders of one turn.
const PAGE: usize = 100;

/// A request that is being worked on.
#[derive(Debug, Clone)]
pub(super) struct ReExamination {
    /// The event that asks for it.
    pub(super) position: Position,
    /// Who asked.
    by: String,
    after: Option<OrderCursor>,
    seen: u64,
    imported: u64,
}

impl ReExamination {
    pub(super) fn new(position: Position, by: String) -> Self {
        Self { position, by, after: None, seen: 0, imported: 0 }
    }

    /// Examines the next page; `None` after the last.
    pub(super) async fn page(mut self, turn: &Turn) -> Result<Option<Self>, TurnFailed> {
        let filter = OrderFilter {
            store: Some(turn.store.id),
            status: Some(Status::HeldBack),
            after: self.after.take(),
            ..OrderFilter::of(turn.store.account, PAGE)
        };
        let page = turn.resources.ledger.order_page(&filter).await?;
        let ids: Vec<CartOrderId> = page.rows.iter().map(|order| order.id.cart.clone()).collect();
        let now = turn.resources.clock.now();
        let mut draft = turn.draft(ids.iter(), now).await?;
        for id in &ids {
            draft.re_examined(id, &self.by);
            let is_in = draft.order(id).is_some_and(|order| order.status != Status::HeldBack);
            self.seen += 1;
            self.imported += u64::from(is_in);
        }
        let last = page.rows.last().filter(|_| page.more);
        self.after = last.map(|order| OrderCursor {
            at: order.created_at,
            store: order.id.store,
            cart_order_id: order.id.cart.clone(),
        });
        let goes_on = self.after.is_some();
        if !goes_on {
            let why = reason::re_examined(self.imported, self.seen);
            draft.close(self.position, EventState::Done, Some(&why), None);
        }
        if let Some((commit, outcomes)) = draft.finish() {
            turn.commit(commit, outcomes).await?;
        }
        tokio::task::yield_now().await;
        Ok(goes_on.then_some(self))
    }
}
