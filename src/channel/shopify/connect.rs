//! Entering a shop: its domain, tokens, scopes, and what may be seen with them.

use std::time::Duration;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::graphql::Graph;
use super::operations::APP_SCOPES;
use crate::channel::http::Answer;
use crate::channel::{CartHttp, ChannelError, Credentials, ScopeGap, Token};
use crate::domain::Timestamp;

/// What every shop's own name ends in.
const SUFFIX: &str = ".myshopify.com";
/// How far back orders are shown without `read_all_orders`.
const SHOWN_FOR: Duration = Duration::from_hours(60 * 24);
/// How long a token is used whose life was not told: Shopify's live for a day.
const UNTOLD_LIFE: u64 = 60 * 60;

const READ_ALL_ORDERS: &str = "read_all_orders";

/// Every scope that something here uses, most essential first.
const SCOPES: [ScopeGap; 3] = [
    ScopeGap {
        scope: "read_orders",
        sentence: "Without read_orders no order can be read and no order webhook registered; grant \
                   it to the app in the Dev Dashboard, then reconnect the store.",
        essential: true,
    },
    ScopeGap {
        scope: "read_products",
        sentence: "Without read_products fetched order lines are not linked to their products and \
                   no product webhook is registered; grant it to the app in the Dev Dashboard, then \
                   reconnect the store.",
        essential: false,
    },
    ScopeGap {
        scope: READ_ALL_ORDERS,
        sentence: "Without read_all_orders Shopify shows no order older than 60 days; request it \
                   for the app in the Dev Dashboard, then reconnect the store.",
        essential: false,
    },
];

/// Brings what a person copies (a domain, perhaps with scheme and path) into `pine.myshopify.com`.
pub(super) fn normalize_domain(text: &str) -> Result<String, String> {
    let lower = text.trim().to_lowercase();
    let bare = lower.strip_prefix("https://").or(lower.strip_prefix("http://")).unwrap_or(&lower);
    let domain = bare.split('/').next().unwrap_or_default();
    let name = domain.strip_suffix(SUFFIX).unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.is_empty() || name.starts_with('-') || !name.bytes().all(allowed) {
        return Err(format!(
            "A Shopify store is named by the domain that ends in {SUFFIX}, such as \
             pine{SUFFIX}; it stands in the shop's admin under Settings, Domains."
        ));
    }
    Ok(domain.to_owned())
}

/// An answer to a request for a token.
#[derive(Deserialize)]
struct Granted {
    access_token: SecretString,
    #[serde(default)]
    scope: String,
    expires_in: Option<u64>,
}

/// Asks for a token by client credentials: for apps of the shop's own organisation.
pub(super) async fn new_token(
    http: &CartHttp,
    base: &str,
    credentials: &Credentials,
    now: Timestamp,
) -> Result<Token, ChannelError> {
    let (Some(id), Some(secret)) = (&credentials.client_id, &credentials.client_secret) else {
        return Err(ChannelError::Unauthorized(
            "a client id and a client secret are needed to ask for a token".to_owned(),
        ));
    };
    let url = format!("{}/admin/oauth/access_token", base.trim_end_matches('/'));
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret.expose_secret()),
    ];
    let answer = http.send(http.post(&url)?.form(&form)).await?;
    if !answer.status.is_success() {
        return Err(refusal(&answer));
    }
    let granted: Granted = serde_json::from_slice(&answer.body)
        .map_err(|_| ChannelError::Protocol("there is no token in it".to_owned()))?;
    if granted.access_token.expose_secret().is_empty() {
        return Err(ChannelError::Protocol("the token in it is empty".to_owned()));
    }
    let life = Duration::from_secs(granted.expires_in.unwrap_or(UNTOLD_LIFE));
    let scopes = granted.scope.split(',').map(str::trim).filter(|scope| !scope.is_empty());
    Ok(Token {
        secret: granted.access_token,
        expires_at: now.plus(life),
        scopes: scopes.map(str::to_owned).collect(),
    })
}

/// Shopify tells why as a word, sometimes in JSON, sometimes on a page.
fn refusal(answer: &Answer) -> ChannelError {
    let text = String::from_utf8_lossy(&answer.body);
    let why = match answer.status {
        StatusCode::NOT_FOUND => {
            let why = "there is no shop at that address; check the store's domain and api_url";
            return ChannelError::Rejected(why.to_owned());
        }
        _ if text.contains("shop_not_permitted") => {
            "the app belongs to another organisation than the shop (shop_not_permitted); use the \
             client id and secret of an app made by the shop's own organisation"
        }
        _ if text.contains("app_not_installed") => {
            "the app is not installed in the shop (app_not_installed); install it from the Dev \
             Dashboard, then reconnect the store"
        }
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "the client id and secret are not accepted; copy them from the app's settings in the \
             Dev Dashboard, and check that the app is installed in the shop"
        }
        other => return ChannelError::Rejected(format!("it answered {}", other.as_u16())),
    };
    ChannelError::Unauthorized(why.to_owned())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopesData {
    current_app_installation: Installation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Installation {
    access_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    handle: String,
}

/// The scopes of the token that is shown.
pub(super) async fn granted_scopes(graph: &Graph<'_>) -> Result<Vec<String>, ChannelError> {
    let data: ScopesData = graph.ask(&APP_SCOPES, json!({})).await?;
    let scopes = data.current_app_installation.access_scopes;
    Ok(scopes.into_iter().map(|scope| scope.handle).collect())
}

/// What is missing in `granted`.
pub(super) fn scope_gaps(granted: &[String]) -> Vec<ScopeGap> {
    SCOPES.into_iter().filter(|gap| !grants(granted, gap.scope)).collect()
}

/// Whether a scope was granted, itself or by the one that lets write the same.
fn grants(granted: &[String], scope: &str) -> bool {
    let writing = scope.strip_prefix("read_").map(|subject| format!("write_{subject}"));
    granted.iter().any(|had| had == scope || Some(had) == writing.as_ref())
}

/// An order that is not shown does not exist, unless it may merely be too old to be shown.
pub(super) fn absence_is_proof(
    granted: &[String],
    placed_at: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    grants(granted, READ_ALL_ORDERS) || placed_at.is_some_and(|at| now.since(at) < SHOWN_FOR)
}

#[cfg(test)]
mod tests;
