//! R18 and R19: what persons do, what is refused, and what the timeline says of it.

use rstest::rstest;

use super::super::super::timeline::sentence;
use super::*;
use Status::{AwaitingFulfillment, Cancelled, DropshipmentRequested, HeldBack, Shipped};

/// An order in `status`, brought there as persons would.
fn order_in(status: Status) -> Book {
    let mut book = match status {
        HeldBack => Book::after([paid(1).payment("pending")]),
        _ => Book::after([paid(1)]),
    };
    match status {
        HeldBack | AwaitingFulfillment => {}
        DropshipmentRequested => drop(book.ask(&Command::RequestDropship).unwrap()),
        Shipped => drop(book.ask(&ship()).unwrap()),
        Cancelled => drop(book.ask(&cancel()).unwrap()),
    }
    assert_eq!(book.status(), status);
    book
}

#[test]
fn r18_every_status_meets_every_command() {
    let anyway = Command::ImportAnyway;
    let commands = [cancel(), Command::Restore, Command::RequestDropship, ship(), anyway];
    // For each command, where it leads from each status; `None`: refused.
    #[rustfmt::skip]
    let table = [
        // status                cancel           restore                    request dropship             ship           import anyway
        (HeldBack,              [None,            None,                      None,                        None,          Some(AwaitingFulfillment)]),
        (AwaitingFulfillment,   [Some(Cancelled), None,                      Some(DropshipmentRequested), Some(Shipped), None]),
        (DropshipmentRequested, [Some(Cancelled), None,                      None,                        Some(Shipped), None]),
        (Shipped,               [None,            None,                      None,                        None,          None]),
        (Cancelled,             [None,            Some(AwaitingFulfillment), None,                        None,          None]),
    ];
    assert_eq!(table.map(|(status, _)| status), Status::ALL);
    for (status, row) in table {
        for (command, leads_to) in commands.iter().zip(row) {
            let mut book = order_in(status);
            let before = book.order().clone();
            match (book.ask(command), leads_to) {
                (Ok(decision), Some(after)) => {
                    assert_eq!(book.status(), after, "{status:?} {command:?}");
                    assert_eq!(decision.state, EventState::Done);
                    assert!(!decision.timeline.is_empty());
                }
                (Err(Refusal { sentence, .. }), None) => {
                    assert_eq!(book.order(), &before);
                    assert!(sentence.ends_with('.') && sentence.contains(' '), "{sentence}");
                }
                (answer, _) => panic!("{status:?} {command:?}: {answer:?}"),
            }
        }
    }
}

#[rstest]
#[case(
    HeldBack,
    cancel(),
    "The order is held back (its payment is still pending); import it anyway before it can be cancelled."
)]
#[case(
    HeldBack,
    Command::Unarchive,
    "The order is held back (its payment is still pending); import it anyway before it can be taken out of the archive."
)]
#[case(Shipped, cancel(), "The order has been shipped; a shipped order cannot be cancelled.")]
#[case(Cancelled, ship(), "The order is cancelled; restore it before it can be shipped.")]
#[case(Shipped, Command::Restore, "The order is shipped; only a cancelled order can be restored.")]
fn r18_an_impossible_step_is_refused_in_words(
    #[case] status: Status,
    #[case] command: Command,
    #[case] words: &str,
) {
    assert_eq!(order_in(status).ask(&command).unwrap_err().to_string(), words);
}

#[test]
fn r18_an_unknown_order_is_refused() {
    assert!(Book::new().ask(&cancel()).is_err());
}

#[rstest]
#[case(AwaitingFulfillment)]
#[case(DropshipmentRequested)]
#[case(Shipped)]
#[case(Cancelled)]
fn r18_archived_is_a_flag_and_no_status(#[case] status: Status) {
    let mut book = order_in(status);
    assert!(book.ask(&Command::Unarchive).is_err());
    book.ask(&Command::Archive).unwrap();
    book.check(status, &[Flag::Archived]);
    assert!(book.ask(&Command::Archive).is_err());
    book.ask(&Command::Unarchive).unwrap();
    book.check(status, &[]);
}

#[test]
fn r18_shipping_keeps_the_tracking() {
    let mut book = Book::after([paid(1)]);
    let number = Some("00340434".to_owned());
    let tracking = Tracking { tracking_number: number, ..Tracking::default() };
    book.ask(&Command::Ship(tracking.clone())).unwrap();
    assert_eq!(book.order().tracking, Some(tracking));
}

#[test]
fn r19_every_change_tells_what_when_who_and_which_rule() {
    let mut book = Book::after([paid(1)]);
    book.ask(&Command::Cancel { reason: Some("out of stock".to_owned()) }).unwrap();
    book.ask(&Command::Restore).unwrap();
    book.webhook(&paid(2).payment("partially_refunded").edited("x"));
    book.poll(&paid(3).cancelled(3), 8);
    let told: Vec<_> = book
        .timeline
        .iter()
        .map(|entry| {
            let text = sentence(entry.kind, entry.by.name(), &entry.details);
            (entry.by.name(), entry.rule, text)
        })
        .collect();
    let told: Vec<_> = told.iter().map(|(by, rule, text)| (*by, *rule, text.as_str())).collect();
    assert_eq!(
        told,
        [
            ("Shopify", "R13", "Imported as 3-1001."),
            ("Anna", "R18", "Cancelled by Anna (out of stock)."),
            ("Anna", "R18", "Restored by Anna; it is awaiting fulfillment again."),
            ("Shopify", "R12", "In the cart it is now partially refunded."),
            (
                "Shopify",
                "R20",
                "The order was edited in the cart; this store keeps its own content."
            ),
            ("Autosync", "R12", "In the cart it is now paid and cancelled."),
            (
                "Autosync",
                "R20",
                "The order was edited in the cart; this store keeps its own content."
            ),
            ("Autosync", "R21", "Cancelled by Shopify (customer)."),
        ]
    );
    assert!(book.timeline.windows(2).all(|pair| pair[0].at <= pair[1].at));
    assert_eq!(book.order().updated_at, book.timeline.last().unwrap().at);
}

#[test]
fn r19_flags_that_a_person_brings_up_or_down_are_told_too() {
    let mut book = Book::after([paid(1), paid(2).fulfilment("fulfilled")]);
    book.check(AwaitingFulfillment, &[Flag::FulfilledInCart]);
    let shipped = book.ask(&ship()).unwrap();
    assert_eq!(kinds(&shipped.timeline), [Kind::Shipped, Kind::FlagCleared]);
    book.check(Shipped, &[]);
}

#[test]
fn r13_what_the_cart_had_archived_before_a_person_imported_it_is_not_archived_afterwards() {
    let mut book = Book::with(|rules| rules.archives = Archives::Archive);
    book.webhook(&paid(1).payment("authorized").archived());
    book.ask(&Command::ImportAnyway).unwrap();
    // Known or new, the same archiving was overruled.
    book.webhook(&paid(2).payment("authorized").archived().edited("x"));
    book.check(Status::AwaitingFulfillment, &[]);
    book.webhook(&paid(3).payment("authorized"));
    book.webhook(&paid(4).payment("authorized").archived());
    book.check(Status::AwaitingFulfillment, &[Flag::Archived]);
}
