//! Stores, accounts, tokens and kept answers.

use rstest::rstest;

use super::{Backend, World, row};
use crate::domain::{AccountId, ChannelKind, StoreId, Timestamp};
use crate::ledger::RulesChange;
use crate::ledger::{
    Answer, Connection, LedgerError, NewStore, Role, StoreRow, StoreTaken, TokenRow, Write, Written,
};

fn add(row: StoreRow) -> Write {
    Write::AddStore(Box::new(NewStore { first_run: row.created_at, row }))
}

#[rstest]
#[tokio::test]
async fn r1_a_store_is_numbered_within_its_account(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let account = world.account("other").await;
    let mut given = Vec::new();
    for (account, slug) in [(AccountId(1), "a"), (account, "b"), (AccountId(1), "c")] {
        let written = world.put(add(StoreRow { account, ..row(slug) })).await;
        let Written::StoreAdded { id, index } = written else { panic!("{written:?}") };
        given.push((id.0, index));
    }
    assert_eq!(given, [(1, 1), (2, 1), (3, 2)]);
    let kept = world.store(StoreId(3)).await.unwrap().unwrap();
    assert_eq!(kept, StoreRow { id: StoreId(3), index: 2, version: 1, ..row("c") });
    let of_account = world.stores(AccountId(1), StoreId(0), 10).await.unwrap();
    assert_eq!(of_account.iter().map(|row| row.id.0).collect::<Vec<_>>(), [1, 3]);
    let after = world.stores(AccountId(1), StoreId(1), 10).await.unwrap();
    assert_eq!(after, [kept]);
    assert_eq!(world.stores(AccountId(1), StoreId(0), 1).await.unwrap().len(), 1);
    assert_eq!(world.store(StoreId(9)).await.unwrap(), None);
}

#[rstest]
#[tokio::test]
async fn a_cart_and_a_slug_belong_to_one_store(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let (one, two) = (world.connect("one").await, world.connect("two").await);
    let same_cart = StoreRow { domain: "one.example".into(), ..row("three") };
    let taken = Written::StoreTaken(StoreTaken::Domain(one));
    assert_eq!(world.put(add(same_cart.clone())).await, taken);
    let same_slug = StoreRow { domain: "three.example".into(), ..row("one") };
    assert_eq!(world.put(add(same_slug)).await, Written::StoreTaken(StoreTaken::Slug));
    let other_channel = StoreRow { channel: ChannelKind::BigCommerce, ..same_cart };
    assert!(matches!(world.put(add(other_channel)).await, Written::StoreAdded { .. }));

    let kept = world.store(two).await.unwrap().unwrap();
    let moved = StoreRow { domain: "one.example".into(), ..kept.clone() };
    assert_eq!(world.put(Write::UpdateStore(Box::new(moved))).await, taken);
    let renamed = StoreRow { slug: "one".into(), ..kept.clone() };
    let written = world.put(Write::UpdateStore(Box::new(renamed))).await;
    assert_eq!(written, Written::StoreTaken(StoreTaken::Slug));
    assert_eq!(world.store(two).await.unwrap(), Some(kept));
}

#[rstest]
#[tokio::test]
async fn a_store_changes_only_at_the_version_that_was_read(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let store = world.connect("shop").await;
    let before = world.store(store).await.unwrap().unwrap();
    let mut changed = StoreRow {
        name: "New".into(),
        paused: true,
        disconnected_at: Some(Timestamp(9)),
        token_due: Some(Timestamp(8)),
        credentials: vec![7],
        credential_group: vec![8],
        rules_version: 2,
        rules_history: vec![RulesChange {
            at: Timestamp(5),
            by: "Ada".to_owned(),
            version: 2,
            changes: Vec::new(),
        }],
        api_url: Some("http://localhost".into()),
        ..before
    };
    changed.health.connection = Connection::Reconnect;
    changed.health.missing_scopes = vec!["read_orders".into()];
    let update = Write::UpdateStore(Box::new(changed.clone()));
    assert_eq!(world.put(update.clone()).await, Written::Done);
    assert_eq!(world.put(update).await, Written::Moved);
    let kept = world.store(store).await.unwrap().unwrap();
    assert_eq!(kept, StoreRow { version: 2, ..changed.clone() });
    let unknown = StoreRow { id: StoreId(9), slug: "x".into(), domain: "x".into(), ..changed };
    assert_eq!(world.put(Write::UpdateStore(Box::new(unknown))).await, Written::Moved);
    assert_eq!(world.put(Write::TakeEpoch(store)).await, Written::Epoch(2), "epochs go on");
}

#[rstest]
#[tokio::test]
async fn listings_are_pages_of_every_store(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    for slug in ["one", "two", "three"] {
        world.connect(slug).await;
    }
    let mut second = world.store(StoreId(2)).await.unwrap().unwrap();
    second.disconnected_at = Some(Timestamp(5));
    second.token_due = Some(Timestamp(6));
    second.paused = true;
    world.put(Write::UpdateStore(Box::new(second.clone()))).await;
    let first = world.store_listings(StoreId(0), 2).await.unwrap();
    assert_eq!(first.len(), 2);
    assert_eq!(first[1], second.listing());
    assert!(!first[1].connected && first[0].connected);
    let rest = world.store_listings(StoreId(2), 2).await.unwrap();
    assert_eq!(rest.iter().map(|listing| &*listing.slug).collect::<Vec<_>>(), ["three"]);
}

