//! Sync once, runs, what serves a task, and how far a book is complete.

use std::sync::atomic::Ordering::SeqCst;

use actix_web::http::Method;
use serde_json::{Value, json};

use super::world::{World, order, run};

const SYNC: &str = "/api/v1/stores/pine/sync";
const TASKS: &str = "/api/v1/stores/pine/tasks";

async fn sync(world: &World) -> Value {
    let answer = world.post(SYNC, &json!({"tasks": ["import_orders"]})).await;
    answer.expect(202)["runs"][0].clone()
}

/// The run, once it is in that state.
async fn in_state(world: &World, id: &Value, state: &str) -> Value {
    let path = format!("/api/v1/runs/{}", id.as_str().unwrap());
    loop {
        let run = world.get(&path).await.expect(200);
        if run["state"] == state {
            return run;
        }
        tokio::task::yield_now().await;
    }
}

async fn put(world: &World, query: &str, body: &Value) -> super::world::Answer {
    let path = format!("{TASKS}{query}");
    world.ask(Method::PUT, &path).trusted().body(body).send().await
}

async fn import_orders(world: &World) -> Value {
    world.get(TASKS).await.expect(200)[0].clone()
}

#[test]
fn r5_sync_once_runs_a_task_now_and_stores_nothing() {
    run(async |world| {
        world.store("pine").await;
        for id in [1, 2] {
            let seen = order(id);
            world.cart.orders.lock().unwrap().insert(seen.cart_order_id.clone(), seen);
        }
        let before = import_orders(world).await;
        let started = sync(world).await;
        let run = in_state(world, &started["id"], "done").await;
        assert_eq!((&run["task"], &run["trigger"]), (&json!("import_orders"), &json!("person")));
        let counts = ["pages", "seen", "new", "changed", "unchanged", "repaired", "failed"];
        let counts = counts.map(|name| run[name].as_u64().unwrap());
        assert_eq!(counts, [1, 2, 2, 0, 0, 2, 0]);
        assert_eq!(run["started_by"], "admin (local)");
        assert!(run["ended_at"].is_string() && run["error"].is_null());
        let orders = world.get("/api/v1/orders").await.expect(200);
        assert_eq!(orders["data"][0]["arrived_by"], "autosync");
        let after = import_orders(world).await;
        assert_eq!(after["autosync"], before["autosync"]);
        assert_eq!(after["last_run"], run);
        let store = world.get("/api/v1/stores/pine").await.expect(200);
        assert!(store["health"]["complete_up_to"].is_string(), "{store}");
        assert_eq!(store["health"]["complete_except"], json!(["deletions"]));
        assert_eq!(store["health"]["webhook_misses_24h"], 0);
        let listed = world.get("/api/v1/runs?store=pine").await.expect(200);
        assert_eq!(listed["data"], json!([run]));
    });
}

#[test]
fn r6_a_request_joins_the_running_run_an_earlier_since_queues_and_both_can_be_cancelled() {
    run(async |world| {
        world.store("pine").await;
        world.cart.is_out.store(true, SeqCst);
        let first = sync(world).await;
        assert!(first.get("joined").is_none(), "{first}");
        let joined = sync(world).await;
        assert_eq!((&joined["id"], &joined["joined"]), (&first["id"], &json!(true)));
        let body = json!({"tasks": ["import_orders"], "since": "2026-01-01T00:00:00Z"});
        let queued = world.post(SYNC, &body).await.expect(202)["runs"][0].clone();
        assert_eq!(queued["state"], "queued");
        assert_ne!(queued["id"], first["id"]);
        for id in [&queued["id"], &first["id"]] {
            let path = format!("/api/v1/runs/{}/cancel", id.as_str().unwrap());
            let run = world.post(&path, &json!({})).await.expect(200);
            assert_eq!(run["state"], "cancelled");
            world.post(&path, &json!({})).await.problem(409, "conflict");
        }
        let unknown = world.post("/api/v1/runs/run_999/cancel", &json!({})).await;
        unknown.problem(404, "not-found");
        // Nothing waits any more.
        let store = world.get("/api/v1/stores/pine").await.expect(200);
        assert_eq!(store["health"]["waiting"], 0);
    });
}

