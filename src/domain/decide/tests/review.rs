//! R28, R30: what a person decides about a revision.

use super::super::super::Choice;
use super::super::super::revision::Part;
use super::super::Objection;
use super::*;
use ChannelKind::BigCommerce;

/// An order whose quantity, note and a new line wait for review.
fn waiting() -> Book {
    let mut book = Book::of(BigCommerce);
    book.rules.edits = Edits::Review;
    book.webhook(&standing(11, 1));
    book.webhook(&changed(2));
    book
}

fn changed(second: i64) -> Sighting {
    standing(11, second).quantity(3).with_line("72", "LID", 1).edited("n")
}

fn choice(book: &Book, parts: &[&str]) -> Choice {
    let changes = parts.iter().map(|part| part.parse().unwrap()).collect();
    Choice { changes, tag: book.order().revision().unwrap().tag }
}

fn ids(book: &Book) -> Vec<String> {
    let changes = book.order().revision().map(|revision| revision.changes);
    changes.unwrap_or_default().iter().map(|change| change.id.to_string()).collect()
}

#[test]
fn r28_accepting_all_takes_the_carts_content() {
    let mut book = waiting();
    let decision = book.ask(&Command::AcceptRevision(choice(&book, &[]))).unwrap();
    assert_eq!(kinds(&decision.timeline), [Kind::RevisionAccepted]);
    assert_eq!(book.order().content, changed(2).content);
    assert_eq!(book.order().cart_side, super::super::super::CartSide::default());
}

#[test]
fn r28_accepting_one_leaves_the_others_waiting_and_adds_up() {
    let mut book = waiting();
    book.ask(&Command::AcceptRevision(choice(&book, &["line:72"]))).unwrap();
    assert_eq!(ids(&book), ["line:71", "note"]);
    let content = &book.order().content;
    assert_eq!((content.lines.len(), content.lines[0].quantity), (2, 2));
    assert_eq!(content.totals.total.to_string(), "35.00");
}

#[test]
fn r28_a_rejected_change_does_not_come_back_unless_the_cart_changes_it_again() {
    let mut book = waiting();
    let before = book.order().content.clone();
    let decision = book.ask(&Command::RejectRevision(choice(&book, &[]))).unwrap();
    assert_eq!(kinds(&decision.timeline), [Kind::RevisionRejected]);
    assert_eq!((ids(&book), &book.order().content), (vec![], &before));
    // The same state again, by every way it may come.
    book.webhook(&changed(2));
    book.poll(&changed(2), 30);
    book.fetch(&changed(3), 40);
    book.webhook(&standing(9, 50).quantity(3).with_line("72", "LID", 1).edited("n"));
    assert_eq!((ids(&book), &book.order().content), (vec![], &before));
    // One field changes again: only that comes back.
    book.webhook(&changed(60).quantity(4));
    assert_eq!(ids(&book), ["line:71"]);
}

#[test]
fn r28_a_rejection_is_remembered_where_edits_apply() {
    let mut book = Book::of(BigCommerce);
    book.webhook(&standing(11, 1));
    book.ask(&ship()).unwrap();
    book.webhook(&changed(2));
    book.ask(&Command::RejectRevision(choice(&book, &[]))).unwrap();
    book.webhook(&standing(2, 3).quantity(3).with_line("72", "LID", 1).edited("n"));
    assert_eq!(ids(&book), [""; 0]);
    assert_eq!(book.order().content, standing(11, 1).content);
}

#[test]
fn r29_accepting_a_conflict_unlocks_it() {
    use super::super::super::{Edit, LineEdit};
    let mut book = Book::of(BigCommerce);
    book.webhook(&standing(11, 1));
    let lines = vec![LineEdit::Change { cart_line_id: "71".to_owned(), quantity: 1 }];
    book.ask(&Command::Edit(Box::new(Edit { lines, ..Edit::default() }))).unwrap();
    book.webhook(&standing(11, 2).quantity(5));
    book.ask(&Command::AcceptRevision(choice(&book, &["line:71"]))).unwrap();
    assert_eq!(book.order().content, standing(11, 2).quantity(5).content);
    book.webhook(&standing(11, 3).quantity(6));
    assert_eq!(book.order().content.lines[0].quantity, 6);
}

#[test]
fn r30_a_revision_that_has_moved_on_is_not_decided() {
    let mut book = waiting();
    let looked_at = choice(&book, &[]);
    book.webhook(&changed(3).quantity(7));
    let before = book.order().clone();
    for command in [Command::AcceptRevision(looked_at.clone()), Command::RejectRevision(looked_at)]
    {
        assert_eq!(book.ask(&command).unwrap_err().objection, Objection::Changed);
    }
    assert_eq!(book.order(), &before);
}

#[test]
fn r30_only_one_of_two_people_decides() {
    let mut book = waiting();
    let (anna, ben) = (choice(&book, &["note"]), choice(&book, &[]));
    book.ask(&Command::AcceptRevision(anna)).unwrap();
    let refusal = book.ask(&Command::RejectRevision(ben)).unwrap_err();
    assert_eq!(refusal.objection, Objection::Changed);
}

#[test]
fn r28_what_is_no_change_of_it_is_named() {
    let mut book = waiting();
    let refusal =
        book.ask(&Command::AcceptRevision(choice(&book, &["line:5", "note"]))).unwrap_err();
    assert_eq!(refusal.objection, Objection::Invalid);
    assert!(refusal.sentence.contains("line:5"), "{refusal}");
}

#[test]
fn r28_where_nothing_waits_nothing_is_decided() {
    let mut book = Book::of(BigCommerce);
    book.webhook(&standing(11, 1));
    let nothing = Choice { changes: vec![Part::Note], tag: String::new() };
    for command in [Command::AcceptRevision(nothing.clone()), Command::RejectRevision(nothing)] {
        assert_eq!(book.ask(&command).unwrap_err().objection, Objection::Impossible);
    }
}
