//! `/problems/{slug}`: the page behind the `type` of a problem.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};

use super::{Kind, Problem};
use crate::web::ui;

/// What one kind of problem means and what to do about it. Open to everybody: it tells nothing of
/// this daemon.
pub(in crate::web) async fn page(slug: web::Path<String>) -> Result<HttpResponse, Problem> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.slug() == slug.as_str());
    let kind = kind.ok_or_else(|| Problem::not_found("kind of problem"))?;
    let text = format!("{} (status {})", kind.explanation(), kind.status().as_u16());
    Ok(ui::message(StatusCode::OK, kind.title(), text))
}

/// A problem as a browser shows it.
pub(super) fn shown(problem: &Problem, trace_id: &str) -> HttpResponse {
    let text = format!("{problem} Trace id: {trace_id}");
    let mut response = ui::message(problem.kind().status(), problem.kind().title(), text);
    let head = problem.head().finish();
    for name in [header::RETRY_AFTER, header::WWW_AUTHENTICATE] {
        if let Some(value) = head.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}
