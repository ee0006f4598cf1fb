//! Calls to the Admin GraphQL API.
//!
//! Most of what goes wrong is answered with 200, so an answer is examined in a fixed order: its
//! status, its top-level errors, its warnings, and then, by the caller, the `userErrors` of a
//! mutation. Only what passes all of them is data.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use secrecy::ExposeSecret;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::{debug, warn};

use super::operations::{API_VERSION, Operation};
use crate::channel::http::Answer;
use crate::channel::{Access, CartHttp, ChannelError};

/// The longest wait that is taken from a cost report: no bucket takes longer to fill.
const LONGEST_WAIT: f64 = 300.0;
/// What is quoted of the cart's own words at most.
const QUOTED: usize = 240;

/// Where calls go, and what they show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Graph<'c> {
    /// The client.
    pub(super) http: &'c CartHttp,
    /// Base address and token.
    pub(super) access: &'c Access,
    /// Whether another API version than ours has been reported already.
    pub(super) alarmed: &'c AtomicBool,
}

/// Why a call gave no data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The query asks for more than one call may: ask for smaller pages.
    TooCostly,
    /// Anything else.
    Failed(ChannelError),
}

impl From<ChannelError> for Fault {
    fn from(error: ChannelError) -> Self {
        Self::Failed(error)
    }
}

impl From<Fault> for ChannelError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooCostly => {
                Self::Rejected("the query costs more than Shopify allows in one call".to_owned())
            }
            Fault::Failed(error) => error,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'r, V> {
    query: &'r str,
    operation_name: &'r str,
    variables: V,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    errors: Option<Errors>,
    extensions: Option<Extensions>,
}

/// A list by the standard, a plain text where access as a whole is refused.
#[derive(Deserialize)]
#[serde(untagged)]
enum Errors {
    List(Vec<GraphError>),
    Text(String),
    Other(IgnoredAny),
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
    path: Option<Vec<IgnoredAny>>,
    extensions: Option<ErrorExtensions>,
}

#[derive(Deserialize)]
struct ErrorExtensions {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Extensions {
    cost: Option<Cost>,
    search: Option<Vec<Search>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    requested_query_cost: f64,
    throttle_status: ThrottleStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThrottleStatus {
    currently_available: f64,
    restore_rate: f64,
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct Warning {
    #[serde(default)]
    message: String,
}

/// What a mutation objects to. It was done only if this list is empty.
#[derive(Debug, Deserialize)]
pub(super) struct UserError {
    /// The objection in words.
    pub(super) message: String,
}

impl GraphError {
    fn code(&self) -> &str {
        self.extensions.as_ref().and_then(|e| e.code.as_deref()).unwrap_or_default()
    }

    /// A field below the root was withheld, and the rest of the answer stands: customers' data for
    /// apps that were not allowed it, products without `read_products`.
    fn withholds_a_field(&self) -> bool {
        self.code() == "ACCESS_DENIED" && self.path.as_ref().is_some_and(|path| path.len() > 1)
    }
}

impl Graph<'_> {
    /// Sends one operation and reads its data.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        variables: impl Serialize,
    ) -> Result<T, Fault> {
        let base = self.access.base.trim_end_matches('/');
        let request = self
            .http
            .post(&format!("{base}/admin/api/{API_VERSION}/graphql.json"))?
            .header("X-Shopify-Access-Token", self.token()?)
            .json(&Request { query: operation.text, operation_name: operation.name, variables });
        let answer = self.http.send(request).await?;
        if let Some(at) = answer.date() {
            self.access.meter.note_clock(at);
        }
        self.compare_version(&answer);
        if !answer.status.is_success() {
            return Err(refusal(answer.status).into());
        }
        check_type(&answer)?;
        self.read(operation, &answer.body)
    }

    /// The token as a header that is never printed.
    fn token(&self) -> Result<HeaderValue, ChannelError> {
        let token = self.access.token.expose_secret().trim();
        let mut header = HeaderValue::from_str(token).map_err(|_| {
            ChannelError::Unauthorized(
                "the token holds characters that no token has; reconnect the store with the token \
                 as Shopify shows it"
                    .to_owned(),
            )
        })?;
        header.set_sensitive(true);
        Ok(header)
    }

    fn read<T: DeserializeOwned>(&self, operation: &Operation, body: &[u8]) -> Result<T, Fault> {
        let name = operation.name;
        let envelope: Envelope<'_> = serde_json::from_slice(body)
            .map_err(|_| unreadable(name, "it is no GraphQL answer"))?;
        let withheld = match &envelope.errors {
            Some(errors) => self.examine(errors, envelope.extensions.as_ref())?,
            None => None,
        };
        if let Some(warning) = first_warning(envelope.extensions.as_ref()) {
            let why = format!("Shopify did not understand the search: {}", self.quote(warning));
            return Err(ChannelError::Rejected(why).into());
        }
        let data = envelope.data.and_then(|data| serde_json::from_str(data.get()).ok());
        match (data, withheld) {
            (Some(data), None) => Ok(data),
            (Some(data), Some(why)) => {
                debug!(domain = %self.access.domain, operation = name, %why, "fields are withheld");
                Ok(data)
            }
            (None, Some(why)) => Err(why.into()),
            (None, None) => Err(unreadable(name, "its data has another shape").into()),
        }
    }

