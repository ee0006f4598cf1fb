//! Full objects as GraphQL shows them; what was not picked is left out later.

use serde_json::{Value, json};

use crate::simulator::order::{Financial, Fulfilment, Line, Order};
use crate::simulator::shop::{Profile, Subscription};
use crate::simulator::time::At;
use crate::simulator::wire::{gid, money};

/// An `Order`.
pub(super) fn order(order: &Order, shop: &Profile) -> Value {
    let bag = |cents| money_bag(cents, shop);
    let fulfilment = match order.fulfilment() {
        Fulfilment::Unfulfilled => "UNFULFILLED",
        Fulfilment::Partial => "PARTIALLY_FULFILLED",
        Fulfilment::Fulfilled => "FULFILLED",
    };
    let shipping_line = order.address.is_some().then(|| {
        let id = gid("ShippingLine", order.id / 3);
        json!({"id": id, "title": "Standard & tracked", "code": "Standard", "source": "shopify"})
    });
    let address = address(order);
    json!({
        "id": gid("Order", order.id),
        "legacyResourceId": order.id.to_string(),
        "name": order.name(),
        "number": order.number,
        "createdAt": order.placed_at.utc(),
        "processedAt": order.placed_at.utc(),
        "updatedAt": order.updated_at.utc(),
        "cancelledAt": order.cancelled_at.map(At::utc),
        "cancelReason": order.cancel_reason.as_ref().map(|reason| reason.to_uppercase()),
        "closed": order.closed_at.is_some(),
        "closedAt": order.closed_at.map(At::utc),
        "edited": order.edited,
        "test": order.test,
        "note": order.note,
        "tags": order.tags,
        "email": order.email,
        "phone": null,
        "currencyCode": shop.currency,
        "presentmentCurrencyCode": shop.currency,
        "sourceName": "web",
        "sourceIdentifier": null,
        "poNumber": null,
        "displayFinancialStatus": order.financial.name().to_uppercase(),
        "displayFulfillmentStatus": fulfilment,
        "returnStatus": "NO_RETURN",
        "fullyPaid": matches!(order.financial, Financial::Paid),
        "totalPriceSet": bag(order.total()),
        "currentTotalPriceSet": bag(order.current_total()),
        "totalShippingPriceSet": bag(order.shipping_cents),
        "subtotalPriceSet": bag(order.total() - order.shipping_cents),
        "shippingAddress": address,
        "billingAddress": address,
        "shippingLine": shipping_line,
        "lineItems": order.lines.iter().map(|line| line_item(line, shop)).collect::<Vec<_>>(),
    })
}

fn money_bag(cents: i64, shop: &Profile) -> Value {
    let amount = json!({"amount": money(cents), "currencyCode": shop.currency});
    json!({"shopMoney": amount, "presentmentMoney": amount})
}

fn address(order: &Order) -> Value {
    let Some(address) = &order.address else { return Value::Null };
    let province = address.province.as_ref();
    json!({
        "firstName": address.first_name,
        "lastName": address.last_name,
        "name": format!("{} {}", address.first_name, address.last_name),
        "company": null,
        "address1": address.address1,
        "address2": null,
        "city": address.city,
        "province": province.map(|(name, _)| name),
        "provinceCode": province.map(|(_, code)| code),
        "zip": address.zip,
        "country": address.country.0,
        "countryCodeV2": address.country.1,
        "phone": null,
    })
}

fn line_item(line: &Line, shop: &Profile) -> Value {
    let variant = line.variant_id.map(|id| {
        let gid = gid("ProductVariant", id);
        json!({"id": gid, "legacyResourceId": id.to_string(), "sku": line.sku, "barcode": null})
    });
    let product = line
        .product_id
        .map(|id| json!({"id": gid("Product", id), "legacyResourceId": id.to_string()}));
    json!({
        "id": gid("LineItem", line.id),
        "name": line.title,
        "title": line.title,
        "sku": line.sku,
        "vendor": line.vendor,
        "quantity": line.quantity,
        "currentQuantity": line.current_quantity,
        "unfulfilledQuantity": line.current_quantity.saturating_sub(line.fulfilled),
        "requiresShipping": true,
        "variantTitle": null,
        "variant": variant,
        "product": product,
        "originalUnitPriceSet": money_bag(line.cents, shop),
        "originalTotalSet": money_bag(line.cents * i64::from(line.quantity), shop),
        "discountedTotalSet": money_bag(line.cents * i64::from(line.quantity), shop),
    })
}

