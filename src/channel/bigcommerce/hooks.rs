//! Webhook subscriptions (R43). They belong to the API account that made them, and no other account
//! sees them.

use std::collections::HashMap;

use reqwest::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, Said};
use super::callback::SECRET_HEADER;
use super::lenient;
use crate::channel::{ChannelError, Subscription};

/// Hooks on a page.
const PAGE: usize = 250;
/// Pages at most.
const MAX_PAGES: usize = 40;

#[derive(Deserialize)]
struct Page {
    #[serde(deserialize_with = "lenient::list")]
    data: Vec<Hook>,
}

#[derive(Deserialize)]
struct Hook {
    #[serde(deserialize_with = "lenient::text")]
    id: Option<String>,
    scope: String,
    destination: String,
    #[serde(default, deserialize_with = "lenient::flag")]
    is_active: bool,
    #[serde(default, deserialize_with = "lenient::object")]
    headers: Option<HashMap<String, Value>>,
}

/// All of them, ours or not.
pub(super) async fn list(api: &Api<'_>) -> Result<Vec<Subscription>, ChannelError> {
    let mut all = Vec::new();
    for page in 1..=MAX_PAGES {
        let (page, limit) = (page.to_string(), PAGE.to_string());
        let told: Said<Page> = api.get("v3/hooks", &[("page", &page), ("limit", &limit)]).await?;
        let told = match told {
            Said::Here(page) => page.data,
            Said::Nothing => return Ok(all),
            Said::NotAllowed => return Err(not_allowed()),
        };
        let full = told.len() >= PAGE;
        all.extend(told.into_iter().filter_map(|hook| hook.subscription(api)));
        if !full {
            return Ok(all);
        }
    }
    Err(ChannelError::Protocol(format!("hooks do not end after {MAX_PAGES} pages")))
}

impl Hook {
    fn subscription(self, api: &Api<'_>) -> Option<Subscription> {
        let carried = self.headers.iter().flatten().find_map(|(name, value)| {
            name.eq_ignore_ascii_case(SECRET_HEADER).then_some(value.as_str()).flatten()
        });
        let secret = api.access.hook_secret.as_ref().map(ExposeSecret::expose_secret);
        Some(Subscription {
            id: self.id?,
            works: self.is_active && carried == secret,
            topic: self.scope,
            url: self.destination,
        })
    }
}

/// Has the scope sent to `url`, with the store's secret.
pub(super) async fn create(api: &Api<'_>, scope: &str, url: &str) -> Result<(), ChannelError> {
    let done = api.write(Method::POST, "v3/hooks", Some(&wanted(api, scope, url))).await?;
    made(&done)
}

/// Switches a hook on again and gives it the present secret.
pub(super) async fn mend(api: &Api<'_>, hook: &Subscription) -> Result<(), ChannelError> {
    let path = format!("v3/hooks/{}", hook.id);
    let done = api.write(Method::PUT, &path, Some(&wanted(api, &hook.topic, &hook.url))).await?;
    made(&done)
}

/// Ends a hook; one that is gone already is ended.
pub(super) async fn delete(api: &Api<'_>, id: &str) -> Result<(), ChannelError> {
    match api.write(Method::DELETE, &format!("v3/hooks/{id}"), None).await? {
        Said::NotAllowed => Err(not_allowed()),
        Said::Here(()) | Said::Nothing => Ok(()),
    }
}

fn wanted(api: &Api<'_>, scope: &str, url: &str) -> Value {
    let secret = api.access.hook_secret.as_ref().map(ExposeSecret::expose_secret);
    let headers = secret.map(|secret| json!({ SECRET_HEADER: secret }));
    json!({"scope": scope, "destination": url, "is_active": true, "headers": headers})
}

fn made(done: &Said<()>) -> Result<(), ChannelError> {
    match done {
        Said::Here(()) => Ok(()),
        Said::NotAllowed => Err(not_allowed()),
        Said::Nothing => Err(ChannelError::Rejected("there is no such hook any more".to_owned())),
    }
}

fn not_allowed() -> ChannelError {
    ChannelError::Rejected("the access token may not manage webhooks".to_owned())
}

#[derive(Deserialize)]
struct Admin {
    data: Health,
}

#[derive(Deserialize)]
struct Health {
    #[serde(default, deserialize_with = "lenient::list")]
    blocked_domains: Vec<Blocked>,
}

#[derive(Deserialize)]
struct Blocked {
    #[serde(deserialize_with = "lenient::text")]
    destination: Option<String>,
    #[serde(default, deserialize_with = "lenient::whole")]
    time_left: Option<i64>,
}

/// Whether BigCommerce has stopped delivering to the host of `url`: it does so for minutes when too
/// many deliveries to any address of that host failed.
pub(super) async fn trouble(api: &Api<'_>, url: &str) -> Result<Option<String>, ChannelError> {
    let Said::Here(Admin { data }) = api.get::<Admin>("v3/hooks/admin", &[]).await? else {
        return Ok(None);
    };
    let host = host(url);
    let blocked = data.blocked_domains.iter().find(|blocked| {
        blocked.destination.as_deref().is_some_and(|destination| self::host(destination) == host)
    });
    Ok(blocked.map(|blocked| {
        let left = blocked.time_left.unwrap_or(0).max(0);
        format!(
            "BigCommerce has stopped delivering to {host} for {left} s, because too many \
             deliveries failed; see that public.url answers, then it goes on by itself."
        )
    }))
}

/// The host of an address, or the address itself where it is only that.
fn host(url: &str) -> String {
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    bare.split(['/', ':']).next().unwrap_or_default().to_lowercase()
}
