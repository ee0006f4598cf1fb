use serde_json::{Value, json};

use super::*;
use crate::simulator::catalogue::Wish;
use crate::simulator::cost::Allowance;
use crate::simulator::order::Action;

/// A page of orders, with lines.
const POLL: &str = "
query Poll($q: String!, $after: String, $n: Int = 50, $linesAfter: String) {
  orders(first: $n, after: $after, query: $q, sortKey: UPDATED_AT) {
    pageInfo { hasNextPage endCursor }
    nodes { ...Core }
  }
}
query One($id: ID!, $linesAfter: String) { order(id: $id) { ...Core } }
fragment Core on Order {
  id legacyResourceId name updatedAt cancelledAt tags
  totalPriceSet { shopMoney { amount currencyCode } }
  shippingAddress { name countryCodeV2 }
  lineItems(first: 2, after: $linesAfter) {
    pageInfo { hasNextPage endCursor }
    nodes { id sku currentQuantity variant { id } }
  }
}";

struct Api {
    shop: Shop,
    profile: Profile,
    bucket: Bucket,
    lag: Duration,
    now: At,
}

impl Api {
    fn new() -> Self {
        let profile = Profile::default();
        let now = At::parse("2026-11-20T14:00:00Z").unwrap();
        Self {
            shop: Shop::new(1, &profile),
            bucket: Bucket::new(Allowance::default(), now),
            profile,
            lag: Duration::ZERO,
            now,
        }
    }

    /// Places orders, each a second after the other.
    fn with_orders(count: usize) -> Self {
        let mut api = Self::new();
        for _ in 0..count {
            api.place(&Wish::default());
        }
        api
    }

    fn place(&mut self, wish: &Wish) -> u64 {
        self.now = At(self.now.0 + 1_000_000);
        self.shop.place(wish, &self.profile, self.now).0
    }

    fn ask(&mut self, query: &str, operation: Option<&str>, variables: &Value) -> Value {
        let request = json!({"query": query, "variables": variables, "operationName": operation});
        let request: Request = serde_json::from_value(request).unwrap();
        let Self { shop, profile, bucket, lag, now } = self;
        Engine { shop, profile, bucket, lag: *lag, now: *now }.run(&request)
    }

    fn poll(&mut self, variables: &Value) -> Value {
        let poll = POLL
            .replace("query One($id: ID!, $linesAfter: String) { order(id: $id) { ...Core } }", "");
        self.ask(&poll, Some("Poll"), variables)
    }
}

fn names(answer: &Value) -> Vec<&str> {
    let nodes = answer["data"]["orders"]["nodes"].as_array().unwrap_or_else(|| panic!("{answer}"));
    nodes.iter().map(|node| node["name"].as_str().unwrap()).collect()
}

#[test]
fn pages_are_stable_while_rows_move() {
    let mut api = Api::with_orders(5);
    let query = "updated_at:>='2026-11-20T14:00:00Z'";
    let first = api.poll(&json!({"q": query, "n": 2}));
    assert_eq!(names(&first), ["#1001", "#1002"]);
    let page = &first["data"]["orders"]["pageInfo"];
    assert_eq!(page["hasNextPage"], true);
    // A row that was shown moves behind the rest: it comes again, and none is left out.
    let moved = api.shop.find("#1001").unwrap();
    api.now = At(api.now.0 + 5_000_000);
    api.shop.act(moved, &Action::Archive, &api.profile, api.now).unwrap();
    let rest = api.poll(&json!({"q": query, "n": 50, "after": page["endCursor"]}));
    assert_eq!(names(&rest), ["#1003", "#1004", "#1005", "#1001"]);
    assert_eq!(rest["data"]["orders"]["pageInfo"]["hasNextPage"], false);
    let named = api.poll(&json!({"q": "name:'#1003'"}));
    assert_eq!(names(&named), ["#1003"]);
}

#[test]
fn only_what_was_picked_is_answered_and_lines_have_pages() {
    let mut api = Api::new();
    let id = api.place(&Wish { lines: Some(5), ..Wish::default() });
    let one = POLL.replace("query Poll($q: String!, $after: String, $n: Int = 50, $linesAfter: String) {\n  orders(first: $n, after: $after, query: $q, sortKey: UPDATED_AT) {\n    pageInfo { hasNextPage endCursor }\n    nodes { ...Core }\n  }\n}", "");
    let gid = format!("gid://shopify/Order/{id}");
    let (mut skus, mut after) = (0, Value::Null);
    for page in 0..3 {
        let answer = api.ask(&one, None, &json!({"id": gid, "linesAfter": after}));
        let order = &answer["data"]["order"];
        assert_eq!(order["legacyResourceId"], id.to_string());
        assert_eq!(order.as_object().unwrap().len(), 9, "{order}");
        let lines = &order["lineItems"];
        skus += lines["nodes"].as_array().unwrap().len();
        assert_eq!(lines["pageInfo"]["hasNextPage"], page < 2);
        after = lines["pageInfo"]["endCursor"].clone();
    }
    assert_eq!(skus, 5);
    let none = api.ask("{ order(id: \"gid://shopify/Order/5\") { id } }", None, &Value::Null);
    assert_eq!(none["data"], json!({"order": null}));
}

