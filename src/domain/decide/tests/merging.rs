//! R28, R29: whatever the cart, people here and reviewers do to an order's content, and in whatever
//! order, its lines and totals add up and nobody's decision is lost.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::super::revision::{Part, Revision};
use super::super::super::{Choice, Edit, LineEdit};
use super::*;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// The cart has another content: lines by number and units, note, shipping in hundredths.
    Cart {
        lines: Vec<(u8, u32)>,
        note: Option<u8>,
        shipping: u8,
        tax: i8,
    },
    /// A line of the order gets so many units here, or one is added.
    Edit {
        line: Index,
        units: u32,
    },
    Add,
    Note(u8),
    /// Some of what waits is accepted or rejected.
    Decide {
        accept: bool,
        which: Option<Index>,
    },
    Ask(Command),
    Edits(Edits),
}

fn step() -> impl Strategy<Value = Step> {
    let lines = prop::collection::btree_map(0..5_u8, 1..5_u32, 1..4);
    let cart = (lines, prop::option::of(0..3_u8), 0..3_u8, -2..3_i8).prop_map(
        |(lines, note, shipping, tax)| Step::Cart {
            lines: lines.into_iter().collect(),
            note,
            shipping,
            tax,
        },
    );
    let commands = vec![cancel(), Command::Restore, Command::Restore, ship(), Command::Archive];
    prop_oneof![
        6 => cart,
        2 => (any::<Index>(), 0..4_u32).prop_map(|(line, units)| Step::Edit { line, units }),
        1 => Just(Step::Add),
        1 => (0..3_u8).prop_map(Step::Note),
        4 => (any::<bool>(), prop::option::of(any::<Index>()))
            .prop_map(|(accept, which)| Step::Decide { accept, which }),
        1 => select(commands).prop_map(Step::Ask),
        1 => select(&[Edits::Ignore, Edits::Review, Edits::Apply][..]).prop_map(Step::Edits),
    ]
}

/// The cart's order with that content.
fn content(second: i64, lines: &[(u8, u32)], note: Option<u8>, shipping: u8, tax: i8) -> Sighting {
    let mut said = standing(11, second);
    let first = said.content.lines[0].clone();
    said.content.lines = lines
        .iter()
        .map(|(number, units)| {
            let mut line = first.clone();
            line.cart_line_id = number.to_string();
            line.sku = Some(format!("SKU-{number}"));
            line.quantity = *units;
            line
        })
        .collect();
    said.content.note = note.map(|note| note.to_string());
    let hundredths = |n: i64| Amount::parse(&format!("{n}.00"), "EUR").unwrap();
    said.content.totals.shipping = hundredths(i64::from(shipping));
    said.content.add_up(hundredths(i64::from(tax)));
    said
}

fn happen(book: &mut Book, step: &Step, second: i64) {
    match step {
        Step::Cart { lines, note, shipping, tax } => {
            book.webhook(&content(second, lines, *note, *shipping, *tax));
        }
        Step::Edit { line, units } => {
            let lines = &book.order().content.lines;
            if lines.is_empty() {
                return;
            }
            let cart_line_id = line.get(lines).cart_line_id.clone();
            let change = LineEdit::Change { cart_line_id, quantity: *units };
            edit(book, Edit { lines: vec![change], ..Edit::default() });
        }
        Step::Add => {
            let (sku, name, unit_price) = (None, "Gift".to_owned(), "3.50".to_owned());
            let add = LineEdit::Add { sku, name, quantity: 1, unit_price };
            edit(book, Edit { lines: vec![add], ..Edit::default() });
        }
        Step::Note(note) => {
            edit(book, Edit { note: Some(Some(format!("ours {note}"))), ..Edit::default() });
        }
        Step::Decide { accept, which } => {
            let Some(Revision { changes, tag, .. }) = book.order().revision() else { return };
            let chosen = which.map(|which| vec![which.get(&changes).id.clone()]);
            let choice = Choice { changes: chosen.unwrap_or_default(), tag };
            let command = if *accept {
                Command::AcceptRevision(choice)
            } else {
                Command::RejectRevision(choice)
            };
            let before = book.order().content.clone();
            book.ask(&command).expect("what waits can be decided");
            if !accept {
                assert_eq!(book.order().content, before, "a rejection changes nothing here");
            }
        }
        // What is impossible does not happen.
        Step::Ask(command) => drop(book.ask(command)),
        Step::Edits(edits) => book.rules.edits = *edits,
    }
}

fn edit(book: &mut Book, edit: Edit) {
    drop(book.ask(&Command::Edit(Box::new(edit))));
}

/// What must be true of an order's content at any time.
fn adds_up(order: &Order, told: &[Amount]) {
    let content = &order.content;
    let mut ids: Vec<_> = content.lines.iter().map(|line| &line.cart_line_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), content.lines.len(), "each line once");
    assert!(content.lines.iter().all(|line| line.quantity > 0));
    // The rest of the total is a tax that the cart told: nothing was lost or made up in a merge.
    assert!(told.contains(&content.adjustments()), "{:?} of {told:?}", content.adjustments());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn r29_any_sequence_of_revisions_edits_and_decisions_adds_up(
        steps in prop::collection::vec(step(), 1..25),
    ) {
        let mut book = Book::of(ChannelKind::BigCommerce);
        book.webhook(&content(0, &[(0, 2), (1, 1)], None, 1, 0));
        let mut taxes = vec![Amount::ZERO];
        let mut second = 0;
        for step in &steps {
            second += 1;
            if let Step::Cart { tax, .. } = step {
                taxes.push(Amount::parse(&tax.to_string(), "EUR").unwrap());
            }
            let before = book.order().clone();
            happen(&mut book, step, second);
            let order = book.order();
            adds_up(order, &taxes);
            if matches!(step, Step::Cart { .. }) {
                // R29: what was edited here is not changed by the cart without being asked.
                for part in before.cart_side.locks.iter().filter(|part| order.cart_side.locks.contains(part)) {
                    if let Part::Line(id) = part {
                        prop_assert_eq!(before.content.line(id), order.content.line(id));
                    }
                    if *part == Part::Note {
                        prop_assert_eq!(&before.content.note, &order.content.note);
                    }
                }
                // What is told again changes nothing.
                let settled = order.clone();
                let Step::Cart { lines, note, shipping, tax } = step else { unreachable!() };
                book.webhook(&content(second, lines, *note, *shipping, *tax));
                prop_assert_eq!(book.order(), &settled);
            }
        }
        // Accepting everything, and giving up what was edited here, ends in the cart's content.
        book.rules.edits = Edits::Review;
        // Nothing of it was ever rejected before.
        let last = content(second + 1, &[(0, 8), (7, 9)], Some(9), 7, 6);
        book.webhook(&last);
        if let Some(Revision { tag, .. }) = book.order().revision() {
            book.ask(&Command::AcceptRevision(Choice { changes: Vec::new(), tag })).unwrap();
        }
        prop_assert_eq!(book.order().revision(), None);
        for line in &last.content.lines {
            prop_assert!(book.order().content.lines.contains(line));
        }
        prop_assert_eq!(&book.order().content.note, &last.content.note);
        prop_assert_eq!(book.order().content.totals.shipping, last.content.totals.shipping);
    }
}
