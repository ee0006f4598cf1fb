//! R13–R17: what enters the book, and what is held back.

use rstest::rstest;

use super::super::super::event::reason;
use super::super::super::order::ArrivedBy;
use super::*;
use EventState::{Done, Held, SetAside, Stale};

#[rstest]
#[case::paid(paid(1))]
#[case::partially_refunded(paid(1).payment("partially_refunded"))]
#[case::partly_fulfilled(paid(1).fulfilment("partial"))]
#[case::unknown_fulfilment(paid(1).fulfilment("pending"))]
#[case::archived(paid(1).archived())]
fn r14_eligible_orders_import_at_once(#[case] said: Sighting) {
    let mut book = Book::new();
    let decision = book.webhook(&said);
    assert_eq!(ending(&decision), (Done, None));
    assert_eq!(kinds(&decision.timeline), [Kind::Imported]);
    book.check(Status::AwaitingFulfillment, &[]);
}

#[rstest]
#[case::cancelled(paid(1).cancelled(1), HeldBack::CancelledInCart)]
#[case::fulfilled(paid(1).fulfilment("fulfilled"), HeldBack::AlreadyFulfilled)]
#[case::restocked(paid(1).fulfilment("restocked"), HeldBack::AlreadyFulfilled)]
#[case::pending(paid(1).payment("pending"), HeldBack::PaymentPending)]
#[case::authorized(paid(1).payment("authorized"), HeldBack::PaymentPending)]
#[case::partially_paid(paid(1).payment("partially_paid"), HeldBack::PaymentPending)]
#[case::refunded(paid(1).payment("refunded"), HeldBack::StatusNotImported)]
#[case::voided(paid(1).payment("voided"), HeldBack::StatusNotImported)]
#[case::expired(paid(1).payment("expired"), HeldBack::StatusNotImported)]
#[case::unknown_payment(paid(1).payment("on_the_house"), HeldBack::StatusNotImported)]
fn r13_an_order_that_is_not_eligible_is_held_back(#[case] said: Sighting, #[case] why: HeldBack) {
    let mut book = Book::new();
    let decision = book.webhook(&said);
    assert_eq!(ending(&decision), (Held, Some(why.as_str())));
    assert_eq!(kinds(&decision.timeline), [Kind::HeldBack]);
    assert_eq!((book.status(), book.order().held_back), (Status::HeldBack, Some(why)));
}

#[test]
fn r13_the_first_reason_that_applies_is_given() {
    let mut book = Book::with(|rules| {
        rules.import_from = Some(at(50));
        rules.import_test_orders = false;
    });
    let mut said = paid(1).test().payment("pending").fulfilment("fulfilled").cancelled(1);
    let lifts: [fn(&mut Sighting); 6] = [
        |_| {},
        |said| said.cart.cancelled_at = None,
        |said| said.cart.fulfillment_status = None,
        |said| said.cart.financial_status = Some("voided".to_owned()),
        |said| {
            said.cart.financial_status = Some("paid".to_owned());
        },
        |said| said.placed_at = at(50),
    ];
    let mut reasons = Vec::new();
    for (second, lift) in (2..).zip(lifts) {
        said.updated_at = at(second);
        lift(&mut said);
        book.webhook(&said);
        reasons.push(book.order().held_back.unwrap());
    }
    assert_eq!(reasons, HeldBack::ALL);
    said.updated_at = at(9);
    said.cart.test = false;
    book.webhook(&said);
    assert_eq!(book.status(), Status::AwaitingFulfillment);
}

#[rstest]
#[case::payment(|said: &mut Sighting| said.cart.financial_status = None)]
#[case::fulfilment(|said: &mut Sighting| said.cart.fulfillment_status = None)]
fn r14_an_order_that_lacks_a_status_is_judged_by_the_others(#[case] lack: fn(&mut Sighting)) {
    let mut said = paid(1).fulfilment("partial");
    lack(&mut said);
    assert_eq!(Book::after([said.clone()]).status(), Status::AwaitingFulfillment);
    assert_eq!(Book::after([said.cancelled(1)]).status(), Status::HeldBack);
}

