//! Webhook subscriptions of the app in a shop.

use serde::Deserialize;
use serde_json::json;

use super::delivery;
use super::graph_order::PageInfo;
use super::graphql::{Graph, UserError};
use super::operations::{WEBHOOK_CREATE, WEBHOOK_DELETE, WEBHOOK_LIST};
use crate::channel::{ChannelError, Subscription};

/// Pages that are read at most; a page holds 100.
const MAX_PAGES: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListData {
    webhook_subscriptions: ListPage,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListPage {
    page_info: PageInfo,
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    topic: String,
    uri: String,
}

/// All of them, whoever made them.
pub(super) async fn list(graph: &Graph<'_>) -> Result<Vec<Subscription>, ChannelError> {
    let mut all = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let data: ListData = graph.ask(&WEBHOOK_LIST, json!({ "after": after })).await?;
        let page = data.webhook_subscriptions;
        all.extend(page.nodes.into_iter().map(|Node { id, topic, uri }| Subscription {
            id,
            topic: topic_of(&topic),
            url: uri,
            works: true,
        }));
        after = page.page_info.next()?;
        if after.is_none() {
            return Ok(all);
        }
    }
    Err(ChannelError::Protocol(format!("subscriptions do not end after {MAX_PAGES} pages")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateData {
    webhook_subscription_create: Done,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeleteData {
    webhook_subscription_delete: Done,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    #[serde(default)]
    user_errors: Vec<UserError>,
}

impl Done {
    /// Done, or what stands against it. An objection that says `already` is none.
    fn check(&self, graph: &Graph<'_>, already: &str) -> Result<(), ChannelError> {
        let done_before = self.user_errors.iter().any(|error| error.message.contains(already));
        match graph.objection(&self.user_errors) {
            Some(error) if !done_before => Err(error),
            _ => Ok(()),
        }
    }
}

/// Has the topic sent to `url`.
pub(super) async fn create(graph: &Graph<'_>, topic: &str, url: &str) -> Result<(), ChannelError> {
    let sub = json!({ "uri": url, "format": "JSON" });
    let variables = json!({ "topic": enum_of(topic), "sub": sub });
    let data: CreateData = graph.ask(&WEBHOOK_CREATE, variables).await?;
    data.webhook_subscription_create.check(graph, "already been taken")
}

/// Ends a subscription.
pub(super) async fn delete(graph: &Graph<'_>, id: &str) -> Result<(), ChannelError> {
    let data: DeleteData = graph.ask(&WEBHOOK_DELETE, json!({ "id": id })).await?;
    data.webhook_subscription_delete.check(graph, "does not exist")
}

/// `orders/create` in GraphQL's spelling.
fn enum_of(topic: &str) -> String {
    topic.replace('/', "_").to_uppercase()
}

/// `ORDERS_CREATE` in the spelling of deliveries. Where the slash stood is known only of topics that
/// are known; others keep their underscores and so equal none of them.
fn topic_of(name: &str) -> String {
    let known = delivery::KNOWN.iter().find(|topic| enum_of(topic) == name);
    known.map_or_else(|| name.to_lowercase(), |topic| (*topic).to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::graphql::tests::{answering, shop};
    use super::*;
    use crate::channel::testing::Reply;

    fn objecting(operation: &str, message: &str) -> Reply {
        let errors = json!([{ "field": ["webhookSubscription"], "message": message }]);
        Reply::json(&json!({ "data": { operation: { "userErrors": errors } } }))
    }

    #[test]
    fn topics_are_spelt_both_ways() {
        for topic in delivery::KNOWN {
            assert_eq!(topic_of(&enum_of(topic)), *topic);
        }
        assert_eq!(enum_of("orders/partially_fulfilled"), "ORDERS_PARTIALLY_FULFILLED");
        assert_eq!(topic_of("DRAFT_ORDERS_CREATE"), "draft_orders_create");
    }

    #[tokio::test]
    async fn r43_all_pages_are_listed() {
        let page = |id: &str, topic: &str, more: bool| {
            let node = json!({ "id": id, "topic": topic, "uri": "https://us.example/hook" });
            let info = json!({ "hasNextPage": more, "endCursor": format!("after-{id}") });
            Reply::json(&json!({ "data": { "webhookSubscriptions": { "pageInfo": info,
                "nodes": [node] } } }))
        };
        let (cart, shop) =
            shop(vec![page("1", "ORDERS_CREATE", true), page("2", "CARTS_UPDATE", false)]).await;
        let listed = list(&shop.graph()).await.unwrap();
        let of = |id: &str, topic: &str| Subscription {
            id: id.to_owned(),
            topic: topic.to_owned(),
            url: "https://us.example/hook".to_owned(),
            works: true,
        };
        assert_eq!(listed, [of("1", "orders/create"), of("2", "carts_update")]);
        assert_eq!(cart.asked()[1].json()["variables"]["after"], "after-1");
    }

    #[tokio::test]
    async fn r43_a_topic_is_subscribed() {
        let done = json!({ "data": { "webhookSubscriptionCreate": { "userErrors": [] } } });
        let (cart, shop) = shop(vec![Reply::json(&done)]).await;
        create(&shop.graph(), "orders/create", "https://us.example/hook").await.unwrap();
        let asked = cart.asked().remove(0).json();
        assert_eq!(asked["operationName"], "WebhookCreate");
        assert_eq!(asked["variables"]["topic"], "ORDERS_CREATE");
        assert_eq!(asked["variables"]["sub"]["uri"], "https://us.example/hook");
    }

    #[rstest]
    #[case("Address for this topic has already been taken", Ok(()))]
    #[case(
        "Address protocol http:// is not supported",
        Err(ChannelError::Rejected("Address protocol http:// is not supported".to_owned()))
    )]
    #[tokio::test]
    async fn r43_already_subscribed_is_done(
        #[case] message: &str,
        #[case] expected: Result<(), ChannelError>,
    ) {
        let shop = answering(objecting("webhookSubscriptionCreate", message)).await;
        assert_eq!(create(&shop.graph(), "orders/create", "http://us.example").await, expected);
    }

    #[rstest]
    #[case("Webhook subscription does not exist", true)]
    #[case("Something else", false)]
    #[tokio::test]
    async fn r43_already_gone_is_done(#[case] message: &str, #[case] done: bool) {
        let shop = answering(objecting("webhookSubscriptionDelete", message)).await;
        let gid = "gid://shopify/WebhookSubscription/1";
        assert_eq!(delete(&shop.graph(), gid).await.is_ok(), done);
    }
}
