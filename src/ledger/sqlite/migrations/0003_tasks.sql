-- What serves a store, and when it is due. `autosync`: NULL is off, 0 the configured interval, else
-- microseconds.
CREATE TABLE task (
  store_id INTEGER NOT NULL,
  task TEXT NOT NULL,
  instasync INTEGER NOT NULL,
  autosync INTEGER,
  next_due INTEGER,
  progress TEXT NOT NULL,
  PRIMARY KEY (store_id, task)
) WITHOUT ROWID;
CREATE INDEX task_due ON task (next_due) WHERE next_due IS NOT NULL;
INSERT INTO task (store_id, task, instasync, autosync, next_due, progress)
  SELECT id, 'import_orders', 1, 0, 0, '{}' FROM store;

-- What a run has done so far; its state is that of its event.
CREATE TABLE run (
  position INTEGER PRIMARY KEY,
  store_id INTEGER NOT NULL,
  doc TEXT NOT NULL
);

-- When a poll found what no webhook told of (R41).
ALTER TABLE orders ADD COLUMN missed_at INTEGER;
CREATE INDEX order_missed ON orders (store_id, missed_at) WHERE missed_at IS NOT NULL;
