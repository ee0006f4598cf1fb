//! An order that belongs to no shape, and how Shopify writes it in each of the two.

use jiff::Timestamp;
use jiff::tz::Offset;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The state of an order.
#[derive(Debug, Clone)]
pub(in crate::channel::shopify) struct Plain {
    pub(in crate::channel::shopify) id: u64,
    pub(in crate::channel::shopify) number: u32,
    pub(in crate::channel::shopify) created: i64,
    pub(in crate::channel::shopify) updated: i64,
    pub(in crate::channel::shopify) cancelled: Option<(i64, &'static str)>,
    pub(in crate::channel::shopify) closed: Option<i64>,
    pub(in crate::channel::shopify) test: bool,
    pub(in crate::channel::shopify) payment: &'static str,
    pub(in crate::channel::shopify) fulfilment: Fulfilment,
    pub(in crate::channel::shopify) currency: &'static str,
    /// Total now, total when placed, shipping; in hundredths, or in units without a fraction.
    pub(in crate::channel::shopify) money: [u32; 3],
    pub(in crate::channel::shopify) email: Option<String>,
    pub(in crate::channel::shopify) phone: Option<String>,
    pub(in crate::channel::shopify) note: Option<String>,
    pub(in crate::channel::shopify) source: Option<String>,
    pub(in crate::channel::shopify) shipping_method: Option<String>,
    pub(in crate::channel::shopify) tags: Vec<String>,
    pub(in crate::channel::shopify) address: Option<Vec<Option<String>>>,
    pub(in crate::channel::shopify) lines: Vec<PlainLine>,
}

/// One state of fulfilment in both vocabularies.
#[derive(Debug, Clone, Copy)]
pub(in crate::channel::shopify) struct Fulfilment {
    rest: Option<&'static str>,
    graph: &'static str,
    /// Whether some units have left.
    left: bool,
}

#[derive(Debug, Clone)]
pub(in crate::channel::shopify) struct PlainLine {
    pub(in crate::channel::shopify) id: u64,
    pub(in crate::channel::shopify) sku: Option<String>,
    pub(in crate::channel::shopify) name: String,
    pub(in crate::channel::shopify) ordered: u32,
    pub(in crate::channel::shopify) current: u32,
    pub(in crate::channel::shopify) price: u32,
    pub(in crate::channel::shopify) product: Product,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::channel::shopify) enum Product {
    /// Never had one.
    Custom,
    /// Had one, which was deleted.
    Deleted(u64, u64),
    There(u64, Option<u64>),
}

/// How a shape writes what is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::channel::shopify) enum Nothing {
    Null,
    Empty,
    Missing,
}

const PAYMENTS: [&str; 8] = [
    "pending",
    "authorized",
    "partially_paid",
    "paid",
    "partially_refunded",
    "refunded",
    "voided",
    "expired",
];
const REASONS: [&str; 6] = ["customer", "declined", "fraud", "inventory", "staff", "other"];
const FULFILMENTS: [Fulfilment; 15] = {
    const fn of(rest: Option<&'static str>, graph: &'static str, left: bool) -> Fulfilment {
        Fulfilment { rest, graph, left }
    }
    [
        of(None, "UNFULFILLED", false),
        of(None, "FULFILLMENT_NOT_REQUIRED", false),
        of(None, "IN_PROGRESS", false),
        of(None, "ON_HOLD", false),
        of(None, "OPEN", false),
        of(None, "PENDING_FULFILLMENT", false),
        of(None, "REQUEST_DECLINED", false),
        of(None, "SCHEDULED", false),
        of(Some("partial"), "PARTIALLY_FULFILLED", true),
        of(Some("partial"), "IN_PROGRESS", true),
        of(Some("partial"), "ON_HOLD", true),
        of(Some("partial"), "SCHEDULED", true),
        of(Some("fulfilled"), "FULFILLED", true),
        of(Some("restocked"), "RESTOCKED", false),
        of(None, "UNFULFILLED", false),
    ]
};
const ADDRESS: [(&str, &str); 11] = [
    ("name", "name"),
    ("company", "company"),
    ("address1", "address1"),
    ("address2", "address2"),
    ("city", "city"),
    ("province", "province"),
    ("province_code", "provinceCode"),
    ("zip", "zip"),
    ("country", "country"),
    ("country_code", "countryCodeV2"),
    ("phone", "phone"),
];

/// A paid, unfulfilled order of two lines.
pub(in crate::channel::shopify) fn plain() -> Plain {
    let line = |id, sku: &str, current| PlainLine {
        id,
        sku: Some(sku.to_owned()),
        name: format!("{sku} – large"),
        ordered: current + 1,
        current,
        price: 1_990,
        product: Product::There(11, Some(12)),
    };
    let address = ADDRESS.map(|(field, _)| (field != "address2").then(|| field.to_uppercase()));
    Plain {
        id: 820_982_911_946_154_508,
        number: 1001,
        created: 1_795_000_000,
        updated: 1_795_000_060,
        cancelled: None,
        closed: None,
        test: false,
        payment: "paid",
        fulfilment: FULFILMENTS[0],
        currency: "USD",
        money: [4_980, 6_970, 1_000],
        email: Some("buyer@example.com".to_owned()),
        phone: None,
        note: Some("Tom & Jerry / \"café\"".to_owned()),
        source: Some("web".to_owned()),
        shipping_method: Some("Standard".to_owned()),
        tags: vec!["gift".to_owned(), "first".to_owned()],
        address: Some(address.to_vec()),
        lines: vec![line(866_550_311_766_439_020, "WICK-9", 1), line(14, "CANDLE-1", 2)],
    }
}

