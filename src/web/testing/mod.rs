//! What the tests of this room share: a ledger with stores and nothing else, a cart that signs, and
//! a client that may misbehave.

mod cart;
mod client;
mod ledger;

pub(super) use cart::{TestCart, sign};
pub(super) use client::{Answer, Client, patiently};
pub(super) use ledger::{StoresOnly, store_row};
