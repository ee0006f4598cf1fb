//! What the private listener answers when it does not do what was asked: RFC 9457.
//!
//! Handlers give back a [`Problem`]; the [`trace()`] middleware writes it out, since only it knows
//! the request's path and trace id. Errors of actix itself (a body over the limit, a query that is
//! none) become problems in the same place, so that no other shape of error exists.

mod pages;
mod trace;

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use serde_json::{Map, Value};

pub use self::trace::trace;
use crate::actor::{AskError, WriteError};
use crate::directory::UpdateError;
use crate::ledger::LedgerError;

pub(in crate::web) use self::pages::page;
pub(in crate::web) use self::trace::wants_html;

/// After how many seconds what is out for a moment may be asked for again.
const SOON: u64 = 2;

/// What kind of problem it is: a word that stays, a status, and a title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "`explanation` says what each one means")]
pub enum Kind {
    Malformed,
    Unauthorized,
    Forbidden,
    ForeignSite,
    NotFound,
    NoRoute,
    Later,
    NotInCart,
    WrongMethod,
    Conflict,
    StoreExists,
    KeyInUse,
    Changed,
    TooLarge,
    Invalid,
    CartRefused,
    KeyReused,
    MatchNeeded,
    TooMany,
    Internal,
    Unavailable,
    Timeout,
}

impl Kind {
    /// Every kind, in the order of their statuses.
    pub const ALL: [Self; 22] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ForeignSite,
        Self::NotFound,
        Self::NoRoute,
        Self::Later,
        Self::NotInCart,
        Self::WrongMethod,
        Self::Conflict,
        Self::StoreExists,
        Self::KeyInUse,
        Self::Changed,
        Self::TooLarge,
        Self::Invalid,
        Self::CartRefused,
        Self::KeyReused,
        Self::MatchNeeded,
        Self::TooMany,
        Self::Internal,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// The last part of its `type`, and of the address of its page.
    pub const fn slug(self) -> &'static str {
        self.facts().0
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.facts().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The title, the same for every problem of the kind.
    pub const fn title(self) -> &'static str {
        self.facts().2
    }

    /// What it means and what to do, for its page.
    pub const fn explanation(self) -> &'static str {
        self.facts().3
    }

    const fn facts(self) -> (&'static str, u16, &'static str, &'static str) {
        match self {
            Self::Malformed => (
                "malformed-request",
                400,
                "The request cannot be read",
                "Its body is not JSON, a query parameter is unknown, or a value is not of the \
                 right kind. `errors` names each place. Correct it and send it again.",
            ),
            Self::Unauthorized => (
                "unauthorized",
                401,
                "Nobody is signed in",
                "Send a token as `Authorization: Bearer isk_…`, or sign in on /login. A token that \
                 was revoked, a session that ended and a link that was used no longer count.",
            ),
            Self::Forbidden => (
                "forbidden",
                403,
                "The role does not allow it",
                "Viewers read; operators also change orders and actors; admins also change stores, \
                 accounts and tokens. Use a token with the role that `detail` names.",
            ),
            Self::ForeignSite => (
                "foreign-site",
                403,
                "The request came from another site",
                "A session acts only for pages of this daemon. Tools use a token instead of the \
                 cookie.",
            ),
            Self::NotFound => (
                "not-found",
                404,
                "There is no such thing",
                "Nothing of that name exists, or it belongs to an account that the token is not \
                 for.",
            ),
            Self::NoRoute => (
                "no-such-route",
                404,
                "There is no such route",
                "The address is not one of this daemon. /openapi.json lists them.",
            ),
            Self::Later => (
                "not-in-this-build",
                404,
                "This build does not have it yet",
                "The route is part of the interface and a later build brings it. Nothing was done.",
            ),
            Self::NotInCart => (
                "not-in-cart",
                404,
                "The cart has no such order",
                "The cart was asked and answered that it has no such order, or does not show it to \
                 the store's credentials.",
            ),
            Self::WrongMethod => (
                "wrong-method",
                405,
                "The route does not take this method",
                "/openapi.json lists which methods each route takes.",
            ),
            Self::Conflict => (
                "conflict",
                409,
                "It cannot be done as things stand",
                "The step is impossible in the present state, or somebody else changed it at the \
                 same moment. `detail` says which. Look at it again and decide anew.",
            ),
            Self::StoreExists => (
                "store-exists",
                409,
                "The cart is already connected",
                "A cart is connected once. `existing` names the store. To give it new credentials, \
                 send a PATCH to it.",
            ),
            Self::KeyInUse => (
                "request-in-flight",
                409,
                "The same request is being worked on",
                "A request with this Idempotency-Key has not been answered yet. Wait a moment and \
                 send it again.",
            ),
            Self::Changed => (
                "precondition-failed",
                412,
                "It was changed meanwhile",
                "The version named by If-Match is no longer the present one. Read it again and \
                 decide anew.",
            ),
            Self::TooLarge => (
                "body-too-large",
                413,
                "The body is too large",
                "No request of this interface needs so much.",
            ),
            Self::Invalid => (
                "invalid",
                422,
                "The request was understood and cannot be used",
                "`errors` names each field and says what is wrong with it.",
            ),
            Self::CartRefused => (
                "cart-refused",
                422,
                "The cart refused the credentials",
                "The cart was called and did not accept what it was shown. Check the client id, \
                 the secret and the domain, and send the request again.",
            ),
            Self::KeyReused => (
                "idempotency-key-reused",
                422,
                "The Idempotency-Key belongs to another request",
                "The key was used within 24 hours for a request with another path or body. Use a \
                 new key for a new request.",
            ),
            Self::MatchNeeded => (
                "precondition-required",
                428,
                "The request must say what it was decided on",
                "Several people may decide about the same thing. Read it first and send the ETag \
                 you got as If-Match, so that nothing is decided that you have not seen.",
            ),
            Self::TooMany => (
                "too-many-attempts",
                429,
                "Too many attempts",
                "Signing in failed too often. Wait as long as Retry-After says.",
            ),
            Self::Internal => (
                "internal",
                500,
                "Something went wrong here",
                "The log has a line with the same trace id. The request may be sent again.",
            ),
            Self::Unavailable => (
                "unavailable",
                503,
                "It cannot be done now",
                "It will work again by itself. Send the request again after Retry-After seconds; \
                 doing it twice is harmless.",
            ),
            Self::Timeout => (
                "timeout",
                504,
                "There was no answer in time",
                "It may still happen. Look again in a moment.",
            ),
        }
    }
}

