//! The public front: a delivery in, an answer out (R8–R10).
//!
//! In this order: is it too large, which store is it for, is it signed by one of that store's
//! secrets over its raw bytes, is it written down. Only then 200, then a nudge. Nothing is stored
//! before the signature was checked, and nothing is decoded here: what is wrong with an authentic
//! body is the store actor's business, and its sender gets 200.
//!
//! Everything but the body is unsigned. Topic and ids are cut to size and made printable before
//! they are stored; numbers count known topics only.

mod body;
mod intake;
mod refusal;
#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_LENGTH, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use tokio::time::Instant;

pub use self::body::BodyLimits;
use self::body::{Body, BodyError, Room};
use self::intake::Intake;
use self::refusal::Refusal;
use super::Desk;
use super::server::Turn;
use crate::actor::WriteError;
use crate::channel::{Channel, Channels, DeliveryHead, SigningKeys, Verdict};
use crate::clock::Clock;
use crate::directory::{Directory, SecretsError};
use crate::domain::{ChannelKind, Source, Timestamp};
use crate::ledger::{DeliveryKey, Journaled, NewEvent, StoreListing};
use crate::metrics::{Metrics, WebhookResult};

/// Opening a store's secrets on its first delivery must not take longer.
const SECRETS_TIMEOUT: Duration = Duration::from_secs(2);
/// What is kept of a topic, in bytes; the longest that a cart has is a third of it.
const MAX_TOPIC: usize = 128;
/// What is kept of a delivery id, in bytes; carts send UUIDs.
const MAX_DELIVERY_ID: usize = 255;
/// Stands for every topic that the channel does not know.
const OTHER_TOPIC: &str = "other";

/// What the webhook handlers work with; one for all threads.
pub struct Front {
    directory: Arc<Directory>,
    channels: Channels,
    intake: Arc<dyn Intake>,
    metrics: Metrics,
    clock: Clock,
    limits: BodyLimits,
    room: Room,
}

impl Front {
    /// The front of a daemon.
    pub fn new(desk: &Desk, metrics: Metrics, limits: BodyLimits) -> Self {
        let intake = intake::Actors { writer: desk.writer.clone(), stores: desk.stores.clone() };
        Self {
            intake: Arc::new(intake),
            ..Self::without_journal(
                Arc::clone(&desk.directory),
                desk.channels.clone(),
                metrics,
                desk.clock.clone(),
                limits,
            )
        }
    }

    /// A front that stores nothing and refuses whatever would have to be stored: for
    /// [`hmac_only_routes`].
    pub fn without_journal(
        directory: Arc<Directory>,
        channels: Channels,
        metrics: Metrics,
        clock: Clock,
        limits: BodyLimits,
    ) -> Self {
        Self {
            directory,
            channels,
            intake: Arc::new(intake::Nowhere),
            metrics,
            clock,
            limits,
            room: Room::new(&limits),
        }
    }
}

/// The routes of the public listener; everything else is 404.
pub fn public_routes(config: &mut web::ServiceConfig, front: &Arc<Front>) {
    routes(config, front, || web::post().to(take));
}

/// The same routes, read and verified in the same way, with nothing stored: what the front costs
/// without the journal. Benchmarks compare with it.
pub fn hmac_only_routes(config: &mut web::ServiceConfig, front: &Arc<Front>) {
    routes(config, front, || web::post().to(verify_only));
}

fn routes(config: &mut web::ServiceConfig, front: &Arc<Front>, post: fn() -> actix_web::Route) {
    config.app_data(web::Data::from(Arc::clone(front)));
    for (path, kind) in [
        ("/webhooks/shopify/{store}", ChannelKind::Shopify),
        ("/webhooks/shopify", ChannelKind::Shopify),
        ("/webhooks/bigcommerce/{store}", ChannelKind::BigCommerce),
    ] {
        let resource = web::resource(path).app_data(kind).route(post());
        config.service(resource.default_service(web::to(refusal::method_not_allowed)));
    }
    config.default_service(web::to(refusal::not_found));
}

