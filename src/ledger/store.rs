//! Stores, accounts, tokens and kept answers as the ledger holds them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::{AccountId, ChannelKind, Rules, StoreId, Timestamp};

/// How long answers to idempotent requests are kept.
pub(super) const ANSWERS_KEPT: Duration = Duration::from_hours(24);

/// What the directory keeps of every store in memory; small, since there may be 100,000 (S8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreListing {
    /// Its id.
    pub id: StoreId,
    /// The merchant.
    pub account: AccountId,
    /// Which kind of cart.
    pub channel: ChannelKind,
    /// Its name in routes.
    pub slug: Box<str>,
    /// The cart's own name of itself, lower case.
    pub domain: Box<str>,
    /// Whether it is connected; late callbacks of a disconnected one are let pass (R43).
    pub connected: bool,
    /// Whether its actor works on events (R51).
    pub paused: bool,
    /// When its token must be renewed, if it is one that expires.
    pub token_due: Option<Timestamp>,
}

/// A store to be connected. Id and index are given by the ledger.
#[derive(Debug, Clone)]
pub struct NewStore {
    /// The row; `id`, `index` and `version` in it are not looked at.
    pub row: StoreRow,
    /// When its orders are read for the first time (R45).
    pub first_run: Timestamp,
}

/// One connected cart (R1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRow {
    /// Its id.
    pub id: StoreId,
    /// The merchant.
    pub account: AccountId,
    /// Its number within the account, first part of order numbers (R16).
    pub index: u32,
    /// Which kind of cart.
    pub channel: ChannelKind,
    /// As people wrote it.
    pub name: String,
    /// Its name in routes: `[a-z0-9-]`, unique in the daemon.
    pub slug: String,
    /// Shopify shop domain or BigCommerce store hash, lower case; unique with the channel.
    pub domain: String,
    /// Replaces scheme, host and port of the cart's API.
    pub api_url: Option<String>,
    /// When it was disconnected, if it is.
    pub disconnected_at: Option<Timestamp>,
    /// Whether its actor rests; survives restarts (R51).
    pub paused: bool,
    /// Its settings.
    pub rules: Rules,
    /// Counts their changes.
    pub rules_version: u32,
    /// Who changed what of them, the newest last; at most [`RULES_REMEMBERED`].
    pub rules_history: Vec<RulesChange>,
    /// Credentials, sealed by the vault for this store.
    pub credentials: Vec<u8>,
    /// Equal for stores whose webhooks are signed with the same secret (R15).
    pub credential_group: Vec<u8>,
    /// When the token must be renewed, if it is one that expires.
    pub token_due: Option<Timestamp>,
    /// What is known of the connection.
    pub health: StoreHealth,
    /// When it was connected.
    pub created_at: Timestamp,
    /// Counts the changes of this row: its ETag.
    pub version: u64,
}

/// Changes of rules that a store remembers.
pub const RULES_REMEMBERED: usize = 200;

/// One change of a store's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesChange {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The version of the rules that it made.
    pub version: u32,
    /// Each rule that changed, with what it was and what it became, as in JSON.
    pub changes: Vec<RuleChange>,
}

/// One rule that changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// Its name.
    pub rule: String,
    /// What it was.
    pub from: serde_json::Value,
    /// What it became.
    pub to: serde_json::Value,
}

impl StoreRow {
    /// Gives the store other rules, and remembers who did; nothing happens if they are the same.
    pub fn set_rules(&mut self, rules: Rules, by: &str, at: Timestamp) {
        if rules == self.rules {
            return;
        }
        let json = |rules: &Rules| serde_json::to_value(rules).unwrap_or_default();
        let (before, after) = (json(&self.rules), json(&rules));
        let changed = |(rule, to): (&String, &serde_json::Value)| {
            let from = before.get(rule).cloned().unwrap_or_default();
            (from != *to).then(|| RuleChange { rule: rule.clone(), from, to: to.clone() })
        };
        let changes = after.as_object().into_iter().flatten().filter_map(changed).collect();
        self.rules_version += 1;
        let version = self.rules_version;
        self.rules_history.push(RulesChange { at, by: by.to_owned(), version, changes });
        let too_many = self.rules_history.len().saturating_sub(RULES_REMEMBERED);
        self.rules_history.drain(..too_many);
        self.rules = rules;
    }
}

impl StoreRow {
    /// The compact form that the directory keeps.
    pub fn listing(&self) -> StoreListing {
        StoreListing {
            id: self.id,
            account: self.account,
            channel: self.channel,
            slug: self.slug.as_str().into(),
            domain: self.domain.as_str().into(),
            connected: self.disconnected_at.is_none(),
            paused: self.paused,
            token_due: self.token_due,
        }
    }
}

impl StoreRow {
    /// A store that is about to be connected, with the rules of its channel and no credentials yet.
    pub fn new(
        account: AccountId,
        channel: ChannelKind,
        domain: String,
        slug: String,
        name: String,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id: StoreId(0),
            account,
            index: 0,
            channel,
            name,
            slug,
            domain,
            api_url: None,
            disconnected_at: None,
            paused: false,
            rules: Rules::defaults(channel),
            rules_version: 1,
            rules_history: Vec::new(),
            credentials: Vec::new(),
            credential_group: Vec::new(),
            token_due: None,
            health: StoreHealth::default(),
            created_at,
            version: 0,
        }
    }
}

/// What is known of a store's connection to its cart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoreHealth {
    /// Whether outward calls are made.
    pub connection: Connection,
    /// Why not, in a sentence.
    pub reason: Option<String>,
    /// Scopes the credentials lack.
    pub missing_scopes: Vec<String>,
    /// Scopes the cart says were granted.
    pub granted_scopes: Vec<String>,
    /// Topics with a subscription of ours that points here.
    pub subscribed: Vec<String>,
    /// When scopes and subscriptions were last checked.
    pub checked_at: Option<Timestamp>,
}

/// Whether a store's cart is called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// Calls are made.
    #[default]
    Ok,
    /// The cart refused the credentials; a person must reconnect (R47).
    Reconnect,
}

/// Domain or slug belongs to another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreTaken {
    /// The same cart is already connected; its id.
    Domain(StoreId),
    /// The slug is in use.
    Slug,
}

/// One merchant (R1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id; 1 is `default`.
    pub id: AccountId,
    /// Its name in routes.
    pub slug: String,
    /// As people wrote it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
}

/// What a token may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Orders, events, runs, syncs, products, actors.
    Operator,
    /// Stores, rules, accounts, tokens.
    Admin,
}

impl Role {
    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|r| r.as_str() == text)
    }
}

/// A bearer token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// Given by the ledger; 0 in a new one.
    pub id: i64,
    /// What people call it; named in timelines.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The one account it is limited to.
    pub account: Option<AccountId>,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// The kept answer to a request with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whose keys they are: a token or session.
    pub scope: String,
    /// The key.
    pub key: String,
    /// SHA-256 of method, path and body: the same key with another request is refused.
    pub request: [u8; 32],
    /// The HTTP status that was answered.
    pub status: u16,
    /// The body that was answered.
    pub body: Vec<u8>,
    /// When; older than 24 h counts as forgotten.
    pub at: Timestamp,
}
