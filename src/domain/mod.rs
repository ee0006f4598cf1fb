//! The rules of the order book, pure: no IO, no clock, no randomness, no panic (I3).
//!
//! | file | subject |
//! |---|---|
//! | [`ids`] | accounts, stores, journal positions, orders |
//! | [`time`] | instants in UTC microseconds |
//! | [`money`] | exact decimal amounts by currency |
//! | [`sighting`] | what a webhook, poll or fetch says about a cart's order at a time |
//! | [`cart_status`] | what the cart's own statuses mean here |
//! | [`order`] | our order: status, flags, content, what is known of the cart |
//! | [`revision`] | how the cart's content and ours have grown apart (R27–R29) |
//! | [`shadow`] | an order's past decided again under other rules, in shadow |
//! | [`schedule`] | when the runs of a task are due (R4) |
//! | [`completeness`] | how far polls have read, and how far the book is complete (R40, R42) |
//! | [`quota`] | how many calls a cart allows |
//! | [`rules`] | a store's settings |
//! | [`eligibility`] | whether a sighting may enter the book (R13, R14) |
//! | [`command`] | what persons and tools may ask of an order (R18) |
//! | [`mod@decide`] | the one function through which every order changes |
//! | [`timeline`] | what happened to an order, and the sentence that tells it (R19) |
//! | [`event`] | states, sources and reasons of journal events |
//! | [`backoff`] | when a failed event is tried again (R49) |

pub mod backoff;
pub mod cart_status;
pub mod command;
pub mod completeness;
pub mod decide;
pub mod eligibility;
pub mod event;
pub mod ids;
pub mod money;
pub mod order;
pub mod quota;
pub mod revision;
pub mod rules;
pub mod schedule;
pub mod shadow;
pub mod sighting;
pub mod time;
pub mod timeline;

pub use cart_status::{Cancellation, status_name};
pub use command::{Choice, Command, Tracking};
pub use completeness::{Progress, Unread};
pub use decide::{Context, Decision, Input, Objection, Outcome, Refusal, decide};
pub use event::{EventState, Source};
pub use ids::{AccountId, CartOrderId, ChannelKind, OrderId, Position, StoreId};
pub use money::Amount;
pub use order::{ArrivedBy, Flag, Flags, HeldBack, Order, Status};
pub use quota::Quota;
pub use revision::{CartSide, Change, ChangeKind, Edit, LineEdit, Part, Revision};
pub use rules::Rules;
pub use schedule::{Grid, Task};
pub use sighting::{Address, CartState, Content, Line, Sighting, Totals, Version};
pub use time::Timestamp;
pub use timeline::{By, Entry, Kind};
