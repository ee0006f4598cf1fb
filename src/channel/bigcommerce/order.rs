//! A V2 order in the one spelling of all carts (R12, R17).

use serde::Deserialize;

use super::lenient;
use crate::domain::{
    Address, Amount, CartOrderId, CartState, Content, Line, Sighting, Timestamp, Totals,
};

/// The field whose value cannot be what it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// An order as V2 tells it, with `include=consignments.line_items`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct V2Order {
    #[serde(deserialize_with = "lenient::whole")]
    pub(super) id: Option<i64>,
    #[serde(deserialize_with = "lenient::whole")]
    status_id: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    date_created: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    date_modified: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    payment_status: Option<String>,
    #[serde(deserialize_with = "lenient::flag")]
    is_deleted: bool,
    #[serde(deserialize_with = "lenient::flag")]
    is_tax_inclusive_pricing: bool,
    #[serde(deserialize_with = "lenient::text")]
    default_currency_code: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    currency_code: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    total_inc_tax: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    shipping_cost_inc_tax: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    shipping_cost_ex_tax: Option<String>,
    #[serde(deserialize_with = "lenient::whole")]
    items_total: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    customer_message: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    order_source: Option<String>,
    #[serde(deserialize_with = "lenient::object")]
    billing_address: Option<V2Address>,
    #[serde(deserialize_with = "lenient::object")]
    consignments: Option<Consignments>,
    /// Lines that were read by themselves.
    #[serde(skip)]
    pub(super) lines: Option<Vec<V2Line>>,
}

/// How the lines of an order reach the buyer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Consignments {
    #[serde(deserialize_with = "lenient::list")]
    shipping: Vec<Consignment>,
    #[serde(deserialize_with = "lenient::list")]
    pickups: Vec<Consignment>,
    #[serde(deserialize_with = "lenient::list")]
    downloads: Vec<Consignment>,
    #[serde(deserialize_with = "lenient::object")]
    email: Option<ByEmail>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ByEmail {
    #[serde(deserialize_with = "lenient::list")]
    gift_certificates: Vec<Consignment>,
}

/// One parcel, pickup or mail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Consignment {
    #[serde(flatten)]
    address: V2Address,
    #[serde(deserialize_with = "lenient::text")]
    shipping_method: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    pickup_method_display_name: Option<String>,
    #[serde(deserialize_with = "lenient::list")]
    line_items: Vec<V2Line>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct V2Address {
    #[serde(deserialize_with = "lenient::text")]
    first_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    last_name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    company: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    street_1: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    street_2: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    city: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    state: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    zip: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    country: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    country_iso2: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    phone: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    email: Option<String>,
}

/// A line. Without the include, only a link to one stands in its place: then it has no id.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct V2Line {
    #[serde(deserialize_with = "lenient::whole")]
    pub(super) id: Option<i64>,
    #[serde(deserialize_with = "lenient::whole")]
    product_id: Option<i64>,
    #[serde(deserialize_with = "lenient::whole")]
    variant_id: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    sku: Option<String>,
    #[serde(deserialize_with = "lenient::whole")]
    quantity: Option<i64>,
    #[serde(deserialize_with = "lenient::whole")]
    quantity_refunded: Option<i64>,
    #[serde(deserialize_with = "lenient::text")]
    price_ex_tax: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    price_inc_tax: Option<String>,
}

impl V2Order {
    /// The order's id as the rest of the house knows it.
    pub(super) fn cart_order_id(&self) -> Option<CartOrderId> {
        self.id.filter(|id| *id > 0).map(|id| CartOrderId(id.to_string()))
    }

    /// Whether the answer holds all lines: they come 50 to a page, and the include may give links
    /// in their place.
    pub(super) fn is_whole(&self) -> bool {
        let Some(consignments) = &self.consignments else { return false };
        let mut units: i64 = 0;
        for line in consignments.lines() {
            if line.id.is_none() {
                return false;
            }
            units = units.saturating_add(line.quantity.unwrap_or(0).max(0));
        }
        self.items_total.is_none_or(|total| units >= total)
    }

    /// The order as everything beyond this room knows it.
    pub(super) fn sighting(&self) -> Result<Sighting, Malformed> {
        let id = self.cart_order_id().ok_or(Malformed("id"))?;
        let created_at = time("date_created", self.date_created.as_deref())?;
        let modified_at = time("date_modified", self.date_modified.as_deref())?;
        let placed_at = created_at.or(modified_at).unwrap_or_default();
        Ok(Sighting {
            number: id.to_string(),
            name: id.to_string(),
            cart_order_id: id,
            placed_at,
            // Without the head of its version an order is no newer than its placing.
            updated_at: modified_at.unwrap_or(placed_at),
            cart: CartState {
                financial_status: self.payment_status.as_deref().map(str::to_lowercase),
                status_id: Some(self.status_id.ok_or(Malformed("status_id"))?),
                archived: self.is_deleted,
                ..CartState::default()
            },
            content: self.content()?,
        })
    }