/// A `WebhookSubscription`.
pub(super) fn subscription(subscription: &Subscription, shop: &Profile) -> Value {
    json!({
        "id": gid("WebhookSubscription", subscription.id),
        "legacyResourceId": subscription.id.to_string(),
        "topic": subscription.topic,
        "uri": subscription.uri,
        "format": "JSON",
        "filter": subscription.filter,
        "includeFields": subscription.include_fields,
        "metafieldNamespaces": [],
        "name": subscription.name,
        "apiVersion": version(&shop.webhook_version),
        "createdAt": subscription.created_at.utc(),
        "updatedAt": subscription.updated_at.utc(),
    })
}

/// An `ApiVersion`.
pub(super) fn version(handle: &str) -> Value {
    let name = if handle == crate::simulator::shop::STABLE {
        format!("{handle} (Latest)")
    } else {
        handle.to_owned()
    };
    let supported = crate::simulator::shop::SUPPORTED.contains(&handle);
    json!({"handle": handle, "displayName": name, "supported": supported})
}

/// The `Shop`.
pub(super) fn shop(shop: &Profile) -> Value {
    json!({
        "id": gid("Shop", 1),
        "name": shop.name,
        "email": "owner@example.com",
        "myshopifyDomain": shop.domain,
        "ianaTimezone": shop.timezone,
        "currencyCode": shop.currency,
        "plan": {"publicDisplayName": "Basic", "shopifyPlus": false, "partnerDevelopment": true},
    })
}

/// The `AppInstallation`.
pub(super) fn installation(shop: &Profile) -> Value {
    let scope = |handle: &String| json!({"handle": handle, "description": ""});
    json!({
        "id": gid("AppInstallation", 1),
        "accessScopes": shop.scopes.iter().map(scope).collect::<Vec<_>>(),
        "app": {"id": gid("App", 1), "title": "Instasync", "handle": "instasync"},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::catalogue::{self, Wish};
    use crate::simulator::wire::graphql::schema::SCHEMA;

    #[test]
    fn every_field_of_the_schema_is_rendered() {
        let shop = Profile::default();
        let mut id = 0;
        let model = catalogue::order(3, 1, At::now(), &Wish::default(), &mut || {
            id += 1;
            id
        });
        let rendered = order(&model, &shop);
        let line = rendered["lineItems"][0].clone();
        let installation = installation(&shop);
        for (ty, value) in [
            ("Order", &rendered),
            ("LineItem", &line),
            ("MailingAddress", &rendered["shippingAddress"]),
            ("ShippingLine", &rendered["shippingLine"]),
            ("MoneyBag", &rendered["totalPriceSet"]),
            ("MoneyV2", &rendered["totalPriceSet"]["shopMoney"]),
            ("Shop", &super::shop(&shop)),
            ("ApiVersion", &version("2026-10")),
            ("AppInstallation", &installation),
            ("AccessScope", &installation["accessScopes"][0]),
        ] {
            for (name, def) in SCHEMA.fields(ty).unwrap() {
                let value = value.get(name).unwrap_or_else(|| panic!("{ty}.{name} is missing"));
                let is_scalar = SCHEMA.fields(super::super::schema::base(&def.ty)).is_none();
                if is_scalar {
                    SCHEMA
                        .fits(value, &def.ty)
                        .unwrap_or_else(|why| panic!("{ty}.{name}: {why:?}"));
                }
            }
        }
    }
}