/// One place of a request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// A JSON pointer into the body, or `?` and the name of a query parameter.
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Why something was not done. Boxed inside, since it travels in many results.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.detail)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    more: Map<String, Value>,
    retry_after: Option<u64>,
}

impl Problem {
    /// Of that kind, with one sentence on this very case.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let retry_after = (kind == Kind::Unavailable).then_some(SOON);
        let inner = Inner {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            more: Map::new(),
            retry_after,
        };
        Self(Box::new(inner))
    }

    /// There is no such thing.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {what}."))
    }

    /// Fields of a request that are wrong, as 400 (not readable) or 422 (not usable).
    pub fn fields(kind: Kind, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => one.detail.clone(),
            several => format!("{} fields of the request are wrong.", several.len()),
        };
        let mut problem = Self::new(kind, detail);
        problem.0.errors = errors;
        problem
    }

    /// One field of the body that cannot be used.
    pub fn invalid(pointer: &str, detail: impl Into<String>) -> Self {
        let error = FieldError { pointer: pointer.to_owned(), detail: detail.into() };
        Self::fields(Kind::Invalid, vec![error])
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// With the time after which it may be tried again.
    #[must_use]
    pub fn retry_after(mut self, span: Duration) -> Self {
        self.0.retry_after = Some(span.as_secs().max(1));
        self
    }

    /// What kind it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The fields that are wrong.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// For an answer of actix that carries only a status.
    fn of_status(status: StatusCode) -> Self {
        let (kind, detail) = match status {
            StatusCode::NOT_FOUND => (Kind::NoRoute, "There is no such route."),
            StatusCode::METHOD_NOT_ALLOWED => {
                (Kind::WrongMethod, "The route does not take this method.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                (Kind::TooLarge, "The body is larger than any request of this interface needs.")
            }
            status if status.is_client_error() => {
                (Kind::Malformed, "The request could not be read.")
            }
            _ => (Kind::Internal, "Something went wrong here; the log has the trace id."),
        };
        Self::new(kind, detail)
    }

    fn document(&self, instance: &str, trace_id: &str) -> Value {
        let inner = &self.0;
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
        put("type", format!("/problems/{}", inner.kind.slug()).into());
        put("title", inner.kind.title().into());
        put("status", inner.kind.status().as_u16().into());
        put("detail", inner.detail.clone().into());
        put("instance", instance.into());
        if !inner.errors.is_empty() {
            let error = |error: &FieldError| serde_json::json!({"pointer": error.pointer, "detail": error.detail});
            put("errors", inner.errors.iter().map(error).collect());
        }
        put("trace_id", trace_id.into());
        document.extend(inner.more.clone());
        Value::Object(document)
    }

    /// The answer as tools read it.
    fn respond(&self, instance: &str, trace_id: &str) -> HttpResponse {
        let mut response = self.head();
        response.content_type("application/problem+json");
        response.body(self.document(instance, trace_id).to_string())
    }

    /// Status and headers, without a body.
    fn head(&self) -> HttpResponseBuilder {
        let mut response = HttpResponseBuilder::new(self.0.kind.status());
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        if self.0.kind == Kind::Unauthorized {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(seconds) = self.0.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        response
    }
}

/// What actix writes when no [`trace()`] stands around the handler.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.respond("", "")
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unavailable(_) => {
                Self::new(Kind::Unavailable, "The database cannot be used now; try again.")
            }
            // Damage is the daemon's to tell its operator, not every caller's to read.
            LedgerError::Rejected(_) | LedgerError::Corrupt(_) | LedgerError::TooNew { .. } => {
                tracing::error!(%error, "a read failed");
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Rejected(_) => {
                tracing::error!(%error, "a write was refused");
                Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
            }
            WriteError::Overloaded | WriteError::Unavailable(_) | WriteError::Deadline(_) => {
                Self::new(Kind::Unavailable, sentence(&error))
            }
        }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Unknown(what) => Self::not_found(what),
            AskError::Refused(why) => Self::new(Kind::Conflict, why),
            AskError::Invalid(why) => Self::new(Kind::Invalid, why),
            AskError::Changed(why) => Self::new(Kind::Changed, why),
            AskError::Conflict => Self::new(Kind::Conflict, sentence(&error)),
            AskError::Busy | AskError::Unavailable(_) | AskError::Deadline(_) => {
                Self::new(Kind::Unavailable, sentence(&error))
            }
        }
    }
}

