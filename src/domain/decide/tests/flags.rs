//! R25: what is never silent.

use rstest::rstest;

use super::super::super::event::reason;
use super::*;
use EventState::{Done, Stale};
use Status::{AwaitingFulfillment, Cancelled, HeldBack};

#[test]
fn r25_refunded_without_cancel_is_flagged() {
    let mut book = Book::after([paid(1)]);
    let refund = book.webhook(&paid(2).payment("refunded").edited("x"));
    assert_eq!(ending(&refund), (Done, None));
    book.check(AwaitingFulfillment, &[Flag::RefundedInCart]);
    assert_eq!(book.timeline.last().unwrap().kind, Kind::FlagRaised);
    book.webhook(&paid(3).payment("refunded").cancelled(3));
    book.check(Cancelled, &[]);
}

#[test]
fn r25_partly_refunded_is_no_refund() {
    let book = Book::after([paid(1), paid(2).payment("partially_refunded")]);
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r25_deleted_in_the_cart_is_flagged_once() {
    let mut book = Book::after([paid(1)]);
    assert_eq!(ending(&book.gone(10)), (Done, None));
    book.check(AwaitingFulfillment, &[Flag::DeletedInCart]);
    assert_eq!(ending(&book.gone(11)), (Done, Some(reason::NO_CHANGE)));
    book.webhook(&paid(2).edited("a late retry"));
    book.check(AwaitingFulfillment, &[Flag::DeletedInCart]);
    assert_eq!(book.kinds().iter().filter(|kind| **kind == Kind::FlagRaised).count(), 1);
}

#[test]
fn r25_a_deletion_of_an_unknown_order_leaves_no_trace() {
    let mut book = Book::new();
    assert_eq!(ending(&book.gone(10)), (Done, Some(reason::ORDER_UNKNOWN)));
    assert_eq!(book.order, None);
}

#[test]
fn r25_a_held_back_order_can_be_deleted_too() {
    let mut book = Book::after([paid(2).payment("pending")]);
    book.gone(10);
    book.check(HeldBack, &[Flag::DeletedInCart]);
    book.webhook(&paid(1));
    book.check(AwaitingFulfillment, &[Flag::DeletedInCart]);
}

/// An order that a later fetch finds is there after all, whatever state the fetch tells.
#[rstest]
#[case::the_same_state(paid(2))]
#[case::a_newer_state(paid(3).payment("partially_refunded"))]
#[case::a_lagging_state(paid(1))]
fn r25_a_deleted_order_that_a_later_fetch_finds_is_there(#[case] found: Sighting) {
    let mut book = Book::after([paid(1), paid(2)]);
    book.gone(10);
    let again = book.fetch(&found, 20);
    assert_eq!(again.timeline.last().unwrap().kind, Kind::FlagCleared);
    assert_eq!(ending(&again), (Done, None));
    book.check(AwaitingFulfillment, &[]);
    book.gone(10);
    book.check(AwaitingFulfillment, &[]);
    book.gone(30);
    book.check(AwaitingFulfillment, &[Flag::DeletedInCart]);
}

#[test]
fn r25_a_held_back_order_is_found_again_too() {
    let mut book = Book::after([paid(2).payment("pending")]);
    book.gone(10);
    book.fetch(&paid(2).payment("pending"), 20);
    book.check(HeldBack, &[]);
}

#[rstest]
#[case::read_before(Source::Fetch, 9)]
#[case::lists_lag(Source::Poll, 20)]
fn r25_what_may_be_older_than_the_deletion_does_not_undo_it(
    #[case] source: Source,
    #[case] read: i64,
) {
    let mut book = Book::after([paid(1)]);
    book.gone(10);
    book.see(&paid(1), source, at(read));
    book.check(AwaitingFulfillment, &[Flag::DeletedInCart]);
}

#[test]
fn r25_a_deletion_read_before_the_order_was_found_is_over() {
    let mut book = Book::after([paid(1)]);
    book.fetch(&paid(1), 20);
    book.webhook(&paid(2));
    assert_eq!(ending(&book.gone(10)), (Done, Some(reason::NO_CHANGE)));
    book.check(AwaitingFulfillment, &[]);
    assert_eq!(ending(&book.fetch(&paid(1), 20)), (Stale, None));
}
