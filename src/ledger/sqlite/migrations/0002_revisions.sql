-- Since when a change of the cart waits for a person; the rest of it stands in the order's document.
ALTER TABLE orders ADD COLUMN revision_since INTEGER;
CREATE INDEX order_to_review ON orders (account_id, created_at, store_id, cart_order_id) WHERE revision_since IS NOT NULL;

-- Who changed what of a store's rules, the newest last; bounded.
ALTER TABLE store ADD COLUMN rules_history TEXT NOT NULL DEFAULT '[]';
