//! R13, R14, R21–R26 where a cart tells one status by id.

use rstest::rstest;

use super::super::Outcome;
use super::*;
use ChannelKind::BigCommerce;
use EventState::{Done, Held};
use HeldBack::{AlreadyFulfilled, CancelledInCart, PaymentPending, StatusNotImported};
use Status::{AwaitingFulfillment, Cancelled, Shipped};

/// A book of BigCommerce in which these webhooks have come.
fn after(webhooks: impl IntoIterator<Item = Sighting>) -> Book {
    with(|_| {}, webhooks)
}

fn with(change: impl FnOnce(&mut Rules), webhooks: impl IntoIterator<Item = Sighting>) -> Book {
    let mut book = Book::of(BigCommerce);
    change(&mut book.rules);
    for said in webhooks {
        book.webhook(&said);
    }
    book
}

#[rstest]
#[case(0, Some(StatusNotImported))]
#[case(1, Some(PaymentPending))]
#[case(2, Some(AlreadyFulfilled))]
#[case(3, Some(StatusNotImported))]
#[case(4, Some(StatusNotImported))]
#[case(5, Some(CancelledInCart))]
#[case(6, Some(CancelledInCart))]
#[case(7, Some(PaymentPending))]
#[case(8, None)]
#[case(9, None)]
#[case(10, Some(AlreadyFulfilled))]
#[case(11, None)]
#[case(12, Some(StatusNotImported))]
#[case(13, Some(StatusNotImported))]
#[case(14, Some(StatusNotImported))]
#[case(77, Some(StatusNotImported))]
fn r13_r14_a_status_imports_or_holds_back_by_its_id(
    #[case] status: i64,
    #[case] held: Option<HeldBack>,
) {
    let mut book = Book::of(BigCommerce);
    let decision = book.webhook(&standing(status, 1));
    assert_eq!(book.order().held_back, held);
    assert_eq!(decision.state, if held.is_some() { Held } else { Done });
}

