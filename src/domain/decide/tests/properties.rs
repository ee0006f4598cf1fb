//! Whatever a cart does and however we are told (I5, R11, R12, R49).

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::super::super::order::Guard;
use super::super::super::sighting::Version;
use super::model::{Change, Expected, Told, history};
use super::*;

const PAYMENTS: [&str; 7] =
    ["pending", "authorized", "paid", "paid", "partially_refunded", "refunded", "voided"];

/// A change, and how many seconds after the last it comes; `back`: also those that take one back.
fn change(back: bool) -> impl Strategy<Value = (Change, i64)> {
    let forth = prop_oneof![
        3 => select(&PAYMENTS[..]).prop_map(Change::Payment),
        2 => (0..3_u8).prop_map(Change::Edit),
        2 => Just(Change::Cancel),
        2 => Just(Change::Fulfilment(Some("fulfilled"))),
        1 => Just(Change::Fulfilment(Some("partial"))),
        1 => Just(Change::Archive(true)),
    ];
    let back_too = prop_oneof![
        3 => Just(Change::Revive),
        1 => Just(Change::Fulfilment(None)),
        1 => Just(Change::Fulfilment(Some("restocked"))),
        1 => Just(Change::Archive(false)),
    ];
    let weight = u32::from(back);
    (prop_oneof![2 => forth, weight => back_too], select(&[0, 0, 1, 2][..]))
}

/// The same in BigCommerce.
fn status_change(back: bool) -> impl Strategy<Value = (Change, i64)> {
    let forth = prop_oneof![
        4 => select(&[0, 1, 3, 4, 5, 5, 6, 7, 9, 11, 12, 13, 14][..]).prop_map(Change::Status),
        1 => select(&[2, 10][..]).prop_map(Change::Status),
        3 => (0..3_u8).prop_map(Change::Edit),
        1 => Just(Change::Archive(true)),
    ];
    let back_too = prop_oneof![
        3 => Just(Change::Status(11)),
        1 => Just(Change::Archive(false)),
    ];
    let weight = u32::from(back);
    (prop_oneof![2 => forth, weight => back_too], select(&[0, 0, 1, 2][..]))
}

/// The life of an order in a cart of either kind.
fn life(channel: ChannelKind, back: bool) -> BoxedStrategy<Vec<Sighting>> {
    match channel {
        ChannelKind::Shopify => {
            let first = select(&PAYMENTS[..]).prop_map(|payment| paid(0).payment(payment));
            (first, prop::collection::vec(change(back), 0..8))
                .prop_map(|(first, changes)| history(first, &changes))
                .boxed()
        }
        ChannelKind::BigCommerce => {
            let first = select(&[0, 1, 7, 9, 11, 11][..]).prop_map(|status| standing(status, 0));
            (first, prop::collection::vec(status_change(back), 0..8))
                .prop_map(|(first, changes)| history(first, &changes))
                .boxed()
        }
    }
}

fn states(back: bool) -> BoxedStrategy<Vec<Sighting>> {
    life(ChannelKind::Shopify, back)
}

fn channel() -> impl Strategy<Value = ChannelKind> {
    select(&[ChannelKind::Shopify, ChannelKind::BigCommerce][..])
}

/// How one of the states is told. A read tells the state it finds: it happens after that state
/// began and before the next one did.
fn telling(states: Vec<Sighting>, deletions: u32) -> impl Strategy<Value = Told> {
    let source = prop_oneof![
        5 => Just(Some(Source::Webhook)),
        2 => Just(Some(Source::Poll)),
        2 => Just(Some(Source::Fetch)),
        deletions => Just(None),
    ];
    (any::<Index>(), 0..1000_i64, source).prop_map(move |(which, moment, source)| {
        let nth = which.index(states.len());
        let said = states[nth].clone();
        let read_at = Timestamp(said.updated_at.0 + nth as i64 * 1000 + moment);
        match source {
            Some(source) => Told::Seen { said: Box::new(said), source, read_at },
            None => Told::Gone { read_at },
        }
    })
}