#[test]
fn r14_pending_payment_is_held_back_until_the_merchant_chooses_it() {
    let mut book = Book::with(|rules| rules.import_statuses.push("pending".to_owned()));
    book.webhook(&paid(1).payment("pending"));
    assert_eq!(book.status(), Status::AwaitingFulfillment);
}

#[test]
fn r14_the_list_of_fulfilments_is_a_setting() {
    let mut book = Book::with(|rules| rules.import_fulfilments = vec!["unfulfilled".to_owned()]);
    book.webhook(&paid(1).fulfilment("partial"));
    assert_eq!(book.order().held_back, Some(HeldBack::StatusNotImported));
    let mut book = Book::with(|rules| rules.import_fulfilments.push("fulfilled".to_owned()));
    book.webhook(&paid(1).fulfilment("fulfilled"));
    book.check(Status::AwaitingFulfillment, &[Flag::FulfilledInCart]);
}

#[test]
fn r14_test_orders_import_with_a_flag() {
    Book::after([paid(1).test()]).check(Status::AwaitingFulfillment, &[Flag::Test]);
    let mut book = Book::with(|rules| rules.import_test_orders = false);
    book.webhook(&paid(1).test());
    assert_eq!(book.order().held_back, Some(HeldBack::TestOrder));
}

#[rstest]
#[case(-1, Status::HeldBack)]
#[case(0, Status::AwaitingFulfillment)]
fn r14_orders_before_the_start_date_are_held_back(#[case] placed: i64, #[case] status: Status) {
    let mut book = Book::with(|rules| rules.import_from = Some(at(0)));
    let mut said = paid(1);
    said.placed_at = at(placed);
    book.webhook(&said);
    assert_eq!(book.status(), status);
}

#[test]
fn r13_a_held_back_order_keeps_its_newest_sighting() {
    let mut book = Book::after([paid(1).payment("pending")]);
    let updated_at = book.order().updated_at;
    let newer = paid(2).payment("authorized").edited("newer");
    let decision = book.webhook(&newer);
    assert_eq!(ending(&decision), (Held, Some("payment_pending")));
    assert_eq!(decision.timeline, [], "the reason is the same");
    assert_eq!((&book.order().content, &book.order().cart), (&newer.content, &newer.cart));
    assert!(book.order().updated_at > updated_at, "what people see has changed");
    assert_eq!(ending(&book.webhook(&paid(1).payment("pending"))), (Stale, None));
    assert_eq!(book.order().content, newer.content);
}

#[test]
fn r13_a_held_back_order_tells_when_its_reason_changes() {
    let mut book = Book::after([paid(1).payment("pending"), paid(2).cancelled(2)]);
    assert_eq!(book.kinds(), [Kind::HeldBack, Kind::HeldBack]);
    assert_eq!(ending(&book.poll(&paid(2).cancelled(2), 8)), (Held, Some("cancelled_in_cart")));
}

#[test]
fn r13_an_order_imports_at_the_first_event_or_poll_at_which_it_is_eligible() {
    let mut book = Book::after([paid(1).payment("pending")]);
    let first_seen = book.order().created_at;
    book.poll(&paid(2), 5);
    assert_eq!(book.kinds(), [Kind::HeldBack, Kind::Imported]);
    assert_eq!(book.order().arrived_by, ArrivedBy::Autosync);
    assert!(book.order().created_at > first_seen);
}

#[test]
fn r13_any_later_sighting_re_examines_under_the_rules_of_now() {
    let mut book = Book::after([paid(1).payment("authorized")]);
    book.rules.import_statuses.push("authorized".to_owned());
    assert_eq!(ending(&book.webhook(&paid(1).payment("authorized"))), (Done, None));
    assert_eq!(book.status(), Status::AwaitingFulfillment);
    assert_eq!(book.timeline.last().unwrap().details.get("how"), None);
}

