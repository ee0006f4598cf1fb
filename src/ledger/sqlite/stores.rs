//! Stores, accounts, tokens and kept answers.

use serde::Deserialize;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::failure::failed;
use super::row::{corrupt, count, document, get};
use super::tasks;
use crate::domain::{AccountId, ChannelKind, StoreId, Task, Timestamp};
use crate::ledger::store::ANSWERS_KEPT;
use crate::ledger::{
    AccountRow, Answer, LedgerError, NewStore, Role, StoreListing, StoreRow, StoreTaken, TaskRow,
    TokenRow, Written,
};

// === Writes ===

pub(super) async fn take_epoch(
    connection: &mut SqliteConnection,
    store: StoreId,
) -> Result<Written, LedgerError> {
    let row = sqlx::query("UPDATE store SET epoch = epoch + 1 WHERE id = ? RETURNING epoch")
        .bind(store.0)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    match row {
        Some(row) => Ok(Written::Epoch(row.try_get(0).map_err(failed)?)),
        None => Err(LedgerError::Rejected(format!("there is no store {store}"))),
    }
}

pub(super) async fn add(
    connection: &mut SqliteConnection,
    new: &NewStore,
) -> Result<Written, LedgerError> {
    let NewStore { row, first_run } = new;
    if let Some(taken) = taken(connection, row, StoreId(0)).await? {
        return Ok(Written::StoreTaken(taken));
    }
    let added = sqlx::query(
        "INSERT INTO store (account_id, number, channel, name, slug, domain, api_url, \
         disconnected_at, paused, rules, rules_version, credentials, credential_group, token_due, \
         health, created_at, version) \
         VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM store WHERE account_id = ?1), \
         ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, 1) RETURNING id, number",
    )
    .bind(row.account.0)
    .bind(row.channel.as_str())
    .bind(row.name.as_str())
    .bind(row.slug.as_str())
    .bind(row.domain.as_str())
    .bind(row.api_url.as_deref())
    .bind(row.disconnected_at.map(|at| at.0))
    .bind(row.paused)
    .bind(document(&row.rules)?)
    .bind(i64::from(row.rules_version))
    .bind(row.credentials.as_slice())
    .bind(row.credential_group.as_slice())
    .bind(row.token_due.map(|at| at.0))
    .bind(document(&row.health)?)
    .bind(row.created_at.0)
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    let (id, index) = (get(&added, "id")?, get(&added, "number")?);
    let orders = TaskRow::new(Task::ImportOrders, *first_run);
    tasks::add(connection, StoreId(id), &orders).await?;
    Ok(Written::StoreAdded { id: StoreId(id), index: count(index) })
}

/// The epoch is not part of the row: it belongs to the incarnations (I10).
pub(super) async fn update(
    connection: &mut SqliteConnection,
    row: &StoreRow,
) -> Result<Written, LedgerError> {
    if let Some(taken) = taken(connection, row, row.id).await? {
        return Ok(Written::StoreTaken(taken));
    }
    let done = sqlx::query(
        "UPDATE store SET name = ?, slug = ?, domain = ?, api_url = ?, disconnected_at = ?, \
         paused = ?, rules = ?, rules_version = ?, rules_history = ?, credentials = ?, credential_group = ?, \
         token_due = ?, health = ?, version = version + 1 WHERE id = ? AND version = ?",
    )
    .bind(row.name.as_str())
    .bind(row.slug.as_str())
    .bind(row.domain.as_str())
    .bind(row.api_url.as_deref())
    .bind(row.disconnected_at.map(|at| at.0))
    .bind(row.paused)
    .bind(document(&row.rules)?)
    .bind(i64::from(row.rules_version))
    .bind(document(&row.rules_history)?)
    .bind(row.credentials.as_slice())
    .bind(row.credential_group.as_slice())
    .bind(row.token_due.map(|at| at.0))
    .bind(document(&row.health)?)
    .bind(row.id.0)
    .bind(row.version as i64)
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(if done.rows_affected() == 1 { Written::Done } else { Written::Moved })
}

/// Whose domain or slug it is, beside `own`.
async fn taken(
    connection: &mut SqliteConnection,
    row: &StoreRow,
    own: StoreId,
) -> Result<Option<StoreTaken>, LedgerError> {
    let domain = sqlx::query("SELECT id FROM store WHERE channel = ? AND domain = ? AND id <> ?")
        .bind(row.channel.as_str())
        .bind(row.domain.as_str())
        .bind(own.0)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    if let Some(found) = domain {
        return Ok(Some(StoreTaken::Domain(StoreId(get(&found, "id")?))));
    }
    let slug = sqlx::query("SELECT id FROM store WHERE slug = ? AND id <> ?")
        .bind(row.slug.as_str())
        .bind(own.0)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    Ok(slug.map(|_| StoreTaken::Slug))
}