#[test]
fn mistakes_are_errors_as_the_real_api_gives_them() {
    let mut api = Api::with_orders(1);
    for (query, code) in [
        ("{ orders(first: 1) { nodes { colour } } }", "undefinedField"),
        ("{ orders(first: 1, colour: 2) { nodes { id } } }", "argumentNotAccepted"),
        ("{ order { id } }", "missingRequiredArguments"),
        ("{ orders(first: 1) { nodes } }", "selectionMismatch"),
        ("query($x: Int) { shop { id } }", "variableNotUsed"),
        ("query($x: String) { order(id: $x) { id } }", "variableMismatch"),
        ("{ order(id: $x) { id } }", "variableNotDefined"),
        ("{ shop { ...No } }", "useAndDefineFragment"),
        ("{ shop { id } } fragment No on Shop { id }", "useAndDefineFragment"),
        ("{ shop { ...A } } fragment A on Shop { ...A }", "infiniteLoop"),
        ("{ shop { ... on Order { id } } }", "cannotSpreadFragment"),
        ("{ orders(first: 1, sortKey: COLOUR) { nodes { id } } }", "argumentLiteralsIncompatible"),
        ("{ orders { nodes { id } } }", "BAD_REQUEST"),
        ("{ orders(first: 251) { nodes { id } } }", "BAD_REQUEST"),
        ("{ orders(first: 5, after: \"x\") { nodes { id } } }", "BAD_REQUEST"),
        ("{ shop { id", "undefined"),
        ("query A { shop { id } } query B { shop { id } }", "BAD_REQUEST"),
        (
            "mutation { webhookSubscriptionDelete(id: \"1\") { userErrors { code } } }",
            "undefinedField",
        ),
    ] {
        let answer = api.ask(query, None, &Value::Null);
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{query}: {answer}");
        assert!(answer.get("data").is_none(), "nothing was run: {answer}");
    }
    let create = "mutation($t: WebhookSubscriptionTopic!, $s: WebhookSubscriptionInput!) {
        webhookSubscriptionCreate(topic: $t, webhookSubscription: $s) { userErrors { field message } } }";
    for variables in [
        json!({"t": "ORDERS_EATEN", "s": {"uri": "https://a.example"}}),
        json!({"t": "ORDERS_CREATE", "s": {"url": "https://a.example"}}),
        json!({"t": "ORDERS_CREATE"}),
    ] {
        let answer = api.ask(create, None, &variables);
        assert_eq!(answer["errors"][0]["extensions"]["code"], "INVALID_VARIABLE", "{answer}");
    }
}

#[test]
fn a_typo_in_a_search_is_only_a_warning() {
    let mut api = Api::with_orders(3);
    let answer = api.poll(&json!({"q": "updated:>='2026-11-20T14:00:02Z'"}));
    assert_eq!(names(&answer).len(), 3, "ignored");
    assert_eq!(answer["extensions"]["search"][0]["warnings"][0]["field"], "updated");
}

#[test]
fn points_are_taken_given_back_and_run_out() {
    let mut api = Api::with_orders(3);
    let answer = api.poll(&json!({"q": "", "n": 50}));
    let cost = &answer["extensions"]["cost"];
    let (requested, actual) =
        (cost["requestedQueryCost"].as_f64().unwrap(), cost["actualQueryCost"].as_f64().unwrap());
    assert!(actual < requested && requested < 1000.0, "{cost}");
    assert_eq!(cost["throttleStatus"]["currentlyAvailable"], 2000.0 - actual);

    api.bucket.drain(api.now);
    let answer = api.poll(&json!({"q": "", "n": 50}));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "THROTTLED");
    assert_eq!(answer["extensions"]["cost"]["actualQueryCost"], Value::Null);

    let lines = "{ orders(first: 250) { nodes { lineItems(first: 250) { nodes {
        variant { id } product { id } originalUnitPriceSet { shopMoney { amount } } } } } } }";
    let answer = api.ask(lines, None, &Value::Null);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "MAX_COST_EXCEEDED", "{answer}");
}

