//! An order and its timeline.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::timeline::{self, Details};
use crate::domain::{Address, CartState, Line, Order, Timestamp, Totals, Tracking};
use crate::ledger::{StoreListing, TimelineRow};

/// An order of the book, or one that is held back.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Order)]
pub(in crate::web::api) struct OrderView {
    /// Its name in routes.
    id: String,
    /// Our number: the store's index, a dash, the cart's number. A name, not a key (R16).
    order_number: String,
    /// The cart's id, as text (R15).
    cart_order_id: String,
    /// As the cart shows it.
    cart_order_name: String,
    /// The store's slug.
    store: String,
    /// Which kind of cart.
    channel: &'static str,
    /// `awaiting_fulfillment`, `dropshipment_requested`, `shipped`, `cancelled` or `held_back`.
    status: &'static str,
    /// Why it is not in the book (R13).
    held_back: Option<&'static str>,
    /// `instasync`, `autosync` or `manual`.
    arrived_by: &'static str,
    flags: Vec<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    placed_at: Timestamp,
    /// When the cart says it last changed.
    #[schema(value_type = String, format = DateTime)]
    cart_updated_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// Counts its changes; its `ETag`.
    version: u64,
    /// ISO 4217 code of every amount.
    currency: String,
    totals: TotalsView,
    lines: Vec<LineView>,
    shipping_address: Option<AddressView>,
    shipping_method: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    note: Option<String>,
    tags: Vec<String>,
    /// Where it came from inside the cart.
    source: Option<String>,
    tracking: Option<TrackingView>,
    cart: CartView,
    /// Whether a change of the cart waits for a decision (R28).
    has_revision: bool,
}

/// Sums as the cart states them, as decimals in text.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Totals)]
struct TotalsView {
    total: String,
    original_total: String,
    shipping: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Line)]
struct LineView {
    sku: Option<String>,
    name: String,
    quantity: u32,
    unit_price: String,
    cart_line_id: String,
    /// The cart's id of the product.
    product_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Address)]
struct AddressView {
    name: Option<String>,
    company: Option<String>,
    address1: Option<String>,
    address2: Option<String>,
    city: Option<String>,
    province: Option<String>,
    province_code: Option<String>,
    zip: Option<String>,
    country: Option<String>,
    country_code: Option<String>,
    phone: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Tracking)]
struct TrackingView {
    tracking_number: Option<String>,
    carrier: Option<String>,
    tracking_url: Option<String>,
}

/// The cart's own statuses, in its words.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CartState)]
struct CartView {
    financial_status: Option<String>,
    fulfillment_status: Option<String>,
    status_id: Option<i64>,
    #[schema(value_type = Option<String>, format = DateTime)]
    cancelled_at: Option<Timestamp>,
    archived: bool,
}

impl OrderView {
    pub(in crate::web::api) fn new(order: &Order, store: &StoreListing) -> Self {
        let content = &order.content;
        Self {
            id: order.id.to_string(),
            order_number: order.number.clone(),
            cart_order_id: order.id.cart.to_string(),
            cart_order_name: order.cart_name.clone(),
            store: store.slug.to_string(),
            channel: store.channel.as_str(),
            status: order.status.as_str(),
            held_back: order.held_back.map(crate::domain::HeldBack::as_str),
            arrived_by: order.arrived_by.as_str(),
            flags: order.flags.iter().map(crate::domain::Flag::as_str).collect(),
            placed_at: order.placed_at,
            cart_updated_at: order.guard.newest.updated_at,
            created_at: order.created_at,
            updated_at: order.updated_at,
            version: order.row_version,
            currency: content.currency.clone(),
            totals: TotalsView::new(&content.totals),
            lines: content.lines.iter().map(LineView::new).collect(),
            shipping_address: content.shipping_address.as_ref().map(AddressView::new),
            shipping_method: content.shipping_method.clone(),
            email: content.email.clone(),
            phone: content.phone.clone(),
            note: content.note.clone(),
            tags: content.tags.clone(),
            source: content.source.clone(),
            tracking: order.tracking.as_ref().map(TrackingView::new),
            cart: CartView::new(&order.cart),
            has_revision: order.cart_side.open_since.is_some(),
        }
    }
}

impl TotalsView {
    fn new(totals: &Totals) -> Self {
        Self {
            total: totals.total.to_string(),
            original_total: totals.original_total.to_string(),
            shipping: totals.shipping.to_string(),
        }
    }
}

impl LineView {
    fn new(line: &Line) -> Self {
        Self {
            sku: line.sku.clone(),
            name: line.name.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price.to_string(),
            cart_line_id: line.cart_line_id.clone(),
            product_id: line.product_id.clone(),
        }
    }
}

impl AddressView {
    fn new(address: &Address) -> Self {
        let address = address.clone();
        Self {
            name: address.name,
            company: address.company,
            address1: address.address1,
            address2: address.address2,
            city: address.city,
            province: address.province,
            province_code: address.province_code,
            zip: address.zip,
            country: address.country,
            country_code: address.country_code,
            phone: address.phone,
        }
    }
}

impl TrackingView {
    fn new(tracking: &Tracking) -> Self {
        Self {
            tracking_number: tracking.tracking_number.clone(),
            carrier: tracking.carrier.clone(),
            tracking_url: tracking.tracking_url.clone(),
        }
    }
}

impl CartView {
    fn new(cart: &CartState) -> Self {
        Self {
            financial_status: cart.financial_status.clone(),
            fulfillment_status: cart.fulfillment_status.clone(),
            status_id: cart.status_id,
            cancelled_at: cart.cancelled_at,
            archived: cart.archived,
        }
    }
}

/// One thing that happened to an order (R19).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub(in crate::web::api) struct EntryView {
    #[schema(value_type = String, format = DateTime)]
    pub(in crate::web::api) at: Timestamp,
    /// What happened, as a word.
    kind: &'static str,
    /// What happened, as a sentence.
    pub(in crate::web::api) text: String,
    /// The event that caused it.
    event_id: String,
    /// Who caused it.
    by: String,
    /// The rule that decided.
    rule: String,
    /// Facts by name.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    details: Details,
}

impl EntryView {
    pub(in crate::web::api) fn new(row: TimelineRow) -> Self {
        Self {
            at: row.at,
            kind: row.kind.as_str(),
            text: timeline::sentence(row.kind, &row.by, &row.details),
            event_id: row.event.event_id(),
            by: row.by,
            rule: row.rule,
            details: row.details,
        }
    }
}
