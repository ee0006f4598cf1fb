//! An event of the journal.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::event::reason;
use crate::domain::{EventState, Source, Timestamp};
use crate::ledger::{EventRow, StoreListing};

/// One thing that came in, and what became of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Event)]
pub(in crate::web::api) struct EventView {
    id: String,
    /// The store's slug.
    store: String,
    channel: &'static str,
    /// The cart's topic, the command's name, or `fetch`.
    topic: String,
    /// `webhook`, `poll`, `fetch`, `replay`, `person` or `rules`.
    source: &'static str,
    /// `waiting`, `retrying`, `done`, `ignored`, `held`, `duplicate`, `stale`, `echo`, `set_aside`
    /// or `dismissed`.
    state: &'static str,
    /// Why, as a code.
    reason: Option<String>,
    /// Why, as a sentence.
    reason_text: Option<&'static str>,
    /// The cart's id of the delivery.
    delivery_id: Option<String>,
    /// How often the same delivery came again (R10).
    duplicates: u32,
    cart_order_id: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    received_at: Timestamp,
    /// When the cart says it was triggered; not signed.
    #[schema(value_type = Option<String>, format = DateTime)]
    triggered_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    done_at: Option<Timestamp>,
    /// Failed attempts.
    attempts: u32,
    /// When it is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// Who asked, if a person did.
    by: Option<String>,
    /// What came: JSON if it is, else text. Operators see it when they ask for one event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
}

impl EventView {
    pub(in crate::web::api) fn new(event: EventRow, store: &StoreListing) -> Self {
        Self {
            id: event.position.event_id(),
            store: store.slug.to_string(),
            channel: store.channel.as_str(),
            topic: event.topic,
            source: event.source.as_str(),
            state: event.state.as_str(),
            reason_text: event.reason.as_deref().and_then(reason::sentence),
            reason: event.reason,
            delivery_id: event.delivery_id,
            duplicates: event.duplicates,
            cart_order_id: event.cart_order_id.map(|id| id.0),
            received_at: event.received_at,
            triggered_at: event.triggered_at,
            done_at: event.done_at,
            attempts: event.attempts,
            next_at: event.next_at,
            by: event.by,
            body: None,
        }
    }

    /// With what came.
    #[must_use]
    pub(in crate::web::api) fn with_body(mut self, bytes: &[u8]) -> Self {
        let json = serde_json::from_slice(bytes).ok();
        let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
        self.body = Some(json.unwrap_or_else(text));
        self
    }
}

/// An event as a plain sentence: what came from where, and what became of it (R48).
pub(in crate::web::api) fn event_sentence(event: &EventRow, store: &StoreListing) -> String {
    let cart = store.channel.title();
    let topic = &event.topic;
    let came = match (event.source, &event.by) {
        (Source::Webhook, _) => match &event.delivery_id {
            Some(id) => format!("{cart} sent {topic} to {} (delivery {id}).", store.slug),
            None => format!("{cart} sent {topic} to {}.", store.slug),
        },
        (Source::Poll, _) => format!("Autosync read the order in {cart}."),
        (Source::Person, Some(by)) if topic == "fetch" => {
            format!("{by} asked to read the order from {cart}.")
        }
        (Source::Person, Some(by)) => format!("{by} asked for {}.", topic.replace('-', " ")),
        (Source::Fetch, _) => format!("The order was read from {cart}."),
        (Source::Replay, _) => "It was decided again.".to_owned(),
        (Source::Person | Source::Rules, _) => format!("{topic} was asked for."),
    };
    let why = event.reason.as_deref().and_then(reason::sentence).unwrap_or_default();
    let became = match event.state {
        EventState::Waiting => "It waits to be worked on.".to_owned(),
        EventState::Retrying => match event.next_at {
            Some(at) => format!("Attempt {} failed; the next is at {at}.", event.attempts),
            None => format!("Attempt {} failed; it is tried again.", event.attempts),
        },
        EventState::Done => "It was worked on.".to_owned(),
        EventState::Ignored => "It was left aside by a rule.".to_owned(),
        // The reason says it all.
        EventState::Held if !why.is_empty() => String::new(),
        EventState::Held => "The order is held back.".to_owned(),
        EventState::Duplicate => "It told nothing new.".to_owned(),
        EventState::Stale => "It was older than what is known, so nothing changed.".to_owned(),
        EventState::Echo => "It was our own write coming back.".to_owned(),
        EventState::SetAside => "It was set aside for a person.".to_owned(),
        EventState::Dismissed => "A person put it away.".to_owned(),
    };
    let again = match event.duplicates {
        0 => String::new(),
        1 => "The same delivery came once more.".to_owned(),
        many => format!("The same delivery came {many} more times."),
    };
    let sentences = [came.as_str(), &became, why, &again];
    sentences.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
