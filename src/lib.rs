//! Instasync keeps a merchant's order book in step with the carts they sell on.
//!
//! # The house
//!
//! | room | what lives there | may know |
//! |---|---|---|
//! | [`domain`] | pure rules: ids, money, sightings, orders, `decide` | nobody |
//! | [`channel`] | the port to carts and each cart's protocol | `domain` |
//! | [`ledger`] | the port to storage, SQLite and in-memory backends | `domain` |
//! | [`actor`] | supervision, store, writer, timer; the only room that knows actix's `Context` | the ports |
//! | [`web`] | webhooks in, API, health, metrics, pages | handles and queries |
//! | [`cli`] | one file per sub-command | handles and queries |
//! | [`daemon`] | wiring: boot, shutdown, systemd, the data folder's lock | everything |
//! | [`directory`], [`vault`], [`clock`] | stores in memory, sealed secrets, time | `ledger`, `channel` |
//! | [`metrics`] | numbers for Prometheus | `domain` |
//! | [`simulator`] | carts that speak the real wire formats over HTTP | only HTTP |
//!
//! The invariants I1–I12 that everything rests on are written in `docs/ARCHITECTURE.md`; what users
//! may rely on, with the test that proves each, in `docs/SEMANTICS.md`.

pub mod actor;
pub mod channel;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod directory;
pub mod domain;
pub mod ledger;
pub mod metrics;
pub mod simulator;
pub mod vault;
pub mod web;
