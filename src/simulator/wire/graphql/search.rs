//! The search syntax of lists, as far as the shop understands it: terms joined by spaces or `AND`.
//! What it does not know is left out with a warning, so that a typo finds everything.

use serde_json::{Value, json};

use crate::simulator::order::{Fulfilment, Order};
use crate::simulator::time::At;

/// A search for orders.
#[derive(Debug, Default)]
pub(super) struct Search {
    terms: Vec<Term>,
    /// Entries of `extensions.search[].warnings`.
    warnings: Vec<Value>,
}

#[derive(Debug)]
struct Term {
    field: Field,
    comparator: Comparator,
    value: String,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Id,
    Name,
    Status,
    FinancialStatus,
    FulfillmentStatus,
    CreatedAt,
    UpdatedAt,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparator {
    Is,
    Less,
    LessOrSame,
    More,
    MoreOrSame,
}

impl Search {
    pub(super) fn parse(text: &str) -> Self {
        let mut search = Self::default();
        for term in split(text).into_iter().filter(|term| term != "AND") {
            search.term(&term);
        }
        search
    }

    fn term(&mut self, term: &str) {
        let Some((name, rest)) = term.split_once(':') else {
            return self.warn(term, "Free text is not searched.", "unsupported");
        };
        let field = match name {
            "id" => Field::Id,
            "name" => Field::Name,
            "status" => Field::Status,
            "financial_status" => Field::FinancialStatus,
            "fulfillment_status" => Field::FulfillmentStatus,
            "created_at" => Field::CreatedAt,
            "updated_at" => Field::UpdatedAt,
            _ => return self.warn(name, "Invalid search field for this query.", "invalid_field"),
        };
        let (comparator, value) = match rest {
            _ if rest.starts_with(">=") => (Comparator::MoreOrSame, rest.get(2..)),
            _ if rest.starts_with("<=") => (Comparator::LessOrSame, rest.get(2..)),
            _ if rest.starts_with('>') => (Comparator::More, rest.get(1..)),
            _ if rest.starts_with('<') => (Comparator::Less, rest.get(1..)),
            _ => (Comparator::Is, Some(rest)),
        };
        let value = unquote(value.unwrap_or_default()).to_owned();
        let is_time = matches!(field, Field::CreatedAt | Field::UpdatedAt);
        if is_time && At::parse(&value).is_none() {
            return self.warn(name, "Input `value` is not an acceptable date.", "invalid_value");
        }
        self.terms.push(Term { field, comparator, value });
    }

    fn warn(&mut self, field: &str, message: &str, code: &str) {
        self.warnings.push(json!({"field": field, "message": message, "code": code}));
    }

    /// Entries of `extensions.search` for the list at `path`, when there is something to warn of.
    pub(super) fn warnings(&self, path: &str, text: &str) -> Option<Value> {
        let warned = !self.warnings.is_empty();
        warned.then(|| json!({"path": [path], "query": text, "warnings": self.warnings}))
    }

    /// Whether an order is found. `updated_at` is what the search index has, which may lag.
    pub(super) fn finds(&self, order: &Order, updated_at: At) -> bool {
        self.terms.iter().all(|term| term.finds(order, updated_at))
    }
}

impl Term {
    fn finds(&self, order: &Order, updated_at: At) -> bool {
        let value = self.value.as_str();
        match self.field {
            Field::Id => value.parse().is_ok_and(|id: u64| self.comparator.holds(&order.id, &id)),
            Field::Name => {
                let bare = |name: &str| name.trim_start_matches('#').to_lowercase();
                bare(&order.name()) == bare(value)
            }
            Field::Status => match value {
                "open" => order.closed_at.is_none() && order.cancelled_at.is_none(),
                "closed" => order.closed_at.is_some() && order.cancelled_at.is_none(),
                "cancelled" => order.cancelled_at.is_some(),
                "not_closed" => order.closed_at.is_none(),
                _ => true,
            },
            Field::FinancialStatus => order.financial.name() == value,
            Field::FulfillmentStatus => match order.fulfilment() {
                Fulfilment::Unfulfilled => matches!(value, "unfulfilled" | "unshipped"),
                Fulfilment::Partial => value == "partial",
                Fulfilment::Fulfilled => matches!(value, "fulfilled" | "shipped"),
            },
            Field::CreatedAt => self.at(order.placed_at),
            Field::UpdatedAt => self.at(updated_at),
        }
    }

    fn at(&self, at: At) -> bool {
        At::parse(&self.value).is_some_and(|wanted| self.comparator.holds(&at, &wanted))
    }
}

impl Comparator {
    fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Is => left == right,
            Self::Less => left < right,
            Self::LessOrSame => left <= right,
            Self::More => left > right,
            Self::MoreOrSame => left >= right,
        }
    }
}

fn unquote(text: &str) -> &str {
    let inside = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('\'').or_else(|| inside('"')).unwrap_or(text)
}

/// Splits at spaces outside quotes.
fn split(text: &str) -> Vec<String> {
    let (mut terms, mut term, mut quote) = (Vec::new(), String::new(), None);
    for c in text.chars() {
        match (quote, c) {
            (None, c) if c.is_whitespace() => terms.push(std::mem::take(&mut term)),
            (None, '\'' | '"') => {
                quote = Some(c);
                term.push(c);
            }
            (Some(open), c) => {
                if c == open {
                    quote = None;
                }
                term.push(c);
            }
            (None, c) => term.push(c),
        }
    }
    terms.push(term);
    terms.retain(|term| !term.is_empty());
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::catalogue::{Wish, order};

    fn finds(query: &str) -> bool {
        let placed = At::parse("2026-11-20T14:00:00Z").unwrap();
        let mut id = 0;
        let order = order(1, 1, placed, &Wish::default(), &mut || {
            id += 1;
            id
        });
        let search = Search::parse(query);
        assert!(search.warnings.is_empty(), "{search:?}");
        search.finds(&order, order.updated_at)
    }

    #[test]
    fn terms_are_joined_and_times_are_instants() {
        for query in [
            "",
            "updated_at:>='2026-11-20T14:00:00Z'",
            "updated_at:>='2026-11-20T09:00:00-05:00' AND status:open",
            "updated_at:<'2026-11-20T14:00:01Z' name:'#1001'",
            "name:1001 financial_status:paid fulfillment_status:unfulfilled",
            "id:1 created_at:'2026-11-20T14:00:00Z'",
        ] {
            assert!(finds(query), "{query}");
        }
        for query in ["updated_at:>'2026-11-20T14:00:00Z'", "name:'#100'", "status:cancelled"] {
            assert!(!finds(query), "{query}");
        }
    }

    #[test]
    fn a_typo_finds_everything_and_is_warned_of() {
        let search = Search::parse("updated_att:>='2026-11-20T14:00:00Z'");
        let warned = search.warnings("orders", "updated_att:…").unwrap();
        assert_eq!(warned["warnings"][0]["code"], "invalid_field");
        assert!(search.terms.is_empty());
        assert!(Search::parse("updated_at:>=yesterday").warnings("orders", "").is_some());
    }
}