impl Plain {
    /// As webhooks write it.
    pub(in crate::channel::shopify) fn webhook(&self, nothing: Nothing) -> Value {
        let money = |amount| spelt(amount, self.currency, 2);
        let mut order = json!({
            "id": self.id,
            "admin_graphql_api_id": format!("gid://shopify/Order/{}", self.id),
            "number": self.number.saturating_sub(1000),
            "order_number": self.number,
            "name": format!("#{}", self.number),
            "created_at": local(self.created),
            "processed_at": local(self.created),
            "updated_at": local(self.updated),
            "cancelled_at": self.cancelled.map(|(at, _)| local(at)),
            "cancel_reason": self.cancelled.map(|(_, why)| why),
            "closed_at": self.closed.map(local),
            "test": self.test,
            "financial_status": self.payment,
            "fulfillment_status": self.fulfilment.rest,
            "currency": self.currency,
            "current_total_price": money(self.money[0]),
            "total_price": money(self.money[1]),
            "total_shipping_price_set": { "shop_money": {
                "amount": money(self.money[2]), "currency_code": self.currency } },
            "tags": self.tags.join(", "),
            "customer": { "id": 7, "tags": "", "default_address": { "name": "" } },
            "refunds": [],
        });
        put(&mut order, "email", self.email.as_deref(), nothing);
        put(&mut order, "phone", self.phone.as_deref(), nothing);
        put(&mut order, "note", self.note.as_deref(), nothing);
        put(&mut order, "source_name", self.source.as_deref(), nothing);
        let way = |title| json!([{ "title": "Removed", "is_removed": true }, { "title": title }]);
        order["shipping_lines"] = self.shipping_method.as_ref().map_or(json!([]), way);
        order["shipping_address"] = self.address(nothing, |(rest, _)| rest);
        let lines = self.lines.iter().map(|line| line.webhook(self.currency, nothing));
        order["line_items"] = lines.collect();
        order
    }

    /// As the fragment `OrderCore` answers it, with all lines on one page.
    pub(in crate::channel::shopify) fn graph(&self, nothing: Nothing) -> Value {
        let money = |amount| bag(amount, self.currency);
        let mut order = json!({
            "legacyResourceId": self.id.to_string(),
            "number": self.number,
            "name": format!("#{}", self.number),
            "createdAt": utc(self.created),
            "processedAt": utc(self.created),
            "updatedAt": utc(self.updated),
            "cancelledAt": self.cancelled.map(|(at, _)| utc(at)),
            "cancelReason": self.cancelled.map(|(_, why)| why.to_uppercase()),
            "closedAt": self.closed.map(utc),
            "test": self.test,
            "displayFinancialStatus": self.payment.to_uppercase(),
            "displayFulfillmentStatus": self.fulfilment.graph,
            "currencyCode": self.currency,
            "currentTotalPriceSet": money(self.money[0]),
            "totalPriceSet": money(self.money[1]),
            "totalShippingPriceSet": money(self.money[2]),
            "tags": self.tags.iter().rev().collect::<Vec<_>>(),
            "shippingLine": self.shipping_method.as_ref().map(|title| json!({ "title": title })),
        });
        put(&mut order, "email", self.email.as_deref(), nothing);
        put(&mut order, "phone", self.phone.as_deref(), nothing);
        put(&mut order, "note", self.note.as_deref(), nothing);
        put(&mut order, "sourceName", self.source.as_deref(), nothing);
        order["shippingAddress"] = self.address(nothing, |(_, graph)| graph);
        let left = self.fulfilment.left;
        let lines = self.lines.iter().rev();
        let lines: Vec<_> = lines.map(|line| line.graph(self.currency, left, nothing)).collect();
        let info = json!({ "hasNextPage": false, "endCursor": "end" });
        order["lineItems"] = json!({ "pageInfo": info, "nodes": lines });
        order
    }

    fn address(
        &self,
        nothing: Nothing,
        name: impl Fn((&'static str, &'static str)) -> &'static str,
    ) -> Value {
        let Some(fields) = &self.address else { return Value::Null };
        let mut address = Value::Object(Map::new());
        for (field, value) in ADDRESS.into_iter().zip(fields) {
            put(&mut address, name(field), value.as_deref(), nothing);
        }
        address
    }
}

