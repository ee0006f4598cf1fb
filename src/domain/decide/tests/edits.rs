//! R18, R29: what a person changes of an order's content.

use rstest::rstest;

use super::super::super::revision::Part;
use super::super::super::{Address, Edit, LineEdit};
use super::super::Objection;
use super::*;

fn book() -> Book {
    Book::after([paid(1).edited("ring twice")])
}

fn edit(book: &mut Book, edit: Edit) -> Result<Decision, Refusal> {
    book.ask(&Command::Edit(Box::new(edit)))
}

fn lines(lines: &[LineEdit]) -> Edit {
    Edit { lines: lines.to_vec(), ..Edit::default() }
}

fn change(id: &str, quantity: u32) -> LineEdit {
    LineEdit::Change { cart_line_id: id.to_owned(), quantity }
}

fn add(name: &str, quantity: u32, price: &str) -> LineEdit {
    let (name, unit_price) = (name.to_owned(), price.to_owned());
    LineEdit::Add { sku: Some("NEW".to_owned()), name, quantity, unit_price }
}

#[test]
fn r18_lines_address_and_note_are_changed_and_locked() {
    let mut book = book();
    let address = Address { city: Some(" Ulm ".to_owned()), ..Address::default() };
    let all = Edit {
        lines: vec![change("71", 1), add(" Lid ", 2, "3.5")],
        shipping_address: Some(Some(address)),
        note: Some(None),
    };
    let decision = edit(&mut book, all).unwrap();
    assert_eq!(kinds(&decision.timeline), [Kind::Edited]);
    let told = &decision.timeline[0].details["changes"];
    assert_eq!(told, "2 × CUP became 1; 2 × NEW added; the shipping address; the note");
    let order = book.order();
    let content = &order.content;
    assert_eq!(content.lines[0].quantity, 1);
    let added = &content.lines[1];
    assert_eq!((added.cart_line_id.as_str(), added.name.as_str()), ("local:1", "Lid"));
    assert_eq!(content.shipping_address.as_ref().unwrap().city.as_deref(), Some("Ulm"));
    assert_eq!(content.note, None);
    assert_eq!(content.totals.total.to_string(), "22.00");
    let locks: Vec<_> = order.cart_side.locks.iter().map(Part::to_string).collect();
    assert_eq!(locks, ["line:71", "line:local:1", "shipping_address", "note"]);
}

#[test]
fn r18_the_id_of_a_removed_line_is_not_given_again() {
    let mut book = book();
    edit(&mut book, lines(&[add("Lid", 1, "1")])).unwrap();
    edit(&mut book, lines(&[change("local:1", 0)])).unwrap();
    edit(&mut book, lines(&[add("Lid", 1, "1")])).unwrap();
    assert_eq!(book.order().content.lines[1].cart_line_id, "local:2");
}

#[rstest]
#[case::unknown_line(lines(&[change("99", 1)]), "no line 99")]
#[case::nothing(Edit::default(), "changes nothing")]
#[case::same(lines(&[change("71", 2)]), "changes nothing")]
#[case::no_line_left(lines(&[change("71", 0)]), "no line left")]
#[case::too_many(lines(&[change("71", 1_000_001)]), "at most 1,000,000")]
#[case::no_name(lines(&[add("  ", 1, "1")]), "needs a name")]
#[case::long_name(lines(&[add(&"x".repeat(256), 1, "1")]), "at most 255")]
#[case::none_added(lines(&[add("Lid", 0, "1")]), "at least 1")]
#[case::no_price(lines(&[add("Lid", 1, "12,50")]), "no price")]
#[case::negative(lines(&[add("Lid", 1, "-1")]), "no price")]
#[case::long_note(
    Edit { note: Some(Some("x".repeat(5_001))), ..Edit::default() },
    "at most 5000"
)]
fn r18_an_edit_that_cannot_be_right_changes_nothing(#[case] wrong: Edit, #[case] why: &str) {
    let mut book = book();
    let before = book.order().clone();
    let refusal = edit(&mut book, wrong).unwrap_err();
    assert_eq!(refusal.objection, Objection::Invalid);
    assert!(refusal.sentence.contains(why), "{refusal}");
    assert_eq!(book.order(), &before);
}

#[test]
fn r18_one_wrong_line_refuses_all_of_it() {
    let mut book = book();
    let before = book.order().clone();
    edit(&mut book, lines(&[change("71", 1), change("99", 1)])).unwrap_err();
    assert_eq!(book.order(), &before);
}

#[test]
fn r18_a_total_below_zero_is_refused() {
    let mut said = paid(1);
    said.content.add_up(Amount::parse("-20", "EUR").unwrap());
    let mut book = Book::after([said]);
    assert_eq!(book.order().content.totals.total.to_string(), "5.00");
    let refusal = edit(&mut book, lines(&[change("71", 1)])).unwrap_err();
    assert!(refusal.sentence.contains("below zero"), "{refusal}");
}

#[test]
fn r18_only_open_orders_are_edited() {
    let mut held = Book::after([paid(1).payment("pending")]);
    let mut shipped = book();
    shipped.ask(&ship()).unwrap();
    let mut cancelled = book();
    cancelled.ask(&cancel()).unwrap();
    for book in [&mut held, &mut shipped, &mut cancelled] {
        let refusal = edit(book, lines(&[change("71", 1)])).unwrap_err();
        assert_eq!(refusal.objection, Objection::Impossible);
    }
}

#[test]
fn r20_r29_an_edit_here_stays_where_edits_of_the_cart_are_ignored() {
    let mut book = book();
    edit(&mut book, lines(&[change("71", 1)])).unwrap();
    book.webhook(&paid(2).quantity(7).edited("ring twice"));
    assert_eq!(book.order().content.lines[0].quantity, 1);
    assert_eq!(book.order().revision(), None);
}
