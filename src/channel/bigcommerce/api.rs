//! Calls of the REST API: addresses, refusals in words, what is left of the quota (R46).

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::channel::http::Answer;
use crate::channel::{Access, Budget, CartHttp, ChannelError};

/// What is waited after a 429 that does not say how long: the platform itself is loaded.
const UNTOLD_WAIT: Duration = Duration::from_secs(10);
/// How much of the cart's own words is passed on, in characters.
const MOST_WORDS: usize = 200;

/// One store's API.
pub(super) struct Api<'c> {
    pub(super) http: &'c CartHttp,
    pub(super) access: &'c Access,
}

/// What the cart said.
#[derive(Debug)]
pub(super) enum Said<T> {
    /// This.
    Here(T),
    /// Nothing: 204, or 404.
    Nothing,
    /// The token lacks a scope.
    NotAllowed,
}

impl Api<'_> {
    /// Reads `path`, such as `v2/orders/1`.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Said<T>, ChannelError> {
        let answer = self.call(Method::GET, path, query, None).await?;
        read(&answer)
    }

    /// Writes `body` to `path`.
    pub(super) async fn write(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Said<()>, ChannelError> {
        let answer = self.call(method, path, &[], body).await?;
        Ok(match status(&answer)? {
            Said::Here(()) => Said::Here(()),
            other => other,
        })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, ChannelError> {
        let base = self.access.base.trim_end_matches('/');
        let url = format!("{base}/stores/{}/{path}", self.access.domain);
        let mut request = self.http.request(method, &url)?.query(query);
        request = request.header("X-Auth-Token", self.access.token.expose_secret());
        request = request.header("Accept", "application/json");
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = self.http.send_noting(request, &|headers| self.note(headers)).await?;
        if let Some(at) = answer.date() {
            self.access.meter.note_clock(at);
        }
        Ok(answer)
    }

    /// Notes the quota and says how long a refused call has to wait.
    fn note(&self, headers: &HeaderMap) -> Duration {
        let number =
            |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
        let reset = number("x-rate-limit-time-reset-ms").map(Duration::from_millis);
        let (quota, left) =
            (number("x-rate-limit-requests-quota"), number("x-rate-limit-requests-left"));
        if let (Some(quota), Some(left), Some(resets_in)) = (quota, left, reset) {
            let count = |told: u64| u32::try_from(told).unwrap_or(u32::MAX);
            self.access.meter.note(Budget { quota: count(quota), left: count(left), resets_in });
        }
        let told = number("x-retry-after").map(Duration::from_secs);
        reset.or(told).unwrap_or(UNTOLD_WAIT)
    }
}

/// Reads an answer's body, unless it is an empty list, a missing thing or a refusal.
fn read<T: DeserializeOwned>(answer: &Answer) -> Result<Said<T>, ChannelError> {
    match status(answer)? {
        Said::Here(()) => match serde_json::from_slice(&answer.body) {
            Ok(read) => Ok(Said::Here(read)),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let sentence = format!("it is not what it should be at {line}:{column}");
                Err(ChannelError::Protocol(sentence))
            }
        },
        Said::Nothing => Ok(Said::Nothing),
        Said::NotAllowed => Ok(Said::NotAllowed),
    }
}

fn status(answer: &Answer) -> Result<Said<()>, ChannelError> {
    match answer.status {
        StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(Said::Nothing),
        StatusCode::FORBIDDEN => Ok(Said::NotAllowed),
        StatusCode::UNAUTHORIZED => Err(ChannelError::Unauthorized(
            "the access token is not valid (any more); make an API account in the control panel \
             and reconnect with its token"
                .to_owned(),
        )),
        // Somebody else works on it, or it is being moved: later it goes.
        StatusCode::LOCKED => Err(ChannelError::Unavailable("it answered 423, locked".to_owned())),
        status if status.is_success() => Ok(Said::Here(())),
        status => Err(ChannelError::Rejected(words(status, &answer.body))),
    }
}

/// A refusal in the cart's words: V2 tells a list of messages, V3 a title and errors by field.
fn words(status: StatusCode, body: &[u8]) -> String {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = match &told {
        Value::Array(errors) => errors.first().and_then(|error| error["message"].as_str()),
        told => told["title"].as_str(),
    };
    let fields = told.get("errors").and_then(Value::as_object).into_iter().flatten();
    let fields: Vec<_> = fields.map(|(name, why)| format!("{name}: {}", shown(why))).collect();
    let mut sentence = format!("it answered {}", status.as_u16());
    for part in message.into_iter().chain(fields.iter().map(String::as_str)) {
        sentence.push_str(", ");
        sentence.push_str(part);
    }
    let plain = sentence.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol });
    plain.take(MOST_WORDS).collect()
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r46_both_shapes_of_errors_are_put_into_words() {
        let v2 = br#"[{"status":400,"message":"The field 'x' is invalid."}]"#;
        assert_eq!(
            words(StatusCode::BAD_REQUEST, v2),
            "it answered 400, The field 'x' is invalid."
        );
        let v3 = br#"{"status":422,"title":"JSON data is missing or invalid","type":"t","errors":{"destination":"error.path.missing."}}"#;
        assert_eq!(
            words(StatusCode::UNPROCESSABLE_ENTITY, v3),
            "it answered 422, JSON data is missing or invalid, destination: error.path.missing."
        );
        assert_eq!(words(StatusCode::CONFLICT, b"<html>"), "it answered 409");
    }
}
