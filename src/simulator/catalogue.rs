//! What the simulated store sells, to whom, and how an order comes about.

use serde::{Deserialize, Serialize};

use super::order::{Address, Financial, Line, Order};
use super::random::Chance;
use super::time::At;

/// (stock-keeping unit, title, maker, hundredths, whether it is a product of the catalogue)
type Item = (Option<&'static str>, &'static str, Option<&'static str>, i64, bool);

const FIRST: Item = (Some("CANDLE-FIR"), "Fir & Smoke candle", Some("Pine & Wick"), 2400, true);

/// With everything that makes readers stumble: ampersands, slashes, accents, no or empty SKUs.
const ITEMS: &[Item] = &[
    (Some("CANDLE-SALT"), "Salt/Cedar candle", Some("Pine & Wick"), 2600, true),
    (Some("CANDLE-FIG"), "Fig candle \"Été\"", Some("Pine & Wick"), 2800, true),
    (Some("WICK-3/8"), "Cotton wick 3/8 in", Some("Kordel KG"), 450, true),
    (Some("TIN-200"), "Travel tin, 200 ml", Some("Pine & Wick"), 1250, true),
    (Some("SNUFFER"), "Brass snuffer <small>", None, 1900, true),
    (Some("MATCHES"), "Long matches", Some("Hölzl & Söhne"), 380, true),
    (Some(""), "Sample pack", Some("Pine & Wick"), 500, true),
    (None, "Gift wrap", None, 300, false),
];

const BUYERS: &[(&str, &str)] = &[
    ("Ada", "Byron"),
    ("Noor", "Haddad"),
    ("Jean-Luc", "O'Brien"),
    ("Søren", "Åkesson"),
    ("Mei", "Tanaka"),
    ("Zoë", "van der Berg"),
    ("Tom", "Baker"),
];

type Place = (
    &'static str,
    &'static str,
    Option<(&'static str, &'static str)>,
    &'static str,
    (&'static str, &'static str),
);

const PLACES: &[Place] = &[
    ("1 Mill Lane", "Portland", Some(("Oregon", "OR")), "97201", ("United States", "US")),
    ("77 Pine St & 3rd", "Burlington", Some(("Vermont", "VT")), "05401", ("United States", "US")),
    ("Calle 8 n/a", "San Antonio", Some(("Texas", "TX")), "78205", ("United States", "US")),
    ("12 Rue de l'Église", "Montréal", Some(("Quebec", "QC")), "H2Y 1C6", ("Canada", "CA")),
    ("Großer Weg 5", "Köln", None, "50667", ("Germany", "DE")),
];

const HOME: Place =
    ("4 Harbor Rd", "Portland", Some(("Maine", "ME")), "04101", ("United States", "US"));

const TAGS: &[&str] = &["gift", "first order", "wholesale", "newsletter"];

/// What a placed order has to be like; what is not said is drawn.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wish {
    /// What was paid; paid, if not said.
    pub financial_status: Option<Financial>,
    /// Exactly so many lines.
    pub lines: Option<u32>,
    /// Exactly these lines.
    pub line_items: Vec<WishedLine>,
    /// The buyer's note.
    pub note: Option<String>,
    /// A test order.
    pub test: bool,
    /// Placed that many days ago.
    pub days_ago: u32,
    /// Placed without telling anybody.
    pub quiet: bool,
}

/// A line that a placed order must have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WishedLine {
    /// Stock-keeping unit.
    pub sku: Option<String>,
    /// Title; the SKU, if not said.
    #[serde(default)]
    pub title: Option<String>,
    /// Units.
    pub quantity: u32,
    /// Price of one unit, in hundredths.
    pub cents: i64,
}

/// The order with that number, as its seed draws it.
pub(super) fn order(
    seed: u64,
    number: u64,
    now: At,
    wish: &Wish,
    fresh_id: &mut dyn FnMut() -> u64,
) -> Order {
    let mut chance = Chance::new(seed, "order", number);
    let placed_at = now.minus_seconds(i64::from(wish.days_ago) * 86_400).seconds();
    let (first_name, last_name) = chance.pick(("Grace", "Hopper"), BUYERS);
    let (address1, city, province, zip, country) = chance.pick(HOME, PLACES);
    let owned = |(name, code): (&str, &str)| (name.to_owned(), code.to_owned());
    let address = Address {
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
        address1: address1.to_owned(),
        city: city.to_owned(),
        province: province.map(owned),
        zip: zip.to_owned(),
        country: owned(country),
    };
    let mailbox: String = last_name.chars().filter(char::is_ascii_alphabetic).collect();
    let digital = chance.hits(0.05);
    let tags = if chance.hits(0.4) {
        vec![chance.pick("repeat", TAGS).to_owned(), chance.pick("web", TAGS).to_owned()]
    } else {
        Vec::new()
    };
    let note = chance.hits(0.2).then(|| "Leave it at the back door / ring & wait".to_owned());
    let drawn = chance.up_to(4);
    let id = fresh_id();
    let lines = if wish.line_items.is_empty() {
        (0..wish.lines.unwrap_or(drawn)).map(|_| line(&mut chance, fresh_id())).collect()
    } else {
        wish.line_items.iter().map(|wished| wished_line(wished, fresh_id())).collect()
    };
    let mut order = Order {
        id,
        number: 1000 + number,
        placed_at,
        updated_at: placed_at,
        cancelled_at: None,
        cancel_reason: None,
        closed_at: None,
        edited: false,
        test: wish.test,
        note: wish.note.clone().or(note),
        tags,
        email: Some(format!("{}{number}@example.com", mailbox.to_lowercase())),
        address: (!digital).then_some(address),
        lines,
        shipping_cents: if digital { 0 } else { 595 },
        financial: wish.financial_status.unwrap_or(Financial::Paid),
        refunds: Vec::new(),
        deleted_at: None,
        revision: 0,
        changes: Vec::new(),
    };
    order.touched(if wish.days_ago == 0 { now } else { placed_at });
    order
}

/// A drawn line.
pub(super) fn line(chance: &mut Chance, id: u64) -> Line {
    let (sku, title, vendor, cents, product) = chance.pick(FIRST, ITEMS);
    let quantity = if chance.hits(0.7) { 1 } else { chance.up_to(5) };
    let known =
        title.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte)) % 90_000;
    Line {
        id,
        sku: sku.map(str::to_owned),
        title: title.to_owned(),
        vendor: vendor.map(str::to_owned),
        quantity,
        current_quantity: quantity,
        fulfilled: 0,
        cents,
        product_id: product.then_some(632_910_000 + known),
        variant_id: product.then_some(808_950_000 + known),
    }
}

fn wished_line(wished: &WishedLine, id: u64) -> Line {
    let title = wished.title.clone().or_else(|| wished.sku.clone());
    Line {
        id,
        sku: wished.sku.clone(),
        title: title.unwrap_or_else(|| "Custom item".to_owned()),
        vendor: None,
        quantity: wished.quantity,
        current_quantity: wished.quantity,
        fulfilled: 0,
        cents: wished.cents,
        product_id: None,
        variant_id: None,
    }
}
