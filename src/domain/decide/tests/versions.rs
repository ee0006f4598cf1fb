//! R10 and R12: duplicates, stale sightings, the order of versions, ties.

use rstest::rstest;

use super::super::super::event::reason;
use super::*;
use EventState::{Done, Duplicate, Ignored, Stale};

#[test]
fn r10_the_same_state_in_another_delivery_is_a_duplicate_of_its_own() {
    let mut book = Book::after([paid(1)]);
    let before = book.order().clone();
    let again = book.webhook(&paid(1));
    assert_eq!((ending(&again), again.order), ((Duplicate, None), None));
    assert_eq!(book.order(), &before);
}

#[test]
fn r10_a_held_back_order_seen_again_is_a_duplicate() {
    let mut book = Book::after([paid(1).payment("pending")]);
    assert_eq!(ending(&book.webhook(&paid(1).payment("pending"))), (Duplicate, None));
}

#[test]
fn r10_a_webhook_that_a_poll_told_before_is_a_duplicate() {
    let mut book = Book::new();
    book.poll(&paid(1), 5);
    assert_eq!(ending(&book.webhook(&paid(1))), (Duplicate, None));
}

#[test]
fn r10_nothing_is_merged_by_a_key_that_hides_a_change() {
    let mut book = Book::after([paid(1)]);
    let changed = book.webhook(&paid(1).payment("refunded"));
    assert_ne!(changed.state, Duplicate);
}

#[test]
fn r12_an_older_state_is_stale_and_changes_nothing() {
    let mut book = Book::after([paid(5)]);
    let before = book.order().clone();
    let late = book.webhook(&paid(4).payment("refunded").cancelled(4).edited("older"));
    assert_eq!((ending(&late), late.order, late.fetch), ((Stale, None), None, false));
    assert_eq!(book.order(), &before);
}

/// Every pair tells two versions, the lesser first.
#[rstest]
#[case::by_time((paid(1).cancelled(1), Source::Fetch, 9), (paid(2), Source::Webhook, 0))]
#[case::cancelled_outranks_sources((paid(1), Source::Fetch, 9), (paid(1).cancelled(1), Source::Webhook, 0))]
#[case::webhook_below_poll((paid(1).edited("w"), Source::Webhook, 9), (paid(1), Source::Poll, 1))]
#[case::poll_below_fetch((paid(1), Source::Poll, 9), (paid(1).edited("f"), Source::Fetch, 1))]
#[case::by_time_of_the_fetch((paid(1).edited("a"), Source::Fetch, 8), (paid(1), Source::Fetch, 9))]
fn r12_versions_have_a_total_order(
    #[case] less: (Sighting, Source, i64),
    #[case] more: (Sighting, Source, i64),
) {
    let version = |(said, source, read): &(Sighting, Source, i64)| said.version(*source, at(*read));
    assert!(version(&less) < version(&more));
    for arrival in [[&less, &more], [&more, &less]] {
        let mut book = Book::new();
        for (said, source, read) in arrival {
            book.see(said, *source, at(*read));
        }
        assert_eq!(book.order().cart, more.0.cart);
        assert_eq!(book.order().guard.newest, version(&more));
    }
}

#[test]
fn r12_arrival_times_of_webhooks_mean_nothing() {
    let said = paid(1);
    assert_eq!(said.version(Source::Webhook, at(3)), said.version(Source::Webhook, at(8)));
}

#[test]
fn r12_a_poll_that_confirms_the_newest_state_is_no_news() {
    let mut book = Book::after([paid(1)]);
    let updated_at = book.order().updated_at;
    assert_eq!(ending(&book.poll(&paid(1), 7)), (Done, Some(reason::NO_CHANGE)));
    assert_eq!(book.order().updated_at, updated_at);
    assert_eq!(book.kinds(), [Kind::Imported]);
}

#[test]
fn r12_i_eligible_once_is_enough() {
    let mut book = Book::after([paid(3).cancelled(3)]);
    assert_eq!(book.order().held_back, Some(HeldBack::CancelledInCart));
    let create = book.webhook(&paid(1));
    assert_eq!(kinds(&create.timeline), [Kind::Imported, Kind::Cancelled]);
    assert_eq!(create.timeline[0].details["how"], "earlier_state");
    book.check(Status::Cancelled, &[]);
    assert_eq!(book.order().cart.cancelled_at, Some(at(3)));
}

#[test]
fn r12_i_an_older_state_that_was_never_eligible_stays_stale() {
    let mut book = Book::after([paid(3).cancelled(3)]);
    assert_eq!(ending(&book.webhook(&paid(1).payment("pending"))), (Stale, None));
    assert_eq!(book.order().held_back, Some(HeldBack::CancelledInCart));
}

#[rstest]
#[case::in_order(&[0, 1, 2], "first")]
#[case::held_back_first(&[2, 1, 0], "second")]
#[case::only_the_older_arrives_late(&[2, 0, 1], "first")]
fn r12_ii_content_is_of_the_first_eligible_sighting_that_reached_us(
    #[case] arrival: &[usize],
    #[case] content: &str,
) {
    let told =
        [paid(1).edited("first"), paid(2).edited("second"), paid(3).edited("x").cancelled(3)];
    let mut book = Book::new();
    for index in arrival {
        book.webhook(&told[*index]);
    }
    assert_eq!(book.order().content.note.as_deref(), Some(content));
    book.check(Status::Cancelled, &[]);
}

