//! One trace id per request: in the log, in every problem, in a header of the answer.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse};
use tokio::time::Instant;
use tracing::{Instrument, debug, info, info_span, warn};

use super::{Problem, pages};
use crate::web::ui::is_simulated;

/// Where an answer carries its trace id.
const TRACE_ID: HeaderName = HeaderName::from_static("x-trace-id");

/// Gives the request a trace id (that of its `traceparent`, if it has one), writes problems out, and
/// logs one line without personal data: method, path as a template, status, duration.
pub async fn trace(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let trace_id = trace_id(request.headers());
    let span = info_span!("request", trace_id);
    // The request itself must not be held while it is routed.
    let asked = Asked {
        method: request.method().clone(),
        path: request.path().to_owned(),
        html: wants_html(request.headers()),
        simulated: is_simulated(request.request()),
    };
    let answered = next.call(request).instrument(span.clone()).await;
    let (answered, status, pattern) = match answered {
        Ok(response) => {
            let response = written_out(response.map_into_boxed_body(), &asked, &trace_id);
            let (status, pattern) = (response.status(), response.request().match_pattern());
            (Ok(response), status, pattern)
        }
        Err(error) => {
            let answer = asked.answer(&error, &trace_id);
            let status = answer.status();
            (Err(InternalError::from_response(error, answer).into()), status, None)
        }
    };

    let _entered = span.entered();
    let path = pattern.as_deref().unwrap_or("(no route)");
    let status = status.as_u16();
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let method = &asked.method;
    match status {
        500.. => warn!(%method, path, status, millis, "answered"),
        // Pages that are open ask every other second.
        ..400 if method.is_safe() => debug!(%method, path, status, millis, "answered"),
        _ => info!(%method, path, status, millis, "answered"),
    }
    answered
}

/// What of a request is needed to answer it with a problem.
struct Asked {
    method: Method,
    path: String,
    /// A browser asks.
    html: bool,
    /// Of a demo.
    simulated: bool,
}

impl Asked {
    /// The problem that an error is, with path and trace id.
    fn answer(&self, error: &Error, trace_id: &str) -> HttpResponse {
        let problem = match error.as_error::<Problem>() {
            Some(problem) => problem.clone(),
            None => Problem::of_status(error.as_response_error().status_code()),
        };
        let mut answer = if self.html {
            pages::shown(&problem, trace_id, self.simulated)
        } else {
            problem.respond(&self.path, trace_id)
        };
        name(answer.headers_mut(), trace_id);
        answer
    }
}

/// Turns the error of an answer, if it has one, into a problem.
fn written_out(mut response: ServiceResponse, asked: &Asked, trace_id: &str) -> ServiceResponse {
    let answer = response.response().error().map(|error| asked.answer(error, trace_id));
    if let Some(answer) = answer {
        return response.into_response(answer);
    }
    name(response.headers_mut(), trace_id);
    response
}

/// Puts the trace id into the headers of an answer.
fn name(headers: &mut HeaderMap, trace_id: &str) {
    if let Ok(value) = HeaderValue::from_str(trace_id) {
        headers.insert(TRACE_ID, value);
    }
}

/// Browsers name HTML; tools do not.
pub(in crate::web) fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// The trace id of a W3C `traceparent`, or a new one.
fn trace_id(headers: &HeaderMap) -> String {
    let parent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let given = parent.and_then(|parent| parent.split('-').nth(1)).filter(|id| is_trace_id(id));
    given.map_or_else(|| format!("{:032x}", rand::random::<u128>()), str::to_owned)
}

fn is_trace_id(text: &str) -> bool {
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    text.len() == 32 && text.bytes().all(hex) && text.bytes().any(|c| c != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traced(parent: &'static str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("traceparent"), HeaderValue::from_static(parent));
        trace_id(&headers)
    }

    #[test]
    fn a_traceparent_is_carried_on_and_nonsense_is_not() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        assert_eq!(traced("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), id);
        let zeros = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        for bad in ["", "00", "00-XYZ-1-1", zeros] {
            let made = traced(bad);
            assert!(is_trace_id(&made) && !bad.contains(&made), "{bad}: {made}");
        }
    }
}
