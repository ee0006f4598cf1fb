//! The rules, proved one by one; each test is named after its rule.
//!
//! A [`Book`] holds one order and plays inputs to it; sightings are built from [`paid`].

mod bigcommerce;
mod cart_changes;
mod commands;
mod edits;
mod flags;
mod import;
mod merging;
mod missed;
mod model;
mod properties;
mod re_examined;
mod review;
mod revisions;
mod totality;
mod versions;

use super::super::order::{Flag, Order, Status};
use super::super::rules::{Archives, Cancels, Declined, Edits, Rules, ShippedInCart};
use super::super::sighting::{CartState, Content, Line, Sighting, Totals};
use super::super::{
    AccountId, Amount, By, ChannelKind, Command, Entry, EventState, HeldBack, Kind, Source,
    StoreId, Timestamp, Tracking,
};
use super::{Context, Decision, Input, Refusal, decide};

/// A second of the day the tests play on.
fn at(second: i64) -> Timestamp {
    Timestamp(1_700_000_000_000_000 + second * 1_000_000)
}

/// A paid order as it is in the cart at `second`.
fn paid(second: i64) -> Sighting {
    let amount = |text| Amount::parse(text, "EUR").unwrap();
    Sighting {
        cart_order_id: "5001".into(),
        number: "1001".to_owned(),
        name: "#1001".to_owned(),
        placed_at: at(0),
        updated_at: at(second),
        cart: CartState { financial_status: Some("paid".to_owned()), ..CartState::default() },
        content: Content {
            currency: "EUR".to_owned(),
            totals: Totals {
                total: amount("25.00"),
                original_total: amount("25.00"),
                shipping: amount("5.00"),
            },
            lines: vec![Line {
                cart_line_id: "71".to_owned(),
                sku: Some("CUP".to_owned()),
                name: "Cup".to_owned(),
                quantity: 2,
                unit_price: amount("10.00"),
                product_id: None,
                variant_id: None,
            }],
            ..Content::default()
        },
    }
}

/// An order of BigCommerce in that status, as it is in the cart at `second`.
fn standing(status: i64, second: i64) -> Sighting {
    let mut said = paid(second);
    said.cart = CartState { status_id: Some(status), ..CartState::default() };
    said
}

/// What may be different about a sighting.
trait Said: Sized {
    fn payment(self, status: &str) -> Self;
    fn fulfilment(self, status: &str) -> Self;
    fn cancelled(self, second: i64) -> Self;
    fn archived(self) -> Self;
    fn test(self) -> Self;
    fn edited(self, note: &str) -> Self;
    fn quantity(self, units: u32) -> Self;
    fn with_line(self, id: &str, sku: &str, units: u32) -> Self;
}

impl Said for Sighting {
    fn payment(mut self, status: &str) -> Self {
        self.cart.financial_status = Some(status.to_owned());
        self
    }

    fn fulfilment(mut self, status: &str) -> Self {
        self.cart.fulfillment_status = Some(status.to_owned());
        self
    }

    fn cancelled(mut self, second: i64) -> Self {
        self.cart.cancelled_at = Some(at(second));
        self.cart.cancel_reason = Some("customer".to_owned());
        self
    }

    fn archived(mut self) -> Self {
        self.cart.archived = true;
        self
    }

    fn test(mut self) -> Self {
        self.cart.test = true;
        self
    }

    fn edited(mut self, note: &str) -> Self {
        self.content.note = Some(note.to_owned());
        self
    }

    /// So many cups; the cart's total follows.
    fn quantity(mut self, units: u32) -> Self {
        self.content.lines[0].quantity = units;
        added_up(self)
    }

    fn with_line(mut self, id: &str, sku: &str, units: u32) -> Self {
        let mut line = self.content.lines[0].clone();
        line.cart_line_id = id.to_owned();
        line.sku = Some(sku.to_owned());
        line.quantity = units;
        self.content.lines.push(line);
        added_up(self)
    }
}

/// The cart's total is its lines and 5.00 of shipping.
fn added_up(mut said: Sighting) -> Sighting {
    said.content.add_up(Amount::ZERO);
    said
}

/// One order, and everything that was told of it.
#[derive(Clone)]
struct Book {
    channel: ChannelKind,
    rules: Rules,
    held_elsewhere: bool,
    missed: bool,
    now: i64,
    order: Option<Order>,
    timeline: Vec<Entry>,
}

