//! Who may ask for health and numbers: whoever is on this machine, and elsewhere whoever is known.

use std::future::{Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use futures_util::future::Either;

use super::Gate;
use crate::web::problem::Problem;

/// The request comes over loopback or the private socket, or with a token or session.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Nearby;

impl FromRequest for Nearby {
    type Error = Problem;
    type Future =
        Either<Ready<Result<Self, Problem>>, Pin<Box<dyn Future<Output = Result<Self, Problem>>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The private socket has no address to tell.
        if request.peer_addr().is_none_or(|peer| peer.ip().is_loopback()) {
            return Either::Left(ready(Ok(Self)));
        }
        let request = request.clone();
        Either::Right(Box::pin(async move {
            let gate = request.app_data::<web::Data<Gate>>();
            let gate = gate.expect("invariant: every route that asks who calls has a gate");
            gate.caller(&request).await.map(|_known| Self)
        }))
    }
}
