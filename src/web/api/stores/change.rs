//! Changing a store: name, rules, credentials.

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::credentials::CredentialsRequest;
use super::{Connected, connect, parsed, refused, row, settings, view};
use crate::ledger::{Role, StoreRow};
use crate::web::api::view::StoreView;
use crate::web::api::{Api, Scope, version};
use crate::web::problem::{Kind, Problem};

/// What of a store is to be changed; the rest stays.
#[derive(Debug, ToSchema)]
pub(in crate::web::api) struct ChangeRequest {
    /// What people call it.
    name: Option<String>,
    /// Rules to change.
    #[schema(value_type = Option<Object>)]
    rules: Option<Map<String, Value>>,
    /// New credentials (the connection is checked with them), or new webhook secrets.
    credentials: Option<CredentialsRequest>,
}

impl ChangeRequest {
    fn read(body: &Bytes) -> Result<Self, Problem> {
        parsed(body, |fields| Self {
            name: fields.has("name").then(|| settings::name(fields)),
            rules: fields.object("rules").map(|mut rules| rules.rest()),
            credentials: fields.object("credentials").map(|mut inner| {
                let credentials = CredentialsRequest::read(&mut inner);
                fields.close(inner);
                credentials
            }),
        })
    }
}

/// Changes a store. `If-Match` guards against changes by others.
#[utoipa::path(patch, path = "/api/v1/stores/{store}", tag = "stores",
    params(("store" = String, Path), ("If-Match" = Option<String>, Header)),
    request_body = ChangeRequest, responses((status = 200, body = StoreView)))]
pub(in crate::web::api) async fn change(
    request: HttpRequest,
    api: web::Data<Api>,
    scope: Scope,
    slug: web::Path<String>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    let ChangeRequest { name, rules, credentials } = ChangeRequest::read(&body)?;
    let wanted = version::wanted(&request)?;
    let store = api.store(&scope, &slug)?;
    let desk = &api.desk;
    let now = desk.clock.now();
    let channel = desk.channels.get(store.channel);
    // A cart that was given the old secret has to be given the new one.
    let told = channel.is_some_and(|channel| channel.needs_hook_secret());
    let reconnects =
        credentials.as_ref().is_some_and(|given| given.reconnects() || (told && given.rotates()));
    if credentials.is_some() && !store.connected {
        let sentence = "The store is disconnected; connect it again with a POST to /api/v1/stores.";
        return Err(Problem::new(Kind::Conflict, sentence));
    }
    let apply = |row: &mut StoreRow| {
        if wanted.is_some_and(|wanted| wanted != row.version) {
            return Err(version::changed());
        }
        if let Some(name) = &name {
            row.name.clone_from(name);
        }
        if let Some(given) = &rules {
            let rules = settings::merged(&row.rules, given, row.channel)?;
            row.set_rules(rules, &scope.caller.name, now);
        }
        if let Some(given) = &credentials {
            let mut kept = desk.directory.open(row).map_err(|wrong| {
                Problem::new(
                    Kind::Conflict,
                    format!("The kept credentials cannot be read: {wrong}."),
                )
            })?;
            given.clone().merge_into(&mut kept, now)?;
            desk.directory.seal(row, &kept);
        }
        Ok::<(), Problem>(())
    };
    desk.directory.update(&desk.writer, store.id, apply).await?;
    desk.stores.changed(store.id);
    let mut warning = None;
    if reconnects {
        match connect(&api, store.id).await? {
            Connected::Checked => {}
            Connected::Unknown(sentence) => warning = Some(sentence),
            Connected::Refused(why) => return Err(refused(&why)),
        }
    }
    let row = row(&api, store.id).await?;
    let view = view(&api, &row).await?.warned(warning);
    Ok(version::tagged(row.version, &view))
}
