//! R20–R24 and R26: what later changes in the cart do to an order in the book.

use rstest::rstest;

use super::super::super::event::reason;
use super::super::Outcome;
use super::*;
use EventState::{Done, Ignored};
use Status::{AwaitingFulfillment, Cancelled, DropshipmentRequested, Shipped};

#[test]
fn r20_an_edit_leaves_our_content_and_is_told() {
    let mut book = Book::after([paid(1).edited("ours")]);
    let edit = book.webhook(&paid(2).edited("theirs").payment("partially_refunded"));
    assert_eq!(ending(&edit), (Ignored, Some(reason::EDITS_IGNORED)));
    assert_eq!(kinds(&edit.timeline), [Kind::CartChanged, Kind::EditsIgnored]);
    let order = book.order();
    assert_eq!(order.content.note.as_deref(), Some("ours"));
    assert_eq!(order.cart.financial_status.as_deref(), Some("partially_refunded"));
    assert_eq!(order.guard.newest.updated_at, at(2));
    assert_eq!(
        ending(&book.webhook(&paid(2).edited("theirs").payment("partially_refunded"))).0,
        EventState::Duplicate
    );
}

#[test]
fn r20_the_same_edited_content_is_told_once() {
    let mut book = Book::after([paid(1), paid(2).edited("theirs")]);
    let paid_out = book.webhook(&paid(3).edited("theirs").payment("partially_refunded"));
    assert_eq!(ending(&paid_out), (Done, None));
    assert_eq!(kinds(&paid_out.timeline), [Kind::CartChanged]);
}

#[test]
fn r20_r21_an_edit_and_a_cancel_in_one_sighting_are_both_told() {
    let mut book = Book::after([paid(1)]);
    let both = book.webhook(&paid(2).edited("x").cancelled(2));
    assert_eq!((ending(&both), both.outcome), ((Done, None), Outcome::Cancelled));
    assert_eq!(kinds(&both.timeline), [Kind::CartChanged, Kind::EditsIgnored, Kind::Cancelled]);
}

#[rstest]
#[case(None)]
#[case(Some(Command::RequestDropship))]
fn r21_a_cancel_cancels_an_open_order(#[case] before: Option<Command>) {
    let mut book = Book::after([paid(1)]);
    if let Some(command) = before {
        book.ask(&command).unwrap();
    }
    book.webhook(&paid(2).cancelled(2));
    book.check(Cancelled, &[]);
    let entry = book.timeline.last().unwrap();
    assert_eq!((entry.rule, entry.details["reason"].as_str()), ("R21", "customer"));
}

#[test]
fn r21_the_same_cancellation_never_cancels_a_restored_order_again() {
    let mut book = Book::after([paid(1), paid(2).cancelled(2)]);
    book.ask(&Command::Restore).unwrap();
    book.webhook(&paid(2).cancelled(2));
    book.fetch(&paid(2).cancelled(2), 8);
    book.webhook(&paid(3).cancelled(2).archived());
    book.check(AwaitingFulfillment, &[]);
    book.ask(&ship()).unwrap();
    book.check(Shipped, &[]);
}

#[test]
fn r21_another_cancellation_cancels_a_restored_order() {
    let mut book = Book::after([paid(1), paid(2).cancelled(2)]);
    book.ask(&Command::Restore).unwrap();
    book.webhook(&paid(5).cancelled(5));
    book.check(Cancelled, &[]);
}

