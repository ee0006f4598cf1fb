//! What the private listener serves: health, the API, pages.

use std::sync::Arc;

use actix_web::middleware::from_fn;
use actix_web::web;

use crate::web::api::{self, Api};
use crate::web::auth::{Gate, Trusted};
use crate::web::health::{Health, health_routes};
use crate::web::problem;
use crate::web::ui::{self, Pages};

/// What the routes need.
pub(super) type Parts = (Arc<Api>, Arc<Gate>, Arc<Health>, Arc<Pages>);

/// Over TCP: who asks has to show a token or a session.
pub(super) fn private_routes(config: &mut web::ServiceConfig, parts: &Parts) {
    let (api, gate, health, pages) = parts.clone();
    let scope = web::scope("")
        .wrap(from_fn(problem::trace))
        .configure(|config| health_routes(config, &health))
        .configure(api::configure(web::Data::from(api), web::Data::from(gate)))
        .configure(|config| ui::configure(config, &pages))
        .default_service(web::to(problem::no_route));
    config.service(scope);
}

/// Over the unix socket: whoever can open it is admin.
pub(super) fn trusted_routes(config: &mut web::ServiceConfig, parts: &Parts) {
    config.app_data(Trusted);
    private_routes(config, parts);
}
