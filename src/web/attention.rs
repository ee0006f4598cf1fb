//! What only a person can mend: one list, worst first; empty means all is well (R50).
//!
//! Every query is bounded, since the overview asks for this every other second. Who can mend a thing
//! finds the request that does it in its actions.

mod orders;
mod stores;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Desk;
use crate::domain::{AccountId, StoreId, Timestamp};
use crate::ledger::LedgerError;

/// Stores that are looked at.
const STORES: usize = 500;

/// How bad it is, worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Somebody wanted it so; it is told lest it be forgotten.
    Low,
    /// It can wait a day.
    Medium,
    /// Orders are late, or something ships that should not.
    High,
}

/// One thing that needs a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AttentionItem)]
pub(crate) struct Item {
    /// What kind of thing, as a word.
    pub(crate) kind: &'static str,
    pub(crate) severity: Severity,
    /// The store's slug; empty for what concerns all.
    pub(crate) store: String,
    /// What happened, why, and what to do.
    pub(crate) text: String,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) since: Option<Timestamp>,
    /// Requests that mend it.
    pub(crate) actions: Vec<Action>,
    /// Where to look at it.
    pub(crate) links: Vec<String>,
}

/// A request that helps.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Action {
    label: &'static str,
    method: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
}

impl Action {
    /// A POST without a body.
    pub(crate) fn post(label: &'static str, path: String) -> Self {
        Self { label, method: "POST", path, body: None }
    }

    /// A PATCH whose body the person makes.
    fn patch(label: &'static str, path: String) -> Self {
        Self { label, method: "PATCH", path, body: None }
    }

    /// With that body.
    pub(crate) fn with(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }
}

/// Everything of an account that needs a person, worst first.
pub(crate) async fn collect(desk: &Desk, account: AccountId) -> Result<Vec<Item>, LedgerError> {
    let mut items: Vec<Item> = database(desk).into_iter().collect();
    let stores = desk.ledger.stores(account, StoreId(0), STORES).await?;
    items.extend(stores.iter().flat_map(|store| self::stores::troubles(desk, store)));
    items.extend(self::stores::set_aside(desk, account, &stores).await?);
    items.extend(orders::flagged(desk, account).await?);
    items.extend(orders::to_review(desk, account, &stores).await?);
    worst_first(&mut items);
    Ok(items)
}

/// Worst first; among equals the oldest. What concerns all stores is told once.
pub(crate) fn worst_first(items: &mut Vec<Item>) {
    items.sort_by(|a, b| {
        let by_kind = || (a.kind, &a.store, &a.text).cmp(&(b.kind, &b.store, &b.text));
        b.severity.cmp(&a.severity).then(a.since.cmp(&b.since)).then_with(by_kind)
    });
    items.dedup_by(|a, b| a.store.is_empty() && b.store.is_empty() && a.kind == b.kind);
}

/// The database cannot be written: every webhook is refused.
fn database(desk: &Desk) -> Option<Item> {
    let trouble = desk.writer.trouble()?;
    Some(Item {
        kind: "database",
        severity: Severity::High,
        store: String::new(),
        text: format!(
            "Nothing can be stored ({}), so webhooks are refused and carts send them again later. \
             Look at the disk of the data folder.",
            trouble.why
        ),
        since: Some(trouble.since),
        actions: Vec::new(),
        links: vec!["/readyz?verbose".to_owned()],
    })
}
