//! Products and their variants: `/v3/catalog`.

use serde_json::{Value, json};

use super::super::time::At;
use super::goods::{Good, Stock};
use super::render::{dollars, merged};
use super::rest::{Answer, Query, not_found};

fn variant(good: &Good, stock: &Stock) -> Value {
    json!({
        "id": good.variant_id(),
        "product_id": good.product_id,
        "sku": good.sku,
        "sku_id": good.variant_id(),
        "option_values": [],
        "price": dollars(good.price_cents),
        "calculated_price": dollars(good.price_cents),
        "purchasing_disabled": false,
        "inventory_level": stock.on_hand(good.product_id),
        "inventory_warning_level": 0,
    })
}

fn product(good: &Good, stock: &Stock, query: &Query) -> Value {
    let told = json!({
        "id": good.product_id,
        "name": good.name,
        "type": "physical",
        "sku": good.sku,
        "weight": 1,
        "price": dollars(good.price_cents),
        "calculated_price": dollars(good.price_cents),
        "inventory_tracking": good.tracking.as_str(),
        "inventory_level": stock.on_hand(good.product_id),
        "inventory_warning_level": 0,
        "availability": "available",
        "is_visible": true,
        "base_variant_id": good.variant_id(),
        "upc": "",
        "gtin": "",
        "mpn": "",
        "date_created": "2026-01-05T08:00:00Z",
        "date_modified": modified(good, stock).utc(),
    });
    let with_variants =
        query.list("include").is_some_and(|asked| asked.contains(&"variants".into()));
    let variants =
        if with_variants { json!({"variants": [variant(good, stock)]}) } else { json!({}) };
    merged([told, variants])
}

fn modified(good: &Good, stock: &Stock) -> At {
    stock.changed(good.product_id).max(At::parse("2026-01-05T08:00:00Z").unwrap_or_default())
}

/// Answers everything below `/v3/catalog`.
pub(super) fn answer(stock: &Stock, method: &str, rest: &[&str], query: &Query) -> Answer {
    let find = |id: &str| Good::catalogue().find(|good| good.product_id.to_string() == id);
    match (method, rest) {
        ("GET", ["products"]) => products(stock, query),
        ("GET", ["products", id]) => find(id).map_or_else(not_found, |good| {
            Answer::json(json!({"data": product(good, stock, query), "meta": {}}))
        }),
        ("GET", ["products", id, "variants"]) => find(id)
            .map_or_else(not_found, |good| Answer::listed(vec![variant(good, stock)], query, 50)),
        ("GET", ["variants"]) => {
            let (sku, of) = (query.text("sku"), query.list("product_id:in"));
            let goods = Good::catalogue().filter(|good| {
                sku.is_none_or(|sku| good.sku == sku)
                    && of.as_ref().is_none_or(|ids| ids.contains(&good.product_id.to_string()))
            });
            Answer::listed(goods.map(|good| variant(good, stock)).collect(), query, 50)
        }
        _ => not_found(),
    }
}

fn products(stock: &Stock, query: &Query) -> Answer {
    let (ids, skus) = (query.list("id:in"), query.list("sku:in"));
    let after = query.text("date_modified:min").and_then(At::parse);
    let fits = |good: &&Good| {
        ids.as_ref().is_none_or(|ids| ids.contains(&good.product_id.to_string()))
            && skus.as_ref().is_none_or(|skus| skus.iter().any(|sku| sku == good.sku))
            && after.is_none_or(|after| modified(good, stock).seconds() >= after)
    };
    let mut found: Vec<&Good> = Good::catalogue().filter(fits).collect();
    if query.text("sort") == Some("date_modified") {
        found.sort_by_key(|good| (modified(good, stock).seconds(), good.product_id));
    }
    if query.text("direction") == Some("desc") {
        found.reverse();
    }
    Answer::listed(found.into_iter().map(|good| product(good, stock, query)).collect(), query, 50)
}
