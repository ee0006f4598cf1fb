//! An order as the Admin GraphQL API answers it: the fragment `OrderCore`. Its texts are owned, since
//! the pages of its lines come in answers of their own.

use serde::Deserialize;

use super::canonical::{Told, ToldAddress, ToldLine};
use super::id::Id;
use crate::channel::ChannelError;

/// An order with one page of its lines.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GraphOrder {
    legacy_resource_id: Id,
    number: Option<Id>,
    name: Option<String>,
    created_at: Option<String>,
    processed_at: Option<String>,
    updated_at: Option<String>,
    cancelled_at: Option<String>,
    cancel_reason: Option<String>,
    closed_at: Option<String>,
    test: Option<bool>,
    display_financial_status: Option<String>,
    display_fulfillment_status: Option<String>,
    currency_code: Option<String>,
    current_total_price_set: Option<MoneyBag>,
    total_price_set: Option<MoneyBag>,
    total_shipping_price_set: Option<MoneyBag>,
    email: Option<String>,
    phone: Option<String>,
    note: Option<String>,
    source_name: Option<String>,
    tags: Option<Vec<String>>,
    shipping_line: Option<ShippingLine>,
    shipping_address: Option<GraphAddress>,
    line_items: Lines,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lines {
    page_info: PageInfo,
    nodes: Vec<GraphLine>,
}

/// Whether a list goes on, and from where.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

impl PageInfo {
    /// The cursor of the next page, if there is one. A list that goes on without saying where must
    /// not pass for a whole one.
    pub(super) fn next(self) -> Result<Option<String>, ChannelError> {
        match self {
            Self { has_next_page: false, .. } => Ok(None),
            Self { end_cursor: Some(cursor), .. } => Ok(Some(cursor)),
            Self { end_cursor: None, .. } => {
                Err(ChannelError::Protocol("a list goes on without saying where".to_owned()))
            }
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MoneyBag {
    shop_money: Option<Money>,
}

#[derive(Debug, Deserialize)]
struct Money {
    amount: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ShippingLine {
    title: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GraphAddress {
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    company: Option<String>,
    address1: Option<String>,
    address2: Option<String>,
    city: Option<String>,
    province: Option<String>,
    province_code: Option<String>,
    zip: Option<String>,
    country: Option<String>,
    country_code_v2: Option<String>,
    phone: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct GraphLine {
    id: String,
    sku: Option<String>,
    name: Option<String>,
    title: Option<String>,
    current_quantity: Option<i64>,
    quantity: Option<i64>,
    unfulfilled_quantity: Option<i64>,
    original_unit_price_set: Option<MoneyBag>,
    product: Option<Linked>,
    variant: Option<Linked>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Linked {
    legacy_resource_id: Id,
}

impl GraphOrder {
    /// The head of its version, as told.
    pub(super) fn updated_at(&self) -> Option<&str> {
        self.updated_at.as_deref()
    }

    /// When it was created, as told: the same format and zone for every order of an answer.
    pub(super) fn created_at(&self) -> Option<&str> {
        self.created_at.as_deref()
    }

    /// The name that the cart shows.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The number in the name.
    pub(super) fn number(&self) -> Option<Id> {
        self.number
    }

    /// The cart's id.
    pub(super) fn id(&self) -> Id {
        self.legacy_resource_id
    }

    /// Takes where its lines go on, if there are more.
    pub(super) fn take_next_lines(&mut self) -> Result<Option<String>, ChannelError> {
        std::mem::take(&mut self.line_items.page_info).next()
    }

    /// Adds the lines of a further page.
    pub(super) fn append(&mut self, page: GraphOrder) {
        self.line_items.nodes.extend(page.line_items.nodes);
    }

    /// The order in the cart's words; `None` if the global id of a line holds no id.
    pub(super) fn told(&self) -> Option<Told<'_>> {
        let lines: Option<Vec<_>> = self.line_items.nodes.iter().map(GraphLine::told).collect();
        Some(Told {
            id: self.legacy_resource_id,
            number: self.number,
            name: self.name.as_deref(),
            created_at: self.created_at.as_deref(),
            processed_at: self.processed_at.as_deref(),
            updated_at: self.updated_at.as_deref(),
            cancelled_at: self.cancelled_at.as_deref(),
            cancel_reason: self.cancel_reason.as_deref(),
            closed_at: self.closed_at.as_deref(),
            test: self.test == Some(true),
            financial_status: self.display_financial_status.as_deref(),
            fulfillment_status: self.display_fulfillment_status.as_deref(),
            currency: self.currency_code.as_deref(),
            total: shop_money(self.current_total_price_set.as_ref()),
            original_total: shop_money(self.total_price_set.as_ref()),
            shipping: shop_money(self.total_shipping_price_set.as_ref()),
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            note: self.note.as_deref(),
            source: self.source_name.as_deref(),
            shipping_method: self.shipping_line.as_ref().and_then(|line| line.title.as_deref()),
            tags: self.tags.iter().flatten().map(String::as_str).collect(),
            address: self.shipping_address.as_ref().map(GraphAddress::told),
            lines: lines?,
        })
    }
}

impl GraphAddress {
    fn told(&self) -> ToldAddress<'_> {
        ToldAddress {
            name: self.name.as_deref(),
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            company: self.company.as_deref(),
            address1: self.address1.as_deref(),
            address2: self.address2.as_deref(),
            city: self.city.as_deref(),
            province: self.province.as_deref(),
            province_code: self.province_code.as_deref(),
            zip: self.zip.as_deref(),
            country: self.country.as_deref(),
            country_code: self.country_code_v2.as_deref(),
            phone: self.phone.as_deref(),
        }
    }
}

impl GraphLine {
    fn told(&self) -> Option<ToldLine<'_>> {
        Some(ToldLine {
            id: Id::of_gid(&self.id)?,
            sku: self.sku.as_deref(),
            name: self.name.as_deref(),
            title: self.title.as_deref(),
            current_quantity: self.current_quantity,
            quantity: self.quantity,
            unfulfilled_quantity: self.unfulfilled_quantity,
            unit_price: shop_money(self.original_unit_price_set.as_ref()),
            product_id: self.product.as_ref().map(|product| product.legacy_resource_id),
            variant_id: self.variant.as_ref().map(|variant| variant.legacy_resource_id),
        })
    }
}

fn shop_money(bag: Option<&MoneyBag>) -> Option<&str> {
    bag?.shop_money.as_ref()?.amount.as_deref()
}
