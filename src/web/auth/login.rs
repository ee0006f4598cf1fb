//! `/login` and `/logout`: a form with a token, which works without a script.

use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use serde::Deserialize;

use super::link::signed_in;
use super::session::{self, OpenedBy};
use super::{Gate, origin, token};
use crate::web::problem::{Kind, Problem, wants_html};
use crate::web::ui;

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    /// What was wrong with the last attempt.
    wrong: Option<String>,
    simulated: bool,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Attempt {
    #[serde(default)]
    token: String,
}

pub(super) async fn form(request: HttpRequest) -> HttpResponse {
    page(&request, StatusCode::OK, None)
}

/// Opens a session for a valid token. It lasts no longer than the token is valid.
pub(super) async fn sign_in(
    request: HttpRequest,
    gate: web::Data<Gate>,
    attempt: web::Form<Attempt>,
) -> Result<HttpResponse, Problem> {
    origin::same_site(&request)?;
    let from = request.peer_addr().map(|addr| addr.ip());
    let now = gate.clock.now();
    if let Some(wait) = gate.throttle.wait(from, now) {
        return throttled(&request, wait);
    }
    let given = attempt.token.trim();
    match gate.bearer(given).await {
        Ok(_caller) => {
            gate.throttle.succeeded(from);
            let opened_by = OpenedBy::Token(token::hash(given));
            Ok(signed_in(&request, gate.open_session(opened_by)))
        }
        Err(problem) if problem.kind() == Kind::Unauthorized => {
            gate.throttle.failed(from, now);
            Ok(page(&request, StatusCode::UNAUTHORIZED, Some(problem.to_string())))
        }
        Err(problem) => Err(problem),
    }
}

/// Ends the session, if there is one.
pub(super) async fn sign_out(
    request: HttpRequest,
    gate: web::Data<Gate>,
) -> Result<HttpResponse, Problem> {
    origin::same_site(&request)?;
    if let Some(id) = session::cookie(&request) {
        gate.sessions.close(&gate.key("session", &id));
    }
    Ok(HttpResponse::SeeOther()
        .insert_header((header::LOCATION, "/login"))
        .cookie(session::unset(&request))
        .finish())
}

/// Tells who failed too often how long to wait: a browser beside the form, a tool in a problem.
fn throttled(request: &HttpRequest, wait: Duration) -> Result<HttpResponse, Problem> {
    let seconds = wait.as_secs().max(1);
    let sentence = match seconds {
        1..=90 => format!("Signing in failed too often; wait {seconds} s."),
        _ => format!("Signing in failed too often; wait {} min.", seconds.div_ceil(60)),
    };
    if !wants_html(request.headers()) {
        return Err(Problem::new(Kind::TooMany, sentence).retry_after(wait));
    }
    let mut shown = page(request, StatusCode::TOO_MANY_REQUESTS, Some(sentence));
    shown.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    Ok(shown)
}

fn page(request: &HttpRequest, status: StatusCode, wrong: Option<String>) -> HttpResponse {
    match (Login { wrong, simulated: ui::is_simulated(request) }).render() {
        Ok(text) => ui::html(status, text),
        Err(error) => HttpResponse::from_error(Problem::new(Kind::Internal, error.to_string())),
    }
}
