//! The Admin API in GraphQL: what a request picks is answered, what it must not pick is an error,
//! and both cost points.

mod cursor;
mod error;
mod project;
mod render;
mod request;
mod schema;
mod search;

use std::time::Duration;

use serde_json::{Map, Value, json};

use self::cursor::Place;
use self::error::{GraphqlError, answer};
pub(in crate::simulator) use self::request::Request;
use self::request::{Picked, plan};
use self::search::Search;
use super::gid;
use crate::simulator::cost::{Bucket, SINGLE};
use crate::simulator::order::Order;
use crate::simulator::shop::{Profile, SUPPORTED, Shop, SubscriptionInput};
use crate::simulator::time::At;

const LIMITS: &str = "https://shopify.dev/api/usage/rate-limits";
/// How long orders are shown to apps without `read_all_orders`.
const SHOWN_SECONDS: i64 = 60 * 86_400;

/// Answers requests for one shop.
pub(in crate::simulator) struct Engine<'s> {
    pub(in crate::simulator) shop: &'s mut Shop,
    pub(in crate::simulator) profile: &'s Profile,
    pub(in crate::simulator) bucket: &'s mut Bucket,
    /// How far the search index of lists is behind.
    pub(in crate::simulator) lag: Duration,
    pub(in crate::simulator) now: At,
}

impl Engine<'_> {
    /// The body of the answer; its status is 200, whatever it says.
    pub(in crate::simulator) fn run(&mut self, request: &Request) -> Value {
        let plan = match plan(request) {
            Ok(plan) => plan,
            Err(errors) => return answer(&errors),
        };
        let wrong: Vec<GraphqlError> = plan.fields.iter().flat_map(wrong_connections).collect();
        if !wrong.is_empty() {
            return answer(&wrong);
        }
        let requested = project::requested(&plan);
        if requested > SINGLE {
            return too_expensive(requested);
        }
        if !self.bucket.take(requested, self.now) {
            return throttled(self.bucket, requested);
        }
        let (mut data, mut errors, mut searches) = (Map::new(), Vec::new(), Vec::new());
        let mut actual = if plan.mutation { 10.0 } else { 0.0 };
        for field in &plan.fields {
            searches.extend(warnings(field));
            match self.resolve(field) {
                Ok(full) => {
                    let full = json!({&field.name: full});
                    let (picked, points) = project::object(&full, std::slice::from_ref(field));
                    actual += points;
                    data.extend(picked.as_object().cloned().unwrap_or_default());
                }
                Err(error) => errors.push(error),
            }
        }
        let actual = (actual.ceil() as u32).min(requested);
        self.bucket.give_back(requested - actual);
        let mut extensions = Map::new();
        extensions.insert("cost".to_owned(), self.bucket.report(requested, Some(actual)));
        if !searches.is_empty() {
            extensions.insert("search".to_owned(), Value::Array(searches));
        }
        if errors.is_empty() {
            return json!({"data": data, "extensions": extensions});
        }
        // Null where a value must be: all of it is null.
        json!({"data": null, "errors": error::list(&errors), "extensions": extensions})
    }

    /// The full value of a root field.
    fn resolve(&mut self, field: &Picked) -> Result<Value, GraphqlError> {
        match field.name.as_str() {
            "orders" => {
                self.need("orders", "read_orders")?;
                Ok(self.orders(field))
            }
            "order" => {
                self.need("order", "read_orders")?;
                let order = number(field, "Order").and_then(|id| self.shop.orders.get(&id));
                let order = order.filter(|order| self.is_shown(order));
                Ok(order.map_or(Value::Null, |order| render::order(order, self.profile)))
            }
            "webhookSubscriptions" => Ok(self.subscriptions(field)),
            "webhookSubscription" => {
                let found = number(field, "WebhookSubscription")
                    .and_then(|id| self.shop.subscriptions.get(&id));
                Ok(found.map_or(Value::Null, |found| render::subscription(found, self.profile)))
            }
            "webhookSubscriptionCreate" => {
                let topic = field.text("topic").unwrap_or_default();
                let input = input(field);
                let made = self.shop.subscribe(topic, &input, self.profile, self.now);
                Ok(self.subscribed(made))
            }
            "webhookSubscriptionUpdate" => {
                let id = number(field, "WebhookSubscription").unwrap_or(0);
                let changed = self.shop.resubscribe(id, &input(field), self.profile, self.now);
                Ok(self.subscribed(changed))
            }
            "webhookSubscriptionDelete" => {
                let id = number(field, "WebhookSubscription");
                let gone = id.and_then(|id| self.shop.subscriptions.remove(&id));
                Ok(match gone {
                    Some(gone) => json!({
                        "deletedWebhookSubscriptionId": gid("WebhookSubscription", gone.id),
                        "userErrors": [],
                    }),
                    None => json!({
                        "deletedWebhookSubscriptionId": null,
                        "userErrors": [{"field": ["id"], "message": "Webhook subscription does not exist"}],
                    }),
                })
            }
            "currentAppInstallation" => Ok(render::installation(self.profile)),
            "publicApiVersions" => Ok(SUPPORTED
                .iter()
                .chain(&["2027-01", "unstable"])
                .map(|handle| render::version(handle))
                .collect()),
            "shop" => Ok(render::shop(self.profile)),
            _ => Ok(Value::Null),
        }
    }

    fn need(&self, field: &str, scope: &str) -> Result<(), GraphqlError> {
        if self.profile.scopes.iter().any(|granted| granted == scope) {
            return Ok(());
        }
        let message =
            format!("Access denied for {field} field. Required access: `{scope}` access scope.");
        Err(GraphqlError::new("ACCESS_DENIED", message)
            .with("documentation", "https://shopify.dev/api/usage/access-scopes")
            .with("requiredAccess", format!("`{scope}` access scope.")))
    }

    fn is_shown(&self, order: &Order) -> bool {
        let all = self.profile.scopes.iter().any(|scope| scope == "read_all_orders");
        let old = order.placed_at < self.now.minus_seconds(SHOWN_SECONDS);
        order.deleted_at.is_none() && (all || !old)
    }

    fn orders(&self, field: &Picked) -> Value {
        let search = Search::parse(field.text("query").unwrap_or_default());
        let by = field.text("sortKey").unwrap_or_default();
        let seen_until = At(self.now.0 - self.lag.as_micros() as i64);
        let mut rows: Vec<(Place, &Order)> = Vec::new();
        for order in self.shop.orders.values().filter(|order| self.is_shown(order)) {
            let Some(updated_at) = order.indexed(seen_until) else { continue };
            if !search.finds(order, updated_at) {
                continue;
            }
            let value = match by {
                "UPDATED_AT" => updated_at.0 / 1000,
                "ID" => order.id as i64,
                "ORDER_NUMBER" => order.number as i64,
                _ => order.placed_at.0 / 1000,
            };
            rows.push((Place { value, id: order.id }, order));
        }
        rows.sort_unstable_by_key(|(place, _)| *place);
        let reverse = field.args.get("reverse").and_then(Value::as_bool).unwrap_or(false);
        if reverse {
            rows.reverse();
        }
        cursor::page(field, &rows, reverse, |order| render::order(order, self.profile))
    }

    fn subscriptions(&self, field: &Picked) -> Value {
        let topics = field.args.get("topics").and_then(Value::as_array);
        let uri = field.text("uri");
        let rows: Vec<_> = self
            .shop
            .subscriptions
            .values()
            .filter(|found| topics.is_none_or(|topics| topics.iter().any(|t| *t == found.topic)))
            .filter(|found| uri.is_none_or(|uri| found.uri == uri))
            .map(|found| (Place { value: found.created_at.0 / 1000, id: found.id }, found))
            .collect();
        cursor::page(field, &rows, false, |found| render::subscription(found, self.profile))
    }

    /// The payload of a mutation that leaves a subscription.
    fn subscribed(&self, done: Result<u64, (&str, String)>) -> Value {
        match done {
            Ok(id) => {
                let found = self.shop.subscriptions.get(&id);
                let found = found.map(|found| render::subscription(found, self.profile));
                json!({"webhookSubscription": found, "userErrors": []})
            }
            Err((field, message)) => {
                let field: Vec<&str> = field.split('.').collect();
                json!({
                    "webhookSubscription": null,
                    "userErrors": [{"field": field, "message": message}],
                })
            }
        }
    }
}