#[test]
fn r21_a_cancel_of_both_is_settled_by_either() {
    let mut book = Book::after([paid(1)]);
    book.ask(&cancel()).unwrap();
    let agreed = book.webhook(&paid(2).cancelled(2));
    assert_eq!(kinds(&agreed.timeline), [Kind::CartChanged]);
    book.ask(&Command::Restore).unwrap();
    book.webhook(&paid(3).cancelled(2));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r21_a_revived_order_is_not_reopened_but_flagged() {
    let mut book = Book::after([paid(1), paid(2).cancelled(2)]);
    assert_eq!(kinds(&book.webhook(&paid(3)).timeline), [Kind::CartChanged, Kind::FlagRaised]);
    book.check(Cancelled, &[Flag::RevivedInCart]);
    assert_eq!(
        kinds(&book.ask(&Command::Restore).unwrap().timeline),
        [Kind::Restored, Kind::FlagCleared]
    );
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r21_what_a_person_cancelled_is_not_revived_by_the_cart() {
    let mut book = Book::after([paid(1)]);
    book.ask(&cancel()).unwrap();
    book.webhook(&paid(2).edited("x"));
    book.check(Cancelled, &[]);
}

#[test]
fn r21_a_revived_order_that_is_cancelled_once_more_is_no_longer_flagged() {
    let book = Book::after([paid(1), paid(2).cancelled(2), paid(3), paid(4).cancelled(4)]);
    book.check(Cancelled, &[]);
}

#[test]
fn r22_archived_in_the_cart_does_nothing_here() {
    let mut book = Book::after([paid(1)]);
    let archived = book.webhook(&paid(2).archived());
    assert_eq!(ending(&archived), (Done, None));
    assert_eq!(kinds(&archived.timeline), [Kind::CartChanged]);
    book.check(AwaitingFulfillment, &[]);
    assert!(book.order().cart.archived);
}

#[test]
fn r23_archives_can_be_followed() {
    let mut book = Book::with(|rules| rules.archives = Archives::Archive);
    book.webhook(&paid(1));
    book.webhook(&paid(2).archived());
    book.check(AwaitingFulfillment, &[Flag::Archived]);
    book.ask(&Command::Unarchive).unwrap();
    book.webhook(&paid(3).archived().edited("x"));
    book.check(AwaitingFulfillment, &[]);
    book.webhook(&paid(4));
    book.webhook(&paid(5).archived());
    book.check(AwaitingFulfillment, &[Flag::Archived]);
    book.webhook(&paid(6));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r23_cancels_can_be_ignored_but_not_silently() {
    let mut book = Book::with(|rules| rules.cancels = Cancels::Ignore);
    book.webhook(&paid(1));
    let ignored = book.webhook(&paid(2).cancelled(2).edited("x"));
    assert_eq!(ending(&ignored), (Ignored, Some(reason::CANCELS_IGNORED)));
    assert_eq!(
        kinds(&ignored.timeline),
        [Kind::CartChanged, Kind::EditsIgnored, Kind::CancelIgnored]
    );
    book.check(AwaitingFulfillment, &[]);
    book.rules.cancels = Cancels::Auto;
    book.webhook(&paid(3).cancelled(2));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r24_a_cancel_that_comes_too_late_is_flagged() {
    let mut book = Book::after([paid(1)]);
    book.ask(&ship()).unwrap();
    let late = book.webhook(&paid(2).cancelled(2));
    assert_eq!(ending(&late), (Done, None));
    assert_eq!(kinds(&late.timeline), [Kind::CartChanged, Kind::FlagRaised]);
    book.check(Shipped, &[Flag::CancelledLate]);
    book.webhook(&paid(3).cancelled(2).archived());
    book.check(Shipped, &[Flag::CancelledLate]);
    assert_eq!(book.kinds().iter().filter(|kind| **kind == Kind::FlagRaised).count(), 1);
    book.webhook(&paid(4));
    book.check(Shipped, &[]);
}

#[test]
fn r26_fulfilled_in_the_cart_is_flagged_while_open_here() {
    let mut book = Book::after([paid(1)]);
    book.ask(&Command::RequestDropship).unwrap();
    let fulfilled = book.webhook(&paid(2).fulfilment("fulfilled"));
    assert_eq!(kinds(&fulfilled.timeline), [Kind::CartChanged, Kind::FlagRaised]);
    book.check(DropshipmentRequested, &[Flag::FulfilledInCart]);
    book.webhook(&paid(3));
    book.check(DropshipmentRequested, &[]);
}

#[rstest]
#[case::partly("partial")]
#[case::taken_back("restocked")]
fn r26_other_fulfilments_are_only_known(#[case] fulfilment: &str) {
    let mut book = Book::with(|rules| rules.shipped_in_cart = ShippedInCart::MarkShipped);
    book.webhook(&paid(1));
    book.webhook(&paid(2).fulfilment(fulfilment));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r26_fulfilled_in_the_cart_can_mark_shipped() {
    let mut book = Book::with(|rules| rules.shipped_in_cart = ShippedInCart::MarkShipped);
    book.webhook(&paid(1));
    let fulfilled = book.webhook(&paid(2).fulfilment("fulfilled"));
    assert_eq!(kinds(&fulfilled.timeline), [Kind::CartChanged, Kind::Shipped]);
    assert_eq!(fulfilled.timeline[1].rule, "R26");
    book.check(Shipped, &[]);
    book.webhook(&paid(3).fulfilment("fulfilled").cancelled(3));
    book.check(Shipped, &[Flag::CancelledLate]);
}

#[test]
fn r26_a_person_who_restores_a_fulfilled_order_overrules_its_fulfilment() {
    let mut book = Book::with(|rules| rules.shipped_in_cart = ShippedInCart::MarkShipped);
    book.webhook(&paid(1));
    book.ask(&cancel()).unwrap();
    book.webhook(&paid(2).fulfilment("fulfilled"));
    book.check(Cancelled, &[]);
    book.ask(&Command::Restore).unwrap();
    book.webhook(&paid(3).fulfilment("fulfilled").edited("x"));
    book.check(AwaitingFulfillment, &[Flag::FulfilledInCart]);
}
