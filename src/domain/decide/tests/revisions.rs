//! R20, R27–R29: the cart's content changes after the import.

use super::super::super::event::reason;
use super::super::super::revision::{Change, ChangeKind, Part};
use super::super::super::{Edit, LineEdit};
use super::*;
use ChannelKind::BigCommerce;
use EventState::{Done, Ignored};

fn book(edits: Edits) -> Book {
    let mut book = Book::of(BigCommerce);
    book.rules.edits = edits;
    book.webhook(&standing(11, 1));
    book
}

fn changes(book: &Book) -> Vec<Change> {
    book.order().revision().map(|revision| revision.changes).unwrap_or_default()
}

fn ids(book: &Book) -> Vec<String> {
    changes(book).iter().map(|change| change.id.to_string()).collect()
}

fn total(book: &Book) -> String {
    book.order().content.totals.total.to_string()
}

#[test]
fn r20_apply_takes_an_edit_over_while_the_order_is_open() {
    let mut book = book(Edits::Apply);
    let said = standing(11, 2).quantity(3).edited("quick").with_line("72", "LID", 1);
    let decision = book.webhook(&said);
    assert_eq!(ending(&decision), (Done, None));
    assert_eq!(kinds(&decision.timeline), [Kind::RevisionApplied]);
    assert_eq!(book.order().content, said.content);
    assert_eq!(changes(&book), []);
    let told = &decision.timeline[0];
    assert_eq!(told.details["changes"], "2 × CUP became 3; 1 × LID added; the note");
}

#[test]
fn r28_three_quick_edits_and_a_cancel_end_as_the_cart_does() {
    let states = [
        standing(11, 2).quantity(3),
        standing(11, 3).quantity(4),
        standing(11, 4).quantity(1).edited("less"),
        standing(5, 5).quantity(1).edited("less"),
    ];
    for order in [[0, 1, 2, 3], [2, 0, 1, 3], [2, 1, 0, 3]] {
        let mut book = book(Edits::Apply);
        for nth in order {
            book.webhook(&states[nth]);
        }
        book.check(Status::Cancelled, &[]);
        assert_eq!(book.order().content, states[3].content);
        assert!(changes(&book).is_empty());
    }
}

#[test]
fn r28_an_edit_that_comes_with_the_cancel_is_applied_before_it() {
    let mut book = book(Edits::Apply);
    book.webhook(&standing(5, 2).quantity(9));
    book.check(Status::Cancelled, &[]);
    assert_eq!(book.order().content.lines[0].quantity, 9);
}

#[test]
fn r28_an_edit_after_shipping_waits_for_review() {
    let mut book = book(Edits::Apply);
    book.ask(&ship()).unwrap();
    let decision = book.webhook(&standing(11, 2).quantity(3));
    assert_eq!(kinds(&decision.timeline), [Kind::RevisionOpened]);
    assert_eq!(book.order().content.lines[0].quantity, 2);
    assert_eq!(ids(&book), ["line:71"]);
    assert_eq!(changes(&book)[0].kind, ChangeKind::LineChanged);
}

#[test]
fn r28_review_waits_and_later_changes_collapse_into_it() {
    let mut book = book(Edits::Review);
    book.webhook(&standing(11, 2).quantity(3));
    let since = book.order().cart_side.open_since;
    assert!(since.is_some());
    let decision = book.webhook(&standing(11, 3).quantity(5).edited("n"));
    assert_eq!(kinds(&decision.timeline), [Kind::RevisionOpened]);
    assert_eq!(book.order().cart_side.open_since, since, "one open revision");
    assert_eq!(ids(&book), ["line:71", "note"]);
    assert_eq!(book.order().content, standing(11, 1).content);
    // A change of status alone tells nothing new of it.
    assert_eq!(
        kinds(&book.webhook(&standing(9, 4).quantity(5).edited("n")).timeline),
        [Kind::CartChanged]
    );
}

#[test]
fn r28_a_revision_withdraws_itself_when_the_cart_returns_to_the_base() {
    let mut book = book(Edits::Review);
    book.webhook(&standing(11, 2).quantity(3));
    let decision = book.webhook(&standing(11, 3));
    assert_eq!(kinds(&decision.timeline), [Kind::RevisionWithdrawn]);
    assert_eq!(changes(&book), []);
    assert_eq!(book.order().cart_side, super::super::super::CartSide::default());
}

#[test]
fn r12_an_older_edit_that_comes_late_reviews_nothing() {
    for edits in [Edits::Review, Edits::Apply] {
        let mut book = book(edits);
        book.webhook(&standing(11, 5).quantity(5));
        let before = book.order().clone();
        assert_eq!(book.webhook(&standing(11, 3).quantity(3)).state, EventState::Stale);
        assert_eq!(book.order(), &before);
    }
}

#[test]
fn r12_an_older_state_that_imports_is_brought_to_the_newest_content() {
    let mut applied = Book::of(BigCommerce);
    applied.webhook(&standing(12, 3).quantity(7));
    applied.webhook(&standing(11, 1));
    assert_eq!(applied.order().content, standing(12, 3).quantity(7).content);
    applied.check(Status::AwaitingFulfillment, &[Flag::OnHoldInCart]);

    let mut reviewed = Book::of(BigCommerce);
    reviewed.rules.edits = Edits::Review;
    reviewed.webhook(&standing(12, 3).quantity(7));
    reviewed.webhook(&standing(11, 1));
    assert_eq!(ids(&reviewed), ["line:71"]);
}

