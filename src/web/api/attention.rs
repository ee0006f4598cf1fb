//! What only a person can mend, over HTTP (R50).

use actix_web::{HttpRequest, HttpResponse, web};

use super::input::Params;
use super::page::List;
use super::{Api, Scope};
use crate::web::attention::{Item, collect, worst_first};
use crate::web::problem::Problem;

/// Everything that needs a person, worst first. Empty means all is well.
#[utoipa::path(get, path = "/api/v1/attention", tag = "attention", params(
    ("account" = Option<String>, Query, description = "Only in this account"),
), responses((status = 200, body = List<Item>)))]
pub(super) async fn list(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
) -> Result<HttpResponse, Problem> {
    Params::of(&request)?.finish()?;
    let mut data = Vec::new();
    for account in api.accounts(&scope).await? {
        data.extend(collect(&api.desk, account).await?);
    }
    worst_first(&mut data);
    Ok(HttpResponse::Ok().json(List { data }))
}
