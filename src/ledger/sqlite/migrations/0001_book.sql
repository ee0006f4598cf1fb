-- Instants are microseconds since 1970 in UTC. Every key begins with the account or the store.

CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
INSERT INTO account (id, slug, name, created_at) VALUES (1, 'default', 'Default', 0);

CREATE TABLE store (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES account (id),
  number INTEGER NOT NULL,
  channel TEXT NOT NULL,
  name TEXT NOT NULL,
  slug TEXT NOT NULL UNIQUE,
  domain TEXT NOT NULL,
  api_url TEXT,
  disconnected_at INTEGER,
  paused INTEGER NOT NULL,
  rules TEXT NOT NULL,
  rules_version INTEGER NOT NULL,
  credentials BLOB NOT NULL,
  credential_group BLOB NOT NULL,
  token_due INTEGER,
  health TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  version INTEGER NOT NULL,
  epoch INTEGER NOT NULL DEFAULT 0,
  UNIQUE (channel, domain),
  UNIQUE (account_id, number)
);
CREATE INDEX store_by_account ON store (account_id, id);
CREATE INDEX store_by_group ON store (credential_group, id);

CREATE TABLE token (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  account_id INTEGER REFERENCES account (id),
  hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
);

CREATE TABLE answer (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  request BLOB NOT NULL,
  status INTEGER NOT NULL,
  body BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) WITHOUT ROWID;
CREATE INDEX answer_by_age ON answer (at);

-- Open events: small, hot, worked off. The key is what deliveries are deduplicated by.
CREATE TABLE inbox (
  store_id INTEGER NOT NULL,
  key BLOB NOT NULL,
  position INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  topic TEXT NOT NULL,
  source TEXT NOT NULL,
  delivery_id TEXT,
  duplicates INTEGER NOT NULL DEFAULT 0,
  cart_order_id TEXT,
  received_at INTEGER NOT NULL,
  triggered_at INTEGER,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at INTEGER,
  reason TEXT,
  tries INTEGER NOT NULL DEFAULT 0,
  person TEXT,
  PRIMARY KEY (store_id, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX inbox_by_position ON inbox (store_id, position);
-- Retries are few: this index costs nothing while a delivery is acknowledged.
CREATE INDEX inbox_due ON inbox (store_id, next_at) WHERE next_at IS NOT NULL;

-- Closed events.
CREATE TABLE event (
  store_id INTEGER NOT NULL,
  position INTEGER NOT NULL,
  account_id INTEGER NOT NULL,
  key BLOB NOT NULL,
  topic TEXT NOT NULL,
  source TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  delivery_id TEXT,
  duplicates INTEGER NOT NULL,
  cart_order_id TEXT,
  received_at INTEGER NOT NULL,
  triggered_at INTEGER,
  done_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  rules_version INTEGER NOT NULL,
  build TEXT NOT NULL,
  person TEXT,
  PRIMARY KEY (store_id, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX event_by_key ON event (store_id, key);
CREATE INDEX event_by_order ON event (account_id, cart_order_id, position) WHERE cart_order_id IS NOT NULL;
-- State and topic at the end: a filter passes over what does not match without reading its row.
CREATE INDEX event_recent ON event (account_id, position, state, topic);
CREATE INDEX event_set_aside ON event (account_id, position) WHERE state = 'set_aside';
CREATE INDEX event_set_aside_by_store ON event (store_id, position) WHERE state = 'set_aside';

-- What came, written once and never again. The first byte of `bytes` tells how the rest is packed.
CREATE TABLE body (
  position INTEGER PRIMARY KEY,
  store_id INTEGER NOT NULL,
  bytes BLOB NOT NULL
);

CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  account_id INTEGER NOT NULL,
  store_id INTEGER NOT NULL,
  cart_order_id TEXT NOT NULL,
  number TEXT NOT NULL,
  status TEXT NOT NULL,
  held_back TEXT,
  flags INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  row_version INTEGER NOT NULL,
  doc TEXT NOT NULL,
  terms TEXT NOT NULL
);
CREATE UNIQUE INDEX order_identity ON orders (store_id, cart_order_id);
-- Columns behind the order's identity let a filter pass over an entry without reading its row.
CREATE INDEX order_in_book ON orders (account_id, created_at, store_id, cart_order_id) WHERE status <> 'held_back';
CREATE INDEX order_of_store ON orders (store_id, created_at, cart_order_id, status, flags);
CREATE INDEX order_by_status ON orders (account_id, status, created_at, store_id, cart_order_id);
CREATE INDEX order_changed ON orders (account_id, updated_at, store_id, cart_order_id, status);
CREATE INDEX order_flagged ON orders (account_id, created_at, store_id, cart_order_id, flags) WHERE flags <> 0;

-- What orders are found by. `orders.terms` lists an order's rows here, so that they change with it.
CREATE TABLE order_term (
  account_id INTEGER NOT NULL,
  term TEXT NOT NULL,
  store_id INTEGER NOT NULL,
  cart_order_id TEXT NOT NULL,
  PRIMARY KEY (account_id, term, store_id, cart_order_id)
) WITHOUT ROWID;

CREATE TABLE timeline (
  id INTEGER PRIMARY KEY,
  store_id INTEGER NOT NULL,
  cart_order_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  event INTEGER NOT NULL,
  who TEXT NOT NULL,
  rule TEXT NOT NULL,
  details TEXT NOT NULL
);
CREATE INDEX timeline_of_order ON timeline (store_id, cart_order_id, id);