/// Some of the states told, some of them twice, in two orders of arrival.
fn arrivals(
    states: &[Sighting],
    some: std::ops::Range<usize>,
) -> impl Strategy<Value = [Vec<Told>; 2]> + use<> {
    let told = prop::collection::vec(telling(states.to_vec(), 1), some);
    let again = prop::collection::vec(any::<Index>(), 0..3);
    (told, again).prop_flat_map(|(told, again)| {
        let mut more = told.clone();
        if !told.is_empty() {
            more.extend(again.iter().map(|index| index.get(&told).clone()));
        }
        (Just(told).prop_shuffle(), Just(more).prop_shuffle()).prop_map(|(a, b)| [a, b])
    })
}

/// The first sighting comes first: a deletion of an order that was never seen leaves no trace.
fn seen_first(mut told: Vec<Told>) -> Vec<Told> {
    let first = told.iter().position(|told| told.seen().is_some());
    told.rotate_left(first.unwrap_or(0));
    told
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    rules_of(ChannelKind::Shopify)
}

fn rules_of(channel: ChannelKind) -> impl Strategy<Value = Rules> {
    let archives: &[Archives] = match channel {
        ChannelKind::Shopify => &[Archives::Ignore, Archives::Archive],
        ChannelKind::BigCommerce => &[Archives::Ignore, Archives::Archive, Archives::Cancel],
    };
    let edits = select(&[Edits::Ignore, Edits::Review, Edits::Apply][..]);
    let drawn = (any::<bool>(), select(archives), any::<bool>(), any::<bool>(), edits);
    drawn.prop_map(move |(cancels, archives, ships, declined, edits)| {
        let mut rules = Rules::defaults(channel);
        rules.edits = edits;
        rules.cancels = if cancels { Cancels::Auto } else { Cancels::Ignore };
        rules.archives = archives;
        rules.declined = if declined { Declined::Cancel } else { Declined::Flag };
        let mark = ShippedInCart::MarkShipped;
        rules.shipped_in_cart = if ships { mark } else { ShippedInCart::Ignore };
        rules
    })
}

pub(super) fn command() -> impl Strategy<Value = Command> {
    select(vec![
        cancel(),
        Command::Restore,
        Command::Restore,
        Command::RequestDropship,
        ship(),
        Command::Archive,
        Command::Unarchive,
        Command::ImportAnyway,
    ])
}

/// A part of a story: what is told, in two orders of arrival, and what people do then.
#[derive(Debug, Clone)]
struct Segment {
    arrivals: [Vec<Told>; 2],
    then: Then,
}

/// What people do between two segments.
#[derive(Debug, Clone)]
enum Then {
    Nothing,
    Ask(Command),
    SetRules(Rules),
}

fn then(channel: ChannelKind) -> impl Strategy<Value = Then> {
    prop_oneof![
        1 => Just(Then::Nothing),
        3 => command().prop_map(Then::Ask),
        1 => (rules_of(channel), any::<bool>()).prop_map(move |(mut rules, pending)| {
            let status = if channel == ChannelKind::Shopify { "pending" } else { "1" };
            rules.import_statuses.extend(pending.then(|| status.to_owned()));
            Then::SetRules(rules)
        }),
    ]
}

impl Then {
    /// Does it; a refusal is given back in words.
    fn happen(&self, book: &mut Book) -> Option<Refusal> {
        match self {
            Self::Nothing => None,
            Self::Ask(command) => book.ask(command).err(),
            Self::SetRules(rules) => {
                book.rules = rules.clone();
                None
            }
        }
    }
}

fn story(channel: ChannelKind, back: bool) -> impl Strategy<Value = Vec<Segment>> {
    life(channel, back).prop_flat_map(move |states| {
        let opening = telling(states.clone(), 0);
        let segment = (arrivals(&states, 0..6), then(channel));
        let segment = segment.prop_map(|(arrivals, then)| Segment { arrivals, then });
        (opening, prop::collection::vec(segment, 1..4)).prop_map(|(opening, mut story)| {
            for told in &mut story[0].arrivals {
                told.push(opening.clone());
                *told = seen_first(std::mem::take(told));
            }
            story
        })
    })
}

fn tell(book: &mut Book, told: &Told) -> Decision {
    let by = match told {
        Told::Seen { source: Source::Poll, .. } => By::Autosync,
        _ => By::Cart(book.channel),
    };
    book.play(&told.input(), by).expect("sightings are never refused")
}