pub(super) async fn add_account(
    connection: &mut SqliteConnection,
    slug: &str,
    name: &str,
    at: Timestamp,
) -> Result<Written, LedgerError> {
    let row = sqlx::query(
        "INSERT INTO account (slug, name, created_at) VALUES (?, ?, ?) \
         ON CONFLICT (slug) DO NOTHING RETURNING id",
    )
    .bind(slug)
    .bind(name)
    .bind(at.0)
    .fetch_optional(connection)
    .await
    .map_err(failed)?;
    row.map_or(Ok(Written::Taken), |row| get(&row, "id").map(Written::Added))
}

pub(super) async fn add_token(
    connection: &mut SqliteConnection,
    token: &TokenRow,
) -> Result<Written, LedgerError> {
    let row = sqlx::query(
        "INSERT INTO token (name, role, account_id, hash, created_at, revoked_at) \
         VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
    )
    .bind(token.name.as_str())
    .bind(token.role.as_str())
    .bind(token.account.map(|account| account.0))
    .bind(token.hash.as_slice())
    .bind(token.created_at.0)
    .bind(token.revoked_at.map(|at| at.0))
    .fetch_one(connection)
    .await
    .map_err(failed)?;
    get(&row, "id").map(Written::Added)
}

pub(super) async fn revoke_token(
    connection: &mut SqliteConnection,
    id: i64,
    at: Timestamp,
) -> Result<Written, LedgerError> {
    sqlx::query("UPDATE token SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL")
        .bind(at.0)
        .bind(id)
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(Written::Done)
}

/// Keeps an answer, and forgets those that are too old to be asked for.
pub(super) async fn keep_answer(
    connection: &mut SqliteConnection,
    answer: &Answer,
) -> Result<Written, LedgerError> {
    sqlx::query("DELETE FROM answer WHERE at < ?")
        .bind(answer.at.minus(ANSWERS_KEPT).0)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    sqlx::query(
        "INSERT INTO answer (scope, key, request, status, body, at) VALUES (?, ?, ?, ?, ?, ?) \
         ON CONFLICT (scope, key) DO UPDATE SET request = excluded.request, \
         status = excluded.status, body = excluded.body, at = excluded.at",
    )
    .bind(answer.scope.as_str())
    .bind(answer.key.as_str())
    .bind(answer.request.as_slice())
    .bind(i64::from(answer.status))
    .bind(answer.body.as_slice())
    .bind(answer.at.0)
    .execute(connection)
    .await
    .map_err(failed)?;
    Ok(Written::Done)
}

// === Reads ===

/// A page of listings as one row of JSON: at the start every store is read, and rows cross to
/// another thread one by one.
pub(super) async fn listings(
    pool: &SqlitePool,
    after: StoreId,
    limit: usize,
) -> Result<Vec<StoreListing>, LedgerError> {
    let row = sqlx::query(
        "SELECT json_group_array(json_array(id, account_id, channel, slug, domain, \
         disconnected_at, paused, token_due) ORDER BY id) AS listings FROM (\
         SELECT id, account_id, channel, slug, domain, disconnected_at, paused, token_due \
         FROM store WHERE id > ? ORDER BY id LIMIT ?)",
    )
    .bind(after.0)
    .bind(limit as i64)
    .fetch_one(pool)
    .await
    .map_err(failed)?;
    let text: String = get(&row, "listings")?;
    let listed: Vec<Listed> =
        serde_json::from_str(&text).map_err(|error| corrupt("a listing", error))?;
    Ok(listed.into_iter().map(Listed::listing).collect())
}

/// A listing as JSON tells it: id, account, channel, slug, domain, when it was disconnected, whether
/// it is paused, when its token is due.
#[derive(Deserialize)]
struct Listed(i64, i64, ChannelKind, Box<str>, Box<str>, Option<i64>, u8, Option<i64>);

impl Listed {
    fn listing(self) -> StoreListing {
        let Self(id, account, channel, slug, domain, disconnected_at, paused, token_due) = self;
        StoreListing {
            id: StoreId(id),
            account: AccountId(account),
            channel,
            slug,
            domain,
            connected: disconnected_at.is_none(),
            paused: paused != 0,
            token_due: token_due.map(Timestamp),
        }
    }
}

/// Columns that [`store`] reads.
const STORE: &str = "SELECT id, account_id, number, channel, name, slug, domain, api_url, \
     disconnected_at, paused, rules, rules_version, rules_history, credentials, \
     credential_group, token_due, health, created_at, version FROM store";

pub(super) async fn one(pool: &SqlitePool, id: StoreId) -> Result<Option<StoreRow>, LedgerError> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(STORE);
    query.push(" WHERE id = ").push_bind(id.0);
    let row = query.build().fetch_optional(pool).await.map_err(failed)?;
    row.as_ref().map(store).transpose()
}

pub(super) async fn of_account(
    pool: &SqlitePool,
    account: AccountId,
    after: StoreId,
    limit: usize,
) -> Result<Vec<StoreRow>, LedgerError> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(STORE);
    query.push(" WHERE account_id = ").push_bind(account.0);
    query.push(" AND id > ").push_bind(after.0);
    query.push(" ORDER BY id LIMIT ").push_bind(limit as i64);
    let rows = query.build().fetch_all(pool).await.map_err(failed)?;
    rows.iter().map(store).collect()
}

