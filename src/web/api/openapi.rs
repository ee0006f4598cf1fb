//! The description of the API, OpenAPI 3.1, made from the handlers themselves.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi, ToSchema};

use super::Scope;
use crate::web::problem::{FieldError, Problem};

/// RFC 9457: why something was not done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
struct ProblemDocument {
    /// The address of a page that explains this kind of problem.
    r#type: String,
    title: String,
    status: u16,
    /// What happened, why, and what to do.
    detail: String,
    /// The path that was asked for.
    instance: String,
    /// Each place of the request that is wrong.
    errors: Option<Vec<FieldError>>,
    /// Finds the request in the log.
    trace_id: String,
    /// The store that is connected already.
    existing: Option<String>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Instasync",
        description = "Keeps a merchant's order book in step with the carts they sell on.\n\n\
            Times are RFC 3339 in UTC, amounts are decimals as text, cursors are opaque. Every POST \
            takes an `Idempotency-Key`: the first answer is kept for 24 hours and given again. \
            What this build does not have yet answers 404 with type `/problems/not-in-this-build`.",
    ),
    paths(
        super::stores::list, super::stores::add::add, super::stores::show,
        super::stores::change::change, super::stores::remove::remove, super::tasks::list,
        super::orders::fetch, super::orders::list, super::orders::show, super::orders::timeline,
        super::orders::cancel, super::orders::restore, super::orders::ship,
        super::orders::request_dropship, super::orders::archive, super::orders::unarchive,
        super::orders::import_anyway, super::orders::edit, super::orders::re_examine, super::replay::dry_run, super::stores::history,
        super::revisions::show, super::revisions::accept, super::revisions::reject,
        super::events::list, super::events::show, super::runs::list, super::runs::show,
        super::runs::cancel, super::tasks::change, super::tasks::sync,
        super::lookup::find, super::attention::list,
        super::accounts::list, super::accounts::add,
        super::tokens::list, super::tokens::create, super::tokens::revoke,
        super::actors::list, super::actors::show, super::actors::restart, super::actors::pause,
        super::actors::resume,
    ),
    components(schemas(ProblemDocument)),
    modifiers(&Common),
    security(("token" = [])),
)]
struct Document;

/// What all routes have in common: the token, and problems.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        // The crate's author and licence are no part of the interface.
        document.info.contact = None;
        document.info.license = None;
        let token =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("isk_…").build();
        if let Some(components) = &mut document.components {
            components.add_security_scheme("token", SecurityScheme::Http(token));
        }
        let content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name("Problem"))))
            .build();
        let problem = ResponseBuilder::new()
            .description("Why it was not done")
            .content("application/problem+json", content)
            .build();
        for (path, item) in &mut document.paths.paths {
            let operations = [
                ("get", &mut item.get),
                ("post", &mut item.post),
                ("put", &mut item.put),
                ("patch", &mut item.patch),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                let Some(operation) = operation else { continue };
                operation.operation_id = Some(operation_id(method, path));
                let responses = &mut operation.responses.responses;
                for response in responses.values_mut() {
                    if let RefOr::T(response) = response
                        && response.description.is_empty()
                    {
                        "Done".clone_into(&mut response.description);
                    }
                }
                responses.insert("default".to_owned(), RefOr::T(problem.clone()));
            }
        }
    }
}

/// `get_orders_id_timeline`: handlers of several files share names, and these must not.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/api/v1").split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// `/openapi.json`.
pub(super) async fn document(_scope: Scope) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(Document::openapi()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_was_agreed_on() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        insta::assert_json_snapshot!("openapi", document);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_answers_problems() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut names = std::collections::HashSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap_or_default().to_owned();
                assert!(names.insert(name.clone()), "{method} {path}: {name} twice");
                assert!(operation["responses"]["default"].is_object(), "{method} {path}");
            }
        }
    }
}
