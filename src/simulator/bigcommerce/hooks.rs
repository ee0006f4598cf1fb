//! Webhook subscriptions: `/v3/hooks` and `/v3/hooks/admin`.

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::super::time::At;
use super::render::merged;
use super::rest::{Answer, Query, problem};
use super::store::Store;

/// Hooks of one scope at most.
const MOST_OF_A_SCOPE: usize = 10;

/// One subscription.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) scope: String,
    pub(super) destination: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) is_active: bool,
    made: At,
    changed: At,
}

impl Hook {
    pub(super) fn json(&self, store: &Store) -> Value {
        let headers = if self.headers.is_empty() { Value::Null } else { json!(self.headers) };
        json!({
            "id": self.id,
            "client_id": store.client_id,
            "store_hash": store.hash(),
            "scope": self.scope,
            "destination": self.destination,
            "headers": headers,
            "is_active": self.is_active,
            "created_at": self.made.0 / 1_000_000,
            "updated_at": self.changed.0 / 1_000_000,
        })
    }

    /// Whether it is told of that scope; `store/order/*` is told of all of orders.
    pub(super) fn hears(&self, scope: &str) -> bool {
        let all = self.scope.strip_suffix('*');
        self.is_active && all.map_or(self.scope == scope, |start| scope.starts_with(start))
    }
}

fn one(store: &Store, hook: &Hook) -> Answer {
    Answer::json(json!({"data": hook.json(store), "meta": {}}))
}

/// Answers everything below `/v3/hooks`.
pub(super) fn answer(
    store: &Store,
    method: &str,
    rest: &[&str],
    query: &Query,
    body: &Value,
) -> Answer {
    match (method, rest) {
        ("GET", []) => list(store, query),
        ("POST", []) => create(store, body),
        ("GET", ["admin"]) => admin(store),
        ("PUT", ["admin"]) => Answer::empty(),
        (_, [id]) => match id.parse() {
            Ok(id) => by_id(store, method, id, body),
            Err(_) => problem(StatusCode::NOT_FOUND, "Not Found", &json!({})),
        },
        _ => problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", &json!({})),
    }
}

fn list(store: &Store, query: &Query) -> Answer {
    let world = store.world();
    let fits = |hook: &&Hook| {
        query.text("scope").is_none_or(|scope| hook.scope == scope)
            && query.text("destination").is_none_or(|to| hook.destination == to)
            && query.text("is_active").is_none_or(|on| (on == "true") == hook.is_active)
    };
    let found: Vec<Value> =
        world.hooks.values().filter(fits).map(|hook| hook.json(store)).collect();
    Answer::listed(found, query, 50)
}

fn create(store: &Store, body: &Value) -> Answer {
    let mut hook = Hook {
        id: 0,
        scope: String::new(),
        destination: String::new(),
        headers: BTreeMap::new(),
        is_active: true,
        made: At::now(),
        changed: At::now(),
    };
    if let Err(answer) = change(&mut hook, body) {
        return answer;
    }
    let mut world = store.world();
    let same = |other: &&Hook| other.scope == hook.scope;
    let taken = world.hooks.values().filter(same).any(|it| it.destination == hook.destination);
    if taken || world.hooks.values().filter(same).count() >= MOST_OF_A_SCOPE {
        let errors = json!({"scope": "a hook of this scope and destination exists"});
        return problem(StatusCode::CONFLICT, "Conflict", &errors);
    }
    hook.id = world.next_hook;
    world.next_hook += 1;
    world.hooks.insert(hook.id, hook.clone());
    store.save(&world);
    drop(world);
    one(store, &hook)
}

fn by_id(store: &Store, method: &str, id: u64, body: &Value) -> Answer {
    let mut world = store.world();
    let Some(hook) = world.hooks.get_mut(&id) else {
        return problem(StatusCode::NOT_FOUND, "Not Found", &json!({}));
    };
    let mut changed = hook.clone();
    match method {
        "GET" => {}
        "PUT" => {
            if let Err(answer) = change(&mut changed, body) {
                return answer;
            }
            changed.changed = At::now();
            hook.clone_from(&changed);
        }
        "DELETE" => {
            world.hooks.remove(&id);
        }
        _ => return problem(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", &json!({})),
    }
    store.save(&world);
    drop(world);
    one(store, &changed)
}

fn change(hook: &mut Hook, body: &Value) -> Result<(), Answer> {
    let mut errors = serde_json::Map::new();
    if let Some(scope) = body["scope"].as_str() {
        scope.clone_into(&mut hook.scope);
    }
    if let Some(to) = body["destination"].as_str() {
        to.clone_into(&mut hook.destination);
    }
    for (field, value) in [("scope", &hook.scope), ("destination", &hook.destination)] {
        if value.is_empty() {
            errors.insert(field.to_owned(), json!("error.path.missing."));
        }
    }
    if let Some(on) = body["is_active"].as_bool() {
        hook.is_active = on;
    }
    match &body["headers"] {
        Value::Object(headers) => {
            let texts = headers
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            hook.headers = texts.collect();
        }
        Value::Null => {}
        _ => {
            errors.insert("headers".to_owned(), json!("error.expected.jsobject."));
        }
    }
    if errors.is_empty() {
        return Ok(());
    }
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Err(problem(status, "JSON data is missing or invalid", &Value::Object(errors)))
}

fn admin(store: &Store) -> Answer {
    let world = store.world();
    let hooks: Vec<Value> = world
        .hooks
        .values()
        .map(|hook| {
            let status = if hook.is_active { "active" } else { "deactivated" };
            merged([hook.json(store), json!({"status": status})])
        })
        .collect();
    Answer::json(json!({
        "data": {
            "emails": [], "hooks_list": hooks, "blocked_domains": world.domains.json(At::now()),
        },
        "meta": {},
    }))
}
