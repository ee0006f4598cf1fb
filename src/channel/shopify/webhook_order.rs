//! An order as webhooks carry it: the REST shape. Only what is used is named; the rest is skipped
//! without being built, and texts are borrowed from the body.

use serde::Deserialize;

use super::canonical::{Text, Told, ToldAddress, ToldLine, said};
use super::id::Id;

/// The body of a topic that carries a full order. What makes it one is `id` and `line_items`.
#[derive(Debug, Deserialize)]
pub(super) struct WebhookOrder<'a> {
    id: Id,
    order_number: Option<Id>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    created_at: Option<Text<'a>>,
    processed_at: Option<Text<'a>>,
    updated_at: Option<Text<'a>>,
    cancelled_at: Option<Text<'a>>,
    cancel_reason: Option<Text<'a>>,
    closed_at: Option<Text<'a>>,
    test: Option<bool>,
    financial_status: Option<Text<'a>>,
    fulfillment_status: Option<Text<'a>>,
    currency: Option<Text<'a>>,
    current_total_price: Option<Text<'a>>,
    total_price: Option<Text<'a>>,
    total_shipping_price_set: Option<MoneySet<'a>>,
    email: Option<Text<'a>>,
    phone: Option<Text<'a>>,
    note: Option<Text<'a>>,
    source_name: Option<Text<'a>>,
    tags: Option<Text<'a>>,
    shipping_lines: Option<Vec<ShippingLine<'a>>>,
    shipping_address: Option<WebhookAddress<'a>>,
    line_items: Vec<WebhookLine<'a>>,
}

#[derive(Debug, Deserialize)]
struct MoneySet<'a> {
    #[serde(borrow)]
    shop_money: Option<Money<'a>>,
}

#[derive(Debug, Deserialize)]
struct Money<'a> {
    #[serde(borrow)]
    amount: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct ShippingLine<'a> {
    #[serde(borrow)]
    title: Option<Text<'a>>,
    is_removed: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct WebhookAddress<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    first_name: Option<Text<'a>>,
    last_name: Option<Text<'a>>,
    company: Option<Text<'a>>,
    address1: Option<Text<'a>>,
    address2: Option<Text<'a>>,
    city: Option<Text<'a>>,
    province: Option<Text<'a>>,
    province_code: Option<Text<'a>>,
    zip: Option<Text<'a>>,
    country: Option<Text<'a>>,
    country_code: Option<Text<'a>>,
    phone: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
struct WebhookLine<'a> {
    id: Id,
    #[serde(borrow)]
    sku: Option<Text<'a>>,
    name: Option<Text<'a>>,
    title: Option<Text<'a>>,
    current_quantity: Option<i64>,
    quantity: Option<i64>,
    price: Option<Text<'a>>,
    product_exists: Option<bool>,
    product_id: Option<Id>,
    variant_id: Option<Id>,
}

impl WebhookOrder<'_> {
    /// The order in the cart's words.
    pub(super) fn told(&self) -> Told<'_> {
        let shipping = self.total_shipping_price_set.as_ref();
        let shipping = shipping.and_then(|set| set.shop_money.as_ref());
        let mut ways = self.shipping_lines.iter().flatten();
        let way = ways.find(|line| line.is_removed != Some(true));
        Told {
            id: self.id,
            number: self.order_number,
            name: said(&self.name),
            created_at: said(&self.created_at),
            processed_at: said(&self.processed_at),
            updated_at: said(&self.updated_at),
            cancelled_at: said(&self.cancelled_at),
            cancel_reason: said(&self.cancel_reason),
            closed_at: said(&self.closed_at),
            test: self.test == Some(true),
            financial_status: said(&self.financial_status),
            fulfillment_status: said(&self.fulfillment_status),
            currency: said(&self.currency),
            total: said(&self.current_total_price),
            original_total: said(&self.total_price),
            shipping: shipping.and_then(|money| said(&money.amount)),
            email: said(&self.email),
            phone: said(&self.phone),
            note: said(&self.note),
            source: said(&self.source_name),
            shipping_method: way.and_then(|line| said(&line.title)),
            tags: said(&self.tags).unwrap_or_default().split(',').collect(),
            address: self.shipping_address.as_ref().map(WebhookAddress::told),
            lines: self.line_items.iter().map(WebhookLine::told).collect(),
        }
    }
}

impl WebhookAddress<'_> {
    fn told(&self) -> ToldAddress<'_> {
        ToldAddress {
            name: said(&self.name),
            first_name: said(&self.first_name),
            last_name: said(&self.last_name),
            company: said(&self.company),
            address1: said(&self.address1),
            address2: said(&self.address2),
            city: said(&self.city),
            province: said(&self.province),
            province_code: said(&self.province_code),
            zip: said(&self.zip),
            country: said(&self.country),
            country_code: said(&self.country_code),
            phone: said(&self.phone),
        }
    }
}

impl WebhookLine<'_> {
    fn told(&self) -> ToldLine<'_> {
        ToldLine {
            id: self.id,
            sku: said(&self.sku),
            name: said(&self.name),
            title: said(&self.title),
            current_quantity: self.current_quantity,
            quantity: self.quantity,
            unfulfilled_quantity: None,
            unit_price: said(&self.price),
            product_id: self.product_id.filter(|_| self.product_exists != Some(false)),
            variant_id: self.variant_id,
        }
    }
}
