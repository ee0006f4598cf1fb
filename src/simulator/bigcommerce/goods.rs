//! What the store sells, and how much of it is there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::time::At;
use super::order::Order;

/// What a stock is kept of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracking {
    /// Nothing: there is always enough.
    None,
    Product,
    Variant,
}

impl Tracking {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Product => "product",
            Self::Variant => "variant",
        }
    }
}

/// One kind of thing that people buy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Good {
    /// 0 for what is in no catalogue.
    pub(super) product_id: u64,
    pub(super) sku: &'static str,
    pub(super) name: &'static str,
    pub(super) price_cents: i64,
    pub(super) tracking: Tracking,
}

const fn good(
    product_id: u64,
    sku: &'static str,
    name: &'static str,
    price_cents: i64,
    tracking: Tracking,
) -> Good {
    Good { product_id, sku, name, price_cents, tracking }
}

/// Everything; the last is made to order and in no catalogue.
pub(super) const GOODS: [Good; 6] = [
    good(70, "HOOK-S", "Iron hook, small", 450, Tracking::Product),
    good(71, "HOOK-L", "Iron hook \"XL\" & screws", 890, Tracking::Product),
    good(72, "STOOL", "Oak stool", 12_900, Tracking::Variant),
    good(73, "BOARD-3/4", "Cutting board 3/4 in", 3_450, Tracking::Product),
    good(74, "OIL", "Wood oil, 500 ml", 1_575, Tracking::None),
    good(0, "", "Sample <offcut>", 0, Tracking::None),
];

/// The place where stock is: the store's default location.
pub(super) const LOCATION: u64 = 1;
/// On hand of each in a new store.
const FIRST: i64 = 1_000;

/// What is on hand, and when each product last changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Stock {
    on_hand: BTreeMap<u64, i64>,
    changed: BTreeMap<u64, At>,
}

impl Good {
    /// All that are in the catalogue.
    pub(super) fn catalogue() -> impl Iterator<Item = &'static Self> {
        GOODS.iter().filter(|good| good.product_id != 0)
    }

    /// Each is one variant: the base variant of its product.
    pub(super) const fn variant_id(&self) -> u64 {
        self.product_id + 100
    }
}

impl Stock {
    pub(super) fn on_hand(&self, product: u64) -> i64 {
        self.on_hand.get(&product).copied().unwrap_or(FIRST)
    }

    pub(super) fn changed(&self, product: u64) -> At {
        self.changed.get(&product).copied().unwrap_or_default()
    }

    pub(super) fn set(&mut self, product: u64, units: i64, now: At) {
        self.on_hand.insert(product, units);
        self.changed.insert(product, now);
    }

    /// Takes what is ordered; gives back what is tracked, and how much of it went.
    pub(super) fn take(&mut self, order: &Order) -> Vec<(&'static Good, i64)> {
        let lines = order.now().lines.iter();
        let tracked = lines.filter_map(|line| {
            let good = Good::catalogue().find(|good| good.product_id == line.product_id)?;
            (good.tracking != Tracking::None).then_some((good, i64::from(line.quantity)))
        });
        let taken: Vec<_> = tracked.collect();
        for (good, units) in &taken {
            let left = self.on_hand(good.product_id) - units;
            self.set(good.product_id, left, order.placed);
        }
        taken
    }
}