/// R12 (iii): a state that came and went acts only if it was the newest when it reached us, so
/// which of a segment's states act depends on arrival if one of them takes another back. Where none
/// does, nothing may depend on it. Two more states are set apart: an order that the cart shipped
/// *after* it had cancelled it, which no cart allows (only states told within one second in an
/// order of their own look so); and what was archived here or there before the segment began.
fn nothing_came_and_went(book: &Book, told: &[Told]) -> bool {
    let before = book.order.as_ref();
    let mut news: Vec<(&Sighting, Version)> = told
        .iter()
        .filter_map(Told::seen)
        .filter(|(_, version)| before.is_none_or(|order| *version > order.guard.newest))
        .collect();
    news.sort_by_key(|(_, version)| *version);
    let known = before
        .filter(|order| {
            // A cancellation without a time is the same one until the cart has left it.
            let stands = order.cart.status_id.is_some() && order.cart.reads_cancelled();
            !order.is_in_book() || book.rules.archives != Archives::Ignore || stands
        })
        .map(|order| &order.cart);
    let chain: Vec<&CartState> =
        known.into_iter().chain(news.iter().map(|(said, _)| &said.cart)).collect();
    let ships = book.rules.shipped_in_cart == ShippedInCart::MarkShipped;
    let archives = book.rules.archives != Archives::Ignore;
    let cancelled = |cart: &CartState| cart.cancellation(&book.rules).is_some();
    chain.windows(2).all(|pair| {
        let [a, b] = pair else { return true };
        let revived = cancelled(a) && !cancelled(b);
        let unfulfilled = a.is_fulfilled() && !b.is_fulfilled();
        // Put away counts as cancelled where the rules say so.
        let closed = cancelled(a) || (a.archived && book.rules.archives == Archives::Cancel);
        let shipped_after_cancel = closed && !a.is_fulfilled() && b.is_fulfilled();
        let unarchived = a.archived && !b.archived;
        !revived && !(ships && (unfulfilled || shipped_after_cancel)) && !(archives && unarchived)
    })
}

/// All of an order that may not depend on the order of arrival: not the content of an order in the
/// book (R12 ii), not times of recording, nor which ties are settled.
fn lasting(book: &Book) -> Option<(Expected, Guard, String)> {
    book.order.as_ref().map(|order| {
        let mut lasting = Expected::found(order);
        if order.is_in_book() {
            lasting.content = Content::default();
            lasting.waits = false;
        }
        (lasting, Guard { tie_settled: None, ..order.guard.clone() }, order.number.clone())
    })
}

/// Facts that happen once: the import, each cancellation, each question about a second.
fn check_once(book: &Book, cancelled: &[Option<Timestamp>], asked: &BTreeMap<Timestamp, usize>) {
    let imports = book.kinds().iter().filter(|kind| **kind == Kind::Imported).count();
    assert_eq!(imports, usize::from(book.order().is_in_book()), "imported exactly once");
    let mut once = cancelled.to_vec();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), cancelled.len(), "each cancellation acts once");
    assert!(asked.values().all(|times| *times == 1), "one fetch for each tie");
}

