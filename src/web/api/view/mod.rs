//! The JSON of stores, orders, events and runs. Field names are those of the interface.

mod event;
mod order;
mod run;
mod store;

pub(super) use self::event::{EventView, event_sentence};
pub(super) use self::order::{EntryView, OrderView};
pub(super) use self::run::RunView;
pub(super) use self::store::{Completeness, StoreView, webhook_url};
