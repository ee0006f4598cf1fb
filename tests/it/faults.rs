//! What must hold whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::{Method, StatusCode};
use tokio::sync::Mutex;

use crate::support::cart::{SECRET, order, sign};
use crate::support::daemon::{Daemon, Home};

/// Rounds of kill -9 (F1).
const KILLS: usize = 50;
/// Senders at once.
const SENDERS: u64 = 8;

/// Sends orders until told to stop; notes every acknowledged one.
async fn send(
    daemon: Arc<Daemon>,
    stores: &'static [&'static str],
    next: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<BTreeMap<u64, &'static str>>>,
) {
    while !stop.load(Ordering::Relaxed) {
        let id = next.fetch_add(1, Ordering::Relaxed);
        let store = stores[(id % stores.len() as u64) as usize];
        let body = order(id).to_string();
        let signature = sign(SECRET, body.as_bytes());
        let delivery = format!("kill-{id}");
        let answer = daemon.try_deliver(store, "orders/create", &body, &delivery, &signature).await;
        match answer {
            Some(StatusCode::OK) => {
                acknowledged.lock().await.insert(id, store);
            }
            // Refused for now, or no answer at all: nothing was promised.
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_kill_9_under_load_loses_and_doubles_nothing() {
    static STORES: [&str; 3] = ["pine", "oak", "elm"];
    let home = Home::new("");
    let mut daemon = home.start().await;
    for store in STORES {
        home.add_store(store).await;
    }
    let next = Arc::new(AtomicU64::new(1_000_000));
    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    for round in 0..KILLS {
        let shared = Arc::new(daemon);
        let stop = Arc::new(AtomicBool::new(false));
        let before = acknowledged.lock().await.len();
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..SENDERS {
            senders.spawn(send(
                Arc::clone(&shared),
                &STORES,
                Arc::clone(&next),
                Arc::clone(&stop),
                Arc::clone(&acknowledged),
            ));
        }
        // A different amount of work each round, so that the cut falls everywhere.
        let wanted = before + 5 + (round * 7) % 60;
        crate::support::eventually("enough was acknowledged", || async {
            (acknowledged.lock().await.len() >= wanted).then_some(())
        })
        .await;
        let pid = shared.pid().to_string();
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
        assert!(killed.success());
        stop.store(true, Ordering::Relaxed);
        while senders.join_next().await.is_some() {}
        drop(shared);
        daemon = home.start().await;
    }
    daemon.sign_in(&home).await;
    let acknowledged = acknowledged.lock().await.clone();
    assert!(acknowledged.len() > KILLS * 5);
    for store in STORES {
        daemon.settled(store).await;
        let orders = daemon.orders(store).await;
        let ids: Vec<u64> = orders
            .iter()
            .map(|order| order["cart_order_id"].as_str().unwrap().parse().unwrap())
            .collect();
        let distinct: BTreeSet<u64> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "no order twice in {store}");
        let promised: BTreeSet<u64> =
            acknowledged.iter().filter(|(_, s)| **s == store).map(|(id, _)| *id).collect();
        let lost: Vec<_> = promised.difference(&distinct).collect();
        assert!(lost.is_empty(), "acknowledged and lost in {store}: {lost:?}");
        // Applied once: every order came to be by exactly one import.
        for order in orders.iter().step_by(17) {
            let id = order["id"].as_str().unwrap();
            let timeline = daemon.get(&format!("/api/v1/orders/{id}/timeline")).await;
            let imports = timeline["data"].as_array().unwrap().iter();
            assert_eq!(imports.filter(|entry| entry["kind"] == "imported").count(), 1);
        }
    }
    assert!(daemon.terminate().await.success());
    let check = std::process::Command::new("sqlite3")
        .arg(home.path("data/instasync.db"))
        .arg("PRAGMA integrity_check")
        .output();
    if let Ok(check) = check {
        assert_eq!(String::from_utf8_lossy(&check.stdout).trim(), "ok");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r51_an_admin_restart_under_load_loses_and_doubles_nothing() {
    static STORES: [&str; 1] = ["pine"];
    let home = Home::new("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    home.add_store("pine").await;
    let daemon = Arc::new(daemon);
    let next = Arc::new(AtomicU64::new(2_000_000));
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(Mutex::new(BTreeMap::new()));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..SENDERS {
        senders.spawn(send(
            Arc::clone(&daemon),
            &STORES,
            Arc::clone(&next),
            Arc::clone(&stop),
            Arc::clone(&acknowledged),
        ));
    }
    let mut incarnation = 0;
    for _ in 0..10 {
        let (status, restarted) =
            daemon.call(Method::POST, "/admin/stores/pine/restart", None).await;
        assert_eq!(status, StatusCode::OK, "{restarted}");
        let now = restarted["incarnation"].as_u64().unwrap();
        assert!(now > incarnation, "{restarted}");
        incarnation = now;
    }
    stop.store(true, Ordering::Relaxed);
    while senders.join_next().await.is_some() {}
    daemon.settled("pine").await;
    let orders: BTreeSet<String> = daemon
        .orders("pine")
        .await
        .iter()
        .map(|order| order["cart_order_id"].as_str().unwrap().to_owned())
        .collect();
    for id in acknowledged.lock().await.keys() {
        assert!(orders.contains(&id.to_string()), "{id} was acknowledged and is lost");
    }
    let events = daemon.events("pine").await;
    assert!(events.iter().all(|event| event["state"] == "done"), "each applied once");
}

#[tokio::test]
async fn r51_a_pause_survives_a_restart_and_loses_nothing() {
    let home = Home::new("");
    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    home.add_store("pine").await;
    let (status, _) = daemon.call(Method::POST, "/admin/stores/pine/pause", None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(daemon.deliver("pine", "orders/create", &order(5001)).await, StatusCode::OK);
    assert!(daemon.terminate().await.success());

    let mut daemon = home.start().await;
    daemon.sign_in(&home).await;
    assert_eq!(daemon.events("pine").await[0]["state"], "waiting");
    let (status, _) = daemon.call(Method::POST, "/admin/stores/pine/resume", None).await;
    assert_eq!(status, StatusCode::OK);
    daemon.order("pine", 5001, |order| order["status"] == "awaiting_fulfillment").await;
}