/// The number in a global id of that kind.
fn number(field: &Picked, kind: &str) -> Option<u64> {
    let id = field.text("id")?.strip_prefix("gid://shopify/")?;
    id.strip_prefix(kind)?.strip_prefix('/')?.parse().ok()
}

fn input(field: &Picked) -> SubscriptionInput {
    let given = field.args.get("webhookSubscription").cloned().unwrap_or_default();
    let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
    let fields = given.get("includeFields").and_then(Value::as_array);
    let fields =
        fields.map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    SubscriptionInput {
        uri: text("uri"),
        filter: text("filter"),
        include_fields: fields,
        name: text("name"),
    }
}

fn wrong_connections(field: &Picked) -> Vec<GraphqlError> {
    let own = if field.is_connection() { cursor::check(field).err() } else { None };
    own.into_iter().chain(field.fields.iter().flat_map(wrong_connections)).collect()
}

fn warnings(field: &Picked) -> Option<Value> {
    let text = field.text("query").filter(|_| field.name == "orders")?;
    Search::parse(text).warnings(&field.key, text)
}

fn too_expensive(requested: u32) -> Value {
    let message = format!(
        "Query cost is {requested}, which exceeds the single query max cost limit ({SINGLE}).\n\nSee \
         {LIMITS} for more information on how the cost of a query is calculated."
    );
    answer(&[GraphqlError::new("MAX_COST_EXCEEDED", message)
        .with("cost", requested)
        .with("maxCost", SINGLE)
        .with("documentation", LIMITS)])
}

/// What a shop says whose bucket does not hold what was asked for.
pub(in crate::simulator) fn throttled(bucket: &Bucket, requested: u32) -> Value {
    let error = GraphqlError::new("THROTTLED", "Throttled").with("documentation", LIMITS);
    let cost = bucket.report(requested, None);
    json!({"errors": error::list(&[error]), "extensions": {"cost": cost}})
}

#[cfg(test)]
mod tests;