#[test]
fn r5_autosync_settings_say_first_what_they_turn_on_and_off() {
    run(async |world| {
        world.store("pine").await;
        let before = import_orders(world).await;
        assert_eq!(before["autosync"]["enabled"], true);
        assert_eq!(before["autosync"]["interval"], "1h");
        assert!(before["autosync"]["next_run_at"].is_string());

        let off = json!([{"task": "import_orders", "autosync": {"enabled": false}}]);
        let preview = put(world, "?preview=true", &off).await.expect(200);
        assert_eq!(preview, json!({"turns_on": [], "turns_off": ["import_orders"]}));
        assert_eq!(import_orders(world).await, before, "a preview changes nothing");
        let after = put(world, "", &off).await.expect(200)[0].clone();
        assert_eq!(after["autosync"]["enabled"], false);
        assert!(after["autosync"]["next_run_at"].is_null());
        assert_eq!(after["instasync"], before["instasync"]);

        let tenth = json!({"tasks": [{"task": "import_orders", "autosync": {"interval": "10m"}}]});
        let preview = put(world, "?preview=true", &tenth).await.expect(200);
        assert_eq!(preview, json!({"turns_on": ["import_orders"], "turns_off": []}));
        let after = put(world, "", &tenth).await.expect(200)[0].clone();
        assert_eq!(after["autosync"]["interval"], "10m");
        // What is shown can be sent back as it came.
        let shown = world.get(TASKS).await.expect(200);
        assert_eq!(put(world, "", &shown).await.expect(200), shown);

        let bolt = json!([{"task": "import_orders", "instasync": {"enabled": false}}]);
        let preview = put(world, "?preview=true", &bolt).await.expect(200);
        assert_eq!(preview["turns_off"], json!(["import_orders:instasync"]));
        let after = put(world, "", &bolt).await.expect(200)[0].clone();
        assert_eq!(after["instasync"]["state"], "off");
    });
}

#[test]
fn what_cannot_be_run_or_set_is_named_and_changes_nothing() {
    run(async |world| {
        world.store("pine").await;
        let before = world.get(TASKS).await.expect(200);
        for body in [
            json!({}),
            json!({"tasks": []}),
            json!({"tasks": "import_orders"}),
            json!({"tasks": ["import_orders"], "colour": 1}),
        ] {
            world.post(SYNC, &body).await.problem(400, "malformed-request");
        }
        for body in [
            json!({"tasks": ["import_everything"]}),
            json!({"tasks": ["import_orders"], "since": "yesterday"}),
        ] {
            world.post(SYNC, &body).await.problem(422, "invalid");
        }
        let later = json!({"tasks": ["import_orders", "write_inventory"]});
        world.post(SYNC, &later).await.problem(404, "not-in-this-build");
        let task = |more: Value| {
            let mut task = json!({"task": "import_orders"});
            task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!([task])
        };
        for body in [
            json!({}),
            json!([5]),
            task(json!({"colour": 1})),
            task(json!({"autosync": {"enabled": "yes"}})),
        ] {
            put(world, "", &body).await.problem(400, "malformed-request");
        }
        let odd = task(json!({"autosync": {"interval": "7m"}}));
        put(world, "", &odd).await.problem(422, "invalid");
        let unknown = json!([{"task": "import_everything"}]);
        put(world, "", &unknown).await.problem(422, "invalid");
        let later = json!([{"task": "write_inventory", "autosync": {"enabled": true}}]);
        put(world, "", &later).await.problem(404, "not-in-this-build");
        put(world, "?preview=perhaps", &json!([])).await.problem(400, "malformed-request");
        assert_eq!(world.get(TASKS).await.expect(200), before);
        assert_eq!(world.get("/api/v1/runs").await.expect(200)["data"], json!([]));
    });
}
