//! `ETag` and `If-Match`: two people do not overwrite each other unseen.

use actix_web::http::header::{ETAG, HeaderName, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use crate::web::problem::{Kind, Problem};

/// The version that `If-Match` names; `None` if any will do. Several or unreadable ones fit nothing.
pub(super) fn wanted(request: &HttpRequest) -> Result<Option<u64>, Problem> {
    let Some(value) = request.headers().get(IF_MATCH) else { return Ok(None) };
    let tag = value.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    version.and_then(|version| version.parse().ok()).map(Some).ok_or_else(changed)
}

/// The version that was named is not the present one.
pub(super) fn changed() -> Problem {
    let sentence = "It was changed since the version that If-Match names; read it again.";
    Problem::new(Kind::Changed, sentence)
}

/// A version as a header.
pub(super) fn tag(version: u64) -> (HeaderName, String) {
    (ETAG, format!("\"{version}\""))
}

/// 200 with the thing and its version.
pub(super) fn tagged(version: u64, body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header(tag(version)).json(body)
}