    fn content(&self) -> Result<Content, Malformed> {
        // What the shopper pays in; the other one is what was shown.
        let currency = self.default_currency_code.as_ref().or(self.currency_code.as_ref());
        let currency = currency.map(|code| code.to_uppercase()).unwrap_or_default();
        let zero = Amount::ZERO.in_currency(&currency);
        let money = |field, told: Option<&String>| amount(field, told, &currency);
        let total = money("total_inc_tax", self.total_inc_tax.as_ref())?.unwrap_or(zero);
        let shipping = if self.is_tax_inclusive_pricing {
            money("shipping_cost_inc_tax", self.shipping_cost_inc_tax.as_ref())?
        } else {
            money("shipping_cost_ex_tax", self.shipping_cost_ex_tax.as_ref())?
        };
        let consignments = self.consignments.as_ref();
        let parcel = consignments.and_then(|all| all.shipping.first());
        let pickup = consignments.and_then(|all| all.pickups.first());
        let method = parcel.and_then(|parcel| parcel.shipping_method.clone());
        let buyer = self.billing_address.as_ref();
        Ok(Content {
            totals: Totals { total, original_total: total, shipping: shipping.unwrap_or(zero) },
            lines: self.lines(&currency)?,
            shipping_address: parcel.and_then(|parcel| parcel.address.address()),
            email: buyer.and_then(|buyer| buyer.email.clone()),
            phone: buyer.and_then(|buyer| buyer.phone.clone()),
            shipping_method: method
                .or_else(|| pickup.and_then(|pickup| pickup.pickup_method_display_name.clone())),
            note: self.customer_message.clone(),
            tags: Vec::new(),
            source: self.order_source.clone(),
            currency,
        })
    }

    /// The lines that are still wanted, by id, each once.
    fn lines(&self, currency: &str) -> Result<Vec<Line>, Malformed> {
        let told: Vec<&V2Line> = match (&self.lines, &self.consignments) {
            (Some(lines), _) => lines.iter().collect(),
            (None, Some(consignments)) => consignments.lines().collect(),
            (None, None) => Vec::new(),
        };
        let mut lines = Vec::with_capacity(told.len());
        for line in told {
            let id = line.id.ok_or(Malformed("line id"))?;
            let wanted = line
                .quantity
                .unwrap_or(0)
                .saturating_sub(line.quantity_refunded.unwrap_or(0).max(0));
            let quantity = u32::try_from(wanted.max(0)).map_err(|_| Malformed("quantity"))?;
            if quantity > 0 {
                lines.push((id, line.line(id, quantity, self.is_tax_inclusive_pricing, currency)?));
            }
        }
        lines.sort_by_key(|(id, _)| *id);
        lines.dedup_by_key(|(id, _)| *id);
        Ok(lines.into_iter().map(|(_, line)| line).collect())
    }
}

impl Consignments {
    fn lines(&self) -> impl Iterator<Item = &V2Line> {
        let gifts = self.email.iter().flat_map(|email| &email.gift_certificates);
        let all = self.shipping.iter().chain(&self.pickups).chain(&self.downloads).chain(gifts);
        all.flat_map(|consignment| &consignment.line_items)
    }
}

impl V2Line {
    fn line(
        &self,
        id: i64,
        quantity: u32,
        inclusive: bool,
        currency: &str,
    ) -> Result<Line, Malformed> {
        let price = if inclusive { &self.price_inc_tax } else { &self.price_ex_tax };
        let unit_price = amount("price", price.as_ref(), currency)?;
        // 0 stands for "no product of the catalogue".
        let known = |id: Option<i64>| id.filter(|id| *id > 0).map(|id| id.to_string());
        Ok(Line {
            cart_line_id: id.to_string(),
            sku: self.sku.clone(),
            name: self.name.clone().unwrap_or_default(),
            quantity,
            unit_price: unit_price.unwrap_or(Amount::ZERO.in_currency(currency)),
            product_id: known(self.product_id),
            variant_id: known(self.variant_id),
        })
    }
}

impl V2Address {
    fn address(&self) -> Option<Address> {
        let name = match (&self.first_name, &self.last_name) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let address = Address {
            name,
            company: self.company.clone(),
            address1: self.street_1.clone(),
            address2: self.street_2.clone(),
            city: self.city.clone(),
            province: self.state.clone(),
            province_code: None,
            zip: self.zip.clone(),
            country: self.country.clone(),
            country_code: self.country_iso2.clone(),
            phone: self.phone.clone(),
        };
        (address != Address::default()).then_some(address)
    }
}

fn time(field: &'static str, told: Option<&str>) -> Result<Option<Timestamp>, Malformed> {
    let Some(told) = told else { return Ok(None) };
    lenient::instant(told).map(Some).ok_or(Malformed(field))
}

fn amount(
    field: &'static str,
    told: Option<&String>,
    currency: &str,
) -> Result<Option<Amount>, Malformed> {
    let Some(told) = told else { return Ok(None) };
    Amount::parse(told, currency).map(Some).ok_or(Malformed(field))
}