/// Takes a delivery.
async fn take(
    request: HttpRequest,
    payload: web::Payload,
    front: web::Data<Front>,
) -> HttpResponse {
    let began = Instant::now();
    let mut turn = Turn::begin(&request);
    let mut about = About::default();
    let taken = front.take(&request, payload, &turn, &mut about).await;
    let (result, response) = match taken {
        Ok(journaled) => {
            front.metrics.acknowledged(began.elapsed());
            let result = match (journaled.duplicate, about.doubtful) {
                (true, _) => WebhookResult::Duplicate,
                (false, true) => WebhookResult::Doubtful,
                (false, false) => WebhookResult::Accepted,
            };
            (result, HttpResponse::Ok().finish())
        }
        Err(refusal) => (refusal.result(), refuse(refusal, &about, &mut turn)),
    };
    let store = about.store.as_ref().map(|store| &*store.slug);
    front.metrics.webhook(store, kind_of(&request), about.topic, result);
    response
}

/// Answers as [`take`] does for everything that needs no journal.
async fn verify_only(
    request: HttpRequest,
    payload: web::Payload,
    front: web::Data<Front>,
) -> HttpResponse {
    let mut turn = Turn::begin(&request);
    let mut about = About::default();
    match front.authenticate(&request, payload, &turn, &mut about).await {
        Ok(_authentic) => HttpResponse::Ok().finish(),
        Err(refusal) => refuse(refusal, &about, &mut turn),
    }
}

fn refuse(refusal: Refusal, about: &About, turn: &mut Turn) -> HttpResponse {
    if refusal.closes() {
        turn.closing();
    }
    let trace_id = refusal::trace_id();
    let store = about.store.as_ref().map(|store| &*store.slug);
    let (reason, status) = (refusal.reason(), refusal.status().as_u16());
    tracing::debug!(store, reason, status, trace_id, "delivery refused");
    refusal.respond(&trace_id)
}

/// The kind of cart that a route is for.
fn kind_of(request: &HttpRequest) -> ChannelKind {
    request.app_data::<ChannelKind>().copied().unwrap_or(ChannelKind::Shopify)
}

/// What is known of a delivery for the numbers, however it ends.
struct About {
    store: Option<Arc<StoreListing>>,
    topic: &'static str,
    /// It is authentic but for a further proof that does not hold.
    doubtful: bool,
}

impl Default for About {
    fn default() -> Self {
        Self { store: None, topic: OTHER_TOPIC, doubtful: false }
    }
}

/// A delivery whose signature fits.
struct Authentic<'a> {
    store: Arc<StoreListing>,
    head: DeliveryHead,
    body: Body<'a>,
    received_at: Timestamp,
}

impl Front {
    async fn take(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        turn: &Turn,
        about: &mut About,
    ) -> Result<Journaled, Refusal> {
        let delivery = self.authenticate(request, payload, turn, about).await?;
        let store = delivery.store.id;
        // `_body` keeps its share of the room until the delivery is written down.
        let (event, _body) = event(delivery);
        let journaled = self.intake.journal(event).await;
        let journaled = journaled.map_err(|error| not_journaled(&error))?;
        // A repeated delivery too: perhaps the first nudge was lost in a crash.
        self.intake.nudge(store);
        Ok(journaled)
    }

    async fn authenticate(
        &self,
        request: &HttpRequest,
        payload: web::Payload,
        turn: &Turn,
        about: &mut About,
    ) -> Result<Authentic<'_>, Refusal> {
        let received_at = self.clock.now();
        if declared_length(request.headers()).is_some_and(|length| length > self.limits.max_bytes) {
            return Err(Refusal::Body(BodyError::TooLarge));
        }
        let kind = kind_of(request);
        let channel = self.channels.get(kind).ok_or(Refusal::UnknownStore)?;
        let head = channel.read_head(&|name| text_of(request.headers(), name));
        about.topic = known_topic(&**channel, &head);

        let store = match request.match_info().get("store") {
            Some(slug) => self.directory.by_slug(slug).filter(|store| store.channel == kind),
            None => head.domain.as_deref().and_then(|name| self.directory.by_domain(kind, name)),
        };
        let store = store.ok_or(Refusal::UnknownStore)?;
        about.store = Some(Arc::clone(&store));

