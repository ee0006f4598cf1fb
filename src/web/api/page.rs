//! Pages of lists: `{data, next_cursor}`, and `Link` with rel=next.

use actix_web::http::header::LINK;
use actix_web::{HttpRequest, HttpResponse};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::input::Params;
use crate::web::cursor::Cursors;

/// A page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct ListPage<T> {
    /// The rows.
    pub(super) data: Vec<T>,
    /// Where the next page begins; null on the last one.
    pub(super) next_cursor: Option<String>,
}

/// A list that is never longer than one answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct List<T> {
    /// The rows.
    pub(super) data: Vec<T>,
}

/// Reads `cursor`; one that belongs to another list or other filters is a mistake.
pub(super) fn begins_after<T: DeserializeOwned>(
    params: &mut Params,
    cursors: &Cursors<'_>,
) -> Option<T> {
    params.parse("cursor", "a next_cursor of the same list with the same filters", |text| {
        cursors.read(text).ok()
    })
}

/// Answers a page; `next` is the cursor of the page that follows.
pub(super) fn answer<T: Serialize>(
    request: &HttpRequest,
    data: Vec<T>,
    next: Option<String>,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    if let Some(cursor) = &next {
        let kept = request
            .query_string()
            .split('&')
            .filter(|pair| !pair.is_empty() && pair.split('=').next() != Some("cursor"));
        let cursor = format!("cursor={}", utf8_percent_encode(cursor, NON_ALPHANUMERIC));
        let query: Vec<&str> = kept.chain(std::iter::once(cursor.as_str())).collect();
        let link = format!("<{}?{}>; rel=\"next\"", request.path(), query.join("&"));
        response.insert_header((LINK, link));
    }
    response.json(ListPage { data, next_cursor: next })
}
