use rstest::rstest;

use super::super::graphql::tests::answering;
use super::*;
use crate::channel::testing::{Cart, Reply, client};

const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
const SECRET: &str = "hush/secret+1";

fn credentials() -> Credentials {
    Credentials {
        client_id: Some("pine-app".to_owned()),
        client_secret: Some(SECRET.into()),
        ..Credentials::default()
    }
}

async fn token_from(reply: Reply) -> Result<Token, ChannelError> {
    let cart = Cart::answering(vec![reply]).await;
    new_token(&client(), &cart.base, &credentials(), NOW).await
}

#[rstest]
#[case("pine.myshopify.com")]
#[case(" Pine.MyShopify.com ")]
#[case("https://pine.myshopify.com/")]
#[case("http://pine.myshopify.com/admin/orders?x=1")]
fn r1_a_domain_has_one_spelling(#[case] typed: &str) {
    assert_eq!(normalize_domain(typed).as_deref(), Ok("pine.myshopify.com"));
}

#[rstest]
#[case("")]
#[case("pine")]
#[case("pine.example.com")]
#[case(".myshopify.com")]
#[case("-.myshopify.com")]
#[case("a.b.myshopify.com")]
#[case("user@pine.myshopify.com")]
#[case("pine.myshopify.com:443")]
#[case("pine.myshopify.com.example.com")]
#[case("ftp://pine.myshopify.com")]
fn r1_what_is_no_shop_domain_is_refused_in_words(#[case] typed: &str) {
    let sentence = normalize_domain(typed).unwrap_err();
    assert!(sentence.contains("pine.myshopify.com"), "{sentence}");
}

#[tokio::test]
async fn r47_a_token_lives_as_long_as_the_cart_says() {
    let body =
        r#"{"access_token":"shpat_1","scope":"read_orders, write_products","expires_in":86399}"#;
    let cart = Cart::answering(vec![Reply::json(&body)]).await;
    let token = new_token(&client(), &cart.base, &credentials(), NOW).await.unwrap();
    assert_eq!(token.secret.expose_secret(), "shpat_1");
    assert_eq!(token.expires_at, NOW.plus(Duration::from_secs(86_399)));
    assert_eq!(token.scopes, ["read_orders", "write_products"]);
    let asked = cart.asked().remove(0);
    assert!(asked.head.starts_with("POST /admin/oauth/access_token HTTP/1.1"), "{asked:?}");
    let form = "grant_type=client_credentials&client_id=pine-app&client_secret=hush%2Fsecret%2B1";
    assert_eq!(asked.body, form);
}

#[rstest]
#[case("400 Bad Request", r#"{"error":"shop_not_permitted"}"#, "organisation")]
#[case("400 Bad Request", "<h1>Oauth error app_not_installed</h1>", "not installed")]
#[case("401 Unauthorized", r#"{"error":"invalid_client"}"#, "not accepted")]
#[case("403 Forbidden", "", "not accepted")]
#[tokio::test]
async fn r47_a_refused_token_says_what_to_do(
    #[case] status: &str,
    #[case] body: &str,
    #[case] words: &str,
) {
    let error = token_from(Reply::http(status, "", body)).await.unwrap_err();
    assert!(matches!(error, ChannelError::Unauthorized(_)), "{error:?}");
    assert!(error.to_string().contains(words), "{error}");
    assert!(!error.to_string().contains(SECRET), "{error}");
}

#[tokio::test]
async fn a_token_is_not_asked_for_without_credentials() {
    let none = Credentials::default();
    let error = new_token(&client(), "http://127.0.0.1:9", &none, NOW).await.unwrap_err();
    assert!(matches!(error, ChannelError::Unauthorized(_)), "{error:?}");
}

#[rstest]
#[case("{}")]
#[case("not JSON")]
#[case(r#"{"access_token":""}"#)]
#[case(r#"{"access_token":null}"#)]
#[tokio::test]
async fn an_answer_without_a_token_is_none(#[case] body: &str) {
    let error = token_from(Reply::json(&body)).await.unwrap_err();
    assert!(matches!(error, ChannelError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn no_shop_there_is_no_question_of_credentials() {
    let error = token_from(Reply::http("404 Not Found", "", "")).await.unwrap_err();
    assert!(matches!(error, ChannelError::Rejected(_)), "{error:?}");
}

#[tokio::test]
async fn granted_scopes_are_listed() {
    let scopes = json!([{ "handle": "read_orders" }, { "handle": "write_inventory" }]);
    let body = json!({ "data": { "currentAppInstallation": { "accessScopes": scopes } } });
    let shop = answering(Reply::json(&body)).await;
    let granted = granted_scopes(&shop.graph()).await.unwrap();
    assert_eq!(granted, ["read_orders", "write_inventory"]);
}

fn gaps(granted: &[&str]) -> Vec<&'static str> {
    let granted: Vec<String> = granted.iter().map(|&scope| scope.to_owned()).collect();
    scope_gaps(&granted).into_iter().map(|gap| gap.scope).collect()
}

#[test]
fn r47_missing_scopes_are_named_most_essential_first() {
    assert_eq!(gaps(&[]), ["read_orders", "read_products", "read_all_orders"]);
    assert!(scope_gaps(&[])[0].essential);
    assert_eq!(gaps(&["read_orders", "read_products", "read_all_orders"]), [""; 0]);
}

#[test]
fn r47_writing_implies_reading() {
    assert_eq!(gaps(&["write_orders", "write_products"]), ["read_all_orders"]);
    assert_eq!(gaps(&["write_inventory"]).len(), 3);
}

#[rstest]
#[case::recent(&["read_orders"], Some(59), true)]
#[case::old(&["read_orders"], Some(60), false)]
#[case::unknown(&["read_orders"], None, false)]
#[case::old_but_shown(&["read_orders", "read_all_orders"], Some(400), true)]
#[case::unknown_but_shown(&["read_all_orders"], None, true)]
fn r55_absence_proves_nothing_of_orders_that_are_not_shown(
    #[case] granted: &[&str],
    #[case] days: Option<u64>,
    #[case] proof: bool,
) {
    let granted: Vec<String> = granted.iter().map(|&scope| scope.to_owned()).collect();
    let placed_at = days.map(|days| NOW.minus(Duration::from_hours(days * 24)));
    assert_eq!(absence_is_proof(&granted, placed_at, NOW), proof);
}