        let body = self.room.read(payload, &self.limits).await.map_err(Refusal::Body)?;
        turn.serving();
        let of_another = |head: &DeliveryHead| {
            head.domain.as_deref().is_some_and(|domain| domain != &*store.domain)
        };
        if of_another(&head) {
            return Err(Refusal::Forged);
        }
        let keys = self.keys(&store, received_at).await?;
        match channel.authenticate(&head, &body.bytes, &keys) {
            Verdict::Forged => return Err(Refusal::Forged),
            Verdict::Doubtful => {
                about.doubtful = true;
                self.directory.doubt(store.id, received_at);
            }
            Verdict::Authentic => {}
        }
        let head = channel.complete_head(head, &body.bytes);
        about.topic = known_topic(&**channel, &head);
        if of_another(&head) {
            return Err(Refusal::Forged);
        }
        Ok(Authentic { store, head, body, received_at })
    }

    /// The store's secrets, without those whose time is over.
    async fn keys(
        &self,
        store: &StoreListing,
        now: Timestamp,
    ) -> Result<Arc<SigningKeys>, Refusal> {
        let opened = tokio::time::timeout(SECRETS_TIMEOUT, self.directory.signing_keys(store.id));
        let keys = match opened.await {
            Ok(Ok(keys)) => keys,
            Ok(Err(SecretsError::Unknown)) => return Err(Refusal::UnknownStore),
            Ok(Err(error)) => {
                tracing::warn!(store = &*store.slug, %error, "a store's secrets cannot be opened");
                return Err(Refusal::Unavailable("secrets cannot be opened"));
            }
            Err(_elapsed) => return Err(Refusal::Unavailable("secrets not read in time")),
        };
        let lasts = |until: &Option<Timestamp>| until.is_none_or(|until| now < until);
        if keys.secrets.iter().all(|(_, until)| lasts(until)) {
            return Ok(keys);
        }
        let lasting = keys.secrets.iter().filter(|(_, until)| lasts(until)).cloned();
        Ok(Arc::new(SigningKeys { secrets: lasting.collect(), ..SigningKeys::clone(&keys) }))
    }
}

/// The topic if the channel knows it: strangers may send any.
fn known_topic(channel: &dyn Channel, head: &DeliveryHead) -> &'static str {
    let known = channel.known_topics().iter().find(|known| **known == head.topic);
    known.copied().unwrap_or(OTHER_TOPIC)
}

/// A delivery as the journal keeps it. Its key is made of what the cart sent, whole, so that no two
/// deliveries become one by being cut (R10).
fn event(delivery: Authentic<'_>) -> (NewEvent, Body<'_>) {
    let Authentic { store, head, mut body, received_at } = delivery;
    let delivery_id = head.delivery_id.filter(|id| !id.is_empty());
    let key = match &delivery_id {
        Some(id) => DeliveryKey::of(&head.topic, id),
        None => DeliveryKey::unique(),
    };
    let event = NewEvent {
        account: store.account,
        store: store.id,
        topic: printable(head.topic, MAX_TOPIC),
        source: Source::Webhook,
        delivery_id: delivery_id.map(|id| printable(id, MAX_DELIVERY_ID)),
        key,
        cart_order_id: None,
        // Packed on this thread; the bytes that came are let go of at once.
        body: std::mem::take(&mut body.bytes).into(),
        received_at,
        triggered_at: head.triggered_at,
        by: None,
    };
    (event, body)
}

/// Nothing was stored, or nobody knows: the cart has to send it again, which is harmless.
fn not_journaled(error: &WriteError) -> Refusal {
    Refusal::Unavailable(match error {
        WriteError::Overloaded => "the journal's queue is full",
        WriteError::Unavailable(_) => "the database cannot be written",
        WriteError::Rejected(_) => "the database refused the event",
        WriteError::Deadline(_) => "the database did not answer in time",
    })
}

/// Unreadable lengths never get here: actix refuses them.
fn declared_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Bytes that are no text are replaced, not left out: a header that is there must not look missing.
fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Visible ASCII, at most so many bytes; anything else becomes `?`.
fn printable(text: String, max: usize) -> String {
    if text.len() <= max && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return text;
    }
    let fits = |symbol: char| if symbol.is_ascii_graphic() { symbol } else { '?' };
    text.chars().map(fits).take(max).collect()
}