#[test]
fn r14_payment_words_of_bigcommerce_are_not_judged() {
    let mut book = Book::of(BigCommerce);
    book.webhook(&standing(11, 1).payment("pending"));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r14_the_list_of_importing_statuses_is_a_setting() {
    let book = with(|rules| rules.import_statuses = vec!["3".into()], [standing(3, 1)]);
    book.check(AwaitingFulfillment, &[]);
    let book = with(|rules| rules.import_statuses = vec!["3".into()], [standing(11, 1)]);
    assert_eq!(book.order().held_back, Some(StatusNotImported));
}

#[test]
fn r13_incomplete_then_awaiting_fulfillment_imports_whatever_the_topic() {
    let mut book = after([standing(0, 1)]);
    let decision = book.webhook(&standing(11, 2));
    assert_eq!((decision.outcome, decision.state), (Outcome::Created, Done));
    book.check(AwaitingFulfillment, &[]);
    // The older state comes late.
    assert_eq!(book.webhook(&standing(0, 1)).state, EventState::Stale);
}

#[test]
fn r21_a_cancel_cancels_an_open_order_and_a_cancelled_one_is_held_back() {
    let book = after([standing(11, 1), standing(5, 2)]);
    book.check(Cancelled, &[]);
    let book = after([standing(5, 2), standing(11, 1)]);
    book.check(Cancelled, &[]);
}

#[test]
fn r21_staying_in_cancelled_never_cancels_a_restored_order_again() {
    let mut book = after([standing(11, 1), standing(5, 2)]);
    book.ask(&Command::Restore).unwrap();
    book.webhook(&standing(5, 3));
    book.poll(&standing(5, 3), 9);
    book.fetch(&standing(5, 4).edited("more"), 20);
    book.check(AwaitingFulfillment, &[]);
    // Declined is the same standing.
    book.webhook(&standing(6, 25));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r21_leaving_cancelled_and_coming_back_is_another_cancellation() {
    let mut book = after([standing(11, 1), standing(5, 2)]);
    book.ask(&Command::Restore).unwrap();
    book.webhook(&standing(11, 3));
    book.check(AwaitingFulfillment, &[]);
    book.webhook(&standing(5, 4));
    book.check(Cancelled, &[]);
}

#[test]
fn r21_a_revived_order_is_flagged_and_not_reopened() {
    let mut book = after([standing(11, 1), standing(5, 2), standing(11, 3)]);
    book.check(Cancelled, &[Flag::RevivedInCart]);
    book.webhook(&standing(5, 4));
    book.check(Cancelled, &[]);
}

#[test]
fn r21_what_a_person_cancelled_and_restored_is_open_though_the_cart_agrees() {
    let mut book = after([standing(11, 1)]);
    book.ask(&cancel()).unwrap();
    book.webhook(&standing(5, 2));
    book.ask(&Command::Restore).unwrap();
    book.webhook(&standing(5, 3));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r22_an_archived_order_is_neither_cancelled_nor_archived() {
    let book = after([standing(11, 1), standing(11, 2).archived()]);
    book.check(AwaitingFulfillment, &[]);
    assert!(book.order().cart.archived);
}

#[test]
fn r23_archives_cancel_cancels_once_for_each_archiving() {
    let mut book = with(
        |rules| rules.archives = Archives::Cancel,
        [standing(11, 1), standing(11, 2).archived()],
    );
    book.check(Cancelled, &[]);
    assert_eq!(book.timeline.last().unwrap().rule, "R22");
    book.ask(&Command::Restore).unwrap();
    book.webhook(&standing(11, 3).archived().edited("x"));
    book.check(AwaitingFulfillment, &[]);
    book.webhook(&standing(11, 4));
    book.webhook(&standing(11, 5).archived());
    book.check(Cancelled, &[]);
    // Taken out of the archive it gives no reason to be cancelled any more.
    book.webhook(&standing(11, 6));
    book.check(Cancelled, &[Flag::RevivedInCart]);
}

#[test]
fn r23_cancels_ignore_leaves_the_order_and_says_so() {
    let mut book = with(|rules| rules.cancels = Cancels::Ignore, [standing(11, 1)]);
    let told = book.webhook(&standing(5, 2));
    assert_eq!(kinds(&told.timeline), [Kind::CartChanged, Kind::CancelIgnored]);
    assert_eq!(kinds(&book.webhook(&standing(5, 3)).timeline), []);
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r24_a_cancel_after_shipping_is_flagged_until_it_is_taken_back() {
    let mut book = after([standing(11, 1)]);
    book.ask(&ship()).unwrap();
    book.webhook(&standing(5, 2));
    book.check(Shipped, &[Flag::CancelledLate]);
    book.webhook(&standing(2, 3));
    book.check(Shipped, &[]);
}

#[rstest]
#[case(4, Flag::RefundedInCart)]
#[case(7, Flag::OnHoldInCart)]
#[case(12, Flag::OnHoldInCart)]
#[case(13, Flag::OnHoldInCart)]
#[case(2, Flag::FulfilledInCart)]
#[case(10, Flag::FulfilledInCart)]
fn r25_r26_a_status_after_the_import_is_flagged_and_changes_nothing(
    #[case] status: i64,
    #[case] flag: Flag,
) {
    let mut book = after([standing(11, 1), standing(status, 2)]);
    book.check(AwaitingFulfillment, &[flag]);
    assert!(book.kinds().contains(&Kind::FlagRaised));
    book.webhook(&standing(11, 3));
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r25_partly_refunded_or_shipped_is_no_trouble() {
    let book = after([standing(11, 1), standing(14, 2), standing(3, 3)]);
    book.check(AwaitingFulfillment, &[]);
}

#[test]
fn r25_declined_is_a_cancel_by_default_and_a_flag_by_setting() {
    let book = after([standing(11, 1), standing(6, 2)]);
    book.check(Cancelled, &[]);
    let book = with(|rules| rules.declined = Declined::Flag, [standing(11, 1), standing(6, 2)]);
    book.check(AwaitingFulfillment, &[Flag::OnHoldInCart]);
}

#[test]
fn r26_mark_shipped_ships_on_shipped_and_on_completed() {
    for status in [2, 10] {
        let mark = |rules: &mut Rules| rules.shipped_in_cart = ShippedInCart::MarkShipped;
        let book = with(mark, [standing(11, 1), standing(status, 2)]);
        book.check(Shipped, &[]);
    }
}

#[test]
fn r19_the_cart_status_is_told_by_its_name() {
    let book = after([standing(11, 1), standing(3, 2).payment("captured")]);
    let entry = book.timeline.last().unwrap();
    let told = super::super::super::timeline::sentence(entry.kind, "BigCommerce", &entry.details);
    assert_eq!(told, "In the cart it is now Partially Shipped.");
}
