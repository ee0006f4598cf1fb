//! The GraphQL operations that are sent. Each stands alone with its fragments; [`Operation::name`]
//! goes along as `operationName`.

/// A document and the name of its one operation.
#[derive(Debug)]
pub(super) struct Operation {
    /// Its name.
    pub(super) name: &'static str,
    /// Its text, fragments included.
    pub(super) text: &'static str,
}

/// The version that every call names, and whose shapes are read here.
pub(super) const API_VERSION: &str = "2026-10";

/// What a sighting is made of. `$lines` sizes the page of line items, `$linesAfter` moves it on.
macro_rules! order_core {
    () => {
        "
fragment OrderCore on Order {
  legacyResourceId number name
  createdAt processedAt updatedAt cancelledAt cancelReason closedAt test
  displayFinancialStatus displayFulfillmentStatus
  currencyCode
  currentTotalPriceSet { ...ShopMoney }
  totalPriceSet { ...ShopMoney }
  totalShippingPriceSet { ...ShopMoney }
  email phone note sourceName tags
  shippingLine { title }
  shippingAddress {
    name firstName lastName company address1 address2
    city province provinceCode zip country countryCodeV2 phone
  }
  lineItems(first: $lines, after: $linesAfter) {
    pageInfo { hasNextPage endCursor }
    nodes {
      id sku name title quantity currentQuantity unfulfilledQuantity
      originalUnitPriceSet { ...ShopMoney }
      product { legacyResourceId }
      variant { legacyResourceId }
    }
  }
}

fragment ShopMoney on MoneyBag {
  shopMoney { amount currencyCode }
}
"
    };
}

/// One order by its global id.
pub(super) const ORDER_BY_ID: Operation = Operation {
    name: "OrderById",
    text: concat!(
        "query OrderById($id: ID!, $lines: Int = 50, $linesAfter: String) {
  order(id: $id) { ...OrderCore }
}
",
        order_core!()
    ),
};

/// Orders that match a search, longest unchanged first.
pub(super) const ORDERS_POLL: Operation = Operation {
    name: "OrdersPoll",
    text: concat!(
        "query OrdersPoll(
  $q: String!, $after: String, $n: Int = 50, $lines: Int = 50, $linesAfter: String
) {
  orders(query: $q, sortKey: UPDATED_AT, first: $n, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { ...OrderCore }
  }
}
",
        order_core!()
    ),
};

/// Subscriptions of this app in this shop.
pub(super) const WEBHOOK_LIST: Operation = Operation {
    name: "WebhookList",
    text: "query WebhookList($after: String) {
  webhookSubscriptions(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { id topic uri }
  }
}
",
};

/// Subscribes one topic.
pub(super) const WEBHOOK_CREATE: Operation = Operation {
    name: "WebhookCreate",
    text: "mutation WebhookCreate($topic: WebhookSubscriptionTopic!, $sub: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $sub) {
    webhookSubscription { id }
    userErrors { field message }
  }
}
",
};

/// Removes one subscription.
pub(super) const WEBHOOK_DELETE: Operation = Operation {
    name: "WebhookDelete",
    text: "mutation WebhookDelete($id: ID!) {
  webhookSubscriptionDelete(id: $id) {
    deletedWebhookSubscriptionId
    userErrors { field message }
  }
}
",
};

/// What the app was granted in this shop.
pub(super) const APP_SCOPES: Operation = Operation {
    name: "AppScopes",
    text: "query AppScopes {
  currentAppInstallation { accessScopes { handle } }
}
",
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use graphql_parser::query::{Definition, OperationDefinition, parse_query};

    use super::*;

    const ALL: [&Operation; 6] =
        [&ORDER_BY_ID, &ORDERS_POLL, &WEBHOOK_LIST, &WEBHOOK_CREATE, &WEBHOOK_DELETE, &APP_SCOPES];

    /// Words behind a sign, such as the names of variables behind `$`.
    fn behind<'t>(sign: &'t str, text: &'t str) -> BTreeSet<&'t str> {
        let word = |rest: &'t str| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap();
        text.split(sign).skip(1).map(word).collect()
    }

    #[test]
    fn every_operation_parses_and_stands_alone() {
        for operation in ALL {
            let document = parse_query::<&str>(operation.text).expect(operation.name);
            let mut operations = Vec::new();
            let mut fragments = BTreeSet::new();
            for definition in &document.definitions {
                match definition {
                    Definition::Operation(OperationDefinition::Query(query)) => {
                        operations.push((query.name, &query.variable_definitions));
                    }
                    Definition::Operation(OperationDefinition::Mutation(mutation)) => {
                        operations.push((mutation.name, &mutation.variable_definitions));
                    }
                    Definition::Fragment(fragment) => {
                        fragments.insert(fragment.name);
                    }
                    Definition::Operation(other) => panic!("{other:?}"),
                }
            }
            let [(name, variables)] = operations.as_slice() else { panic!("{operations:?}") };
            assert_eq!(*name, Some(operation.name));
            let defined: BTreeSet<&str> = variables.iter().map(|variable| variable.name).collect();
            assert_eq!(behind("$", operation.text), defined, "{}", operation.name);
            assert_eq!(behind("...", operation.text), fragments, "{}", operation.name);
        }
    }
}
