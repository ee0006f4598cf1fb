//! The whole channel, as other rooms see it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;

use super::super::Shopify;
use super::order::{Nothing, plain};
use crate::channel::testing::{Cart, Reply, client};
use crate::channel::{
    Access, CartHttp, Channel, ChannelError, Credentials, Decoded, Meter, OrderRef, Outbound,
    SigningKeys, Verdict,
};
use crate::domain::Timestamp;

const SECRET: &str = "hush-test-secret";

#[test]
fn r8_a_delivery_is_read_verified_and_decoded() {
    let shopify = Shopify::new(client());
    let body = plain().webhook(Nothing::Null).to_string();
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).unwrap();
    let signature = STANDARD.encode(mac.chain_update(&body).finalize().into_bytes());
    let head = shopify.read_head(&|name| match name {
        "x-shopify-topic" => Some("orders/paid".to_owned()),
        "x-shopify-hmac-sha256" => Some(signature.clone()),
        _ => None,
    });
    let keys = SigningKeys { secrets: vec![(SECRET.into(), None)], ..SigningKeys::default() };
    assert_eq!(shopify.authenticate(&head, body.as_bytes(), &keys), Verdict::Authentic);
    let unsigned = shopify.read_head(&|_| None);
    assert_eq!(shopify.authenticate(&unsigned, body.as_bytes(), &keys), Verdict::Forged);
    let decoded = shopify.decode(&head.topic, body.as_bytes());
    assert!(matches!(decoded, Decoded::Order(_)), "{decoded:?}");
}

#[tokio::test]
async fn r12_a_fetch_tells_what_the_webhook_told() {
    let answer = json!({ "data": { "order": plain().graph(Nothing::Empty) } });
    let cart = Cart::answering(vec![Reply::json(&answer)]).await;
    let shopify = Shopify::new(client());
    let access = Access {
        domain: "pine.myshopify.com".to_owned(),
        base: cart.base.clone(),
        token: "shpat_1".into(),
        hook_secret: None,
        meter: Meter::default(),
    };
    let id = OrderRef::Id(plain().id.to_string().as_str().into());
    let fetched = shopify.fetch_order(&access, &id).await.unwrap().unwrap();
    let body = plain().webhook(Nothing::Null).to_string();
    let pushed = shopify.decode("orders/updated", body.as_bytes());
    assert_eq!(pushed, Decoded::Order(Box::new(fetched)));
}

#[tokio::test]
async fn a_private_shop_is_called_only_if_that_is_allowed() {
    let cart = Cart::answering(vec![Reply::json("{}")]).await;
    let patience = Duration::from_secs(20);
    let careful = CartHttp::new(Outbound {
        allow_private: false,
        connect_timeout: patience,
        timeout: patience,
    });
    let shopify = Shopify::new(careful.unwrap());
    let access = Access {
        domain: "pine.myshopify.com".to_owned(),
        base: cart.base.clone(),
        token: "shpat_1".into(),
        hook_secret: None,
        meter: Meter::default(),
    };
    let error = shopify.granted_scopes(&access).await.unwrap_err();
    assert!(matches!(error, ChannelError::Forbidden(_)), "{error:?}");
    let credentials = Credentials {
        client_id: Some("pine-app".to_owned()),
        client_secret: Some(SECRET.into()),
        ..Credentials::default()
    };
    let now = Timestamp::default();
    let asked = shopify.new_token(&access.domain, &access.base, &credentials, now).await;
    assert!(matches!(asked, Err(ChannelError::Forbidden(_))), "{:?}", asked.err());
    assert!(cart.asked().is_empty());
}