pub(super) async fn of_group(pool: &SqlitePool, group: &[u8]) -> Result<Vec<StoreId>, LedgerError> {
    let rows = sqlx::query("SELECT id FROM store WHERE credential_group = ? ORDER BY id")
        .bind(group)
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    rows.iter().map(|row| get(row, "id").map(StoreId)).collect()
}

pub(super) async fn accounts(pool: &SqlitePool) -> Result<Vec<AccountRow>, LedgerError> {
    let rows = sqlx::query("SELECT id, slug, name, created_at FROM account ORDER BY id")
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    rows.iter()
        .map(|row| {
            Ok(AccountRow {
                id: AccountId(get(row, "id")?),
                slug: get(row, "slug")?,
                name: get(row, "name")?,
                created_at: Timestamp(get(row, "created_at")?),
            })
        })
        .collect()
}

pub(super) async fn tokens(pool: &SqlitePool) -> Result<Vec<TokenRow>, LedgerError> {
    let rows = sqlx::query(
        "SELECT id, name, role, account_id, hash, created_at, revoked_at FROM token ORDER BY id",
    )
    .fetch_all(pool)
    .await
    .map_err(failed)?;
    rows.iter().map(token_row).collect()
}

pub(super) async fn token(
    pool: &SqlitePool,
    hash: &[u8; 32],
) -> Result<Option<TokenRow>, LedgerError> {
    let row = sqlx::query(
        "SELECT id, name, role, account_id, hash, created_at, revoked_at FROM token \
         WHERE hash = ?",
    )
    .bind(hash.as_slice())
    .fetch_optional(pool)
    .await
    .map_err(failed)?;
    row.as_ref().map(token_row).transpose()
}

pub(super) async fn answer(
    pool: &SqlitePool,
    scope: &str,
    key: &str,
) -> Result<Option<Answer>, LedgerError> {
    let row =
        sqlx::query("SELECT request, status, body, at FROM answer WHERE scope = ? AND key = ?")
            .bind(scope)
            .bind(key)
            .fetch_optional(pool)
            .await
            .map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Answer {
        scope: scope.to_owned(),
        key: key.to_owned(),
        request: hash(&row, "request")?,
        status: u16::try_from(get::<i64>(&row, "status")?).unwrap_or(500),
        body: get(&row, "body")?,
        at: Timestamp(get(&row, "at")?),
    }))
}

fn store(row: &SqliteRow) -> Result<StoreRow, LedgerError> {
    let (rules, health): (String, String) = (get(row, "rules")?, get(row, "health")?);
    let history: String = get(row, "rules_history")?;
    Ok(StoreRow {
        id: StoreId(get(row, "id")?),
        account: AccountId(get(row, "account_id")?),
        index: count(get(row, "number")?),
        channel: channel(row)?,
        name: get(row, "name")?,
        slug: get(row, "slug")?,
        domain: get(row, "domain")?,
        api_url: get(row, "api_url")?,
        disconnected_at: get::<Option<i64>>(row, "disconnected_at")?.map(Timestamp),
        paused: get(row, "paused")?,
        rules: serde_json::from_str(&rules).map_err(|error| corrupt("a store's rules", error))?,
        rules_version: count(get(row, "rules_version")?),
        rules_history: serde_json::from_str(&history)
            .map_err(|error| corrupt("a store's history", error))?,
        credentials: get(row, "credentials")?,
        credential_group: get(row, "credential_group")?,
        token_due: get::<Option<i64>>(row, "token_due")?.map(Timestamp),
        health: serde_json::from_str(&health)
            .map_err(|error| corrupt("a store's health", error))?,
        created_at: Timestamp(get(row, "created_at")?),
        version: get::<i64>(row, "version")? as u64,
    })
}

fn token_row(row: &SqliteRow) -> Result<TokenRow, LedgerError> {
    let role: String = get(row, "role")?;
    Ok(TokenRow {
        id: get(row, "id")?,
        name: get(row, "name")?,
        role: Role::parse(&role).ok_or_else(|| corrupt("a role", role))?,
        account: get::<Option<i64>>(row, "account_id")?.map(AccountId),
        hash: hash(row, "hash")?,
        created_at: Timestamp(get(row, "created_at")?),
        revoked_at: get::<Option<i64>>(row, "revoked_at")?.map(Timestamp),
    })
}

fn channel(row: &SqliteRow) -> Result<ChannelKind, LedgerError> {
    let name: String = get(row, "channel")?;
    name.parse().map_err(|()| corrupt("a channel", name))
}

fn hash(row: &SqliteRow, name: &str) -> Result<[u8; 32], LedgerError> {
    let bytes: Vec<u8> = get(row, name)?;
    bytes.try_into().map_err(|_| corrupt("a hash", "its length is wrong"))
}