impl Book {
    /// Nothing is known yet; Shopify's default rules.
    fn new() -> Self {
        Self::of(ChannelKind::Shopify)
    }

    /// Nothing is known yet; the default rules of that cart.
    fn of(channel: ChannelKind) -> Self {
        Self {
            channel,
            rules: Rules::defaults(channel),
            held_elsewhere: false,
            missed: false,
            now: 1000,
            order: None,
            timeline: Vec::new(),
        }
    }

    fn with(change: impl FnOnce(&mut Rules)) -> Self {
        let mut book = Self::new();
        change(&mut book.rules);
        book
    }

    /// A book in which these webhooks have come.
    fn after(webhooks: impl IntoIterator<Item = Sighting>) -> Self {
        let mut book = Self::new();
        for sighting in webhooks {
            book.webhook(&sighting);
        }
        book
    }

    fn webhook(&mut self, sighting: &Sighting) -> Decision {
        self.see(sighting, Source::Webhook, at(0))
    }

    fn poll(&mut self, sighting: &Sighting, read: i64) -> Decision {
        self.see(sighting, Source::Poll, at(read))
    }

    fn fetch(&mut self, sighting: &Sighting, read: i64) -> Decision {
        self.see(sighting, Source::Fetch, at(read))
    }

    fn see(&mut self, sighting: &Sighting, source: Source, read_at: Timestamp) -> Decision {
        let by = match source {
            Source::Poll => By::Autosync,
            _ => By::Cart(self.channel),
        };
        self.play(&Input::Seen { sighting, source, read_at }, by).unwrap()
    }

    fn gone(&mut self, read: i64) -> Decision {
        let by = By::Cart(self.channel);
        self.play(&Input::Gone { read_at: at(read) }, by).unwrap()
    }

    fn ask(&mut self, command: &Command) -> Result<Decision, Refusal> {
        self.play(&Input::Asked(command), By::Person("Anna".to_owned()))
    }

    /// Decides one input a second after the last, and checks what holds for every decision.
    fn play(&mut self, input: &Input<'_>, by: By) -> Result<Decision, Refusal> {
        self.now += 1;
        let context = Context {
            now: at(self.now),
            account: AccountId(1),
            store: StoreId(7),
            index: 3,
            channel: self.channel,
            rules: &self.rules,
            by,
            held_elsewhere: self.held_elsewhere,
            missed: self.missed,
        };
        let decision = decide(self.order.as_ref(), input, &context)?;
        if let Some(after) = &decision.order {
            let version = self.order.as_ref().map_or(0, |before| before.row_version);
            assert_eq!(after.row_version, version + 1);
            assert_eq!(after.held_back.is_some(), after.status == Status::HeldBack);
            let waits = after.cart_side.open_since.is_some();
            assert_eq!(waits, after.revision().is_some(), "waits for what can be decided");
            self.order = Some(after.clone());
        } else {
            assert!(decision.timeline.is_empty(), "told of a change that is not written");
        }
        self.timeline.extend(decision.timeline.iter().cloned());
        Ok(decision)
    }

    /// The rules change and a person asks to look again at what is held back.
    fn re_examine(&mut self) -> Decision {
        self.play(&Input::ReExamined, By::Person("Anna".to_owned())).unwrap()
    }

    fn order(&self) -> &Order {
        self.order.as_ref().expect("the order is known")
    }

    fn status(&self) -> Status {
        self.order().status
    }

    fn flags(&self) -> Vec<Flag> {
        self.order().flags.iter().collect()
    }

    fn kinds(&self) -> Vec<Kind> {
        kinds(&self.timeline)
    }

    /// The one check most rules come to.
    fn check(&self, status: Status, flags: &[Flag]) {
        assert_eq!((self.status(), self.flags().as_slice()), (status, flags));
    }
}

fn kinds(timeline: &[Entry]) -> Vec<Kind> {
    timeline.iter().map(|entry| entry.kind).collect()
}

/// How an event ended.
fn ending(decision: &Decision) -> (EventState, Option<&'static str>) {
    (decision.state, decision.reason)
}

fn cancel() -> Command {
    Command::Cancel { reason: None }
}

fn ship() -> Command {
    Command::Ship(Tracking::default())
}
