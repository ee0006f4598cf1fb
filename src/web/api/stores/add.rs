//! Connecting a cart.

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::credentials::{CredentialsRequest, complete, provide_hook_secret};
use super::{Connected, connect, parsed, refused, row, settings, view};
use crate::channel::{Channel, Credentials};
use crate::domain::{AccountId, ChannelKind, Rules, StoreId};
use crate::ledger::{
    NewStore, Role, StoreHealth, StoreListing, StoreRow, StoreTaken, Trigger, Write, Written,
};
use crate::web::api::view::StoreView;
use crate::web::api::{Api, Scope, version};
use crate::web::problem::{Kind, Problem};

/// A cart to connect.
#[derive(Debug, ToSchema)]
pub(in crate::web::api) struct ConnectRequest {
    /// Which kind of cart: `shopify` or `bigcommerce`.
    channel: String,
    /// The cart's own name of itself: a shop domain such as `pine.myshopify.com`, or BigCommerce's
    /// store hash.
    domain: String,
    /// What people call it.
    name: String,
    /// Its name in routes; made from `name` if not given.
    slug: Option<String>,
    /// The account it belongs to.
    account: Option<String>,
    /// Replaces scheme, host and port of the cart's API.
    api_url: Option<String>,
    credentials: CredentialsRequest,
    /// Rules that differ from the defaults.
    #[schema(value_type = Option<Object>)]
    rules: Map<String, Value>,
    /// Whether the cart is called now (default) or only its webhooks are accepted.
    connect: Option<bool>,
}

impl ConnectRequest {
    fn read(body: &Bytes) -> Result<Self, Problem> {
        parsed(body, |fields| {
            let mut credentials = CredentialsRequest::default();
            if let Some(mut inner) = fields.object("credentials") {
                credentials = CredentialsRequest::read(&mut inner);
                fields.close(inner);
            }
            let rules = fields.object("rules").map(|mut rules| rules.rest());
            Self {
                channel: fields.required("channel"),
                domain: fields.required("domain"),
                name: settings::name(fields),
                slug: settings::slug(fields),
                account: fields.text("account"),
                api_url: settings::api_url(fields),
                credentials,
                rules: rules.unwrap_or_default(),
                connect: fields.flag("connect"),
            }
        })
    }
}

/// Connects a cart. One that is connected already is refused; one that was disconnected is revived
/// with its orders, and so is one whose credentials the cart refused the last time (R1).
#[utoipa::path(post, path = "/api/v1/stores", tag = "stores", request_body = ConnectRequest,
    responses((status = 201, body = StoreView)))]
pub(in crate::web::api) async fn add(
    api: web::Data<Api>,
    scope: Scope,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    scope.needs(Role::Admin)?;
    let request = ConnectRequest::read(&body)?;
    let account = account(&api, &scope, request.account.as_deref()).await?;
    let (kind, channel) = channel(&api, &request.channel)?;
    let domain = channel
        .normalize_domain(&request.domain)
        .map_err(|sentence| Problem::invalid("/domain", sentence))?;
    let known = api.desk.directory.by_domain(kind, &domain);
    if let Some(known) = known.as_ref().filter(|known| known.connected || known.account != account)
    {
        return Err(exists(&scope, known));
    }
    let calls = request.connect.unwrap_or(true);
    let revived = known.is_some();
    let id = match known {
        Some(known) => revive(&api, &known, &**channel, &scope.caller.name, request).await?,
        None => enter(&api, account, &**channel, domain, request).await?,
    };
    let warning = if calls { first_call(&api, id).await? } else { None };
    if calls && revived {
        // What happened while it was disconnected is read now (R47).
        api.desk.stores.sync(id, Trigger::Repair, None, None).await?;
    }
    let row = row(&api, id).await?;
    let view = view(&api, &row).await?.warned(warning);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, format!("/api/v1/stores/{}", row.slug)))
        .insert_header(version::tag(row.version))
        .json(view))
}

/// The account that a body names, else that of the caller.
async fn account(api: &Api, scope: &Scope, slug: Option<&str>) -> Result<AccountId, Problem> {
    let Some(slug) = slug else { return Ok(scope.account()) };
    let accounts = api.desk.ledger.accounts().await?;
    let found = accounts.into_iter().find(|row| row.slug == slug && scope.sees(row.id));
    let unknown = || Problem::invalid("/account", "There is no such account.");
    found.map(|row| row.id).ok_or_else(unknown)
}

fn channel<'a>(
    api: &'a Api,
    name: &str,
) -> Result<(ChannelKind, &'a std::sync::Arc<dyn Channel>), Problem> {
    let kind = name.parse::<ChannelKind>().ok();
    let channel = kind.and_then(|kind| api.desk.channels.get(kind).map(|channel| (kind, channel)));
    channel.ok_or_else(|| {
        let sentence = match kind {
            Some(kind) => {
                format!(
                    "This build does not speak to {} yet; it speaks to shopify and bigcommerce.",
                    kind.title()
                )
            }
            None => {
                "There is no such channel; this build speaks to shopify and bigcommerce.".to_owned()
            }
        };
        Problem::invalid("/channel", sentence)
    })
}

