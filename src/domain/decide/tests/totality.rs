//! Whatever comes, even what no cart and no history leads to, is decided without a panic (I3).

use proptest::prelude::*;
use proptest::sample::select;

use super::super::super::OrderId;
use super::super::super::order::{ArrivedBy, Flags, Guard};
use super::super::super::sighting::{Hash, Version};
use super::super::super::{Cancellation, CartSide};
use super::properties::{command, rules};
use super::*;

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        Just(Timestamp(i64::MIN)),
        Just(Timestamp(i64::MAX)),
        (0..3_i64).prop_map(at),
        any::<i64>().prop_map(Timestamp),
    ]
}

fn word() -> impl Strategy<Value = Option<String>> {
    prop::option::of(prop_oneof![
        select(&["paid", "refunded", "pending", "fulfilled", "restocked", ""][..])
            .prop_map(str::to_owned),
        ".{0,3}",
    ])
}

prop_compose! {
    fn any_sighting()(
        times in (instant(), instant()),
        words in (word(), word(), word()),
        status_id in any::<Option<i64>>(),
        cancelled_at in prop::option::of(instant()),
        archived in any::<bool>(),
        test in any::<bool>(),
        note in word(),
    ) -> Sighting {
        let mut said = paid(0);
        (said.placed_at, said.updated_at) = times;
        let (financial_status, fulfillment_status, cancel_reason) = words;
        said.cart = CartState {
            financial_status,
            fulfillment_status,
            status_id,
            cancelled_at,
            cancel_reason,
            archived,
            test,
        };
        said.content.note = note;
        said
    }
}

prop_compose! {
    /// Also orders that no history leads to.
    fn any_order()(
        said in any_sighting(),
        status in select(&Status::ALL[..]),
        reason in select(&HeldBack::ALL[..]),
        flags in any::<u32>(),
        row_version in prop_oneof![0..9_u64, Just(u64::MAX - 1)],
        version in (instant(), any::<bool>(), 0..4_u8, instant(), any::<u128>()),
        instants in prop::array::uniform4(prop::option::of(instant())),
        settled in prop::array::uniform3(any::<bool>()),
    ) -> Order {
        let (updated_at, cancelled, source, read_at, hash) = version;
        let newest = Version { updated_at, cancelled, source, read_at, hash: Hash(hash) };
        let [cancel_settled, gone_at, found_at, tie_settled] = instants;
        let cancel_settled = cancel_settled.map(Cancellation::At);
        let [cancelled_by_cart, fulfilment_settled, archive_settled] = settled;
        Order {
            id: OrderId::new(StoreId(7), said.cart_order_id.clone()),
            account: AccountId(1),
            number: String::new(),
            cart_number: said.number.clone(),
            cart_name: said.name.clone(),
            status,
            held_back: (status == Status::HeldBack).then_some(reason),
            arrived_by: ArrivedBy::Manual,
            flags: Flags(flags),
            placed_at: said.placed_at,
            created_at: said.placed_at,
            updated_at: said.updated_at,
            row_version,
            content: said.content.clone(),
            cart_side: CartSide::default(),
            cart: said.cart.clone(),
            guard: Guard {
                newest,
                newest_content: said.content_hash(),
                cancel_settled,
                cancelled_by_cart,
                fulfilment_settled,
                archive_settled,
                gone_at,
                found_at,
                tie_settled,
                missed: None,
            },
            tracking: None,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// I3: any input meets any order without a panic, and the same answer comes twice. What holds
    /// of every decision is checked by `Book::play`.
    #[test]
    fn i3_decide_is_total_and_deterministic(
        order in prop::option::of(any_order()),
        said in any_sighting(),
        source in select(&Source::ALL[..]),
        read_at in instant(),
        command in command(),
        rules in rules(),
        held_elsewhere in any::<bool>(),
    ) {
        let inputs = [
            Input::Seen { sighting: &said, source, read_at },
            Input::Gone { read_at },
            Input::ReExamined,
            Input::Asked(&command),
        ];
        for input in inputs {
            let mut book = Book::with(|own| *own = rules.clone());
            book.order = order.clone();
            book.held_elsewhere = held_elsewhere;
            let mut twin = book.clone();
            let decided = book.play(&input, By::Autosync);
            prop_assert_eq!(&decided, &twin.play(&input, By::Autosync));
            prop_assert!(decided.is_ok() || matches!(input, Input::Asked(_)));
        }
    }
}
