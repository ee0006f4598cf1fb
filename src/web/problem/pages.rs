//! `/problems/{slug}`: the page behind the `type` of a problem.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};

use super::{Kind, Problem};
use crate::web::ui::{Message, is_simulated};

/// What one kind of problem means and what to do about it. Open to everybody: it tells nothing of
/// this daemon.
pub(in crate::web) async fn page(
    request: HttpRequest,
    slug: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.slug() == slug.as_str());
    let kind = kind.ok_or_else(|| Problem::not_found("kind of problem"))?;
    let text = format!("{} (status {})", kind.explanation(), kind.status().as_u16());
    let simulated = is_simulated(&request);
    let message = Message { title: kind.title(), text: &text, trace_id: None, simulated };
    Ok(message.shown(StatusCode::OK))
}

/// A problem as a browser shows it.
pub(super) fn shown(problem: &Problem, trace_id: &str, simulated: bool) -> HttpResponse {
    let detail = problem.to_string();
    let message = match problem.kind() {
        Kind::NoRoute => Message {
            title: "There is no such page",
            text: "The address is not one of this daemon; it may be mistyped or cut off.",
            trace_id: None,
            simulated,
        },
        kind => Message { title: kind.title(), text: &detail, trace_id: Some(trace_id), simulated },
    };
    let mut response = message.shown(problem.kind().status());
    let head = problem.head().finish();
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = head.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