/// Tells a story in one of its orders and checks on the way what holds in all of them.
fn play(channel: ChannelKind, story: &[Segment], order: usize, rules: &Rules) -> Book {
    let mut book = Book::of(channel);
    book.rules = rules.clone();
    let (mut cancelled, mut asked) = (Vec::new(), BTreeMap::new());
    for segment in story {
        for told in &segment.arrivals[order] {
            let ignores = book.rules.edits == Edits::Ignore;
            let content = book.order.clone().filter(|order| ignores && order.is_in_book());
            let content = content.map(|order| order.content);
            let decision = tell(&mut book, told);
            if decision.timeline.iter().any(|entry| entry.kind == Kind::Cancelled) {
                cancelled.extend(book.order().cart.cancelled_at.map(Some));
            }
            if decision.fetch {
                let (said, version) = told.seen().unwrap();
                assert_eq!(version.source, 0, "only webhooks ask for a fetch");
                *asked.entry(said.updated_at).or_default() += 1;
            }
            assert!(content.is_none_or(|ours| ours == book.order().content), "our content stays");
        }
        // What is refused changes nothing.
        drop(segment.then.happen(&mut book));
    }
    check_once(&book, &cancelled, &asked);
    book
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]

    /// The book holds what the rules' sentences say of what arrived, whichever way it arrived.
    #[test]
    fn r12_the_book_holds_what_the_rules_say(
        (channel, rules, story) in channel().prop_flat_map(|channel| {
            let story = life(channel, true).prop_flat_map(|states| {
                (telling(states.clone(), 0), arrivals(&states, 0..10))
            });
            (Just(channel), rules_of(channel), story)
        }),
    ) {
        let (opening, arrivals) = story;
        for mut told in arrivals {
            told.push(opening.clone());
            let told = seen_first(told);
            let segment = Segment { arrivals: [told.clone(), Vec::new()], then: Then::Nothing };
            let book = play(channel, &[segment], 0, &rules);
            prop_assert_eq!(Expected::found(book.order()), Expected::after(&told, &rules));
        }
    }

    /// I5: between two commands of persons or changes of rules, no order of arrival and no repetition makes a
    /// difference beyond R12 (ii) and (iii).
    #[test]
    fn i5_r11_arrival_order_and_repetition_mean_nothing(
        (channel, rules, story) in (channel(), any::<bool>()).prop_flat_map(|(channel, back)| {
            (Just(channel), rules_of(channel), story(channel, back))
        }),
    ) {
        let (mut a, mut b) = (Book::of(channel), Book::of(channel));
        (a.rules, b.rules) = (rules.clone(), rules.clone());
        for segment in &story {
            if !nothing_came_and_went(&a, &segment.arrivals[0]) {
                break;
            }
            segment.arrivals[0].iter().for_each(|told| drop(tell(&mut a, told)));
            segment.arrivals[1].iter().for_each(|told| drop(tell(&mut b, told)));
            prop_assert_eq!(lasting(&a), lasting(&b));
            prop_assert_eq!(segment.then.happen(&mut a), segment.then.happen(&mut b));
            prop_assert_eq!(lasting(&a), lasting(&b));
        }
    }

    /// What a fetch saw of the final state is what the cart has, whatever else was told and lost.
    #[test]
    fn r12_a_fetch_of_the_final_state_settles_what_is_known(
        (last, arrivals) in states(true).prop_flat_map(|states| {
            (Just(states.last().unwrap().clone()), arrivals(&states, 0..8))
        }),
        nth in any::<Index>(),
    ) {
        let [mut told, _] = arrivals;
        // Within one second a cancelled state outranks one that is not, wherever it was seen.
        let revived = |said: &Sighting| {
            said.updated_at == last.updated_at
                && said.cart.cancelled_at.is_some()
                && last.cart.cancelled_at.is_none()
        };
        prop_assume!(!told.iter().filter_map(Told::seen).any(|(said, _)| revived(said)));
        let read_at = at(100);
        let fetch = Told::Seen { said: Box::new(last.clone()), source: Source::Fetch, read_at };
        told.insert(nth.index(told.len() + 1), fetch);
        let mut book = Book::new();
        for told in seen_first(told) {
            tell(&mut book, &told);
        }
        prop_assert_eq!(&book.order().cart, &last.cart);
        prop_assert!(!book.flags().contains(&Flag::DeletedInCart));
    }

    /// Replaying anything that was decided, any number of times, is harmless (R49), and no story
    /// doubles a fact. Rules stay as they are: a change of them is what re-examines (R13). A second
    /// that was read before it was over may be asked for once more.
    #[test]
    fn i3_what_was_decided_changes_nothing_when_decided_again(
        (channel, rules, mut story) in channel().prop_flat_map(|channel| {
            (Just(channel), rules_of(channel), story(channel, true))
        }),
    ) {
        for segment in &mut story {
            if matches!(segment.then, Then::SetRules(_)) {
                segment.then = Then::Nothing;
            }
        }
        let mut book = play(channel, &story, 1, &rules);
        let before = lasting(&book);
        for told in story.iter().flat_map(|segment| &segment.arrivals[1]) {
            let decision = tell(&mut book, told);
            prop_assert_eq!(decision.timeline, vec![]);
            prop_assert!(decision.order.is_none() || decision.fetch);
        }
        prop_assert_eq!(lasting(&book), before);
        // The second time nothing at all is left to do.
        let settled = book.order.clone();
        for told in story.iter().flat_map(|segment| &segment.arrivals[1]) {
            let decision = tell(&mut book, told);
            prop_assert_eq!(decision.order, None);
            prop_assert_eq!(decision.timeline, vec![]);
            prop_assert!(!decision.fetch);
        }
        prop_assert_eq!(book.order, settled);
    }
}
