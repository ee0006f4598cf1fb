//! What the front answers when it does not take a delivery.
//!
//! A forger learns the status and nothing else: one sentence for all refusals, no name of a store,
//! no word on which secrets exist. The trace id finds the line in the log.

use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};

use super::body::BodyError;
use crate::metrics::WebhookResult;

/// Seconds after which a cart may try again. Carts have their own schedule; proxies read this.
const AGAIN_AFTER: &str = "5";

/// Why a delivery is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No store of that slug or domain on this channel.
    UnknownStore,
    /// Signature wrong or missing, or path and shop header disagree (R9).
    Forged,
    /// There is no body to judge.
    Body(BodyError),
    /// It is or may be authentic and cannot be written down now (R8).
    Unavailable(&'static str),
}

impl Refusal {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::UnknownStore => StatusCode::NOT_FOUND,
            Self::Forged => StatusCode::UNAUTHORIZED,
            Self::Body(BodyError::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::Broken) => StatusCode::BAD_REQUEST,
            Self::Body(BodyError::NoRoom) | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    pub(super) fn result(self) -> WebhookResult {
        match self {
            Self::UnknownStore => WebhookResult::UnknownStore,
            Self::Forged => WebhookResult::BadSignature,
            Self::Body(BodyError::TooLarge) => WebhookResult::TooLarge,
            Self::Body(BodyError::TooSlow | BodyError::Broken) => WebhookResult::Incomplete,
            Self::Body(BodyError::NoRoom) | Self::Unavailable(_) => WebhookResult::Shed,
        }
    }

    /// For the log.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::UnknownStore => "unknown store",
            Self::Forged => "not authentic",
            Self::Body(BodyError::TooLarge) => "body too large",
            Self::Body(BodyError::TooSlow) => "body too slow",
            Self::Body(BodyError::Broken) => "body broke off",
            Self::Body(BodyError::NoRoom) => "too many large bodies at once",
            Self::Unavailable(why) => why,
        }
    }

    /// Whether the connection ends with the answer. Only a sender that has just shown an authentic
    /// delivery, or whose whole body was read, may keep its connection.
    pub(super) fn closes(self) -> bool {
        !matches!(self, Self::Unavailable(_))
    }

    pub(super) fn respond(self, trace_id: &str) -> HttpResponse {
        problem(self.status(), self.closes(), trace_id)
    }
}

/// Another method than POST.
pub(super) async fn method_not_allowed() -> HttpResponse {
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, true, &trace_id());
    response.headers_mut().insert(ALLOW, header::HeaderValue::from_static("POST"));
    response
}

/// A route that this build does not have.
pub(super) async fn not_found() -> HttpResponse {
    problem(StatusCode::NOT_FOUND, true, &trace_id())
}

/// Names one refusal in the answer and in the log.
pub(super) fn trace_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// RFC 9457, without anything that the sender did not know.
fn problem(status: StatusCode, close: bool, trace_id: &str) -> HttpResponse {
    let title = status.canonical_reason().unwrap_or_default();
    let code = status.as_u16();
    let text = format!(
        r#"{{"type":"about:blank","title":"{title}","status":{code},"detail":"The delivery was not taken.","trace_id":"{trace_id}"}}"#
    );
    let mut response = HttpResponseBuilder::new(status);
    response.content_type("application/problem+json");
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header((RETRY_AFTER, AGAIN_AFTER));
    }
    if close {
        response.force_close();
    }
    response.body(text)
}