    /// What top-level errors mean: a failure, or that fields are withheld.
    fn examine(
        &self,
        errors: &Errors,
        extensions: Option<&Extensions>,
    ) -> Result<Option<ChannelError>, Fault> {
        let errors = match errors {
            Errors::List(errors) => errors,
            Errors::Text(text) => return Err(self.refused_as_a_whole(text).into()),
            Errors::Other(_) => {
                return Err(unreadable("errors", "they are neither a list nor a text").into());
            }
        };
        let Some(first) = errors.iter().find(|error| !error.withholds_a_field()).or(errors.first())
        else {
            return Ok(None);
        };
        let said = self.quote(&first.message);
        Err(Fault::Failed(match first.code() {
            "THROTTLED" => ChannelError::Throttled { after: wait(extensions) },
            "MAX_COST_EXCEEDED" => return Err(Fault::TooCostly),
            "ACCESS_DENIED" => {
                let denied = ChannelError::Rejected(format!(
                    "the app lacks a scope or access to protected customer data ({said}); grant it \
                     to the app in the Dev Dashboard, then reconnect the store"
                ));
                if first.withholds_a_field() {
                    return Ok(Some(denied));
                }
                denied
            }
            "SHOP_INACTIVE" => ChannelError::Unavailable("the shop is not active".to_owned()),
            "INTERNAL_SERVER_ERROR" | "TIMEOUT" => {
                ChannelError::Unavailable(format!("Shopify failed: {said}"))
            }
            _ => ChannelError::Rejected(said),
        }))
    }

    fn refused_as_a_whole(&self, text: &str) -> ChannelError {
        let lower = text.to_lowercase();
        if lower.contains("access token") || lower.contains("api key") {
            return token_refused();
        }
        ChannelError::Rejected(self.quote(text))
    }

    /// An objection of a mutation, fit for a timeline.
    pub(super) fn objection(&self, errors: &[UserError]) -> Option<ChannelError> {
        errors.first().map(|error| ChannelError::Rejected(self.quote(&error.message)))
    }

    /// The cart's words, cut, on one line, and without the token, should it repeat that.
    fn quote(&self, text: &str) -> String {
        let text = text.replace(self.access.token.expose_secret(), "…");
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED).collect()
    }

    /// Shopify answers with another version once ours is retired. Said once, not at every call.
    fn compare_version(&self, answer: &Answer) {
        let version = answer.header("X-Shopify-API-Version").unwrap_or(API_VERSION);
        if version != API_VERSION && !self.alarmed.swap(true, Ordering::Relaxed) {
            warn!(
                domain = %self.access.domain, version, expected = API_VERSION,
                "Shopify answers with another API version; upgrade Instasync"
            );
        }
    }
}

/// What a status says, given that it is neither an outage nor a wait.
fn refusal(status: StatusCode) -> ChannelError {
    let why = match status.as_u16() {
        401 => return token_refused(),
        // These heal without anybody changing something here, so they count as outages.
        402 => {
            return ChannelError::Unavailable("the shop is frozen until its bill is paid".into());
        }
        423 => return ChannelError::Unavailable("the shop is locked".to_owned()),
        430 => return ChannelError::Unavailable("Shopify blocks it for security".to_owned()),
        403 => {
            "the app may not do this; check its scopes in the Dev Dashboard, then reconnect the \
             store"
        }
        404 => "there is no shop at that address; check the store's domain and api_url",
        other => return ChannelError::Rejected(format!("it answered {other}")),
    };
    ChannelError::Rejected(why.to_owned())
}

fn token_refused() -> ChannelError {
    ChannelError::Unauthorized(
        "the token is not valid, or no longer; check that the app is installed, then reconnect the \
         store"
            .to_owned(),
    )
}

fn check_type(answer: &Answer) -> Result<(), ChannelError> {
    let kind = answer.header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let kind: String = kind.chars().filter(char::is_ascii_graphic).take(40).collect();
    let told = if kind.is_empty() { "no type".to_owned() } else { kind };
    Err(ChannelError::Protocol(format!("it has {told} instead of application/json")))
}

fn unreadable(what: &str, why: &str) -> ChannelError {
    ChannelError::Protocol(format!("{what}: {why}"))
}

fn first_warning(extensions: Option<&Extensions>) -> Option<&str> {
    let searches = extensions?.search.as_ref()?;
    searches.iter().flat_map(|search| &search.warnings).map(|w| w.message.as_str()).next()
}

/// How long until the bucket holds what the query costs, and a little more, so that stores of one
/// app do not come back in step.
fn wait(extensions: Option<&Extensions>) -> Duration {
    let missing = extensions.and_then(|extensions| extensions.cost.as_ref()).map_or(0.0, |cost| {
        let status = &cost.throttle_status;
        (cost.requested_query_cost - status.currently_available) / status.restore_rate
    });
    // A made-up report may divide by nothing: what is no number waits the least.
    let seconds = if missing > 1.0 { missing.min(LONGEST_WAIT) } else { 1.0 };
    Duration::from_secs_f64(seconds * (1.0 + 0.1 * rand::random::<f64>()))
}

#[cfg(test)]
pub(super) mod tests;
