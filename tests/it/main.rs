//! Whole-process tests: a real daemon, real HTTP, a real database.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod acceptance;
mod autosync;
mod bigcommerce;
mod bigcommerce_trouble;
mod cart_orders;
mod carts_in_trouble;
mod connect;
mod convergence;
mod demo;
mod docs;
mod faults;
mod pages;
mod refusals;
mod reviewing;
mod running;
mod shop_orders;
mod support;
mod walls;