#[test]
fn r27_every_part_is_told_by_itself() {
    let mut book = Book::of(BigCommerce);
    book.rules.edits = Edits::Review;
    book.webhook(&standing(11, 1).with_line("72", "LID", 1).with_line("73", "BOX", 1));
    let mut said = standing(11, 2).with_line("72", "LID", 4).with_line("74", "TEA", 2).edited("n");
    said.content.shipping_address =
        Some(super::super::super::Address { city: Some("Ulm".to_owned()), ..Default::default() });
    said.content.shipping_method = Some("Courier".to_owned());
    said.content.email = Some("a@example.com".to_owned());
    said.content.totals.shipping = Amount::parse("9.00", "EUR").unwrap();
    said.content.add_up(Amount::parse("-1.00", "EUR").unwrap());
    book.webhook(&said);
    let told: Vec<_> =
        changes(&book).iter().map(|change| (change.id.to_string(), change.kind)).collect();
    let told: Vec<_> = told.iter().map(|(id, kind)| (id.as_str(), *kind)).collect();
    assert_eq!(
        told,
        [
            ("line:72", ChangeKind::LineChanged),
            ("line:74", ChangeKind::LineAdded),
            ("line:73", ChangeKind::LineRemoved),
            ("shipping_address", ChangeKind::ShippingAddress),
            ("shipping_method", ChangeKind::ShippingMethod),
            ("note", ChangeKind::Note),
            ("contact", ChangeKind::Contact),
            ("totals", ChangeKind::Totals),
        ]
    );
}

#[test]
fn r27_a_line_with_a_new_id_is_the_same_line() {
    let mut book = book(Edits::Review);
    let mut said = standing(11, 2).quantity(3);
    said.content.lines[0].cart_line_id = "99".to_owned();
    book.webhook(&said);
    assert_eq!(ids(&book), ["line:99"]);
    assert_eq!(changes(&book)[0].kind, ChangeKind::LineChanged);
    assert_eq!(book.order().content.lines[0].cart_line_id, "99");
}

#[test]
fn r29_a_locked_part_asks_and_the_rest_is_merged() {
    let mut book = book(Edits::Apply);
    let lines = vec![LineEdit::Change { cart_line_id: "71".to_owned(), quantity: 1 }];
    book.ask(&Command::Edit(Box::new(Edit { lines, ..Edit::default() }))).unwrap();
    assert_eq!(total(&book), "15.00");
    let decision = book.webhook(&standing(11, 2).quantity(5).edited("n"));
    assert_eq!(kinds(&decision.timeline), [Kind::RevisionApplied, Kind::RevisionOpened]);
    assert_eq!(book.order().content.note.as_deref(), Some("n"));
    assert_eq!(book.order().content.lines[0].quantity, 1);
    assert_eq!(total(&book), "15.00");
    let change = changes(&book).remove(0);
    assert_eq!((change.id, change.conflict), (Part::Line("71".to_owned()), true));
}

#[test]
fn r29_what_both_changed_alike_is_settled() {
    let mut book = book(Edits::Apply);
    let lines = vec![LineEdit::Change { cart_line_id: "71".to_owned(), quantity: 3 }];
    book.ask(&Command::Edit(Box::new(Edit { lines, ..Edit::default() }))).unwrap();
    book.webhook(&standing(11, 2).quantity(3));
    assert_eq!(changes(&book), []);
    assert!(book.order().cart_side.locks.is_empty());
    // From now on the cart may change it again.
    book.webhook(&standing(11, 3).quantity(4));
    assert_eq!(book.order().content.lines[0].quantity, 4);
}

#[test]
fn r20_ignore_keeps_our_content_and_a_change_to_apply_catches_up() {
    let mut book = book(Edits::Ignore);
    let decision = book.webhook(&standing(11, 2).quantity(3));
    assert_eq!(ending(&decision), (Ignored, Some(reason::EDITS_IGNORED)));
    assert_eq!(book.order().content, standing(11, 1).content);
    book.rules.edits = Edits::Apply;
    book.webhook(&standing(9, 3).quantity(3));
    assert_eq!(book.order().content, standing(11, 2).quantity(3).content);
}

#[test]
fn r20_what_waited_no_longer_waits_once_edits_are_ignored() {
    let mut book = book(Edits::Review);
    book.webhook(&standing(11, 2).quantity(3));
    book.rules.edits = Edits::Ignore;
    let decision = book.webhook(&standing(9, 3).quantity(3));
    assert_eq!(kinds(&decision.timeline), [Kind::CartChanged, Kind::RevisionWithdrawn]);
    assert_eq!(changes(&book), []);
    assert_eq!(book.order().content, standing(11, 1).content);
}

#[test]
fn r20_held_back_orders_follow_the_cart_without_a_revision() {
    let mut book = Book::of(BigCommerce);
    book.rules.edits = Edits::Review;
    book.webhook(&standing(1, 1));
    book.webhook(&standing(1, 2).quantity(8));
    assert_eq!(book.order().content.lines[0].quantity, 8);
    book.webhook(&standing(11, 3).quantity(9));
    assert_eq!(book.order().content.lines[0].quantity, 9);
    assert_eq!(changes(&book), []);
}
