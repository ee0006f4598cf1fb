//! R13: held-back orders under rules that have changed.

use super::super::super::event::reason;
use super::super::super::order::ArrivedBy;
use super::super::Outcome;
use super::*;

#[test]
fn r13_a_held_back_order_imports_when_the_rules_let_it_in() {
    let mut book = Book::after([paid(1).payment("authorized").edited("n")]);
    book.rules.import_statuses.push("authorized".to_owned());
    let decision = book.re_examine();
    assert_eq!((decision.outcome, decision.state), (Outcome::Created, EventState::Done));
    book.check(Status::AwaitingFulfillment, &[]);
    assert_eq!(book.order().arrived_by, ArrivedBy::Instasync);
    assert_eq!(book.order().content.note.as_deref(), Some("n"));
    assert_eq!(decision.timeline[0].details["how"], "re_examined");
}

#[test]
fn r13_a_held_back_order_is_examined_as_it_was_last_seen() {
    let mut book =
        Book::after([paid(1).payment("authorized"), paid(2).payment("authorized").cancelled(2)]);
    book.rules.import_statuses.push("authorized".to_owned());
    book.re_examine();
    assert_eq!(book.order().held_back, Some(HeldBack::CancelledInCart));
}

#[test]
fn r13_another_reason_is_told_and_the_same_one_is_not() {
    let mut book = Book::after([paid(1).payment("pending")]);
    assert_eq!(kinds(&book.re_examine().timeline), []);
    book.rules.import_statuses.push("pending".to_owned());
    book.rules.import_from = Some(at(500));
    assert_eq!(kinds(&book.re_examine().timeline), [Kind::HeldBack]);
    assert_eq!(book.order().held_back, Some(HeldBack::BeforeStartDate));
}

#[test]
fn r13_an_order_in_the_book_is_left_alone() {
    let mut book = Book::after([paid(1)]);
    book.rules.import_statuses = vec!["expired".to_owned()];
    let decision = book.re_examine();
    assert_eq!(ending(&decision), (EventState::Done, Some(reason::NO_CHANGE)));
    assert_eq!(decision.order, None);
}

#[test]
fn r13_what_the_newest_state_says_takes_effect_at_once() {
    let mut book = Book::of(ChannelKind::BigCommerce);
    book.webhook(&standing(12, 1));
    book.rules.import_statuses.push("12".to_owned());
    book.re_examine();
    book.check(Status::AwaitingFulfillment, &[Flag::OnHoldInCart]);
}