#[test]
fn r13_re_examined_under_new_rules_the_reason_follows() {
    let mut book = Book::after([paid(1).payment("authorized")]);
    book.rules.import_statuses.push("authorized".to_owned());
    book.rules.import_from = Some(at(99));
    let again = book.webhook(&paid(1).payment("authorized"));
    assert_eq!(ending(&again), (Held, Some("before_start_date")));
    assert_eq!(book.order().held_back, Some(HeldBack::BeforeStartDate));
}

#[test]
fn r13_a_person_may_import_a_held_back_order_anyway() {
    let mut book = Book::after([paid(1).payment("pending")]);
    book.ask(&Command::ImportAnyway).unwrap();
    book.check(Status::AwaitingFulfillment, &[]);
    assert_eq!(book.order().arrived_by, ArrivedBy::Manual);
    assert_eq!(book.order().held_back, None);
    let entry = book.timeline.last().unwrap();
    assert_eq!((entry.kind, entry.details["how"].as_str()), (Kind::Imported, "anyway"));
    book.webhook(&paid(2));
    assert_eq!(book.kinds().iter().filter(|kind| **kind == Kind::Imported).count(), 1);
}

#[test]
fn r13_a_cancelled_order_imported_anyway_is_not_cancelled_by_what_was_known() {
    let mut book = Book::after([paid(2).cancelled(2)]);
    book.ask(&Command::ImportAnyway).unwrap();
    book.check(Status::AwaitingFulfillment, &[]);
    book.poll(&paid(2).cancelled(2), 8);
    book.webhook(&paid(3).cancelled(2).edited("later"));
    book.webhook(&paid(1));
    book.check(Status::AwaitingFulfillment, &[]);
    book.webhook(&paid(4).cancelled(4));
    book.check(Status::Cancelled, &[]);
}

#[test]
fn r13_a_fulfilled_order_imported_anyway_stays_open_and_says_so() {
    let mut book = Book::with(|rules| rules.shipped_in_cart = ShippedInCart::MarkShipped);
    book.webhook(&paid(1).fulfilment("fulfilled"));
    let decision = book.ask(&Command::ImportAnyway).unwrap();
    assert_eq!(kinds(&decision.timeline), [Kind::Imported, Kind::FlagRaised]);
    book.webhook(&paid(2).fulfilment("fulfilled"));
    book.check(Status::AwaitingFulfillment, &[Flag::FulfilledInCart]);
}

#[test]
fn r15_an_order_that_another_store_holds_is_set_aside() {
    let mut book = Book::new();
    book.held_elsewhere = true;
    let decision = book.webhook(&paid(1));
    assert_eq!(ending(&decision), (SetAside, Some(reason::ORDER_OF_ANOTHER_STORE)));
    assert_eq!(book.order, None);
}

#[test]
fn r15_r16_an_order_is_keyed_by_its_id_and_named_by_its_number() {
    let book = Book::after([paid(1)]);
    let order = book.order();
    assert_eq!(order.id.to_string(), "ord_7_5001");
    assert_eq!(
        (order.number.as_str(), order.cart_number.as_str(), order.cart_name.as_str()),
        ("3-1001", "1001", "#1001")
    );
}

#[test]
fn r17_an_order_holds_what_the_cart_said_and_how_it_arrived() {
    let book = Book::after([paid(4)]);
    let order = book.order();
    assert_eq!((&order.content, &order.cart), (&paid(4).content, &paid(4).cart));
    assert_eq!((order.placed_at, order.arrived_by), (at(0), ArrivedBy::Instasync));
    assert_eq!((order.created_at, order.updated_at, order.row_version), (at(1001), at(1001), 1));
}