#[test]
fn r12_iii_a_cancellation_that_came_and_went_before_we_knew_does_not_act() {
    let mut book = Book::after([paid(1), paid(3)]);
    assert_eq!(ending(&book.webhook(&paid(2).cancelled(2))), (Stale, None));
    book.check(Status::AwaitingFulfillment, &[]);
}

#[test]
fn r12_iii_a_fulfilment_that_came_and_went_before_we_knew_does_not_act() {
    let mut book = Book::with(|rules| rules.shipped_in_cart = ShippedInCart::MarkShipped);
    for said in [paid(1), paid(3), paid(2).fulfilment("fulfilled")] {
        book.webhook(&said);
    }
    book.check(Status::AwaitingFulfillment, &[]);
}

#[test]
fn r12_two_webhooks_of_one_second_apply_the_greater_and_ask_for_one_fetch() {
    let (a, b) = (paid(2).payment("partially_refunded"), paid(2).fulfilment("partial"));
    let mut ends = Vec::new();
    for (first, second) in [(&a, &b), (&b, &a)] {
        let mut book = Book::after([paid(1)]);
        assert!(!book.webhook(first).fetch);
        assert!(book.webhook(second).fetch);
        for said in [first, second, first] {
            assert!(!book.webhook(said).fetch, "one fetch is enough");
        }
        ends.push(book.order().cart.clone());
        let settled = book.fetch(&a, 9);
        assert!(!settled.fetch);
        assert_eq!(book.order().cart, a.cart);
        assert!(!book.webhook(&b).fetch, "it is settled");
    }
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn r12_a_tie_of_held_back_webhooks_is_fetched_too() {
    let (a, b) = (paid(2).payment("pending"), paid(2).payment("authorized"));
    for (first, second) in [(&a, &b), (&b, &a)] {
        let mut book = Book::new();
        book.webhook(first);
        assert!(book.webhook(second).fetch);
        assert!(!book.webhook(first).fetch);
    }
    let mut book = Book::after([a]);
    assert!(book.webhook(&paid(2)).fetch, "also when it imports");
}

#[test]
fn r12_a_second_that_was_read_needs_no_fetch_any_more() {
    let mut book = Book::after([paid(2)]);
    book.poll(&paid(2), 3);
    assert!(!book.webhook(&paid(2).cancelled(2)).fetch);
    assert!(!book.webhook(&paid(2)).fetch);
    book.check(Status::Cancelled, &[]);
}

#[rstest]
#[case::while_it_went_on(Timestamp(at(2).0 + 400_000), true)]
#[case::when_it_was_over(at(3), false)]
fn r12_a_change_in_a_second_that_was_read_too_early_is_fetched(
    #[case] read_at: Timestamp,
    #[case] fetch: bool,
) {
    let mut book = Book::after([paid(1)]);
    book.see(&paid(2).payment("partially_refunded"), Source::Fetch, read_at);
    assert_eq!(book.webhook(&paid(2).payment("refunded")).fetch, fetch);
    assert!(!book.webhook(&paid(2).payment("refunded")).fetch, "one is enough");
    book.fetch(&paid(2).payment("refunded"), 4);
    book.check(Status::AwaitingFulfillment, &[Flag::RefundedInCart]);
    assert!(!book.webhook(&paid(2)).fetch, "it is settled");
}

#[test]
fn r12_two_reads_within_a_second_do_not_settle_it() {
    let mut book = Book::after([paid(1)]);
    let early = |micros| Timestamp(at(2).0 + micros);
    book.see(&paid(2).payment("authorized"), Source::Fetch, early(200_000));
    book.see(&paid(2).payment("authorized"), Source::Fetch, early(400_000));
    assert!(book.webhook(&paid(2).payment("refunded")).fetch, "the second was not over");
}

#[rstest]
#[case(Source::Poll)]
#[case(Source::Fetch)]
fn r12_a_poll_or_fetch_never_causes_a_fetch(#[case] source: Source) {
    let mut book = Book::after([paid(2)]);
    assert!(!book.see(&paid(2).edited("x"), source, at(5)).fetch);
    assert!(!book.see(&paid(2).edited("y"), source, at(4)).fetch);
    assert!(!book.webhook(&paid(2).edited("z")).fetch, "a webhook is below what was read");
}

#[test]
fn r12_a_read_that_lags_behind_a_webhook_changes_nothing() {
    let mut book = Book::after([paid(1), paid(5).payment("refunded")]);
    let before = book.order().clone();
    let lagging = book.fetch(&paid(1), 6);
    assert_eq!((ending(&lagging), lagging.timeline), ((Stale, None), vec![]));
    assert_eq!((&book.order().cart, book.order().updated_at), (&before.cart, before.updated_at));
}

#[test]
fn r12_a_state_nobody_can_tell_apart_moves_the_guard_alone() {
    let mut book = Book::after([paid(1)]);
    let before = book.order().clone();
    assert_eq!(ending(&book.webhook(&paid(2))), (Done, Some(reason::NO_CHANGE)));
    assert_eq!(book.order().updated_at, before.updated_at);
    assert_eq!(book.order().guard.newest.updated_at, at(2));
    assert_eq!(ending(&book.webhook(&paid(2).edited("x"))).0, Ignored);
}
