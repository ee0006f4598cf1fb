//! Stock: `/v3/inventory`.

use actix_web::http::StatusCode;
use serde_json::{Value, json};

use super::super::random::uuid;
use super::super::time::At;
use super::goods::{Good, LOCATION, Stock, Tracking};
use super::rest::{Answer, Query, not_found, problem};

/// Items of one adjustment at most.
const MOST: usize = 2_000;

/// Units of something that changed: what is told of it.
pub(super) type Changes = Vec<(&'static Good, i64)>;

/// Answers everything below `/v3/inventory`, and which stock is another now.
pub(super) fn answer(
    stock: &mut Stock,
    method: &str,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> (Answer, Changes) {
    let answer = match (method, rest) {
        ("GET", ["locations"]) => Answer::listed(vec![location()], query, 50),
        ("GET", ["items"]) => items(stock, query),
        ("PUT", ["adjustments", "absolute"]) => return adjust(stock, body, |_, wanted| wanted),
        ("POST", ["adjustments", "relative"]) => return adjust(stock, body, |now, by| now + by),
        _ => not_found(),
    };
    (answer, Vec::new())
}

fn location() -> Value {
    json!({
        "id": LOCATION,
        "code": "BC-LOCATION-1",
        "label": "Default location",
        "description": "",
        "managed_by_external_source": false,
        "type_id": "PHYSICAL",
        "enabled": true,
        "time_zone": "Etc/UTC",
        "storefront_visibility": true,
        "special_hours": [],
        "address": {
            "address1": "77 Pine St", "address2": "", "city": "Burlington", "state": "Vermont",
            "zip": "05401", "email": "stock@example.com", "phone": "", "country_code": "US",
        },
    })
}

fn items(stock: &Stock, query: &Query) -> Answer {
    let asked =
        ["sku:in", "variant_id:in", "product_id:in", "location_id:in"].map(|n| query.list(n));
    let [skus, variants, products, locations] = &asked;
    let here = |asked: &Option<Vec<String>>, value: String| {
        asked.as_ref().is_none_or(|asked| asked.contains(&value))
    };
    let goods = Good::catalogue().filter(|good| {
        here(skus, good.sku.to_owned())
            && here(variants, good.variant_id().to_string())
            && here(products, good.product_id.to_string())
            && here(locations, LOCATION.to_string())
    });
    Answer::listed(goods.map(|good| item(good, stock)).collect(), query, 50)
}

fn item(good: &Good, stock: &Stock) -> Value {
    let units = stock.on_hand(good.product_id);
    json!({
        "identity": {
            "sku": good.sku, "variant_id": good.variant_id(), "product_id": good.product_id,
            "sku_id": good.variant_id(),
        },
        "locations": [{
            "location_id": LOCATION, "location_code": "BC-LOCATION-1",
            "location_name": "Default location",
            "available_to_sell": units.max(0), "total_inventory_onhand": units,
            "location_enabled": true,
            "settings": {
                "safety_stock": 0, "is_in_stock": units > 0, "warning_level": 0,
                "bin_picking_number": "",
            },
        }],
    })
}

/// All of it or nothing.
fn adjust(stock: &mut Stock, body: &Value, after: fn(i64, i64) -> i64) -> (Answer, Changes) {
    let mut wanted = Vec::new();
    let items = body["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() || items.len() > MOST {
        return (refused("items: must be from 1 to 2000"), Vec::new());
    }
    for item in items {
        match one(item) {
            Ok((good, units)) => {
                let units = after(stock.on_hand(good.product_id), units);
                if !(0..=2_147_483_647).contains(&units) {
                    return (refused(&format!("[{} would be {units}]", good.sku)), Vec::new());
                }
                wanted.push((good, units));
            }
            Err(why) => return (refused(&why), Vec::new()),
        }
    }
    let now = At::now();
    for (good, units) in &wanted {
        stock.set(good.product_id, *units, now);
    }
    (Answer::json(json!({"transaction_id": uuid()})), wanted)
}

/// What an item means: it names its place, and its thing in the one way that is tracked.
fn one(item: &Value) -> Result<(&'static Good, i64), String> {
    let units = item["quantity"].as_i64().ok_or("quantity is missing")?;
    if item["location_id"].as_u64() != Some(LOCATION) {
        return Err(format!("[Location {} does not exist]", item["location_id"]));
    }
    let (name, variant, product) = (&item["sku"], &item["variant_id"], &item["product_id"]);
    let good = Good::catalogue().find(|good| {
        name.as_str() == Some(good.sku)
            || variant.as_u64() == Some(good.variant_id())
            || product.as_u64() == Some(good.product_id)
    });
    let Some(good) = good else { return Err(format!("[Item {item} does not exist]")) };
    let by_product = !product.is_null();
    match good.tracking {
        Tracking::Variant if by_product => Err(format!(
            "[Item with product_id {product} is tracked by variant, please update stock by variant \
             id or sku]"
        )),
        Tracking::Product if !variant.is_null() => Err(format!(
            "[Item with variant_id {variant} is tracked by product, please update stock by product \
             id]"
        )),
        Tracking::None => Err(format!("[Inventory of {} is not tracked]", good.sku)),
        Tracking::Product | Tracking::Variant => Ok((good, units)),
    }
}

fn refused(title: &str) -> Answer {
    problem(StatusCode::UNPROCESSABLE_ENTITY, title, &json!({}))
}