/// The cart is connected already. The store is named to those who may know of it.
fn exists(scope: &Scope, known: &StoreListing) -> Problem {
    let problem = |sentence: String| Problem::new(Kind::StoreExists, sentence);
    if !scope.sees(known.account) {
        return problem("This cart is already connected to another account.".to_owned());
    }
    let slug = known.slug.to_string();
    let sentence =
        format!("This cart is already connected as {slug}; send a PATCH to it to change it.");
    problem(sentence).with("existing", slug)
}

/// Enters a cart that was never here.
async fn enter(
    api: &Api,
    account: AccountId,
    channel: &dyn Channel,
    domain: String,
    request: ConnectRequest,
) -> Result<StoreId, Problem> {
    let kind = channel.kind();
    let desk = &api.desk;
    let now = desk.clock.now();
    let mut credentials = Credentials::default();
    request.credentials.merge_into(&mut credentials, now)?;
    provide_hook_secret(&mut credentials, channel);
    let calls = request.connect.unwrap_or(true);
    complete(&credentials, channel, calls)?;
    let rules = settings::merged(&Rules::defaults(kind), &request.rules, kind)?;
    let mut row = StoreRow::new(account, kind, domain, String::new(), request.name, now);
    row.api_url = request.api_url;
    row.rules = rules;
    desk.directory.seal(&mut row, &credentials);
    let first_run = if calls { now } else { now.plus(api.settings.autosync_interval) };
    let chosen = request.slug.is_some();
    let base = request.slug.unwrap_or_else(|| settings::slug_of(&row.name, kind.as_str()));
    for slug in settings::numbered(&base) {
        if !chosen && desk.directory.by_slug(&slug).is_some() {
            continue;
        }
        row.slug = slug;
        let store = NewStore { row: row.clone(), first_run };
        match desk.writer.write(Write::AddStore(Box::new(store))).await? {
            Written::StoreAdded { id, .. } => {
                let added = self::row(api, id).await?;
                desk.directory.put(added.listing());
                return Ok(id);
            }
            Written::StoreTaken(StoreTaken::Slug) if !chosen => {}
            Written::StoreTaken(StoreTaken::Slug) => break,
            // Somebody else was quicker: the two asked at the same moment.
            Written::StoreTaken(StoreTaken::Domain(other)) => {
                let other = self::row(api, other).await?;
                let sentence = format!("This cart is already connected as {}.", other.slug);
                return Err(Problem::new(Kind::StoreExists, sentence).with("existing", other.slug));
            }
            other => {
                tracing::error!(?other, "a store could not be added");
                return Err(Problem::new(Kind::Internal, "The store could not be stored."));
            }
        }
    }
    Err(slug_taken())
}

fn slug_taken() -> Problem {
    let sentence = "This slug belongs to another store; choose another.";
    let error = crate::web::problem::FieldError {
        pointer: "/slug".to_owned(),
        detail: sentence.to_owned(),
    };
    Problem::fields(Kind::Conflict, vec![error])
}

/// Connects a cart again that was here before: its orders, number and rules are kept.
async fn revive(
    api: &Api,
    known: &StoreListing,
    channel: &dyn Channel,
    by: &str,
    request: ConnectRequest,
) -> Result<StoreId, Problem> {
    let desk = &api.desk;
    let now = desk.clock.now();
    let ConnectRequest { name, slug, api_url, rules: given, connect, .. } = request;
    if let Some(slug) = &slug
        && desk.directory.by_slug(slug).is_some_and(|other| other.id != known.id)
    {
        return Err(slug_taken());
    }
    let before = row(api, known.id).await?;
    // What is kept may have been sealed with a key that is gone; new credentials replace it.
    let mut credentials = desk.directory.open(&before).unwrap_or_default();
    request.credentials.merge_into(&mut credentials, now)?;
    provide_hook_secret(&mut credentials, channel);
    complete(&credentials, channel, connect.unwrap_or(true))?;
    desk.directory
        .update(&desk.writer, known.id, |row| {
            let rules = settings::merged(&row.rules, &given, row.channel)?;
            row.set_rules(rules, by, now);
            row.name.clone_from(&name);
            if let Some(slug) = &slug {
                row.slug.clone_from(slug);
            }
            row.api_url.clone_from(&api_url);
            row.disconnected_at = None;
            row.health = StoreHealth::default();
            desk.directory.seal(row, &credentials);
            Ok::<(), Problem>(())
        })
        .await?;
    desk.stores.changed(known.id);
    Ok(known.id)
}

/// Calls the cart for the first time. If it refuses the credentials, the store is put aside as
/// disconnected, so that the same request with other credentials is no conflict.
async fn first_call(api: &Api, id: StoreId) -> Result<Option<String>, Problem> {
    match connect(api, id).await? {
        Connected::Checked => Ok(None),
        Connected::Unknown(warning) => Ok(Some(warning)),
        Connected::Refused(why) => {
            let desk = &api.desk;
            let now = desk.clock.now();
            let aside = |row: &mut StoreRow| {
                row.disconnected_at = Some(now);
                Ok::<(), Problem>(())
            };
            desk.directory.update(&desk.writer, id, aside).await?;
            desk.stores.changed(id);
            Err(refused(&why))
        }
    }
}
