//! Whole-process tests: a real daemon, real HTTP, a real database.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod cart_orders;
mod connect;
mod demo;
mod faults;
mod refusals;
mod running;
mod support;
mod walls;
