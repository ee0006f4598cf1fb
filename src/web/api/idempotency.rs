//! `Idempotency-Key` on POST: the same request is done once, however often it is sent.
//!
//! The first answer that says "done" is kept for 24 hours, sealed by the vault: answers hold personal
//! data, and one of them holds a new token. Repeating a request therefore gives the token again, to
//! the caller who made it and to nobody else, and the database never holds it in the clear. Problems
//! are not kept: the request was not done, so doing it again is what the sender wants.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::{self, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{Error, FromRequest, HttpResponse, web};
use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{Api, Scope};
use crate::ledger::{Answer, Write};
use crate::web::problem::{Kind, Problem};

/// The header.
const HEADER: &str = "idempotency-key";
/// How long a key may be.
const MAX_KEY: usize = 255;
/// How long an answer counts.
const KEPT: Duration = Duration::from_hours(24);
/// Says that an answer was given before.
const REPLAYED: (&str, &str) = ("idempotency-replayed", "true");
/// The column that answers are sealed for.
const COLUMN: &str = "answer";

/// Keys whose requests are being worked on.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    keys: Mutex<HashSet<(String, String)>>,
}

/// A key that is taken until this is dropped.
struct Held<'a> {
    among: &'a InFlight,
    key: (String, String),
}

impl InFlight {
    fn hold(&self, scope: &str, key: &str) -> Option<Held<'_>> {
        let key = (scope.to_owned(), key.to_owned());
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        // Made only if the key was free: dropping one frees its key.
        keys.insert(key.clone()).then(|| Held { among: self, key })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.among.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// A request with a key, taken apart.
struct Keyed {
    scope: String,
    key: String,
    request: [u8; 32],
}

/// The middleware.
pub(super) async fn once(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let has_key = request.headers().contains_key(HEADER);
    if request.method() != Method::POST || !has_key {
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let api = request.app_data::<web::Data<Api>>().cloned();
    let api = api.expect("invariant: every route of the API has it");
    let keyed = match keyed(&mut request).await {
        Ok(keyed) => keyed,
        Err(error) => return Ok(answered(request, HttpResponse::from_error(error))),
    };
    let Some(_held) = api.in_flight.hold(&keyed.scope, &keyed.key) else {
        let sentence = "A request with this Idempotency-Key is being worked on; wait for it.";
        let problem = Problem::new(Kind::KeyInUse, sentence);
        return Ok(answered(request, HttpResponse::from_error(problem)));
    };
    match kept(&api, &keyed).await {
        Ok(Some(answer)) => return Ok(answered(request, answer)),
        Ok(None) => {}
        Err(problem) => return Ok(answered(request, HttpResponse::from_error(problem))),
    }
    let response = next.call(request).await?.map_into_boxed_body();
    if !response.status().is_success() {
        return Ok(response);
    }
    keep(&api, &keyed, response).await
}

/// An answer without asking the handler. (`ServiceRequest::into_response` would forget which error
/// the answer came from.)
fn answered(request: ServiceRequest, answer: HttpResponse) -> ServiceResponse<BoxBody> {
    ServiceResponse::new(request.into_parts().0, answer)
}

/// Reads the key and the body, and puts the body back for the handler.
async fn keyed(request: &mut ServiceRequest) -> Result<Keyed, Error> {
    let key = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let key = key.map(str::trim).filter(|key| (1..=MAX_KEY).contains(&key.len()));
    let Some(key) = key.map(str::to_owned) else {
        let sentence = "Idempotency-Key must be 1 to 255 visible characters.";
        return Err(Problem::new(Kind::Malformed, sentence).into());
    };
    let scope = Scope::extract(request.request()).await?;
    let body = request.extract::<Bytes>().await?;
    let mut hash = Sha256::new();
    for part in [request.path().as_bytes(), request.query_string().as_bytes(), &body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    request.set_payload(Payload::from(body));
    Ok(Keyed { scope: scope.caller.scope, key, request: hash.finalize().into() })
}

/// The answer that was given to this request before.
async fn kept(api: &Api, keyed: &Keyed) -> Result<Option<HttpResponse>, Problem> {
    let desk = &api.desk;
    let Some(answer) = desk.ledger.answer(&keyed.scope, &keyed.key).await? else { return Ok(None) };
    if desk.clock.now().since(answer.at) >= KEPT {
        return Ok(None);
    }
    if answer.request != keyed.request {
        let sentence = "The Idempotency-Key was used for another request; use a new one.";
        return Err(Problem::new(Kind::KeyReused, sentence));
    }
    // Sealed with another master key: as good as forgotten.
    let Ok(body) = desk.vault.open(&owner(keyed), COLUMN, &answer.body) else { return Ok(None) };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    Ok(Some(
        HttpResponse::build(status)
            .content_type("application/json")
            .insert_header(REPLAYED)
            .body(body.to_vec()),
    ))
}

/// Keeps the answer, then gives it. An answer that cannot be kept is given all the same: what was
/// asked has been done.
async fn keep(
    api: &Api,
    keyed: &Keyed,
    response: ServiceResponse<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let (request, response) = response.into_parts();
    let (response, body) = response.into_parts();
    let body = body::to_bytes(body).await.map_err(Error::from)?;
    let answer = Answer {
        scope: keyed.scope.clone(),
        key: keyed.key.clone(),
        request: keyed.request,
        status: response.status().as_u16(),
        body: api.desk.vault.seal(&owner(keyed), COLUMN, &body),
        at: api.desk.clock.now(),
    };
    if let Err(error) = api.desk.writer.write(Write::KeepAnswer(answer)).await {
        tracing::warn!(%error, "an answer could not be kept for its Idempotency-Key");
    }
    let mut response = response.set_body(BoxBody::new(body));
    // The length is that of the body that was read, and is set anew.
    response.headers_mut().remove(header::CONTENT_LENGTH);
    Ok(ServiceResponse::new(request, response))
}

fn owner(keyed: &Keyed) -> String {
    format!("{}|{}", keyed.scope, keyed.key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_until_its_request_is_answered() {
        let in_flight = InFlight::default();
        let held = in_flight.hold("token 1", "k").unwrap();
        assert!(in_flight.hold("token 1", "k").is_none());
        assert!(in_flight.hold("token 2", "k").is_some(), "another caller's key is another key");
        drop(held);
        assert!(in_flight.hold("token 1", "k").is_some());
    }
}