impl PlainLine {
    fn webhook(&self, currency: &str, nothing: Nothing) -> Value {
        let (exists, product, variant) = match self.product {
            Product::Custom => (false, None, None),
            Product::Deleted(product, variant) => (false, Some(product), Some(variant)),
            Product::There(product, variant) => (true, Some(product), variant),
        };
        let mut line = json!({
            "id": self.id,
            "name": self.name,
            "title": "without variant",
            "quantity": self.ordered,
            "current_quantity": self.current,
            "price": spelt(self.price, currency, 2),
            "product_exists": exists,
            "product_id": product,
            "variant_id": variant,
            "properties": [{ "name": "engraving", "value": { "deep": [1, 2.5, null] } }],
        });
        put(&mut line, "sku", self.sku.as_deref(), nothing);
        line
    }

    fn graph(&self, currency: &str, left: bool, nothing: Nothing) -> Value {
        let linked = |id: u64| json!({ "legacyResourceId": id.to_string() });
        let (product, variant) = match self.product {
            Product::There(product, variant) => (Some(linked(product)), variant.map(linked)),
            Product::Custom | Product::Deleted(..) => (None, None),
        };
        let mut line = json!({
            "id": format!("gid://shopify/LineItem/{}", self.id),
            "name": self.name,
            "title": "without variant",
            "quantity": self.ordered,
            "currentQuantity": self.current,
            "unfulfilledQuantity": if left { 0 } else { self.current },
            "originalUnitPriceSet": bag(self.price, currency),
            "product": product,
            "variant": variant,
        });
        put(&mut line, "sku", self.sku.as_deref(), nothing);
        line
    }
}

fn put(object: &mut Value, field: &str, value: Option<&str>, nothing: Nothing) {
    object[field] = match (value, nothing) {
        (Some(text), _) => json!(text),
        (None, Nothing::Null) => Value::Null,
        (None, Nothing::Empty) => json!(""),
        (None, Nothing::Missing) => return,
    };
}

fn bag(amount: u32, currency: &str) -> Value {
    json!({ "shopMoney": { "amount": spelt(amount, currency, 1), "currencyCode": currency } })
}

/// Webhooks write two digits (none in currencies without), GraphQL as few as it can, but one.
fn spelt(amount: u32, currency: &str, digits: usize) -> String {
    match (currency, digits) {
        ("JPY", 1) => format!("{amount}.0"),
        ("JPY", _) => amount.to_string(),
        (_, 1) if amount.is_multiple_of(10) => format!("{}.{}", amount / 100, amount / 10 % 10),
        _ => format!("{}.{:02}", amount / 100, amount % 100),
    }
}

fn local(seconds: i64) -> String {
    let at = Timestamp::from_second(seconds).unwrap();
    at.display_with_offset(Offset::from_hours(-5).unwrap()).to_string()
}

fn utc(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().to_string()
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äß–日]{0,9}[!-~é][ -~]{0,3}"
}

fn moment() -> impl Strategy<Value = i64> {
    1_600_000_000_i64..2_000_000_000
}

prop_compose! {
    fn line()(
        id in 1..u64::MAX,
        sku in proptest::option::of(text()),
        name in text(),
        current in 0..4_u32,
        more in 0..3_u32,
        price in 0..100_000_u32,
        product in prop_oneof![
            Just(Product::Custom),
            (1..u64::MAX, 1..u64::MAX).prop_map(|(p, v)| Product::Deleted(p, v)),
            (1..u64::MAX, proptest::option::of(1..u64::MAX)).prop_map(|(p, v)| Product::There(p, v)),
        ],
    ) -> PlainLine {
        PlainLine { id, sku, name, ordered: current + more, current, price, product }
    }
}

prop_compose! {
    fn texts()(
        email in proptest::option::of(text()),
        phone in proptest::option::of(text()),
        note in proptest::option::of(text()),
        source in proptest::option::of(text()),
        shipping_method in proptest::option::of(text()),
        tags in proptest::collection::vec("[a-c]{1,2}( [a-z])?", 0..5),
        address in proptest::option::of(proptest::collection::vec(proptest::option::of(text()), 11)),
    ) -> Plain {
        Plain { email, phone, note, source, shipping_method, tags, address, ..plain() }
    }
}

prop_compose! {
    /// Any state of an order.
    pub(in crate::channel::shopify) fn any_order()(
        texts in texts(),
        id in 1..u64::MAX,
        number in 1..u32::MAX,
        times in (moment(), moment()),
        cancelled in proptest::option::of((moment(), proptest::sample::select(&REASONS[..]))),
        closed in proptest::option::of(moment()),
        test: bool,
        payment in proptest::sample::select(&PAYMENTS[..]),
        fulfilment in proptest::sample::select(&FULFILMENTS[..]),
        currency in proptest::sample::select(&["USD", "EUR", "JPY"][..]),
        money: [u32; 3],
        mut lines in proptest::collection::vec(line(), 0..5),
    ) -> Plain {
        // Only lines with units can tell that some have left.
        lines.extend(plain().lines.into_iter().filter(|_| fulfilment.left));
        let (created, updated) = times;
        Plain {
            id, number, created, updated, cancelled, closed, test, payment, fulfilment, currency,
            money, lines, ..texts
        }
    }
}

/// Any way to write nothing.
pub(in crate::channel::shopify) fn nothing() -> impl Strategy<Value = Nothing> {
    proptest::sample::select(&[Nothing::Null, Nothing::Empty, Nothing::Missing][..])
}