#[rstest]
#[tokio::test]
async fn r15_stores_of_one_secret_are_found_together(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    for (slug, group) in [("a", b"x"), ("b", b"y"), ("c", b"x")] {
        world.put(add(StoreRow { credential_group: group.to_vec(), ..row(slug) })).await;
    }
    assert_eq!(world.same_credentials(b"x").await.unwrap(), [StoreId(1), StoreId(3)]);
    assert_eq!(world.same_credentials(b"z").await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn r1_account_slugs_are_unique(#[values(Backend::Sqlite, Backend::Memory)] backend: Backend) {
    let world = World::new(backend).await;
    let other = world.account("other").await;
    for slug in ["other", "default"] {
        let again = Write::AddAccount { slug: slug.into(), name: "X".into(), at: Timestamp(2) };
        assert_eq!(world.put(again).await, Written::Taken);
    }
    let accounts = world.accounts().await.unwrap();
    let slugs: Vec<&str> = accounts.iter().map(|account| account.slug.as_str()).collect();
    assert_eq!(slugs, ["default", "other"]);
    assert_eq!((accounts[0].id, accounts[1].id), (AccountId(1), other));
    assert_eq!((accounts[1].name.as_str(), accounts[1].created_at), ("OTHER", Timestamp(1)));
    let orphan = add(StoreRow { account: AccountId(77), ..row("orphan") });
    assert!(matches!(world.write(&[orphan]).await, Err(LedgerError::Rejected(_))));
}

#[rstest]
#[tokio::test]
async fn tokens_are_found_by_their_hash_and_revoked_once(
    #[values(Backend::Sqlite, Backend::Memory)] backend: Backend,
) {
    let world = World::new(backend).await;
    let token = TokenRow {
        id: 0,
        name: "ci".into(),
        role: Role::Operator,
        account: Some(AccountId(1)),
        hash: [7; 32],
        created_at: Timestamp(3),
        revoked_at: None,
    };
    assert_eq!(world.put(Write::AddToken(token.clone())).await, Written::Added(1));
    let again = world.write(&[Write::AddToken(token.clone())]).await;
    assert!(matches!(again, Err(LedgerError::Rejected(_))));
    let second = TokenRow { hash: [8; 32], account: None, role: Role::Admin, ..token.clone() };
    assert_eq!(world.put(Write::AddToken(second.clone())).await, Written::Added(2));
    let homeless = TokenRow { hash: [9; 32], account: Some(AccountId(77)), ..token.clone() };
    let refused = world.write(&[Write::AddToken(homeless)]).await;
    assert!(matches!(refused, Err(LedgerError::Rejected(_))));
    for at in [50, 60] {
        let revoke = Write::RevokeToken { id: 1, at: Timestamp(at) };
        assert_eq!(world.put(revoke).await, Written::Done);
    }
    let unknown = Write::RevokeToken { id: 9, at: Timestamp(1) };
    assert_eq!(world.put(unknown).await, Written::Done);
    let first = TokenRow { id: 1, revoked_at: Some(Timestamp(50)), ..token };
    let second = TokenRow { id: 2, ..second };
    assert_eq!(world.token(&[7; 32]).await.unwrap().as_ref(), Some(&first));
    assert_eq!(world.token(&[1; 32]).await.unwrap(), None);
    assert_eq!(world.tokens().await.unwrap(), [first, second]);
}

#[rstest]
#[tokio::test]
async fn answers_are_kept_for_a_day(#[values(Backend::Sqlite, Backend::Memory)] backend: Backend) {
    let world = World::new(backend).await;
    let answer = |scope: &str, key: &str, status, at| Answer {
        scope: scope.into(),
        key: key.into(),
        request: [3; 32],
        status,
        body: b"{}".to_vec(),
        at: Timestamp::from_seconds(at),
    };
    let day = 24 * 60 * 60;
    for kept in [answer("t1", "k", 200, 0), answer("t2", "k", 201, 1), answer("t1", "k", 409, 2)] {
        assert_eq!(world.put(Write::KeepAnswer(kept)).await, Written::Done);
    }
    assert_eq!(world.answer("t1", "k").await.unwrap(), Some(answer("t1", "k", 409, 2)));
    assert_eq!(world.answer("t2", "k").await.unwrap(), Some(answer("t2", "k", 201, 1)));
    assert_eq!(world.answer("t1", "other").await.unwrap(), None);
    world.put(Write::KeepAnswer(answer("t3", "k", 200, day + 2))).await;
    assert_eq!(world.answer("t2", "k").await.unwrap(), None, "older than a day");
    assert!(world.answer("t1", "k").await.unwrap().is_some(), "a day old to the second");
}
