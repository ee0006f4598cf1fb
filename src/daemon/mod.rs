//! Wiring: from a configuration to a running daemon, and calmly back.
//!
//! | file | subject |
//! |---|---|
//! | [`boot`] | what is opened in which order, and what each failure means |
//! | [`running`] | signals, the watchdog, reload, the order of a calm end |
//! | [`gauges`] | numbers that are asked for when somebody scrapes |
//! | [`lock`] | one process owns the data folder |
//! | [`logging`] | the log |
//! | [`systemd`] | what systemd is told and hands over |

pub mod boot;
mod gauges;
pub mod lock;
pub mod logging;
mod routes;
pub mod running;
pub mod systemd;

pub use boot::{Daemon, Plan, StartError};
pub use running::Ending;