impl From<UpdateError<Problem>> for Problem {
    fn from(error: UpdateError<Problem>) -> Self {
        match error {
            UpdateError::Refused(problem) => problem,
            UpdateError::Unknown => Self::not_found("store"),
            UpdateError::Ledger(error) => error.into(),
            UpdateError::Write(error) => error.into(),
            UpdateError::Contended => Self::new(Kind::Unavailable, sentence(&error)),
        }
    }
}

/// An error's text as a sentence: with a capital letter and a full stop.
fn sentence(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

/// An address that this daemon does not have.
pub async fn no_route() -> Result<HttpResponse, Problem> {
    Err(Problem::of_status(StatusCode::NOT_FOUND))
}

/// A known address, asked in a way it does not understand.
pub(in crate::web) async fn wrong_method() -> Result<HttpResponse, Problem> {
    Err(Problem::of_status(StatusCode::METHOD_NOT_ALLOWED))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own_and_an_explanation() {
        let slugs: HashSet<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
            assert!(kind.explanation().ends_with('.'), "{kind:?}");
        }
    }

    #[test]
    fn a_document_carries_what_rfc_9457_asks_for() {
        let problem = Problem::invalid("/name", "A name is missing.").with("existing", "pine");
        let document = problem.document("/api/v1/stores", "abc");
        assert_eq!(
            document,
            serde_json::json!({
                "type": "/problems/invalid",
                "title": "The request was understood and cannot be used",
                "status": 422,
                "detail": "A name is missing.",
                "instance": "/api/v1/stores",
                "errors": [{"pointer": "/name", "detail": "A name is missing."}],
                "trace_id": "abc",
                "existing": "pine",
            })
        );
    }

    #[test]
    fn what_passes_by_itself_says_when_to_try_again() {
        for error in [AskError::Busy, AskError::Deadline(Duration::from_secs(5))] {
            let problem = Problem::from(error);
            assert_eq!(problem.kind(), Kind::Unavailable);
            let response = problem.respond("/", "t");
            assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), "2");
        }
        let refused = Problem::from(AskError::Refused("No.".to_owned()));
        assert_eq!(refused.kind().status(), StatusCode::CONFLICT);
    }
}
