//! Which stores there are, in memory: what the front needs to place a delivery without a query.
//!
//! Small on purpose (S8): a listing per store, found by id, slug and domain. Signing keys are opened
//! on a store's first delivery and kept from then on; changing a store forgets them.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

use crate::actor::{WriteError, WriterHandle};
use crate::channel::{Credentials, SigningKeys};
use crate::domain::{ChannelKind, StoreId, Timestamp};
use crate::ledger::{Ledger, LedgerError, StoreListing, StoreRow, Write, Written};
use crate::vault::{Vault, WrongKey};

/// The column that credentials are sealed for.
const CREDENTIALS: &str = "credentials";
/// Listings read at once at start.
const PAGE: usize = 10_000;
/// How often a change of a row is made anew when somebody else was quicker.
const ATTEMPTS: usize = 10;

/// Every store of the daemon.
pub struct Directory {
    ledger: Arc<dyn Ledger>,
    vault: Arc<Vault>,
    tables: RwLock<Tables>,
    keys: RwLock<HashMap<StoreId, Arc<SigningKeys>>>,
    /// When a delivery last carried a signature that does not fit, by store.
    doubts: RwLock<HashMap<StoreId, Timestamp>>,
}

#[derive(Default)]
struct Tables {
    stores: HashMap<StoreId, Arc<StoreListing>>,
    slugs: HashSet<BySlug>,
    domains: HashSet<ByDomain>,
}

/// A listing that hashes and compares as its slug, so that the table holds one pointer a store.
struct BySlug(Arc<StoreListing>);
struct ByDomain(Arc<StoreListing>);

/// Why a store's secrets cannot be had now.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SecretsError {
    /// Reading the row failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The master key is not the one the data was written with.
    #[error(transparent)]
    WrongKey(#[from] WrongKey),
    /// There is no such store.
    #[error("there is no such store")]
    Unknown,
}

/// Why a store's row was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum UpdateError<E> {
    /// The change itself found that it must not be made.
    #[error("the change was refused")]
    Refused(E),
    /// There is no such store.
    #[error("there is no such store")]
    Unknown,
    /// Reading the row failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Writing the row failed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Others kept changing the row.
    #[error("others keep changing the store")]
    Contended,
}

