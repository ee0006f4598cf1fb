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
            name: said(self.name.as_ref()),
            created_at: said(self.created_at.as_ref()),
            processed_at: said(self.processed_at.as_ref()),
            updated_at: said(self.updated_at.as_ref()),
            cancelled_at: said(self.cancelled_at.as_ref()),
            cancel_reason: said(self.cancel_reason.as_ref()),
            closed_at: said(self.closed_at.as_ref()),
            test: self.test == Some(true),
            financial_status: said(self.financial_status.as_ref()),
            fulfillment_status: said(self.fulfillment_status.as_ref()),
            currency: said(self.currency.as_ref()),
            total: said(self.current_total_price.as_ref()),
            original_total: said(self.total_price.as_ref()),
            shipping: shipping.and_then(|money| said(money.amount.as_ref())),
            email: said(self.email.as_ref()),
            phone: said(self.phone.as_ref()),
            note: said(self.note.as_ref()),
            source: said(self.source_name.as_ref()),
            shipping_method: way.and_then(|line| said(line.title.as_ref())),
            tags: said(self.tags.as_ref()).unwrap_or_default().split(',').collect(),
            address: self.shipping_address.as_ref().map(WebhookAddress::told),
            lines: self.line_items.iter().map(WebhookLine::told).collect(),
        }
    }
}

impl WebhookAddress<'_> {
    fn told(&self) -> ToldAddress<'_> {
        ToldAddress {
            name: said(self.name.as_ref()),
            first_name: said(self.first_name.as_ref()),
            last_name: said(self.last_name.as_ref()),
            company: said(self.company.as_ref()),
            address1: said(self.address1.as_ref()),
            address2: said(self.address2.as_ref()),
            city: said(self.city.as_ref()),
            province: said(self.province.as_ref()),
            province_code: said(self.province_code.as_ref()),
            zip: said(self.zip.as_ref()),
            country: said(self.country.as_ref()),
            country_code: said(self.country_code.as_ref()),
            phone: said(self.phone.as_ref()),
        }
    }
}

impl WebhookLine<'_> {
    fn told(&self) -> ToldLine<'_> {
        ToldLine {
            id: self.id,
            sku: said(self.sku.as_ref()),
            name: said(self.name.as_ref()),
            title: said(self.title.as_ref()),
            current_quantity: self.current_quantity,
            quantity: self.quantity,
            unfulfilled_quantity: None,
            unit_price: said(self.price.as_ref()),
            product_id: self.product_id.filter(|_| self.product_exists != Some(false)),
            variant_id: self.variant_id,
        }
    }
}