#[test]
fn subscriptions_live_through_the_api() {
    let mut api = Api::new();
    let create = "mutation W($t: WebhookSubscriptionTopic!, $s: WebhookSubscriptionInput!) {
        webhookSubscriptionCreate(topic: $t, webhookSubscription: $s) {
            webhookSubscription { id topic uri format apiVersion { handle } }
            userErrors { field message } } }";
    let variables =
        json!({"t": "ORDERS_CREATE", "s": {"uri": "http://127.0.0.1:1/a", "format": "JSON"}});
    let made = api.ask(create, None, &variables);
    let made = &made["data"]["webhookSubscriptionCreate"];
    assert_eq!(made["userErrors"], json!([]));
    let id = &made["webhookSubscription"]["id"];
    let again = api.ask(create, None, &variables);
    let error = &again["data"]["webhookSubscriptionCreate"]["userErrors"][0];
    assert_eq!(error["message"], "Address for this topic has already been taken");

    let update = "mutation($id: ID!, $s: WebhookSubscriptionInput!) {
        webhookSubscriptionUpdate(id: $id, webhookSubscription: $s) {
            webhookSubscription { uri topic } userErrors { message } } }";
    let moved = api.ask(update, None, &json!({"id": id, "s": {"uri": "http://127.0.0.1:1/b"}}));
    let moved = &moved["data"]["webhookSubscriptionUpdate"]["webhookSubscription"];
    assert_eq!(moved, &json!({"uri": "http://127.0.0.1:1/b", "topic": "ORDERS_CREATE"}));

    let list = "{ webhookSubscriptions(first: 100) { edges { cursor node { id } } } }";
    let listed = api.ask(list, None, &Value::Null);
    assert_eq!(&listed["data"]["webhookSubscriptions"]["edges"][0]["node"]["id"], id);

    let delete = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) {
        deletedWebhookSubscriptionId userErrors { field message } } }";
    let gone = api.ask(delete, None, &json!({"id": id}));
    assert_eq!(&gone["data"]["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"], id);
    let gone = api.ask(delete, None, &json!({"id": id}));
    let error = &gone["data"]["webhookSubscriptionDelete"]["userErrors"][0];
    assert_eq!(error["message"], "Webhook subscription does not exist");
}

#[test]
fn the_app_sees_its_scopes_the_shop_and_the_versions() {
    let mut api = Api::new();
    let answer = api.ask(
        "{ currentAppInstallation { accessScopes { handle } } shop { myshopifyDomain __typename }
           publicApiVersions { handle supported } }",
        None,
        &Value::Null,
    );
    let data = &answer["data"];
    assert_eq!(data["currentAppInstallation"]["accessScopes"][0]["handle"], "read_orders");
    assert_eq!(
        data["shop"],
        json!({"myshopifyDomain": "pine-and-wick.myshopify.com", "__typename": "Shop"})
    );
    assert_eq!(data["publicApiVersions"][3], json!({"handle": "2026-10", "supported": true}));
    assert_eq!(data["publicApiVersions"][4]["supported"], false);
}

#[test]
fn scopes_hide_old_orders_and_forbid_all() {
    let mut api = Api::new();
    api.place(&Wish { days_ago: 61, ..Wish::default() });
    api.place(&Wish::default());
    assert_eq!(names(&api.poll(&json!({"q": ""}))).len(), 2);
    api.profile.scopes.retain(|scope| scope != "read_all_orders");
    assert_eq!(names(&api.poll(&json!({"q": ""}))), ["#1002"]);
    api.profile.scopes.clear();
    let answer = api.poll(&json!({"q": ""}));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "ACCESS_DENIED");
    assert_eq!(answer["data"], Value::Null);
}

#[test]
fn a_lagging_list_shows_what_it_saw_and_an_order_by_id_is_fresh() {
    let mut api = Api::with_orders(2);
    api.lag = Duration::from_millis(500);
    assert_eq!(names(&api.poll(&json!({"q": ""}))), ["#1001"]);
    api.now = At(api.now.0 + 1_000_000);
    let id = api.shop.find("#1001").unwrap();
    api.shop.act(id, &Action::Archive, &api.profile, api.now).unwrap();
    let since = json!({"q": format!("updated_at:>='{}'", api.now.utc())});
    assert!(names(&api.poll(&since)).is_empty(), "the archiving is not in the index yet");
    let query = format!("{{ order(id: \"gid://shopify/Order/{id}\") {{ closed }} }}");
    assert_eq!(api.ask(&query, None, &Value::Null)["data"]["order"]["closed"], true);
    api.lag = Duration::ZERO;
    assert_eq!(names(&api.poll(&since)), ["#1001"]);
}

#[test]
fn fields_picked_twice_are_one_and_aliases_are_kept() {
    let mut api = Api::with_orders(1);
    let answer = api.ask(
        "{ a: shop { name } shop { name } shop { plan { shopifyPlus } } ... on QueryRoot { b: shop { id } } }",
        None,
        &Value::Null,
    );
    assert_eq!(
        answer["data"]["shop"],
        json!({"name": "Pine & Wick", "plan": {"shopifyPlus": false}})
    );
    assert_eq!(answer["data"]["a"], json!({"name": "Pine & Wick"}));
    assert!(answer["data"]["b"]["id"].is_string());
}