impl Directory {
    /// Reads the listing of every store.
    pub async fn load(ledger: Arc<dyn Ledger>, vault: Arc<Vault>) -> Result<Self, LedgerError> {
        let mut tables = Tables::default();
        let mut after = StoreId(0);
        loop {
            let page = ledger.store_listings(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.id;
            for listing in page {
                tables.put(Arc::new(listing));
            }
        }
        let keys = RwLock::default();
        Ok(Self { ledger, vault, tables: RwLock::new(tables), keys, doubts: RwLock::default() })
    }

    /// By its name in routes.
    pub fn by_slug(&self, slug: &str) -> Option<Arc<StoreListing>> {
        self.read(|tables| tables.slugs.get(slug).map(|entry| Arc::clone(&entry.0)))
    }

    /// By the cart's name of itself, lower case.
    pub fn by_domain(&self, channel: ChannelKind, domain: &str) -> Option<Arc<StoreListing>> {
        let key: &dyn DomainKey = &(channel, domain);
        self.read(|tables| tables.domains.get(key).map(|entry| Arc::clone(&entry.0)))
    }

    /// By id.
    pub fn get(&self, id: StoreId) -> Option<Arc<StoreListing>> {
        self.read(|tables| tables.stores.get(&id).map(Arc::clone))
    }

    /// How many stores there are, disconnected ones too.
    pub fn len(&self) -> usize {
        self.read(|tables| tables.stores.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Stores whose tokens expire, with when they must be renewed.
    pub fn token_dues(&self) -> Vec<(StoreId, Timestamp)> {
        let due = |listing: &Arc<StoreListing>| listing.token_due.map(|at| (listing.id, at));
        self.read(|tables| tables.stores.values().filter_map(due).collect())
    }

    /// Every store, in no order.
    pub fn all(&self) -> Vec<Arc<StoreListing>> {
        self.read(|tables| tables.stores.values().map(Arc::clone).collect())
    }

    /// Enters a store that was added or changed, and forgets its signing keys.
    pub fn put(&self, listing: StoreListing) {
        let id = listing.id;
        self.tables.write().unwrap_or_else(PoisonError::into_inner).put(Arc::new(listing));
        self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.doubts.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// Changes a store's row: reads it, lets `change` alter it, writes it, and enters it here. When
    /// somebody else changed the row meanwhile, all of it is done again on the new row. Gives back
    /// the row as it stands now.
    pub async fn update<E>(
        &self,
        writer: &WriterHandle,
        id: StoreId,
        mut change: impl FnMut(&mut StoreRow) -> Result<(), E>,
    ) -> Result<StoreRow, UpdateError<E>> {
        for _ in 0..ATTEMPTS {
            let mut row = self.ledger.store(id).await?.ok_or(UpdateError::Unknown)?;
            let before = row.clone();
            change(&mut row).map_err(UpdateError::Refused)?;
            if row == before {
                return Ok(row);
            }
            match writer.write(Write::UpdateStore(Box::new(row))).await? {
                Written::Done => return self.enter(id).await?.ok_or(UpdateError::Unknown),
                Written::Moved => {}
                other => {
                    let why = format!("a store's row could not be changed: {other:?}");
                    return Err(WriteError::Rejected(why).into());
                }
            }
        }
        Err(UpdateError::Contended)
    }

    /// Enters a row as the ledger has it. Two tasks may do this for one store at once, so the row
    /// is read once more after it was entered: whoever enters last has entered the newest.
    async fn enter(&self, id: StoreId) -> Result<Option<StoreRow>, LedgerError> {
        let Some(mut row) = self.ledger.store(id).await? else { return Ok(None) };
        loop {
            self.put(row.listing());
            let Some(now) = self.ledger.store(id).await? else { return Ok(None) };
            if now.version == row.version {
                return Ok(Some(now));
            }
            row = now;
        }
    }

    /// What a store's webhooks are signed with, opened on first use. Keys past their end are the
    /// caller's to leave out.
    pub async fn signing_keys(&self, id: StoreId) -> Result<Arc<SigningKeys>, SecretsError> {
        let known = {
            let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
            keys.get(&id).map(Arc::clone)
        };
        if let Some(known) = known {
            return Ok(known);
        }
        let row = self.ledger.store(id).await?.ok_or(SecretsError::Unknown)?;
        let mut opened = self.open(&row)?.signing_keys();
        opened.require_signature = row.rules.require_signature;
        let opened = Arc::new(opened);
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(id, Arc::clone(&opened));
        Ok(opened)
    }

    /// A delivery came with the right secret and a signature that does not fit: perhaps the client
    /// secret that is kept here is an old one, and people should know.
    pub fn doubt(&self, id: StoreId, at: Timestamp) {
        self.doubts.write().unwrap_or_else(PoisonError::into_inner).insert(id, at);
    }

    /// When that last happened since the daemon started or the store was changed.
    pub fn doubted_at(&self, id: StoreId) -> Option<Timestamp> {
        self.doubts.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// A store's credentials, in the clear.
    pub fn open(&self, row: &StoreRow) -> Result<Credentials, WrongKey> {
        let owner = owner(row.channel, &row.domain);
        let plain = self.vault.open(&owner, CREDENTIALS, &row.credentials)?;
        serde_json::from_slice(&plain).map_err(|_| WrongKey)
    }

    /// Puts credentials into a row, sealed, with what follows from them.
    pub fn seal(&self, row: &mut StoreRow, credentials: &Credentials) {
        use secrecy::ExposeSecret;
        let plain = serde_json::to_vec(credentials).map(zeroize::Zeroizing::new);
        let plain = plain.expect("invariant: credentials are plain text fields");
        row.credentials = self.vault.seal(&owner(row.channel, &row.domain), CREDENTIALS, &plain);
        row.token_due = match (&credentials.access_token, &credentials.token) {
            (None, Some(token)) => Some(token.expires_at.minus(RENEW_EARLY)),
            _ => None,
        };
        // Stores of one app share what their webhooks are signed with, so a delivery of one could
        // be shown to another; R15 asks who else may hold an order.
        let keys = credentials.signing_keys();
        let secret = keys.secrets.first().map(|(secret, _)| secret.expose_secret().as_bytes());
        let tag = self.vault.tag("credential group", secret.unwrap_or_default());
        row.credential_group = tag.split_at(16).0.to_vec();
    }
}

/// Tokens are renewed this long before they end.
const RENEW_EARLY: std::time::Duration = std::time::Duration::from_mins(5);

fn owner(channel: ChannelKind, domain: &str) -> String {
    format!("{channel}|{domain}")
}

impl Directory {
    fn read<T>(&self, look: impl FnOnce(&Tables) -> T) -> T {
        look(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Tables {
    fn put(&mut self, listing: Arc<StoreListing>) {
        if let Some(old) = self.stores.insert(listing.id, Arc::clone(&listing)) {
            self.slugs.remove::<str>(&old.slug);
            let key: &dyn DomainKey = &(old.channel, &*old.domain);
            self.domains.remove(key);
        }
        self.slugs.insert(BySlug(Arc::clone(&listing)));
        self.domains.insert(ByDomain(listing));
    }
}

impl Borrow<str> for BySlug {
    fn borrow(&self) -> &str {
        &self.0.slug
    }
}

impl Hash for BySlug {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.slug.hash(state);
    }
}

impl PartialEq for BySlug {
    fn eq(&self, other: &Self) -> bool {
        self.0.slug == other.0.slug
    }
}

impl Eq for BySlug {}

/// Channel and domain, borrowed from wherever they are.
trait DomainKey {
    fn parts(&self) -> (ChannelKind, &str);
}

impl DomainKey for (ChannelKind, &str) {
    fn parts(&self) -> (ChannelKind, &str) {
        (self.0, self.1)
    }
}

impl DomainKey for ByDomain {
    fn parts(&self) -> (ChannelKind, &str) {
        (self.0.channel, &self.0.domain)
    }
}

impl Hash for dyn DomainKey + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for dyn DomainKey + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn DomainKey + '_ {}

impl<'a> Borrow<dyn DomainKey + 'a> for ByDomain {
    fn borrow(&self) -> &(dyn DomainKey + 'a) {
        self
    }
}

impl Hash for ByDomain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for ByDomain {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for ByDomain {}
