//! What webhooks missed (R41).

use super::super::super::order::ArrivedBy;
use super::*;

/// A book whose next poll finds what no webhook told of.
fn missing() -> Book {
    let mut book = Book::new();
    book.missed = true;
    book
}

#[test]
fn r41_an_order_that_only_a_poll_found_is_flagged() {
    let mut book = missing();
    book.poll(&paid(1), 900);
    book.check(Status::AwaitingFulfillment, &[Flag::WebhookMissed]);
    assert_eq!(book.kinds(), [Kind::Imported, Kind::FlagRaised]);
    assert_eq!(book.order().arrived_by, ArrivedBy::Autosync);
}

#[test]
fn r41_a_later_change_that_only_a_poll_found_is_flagged_once() {
    let mut book = Book::after([paid(1)]);
    book.missed = true;
    book.poll(&Sighting { updated_at: at(5), ..paid(1) }, 900);
    book.check(Status::AwaitingFulfillment, &[Flag::WebhookMissed]);
    book.poll(&Sighting { updated_at: at(9), ..paid(1) }, 950);
    let raised = book.kinds().iter().filter(|kind| **kind == Kind::FlagRaised).count();
    assert_eq!(raised, 1);
    assert_eq!(book.order().guard.missed.map(|missed| missed.version), Some(at(9)));
}

#[test]
fn r41_what_is_known_already_was_not_missed() {
    let mut book = Book::after([paid(1)]);
    book.missed = true;
    book.poll(&paid(1), 900);
    book.check(Status::AwaitingFulfillment, &[]);
    assert_eq!(book.order().guard.missed, None);
}

#[test]
fn r41_a_webhook_that_still_comes_is_late_and_takes_the_flag_away() {
    let mut book = missing();
    book.poll(&paid(5), 900);
    book.missed = false;
    // Of an earlier change: that one was not missed.
    let earlier = book.webhook(&paid(2));
    assert_eq!(ending(&earlier), (EventState::Stale, None));
    book.check(Status::AwaitingFulfillment, &[Flag::WebhookMissed]);
    let late = book.webhook(&paid(5));
    assert_eq!(ending(&late), (EventState::Done, None));
    book.check(Status::AwaitingFulfillment, &[]);
    assert_eq!(book.order().guard.missed, None);
    assert_eq!(book.kinds().last(), Some(&Kind::FlagCleared));
    assert_eq!(ending(&book.webhook(&paid(5))), (EventState::Duplicate, None));
}

#[test]
fn r41_a_fetch_that_a_late_callback_led_to_takes_the_flag_away_too() {
    let mut book = missing();
    book.poll(&paid(5), 900);
    book.missed = false;
    book.fetch(&paid(5), 950);
    book.check(Status::AwaitingFulfillment, &[]);
}

#[test]
fn r41_a_held_back_order_can_be_missed_too() {
    let mut book = missing();
    let mut said = paid(1);
    said.cart.financial_status = Some("pending".to_owned());
    book.poll(&said, 900);
    book.check(Status::HeldBack, &[Flag::WebhookMissed]);
}
