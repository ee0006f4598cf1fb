//! `demo`: a daemon and a simulated shop in one process, talking real HTTP.
//!
//! The shop is connected through the daemon's own API and heard through signed webhooks; nothing
//! takes a short cut through memory.

mod home;
mod play;
pub(super) mod whereabouts;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::client::Client;
use super::serve::{exit, on_system};
use super::{CliError, Exit, output};
use crate::config::{Config, LoadOptions, MasterKey};
use crate::daemon::{Daemon, Plan, logging};
use crate::simulator::{Options, Simulator, bigcommerce};

use self::home::Home;
use self::whereabouts::Whereabouts;

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The same seed gives the same orders.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Where the pages are.
    #[arg(long, default_value = "127.0.0.1:8620", value_name = "ADDR")]
    listen: SocketAddr,
    /// Keep the data in this folder and go on with it the next time.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Seconds between two orders.
    #[arg(long, default_value = "4", value_name = "SECONDS", value_parser = pace)]
    pace: Duration,
}

/// Retries of the simulated shop come sixty times sooner than those of a real one.
const RETRY_PACE: f64 = 1.0 / 60.0;

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    let home = Home::open(args.keep.as_deref(), args.listen)?;
    let source = LoadOptions {
        file: Some(home.config_file()),
        flags: home.settings(),
        ..LoadOptions::default()
    };
    let (config, _) = Config::load(source)?;
    logging::start(&config.log);
    crate::actor::supervise::install_panic_hook();
    let key = MasterKey::load(config.secrets.master_key_file.as_deref())?;
    on_system(async |runtime| {
        let simulator = simulator(&home, args.seed)?;
        let daemon = Daemon::start(Plan { config, key, simulated: true }, runtime).await?;
        let client = Client::at_socket(home.socket(), false)?;
        let pages = daemon.private_addr().unwrap_or(args.listen);
        let oak = bigcommerce(&home, args.seed)?;
        let here = Whereabouts {
            simulator: simulator.url(),
            bigcommerce: oak.url(),
            pid: std::process::id(),
        };
        let announced = here.announce();
        welcome(&home, args, pages, &daemon.link_code(), announced.is_ok());
        if let Err(error) = &announced {
            tracing::warn!(%error, "`instasync simulate` has to be told where the demo is");
        }
        let stores = play::Stores {
            pine: Arc::clone(simulator.cart()),
            pine_url: simulator.url(),
            oak: Arc::clone(oak.store()),
            oak_url: oak.url(),
        };
        let playing = tokio::spawn(play::play(client, stores, args.pace));
        let ending = daemon.run(None).await;
        playing.abort();
        drop(announced);
        for ended in [simulator.stop().await, oak.stop().await] {
            if let Err(error) = ended {
                tracing::warn!(%error, "a simulated shop ended badly");
            }
        }
        Ok(exit(ending))
    })
}

/// The shop of this home, on the port it had the last time.
fn simulator(home: &Home, seed: u64) -> Result<Simulator, CliError> {
    let listen = home.ports().simulator;
    let options = Options {
        listen,
        seed,
        retry_pace: RETRY_PACE,
        file: Some(home.shop_file()),
        ..Options::default()
    };
    Simulator::start(options).map_err(|error| cannot_start(&error, listen, &home.shop_file()))
}

/// The simulated BigCommerce of this home.
fn bigcommerce(home: &Home, seed: u64) -> Result<bigcommerce::Simulator, CliError> {
    let listen = home.ports().bigcommerce;
    let file = home.bigcommerce_file();
    let options = bigcommerce::Options {
        listen,
        seed,
        retry_pace: RETRY_PACE,
        file: Some(file.clone()),
        ..bigcommerce::Options::default()
    };
    bigcommerce::Simulator::start(options).map_err(|error| cannot_start(&error, listen, &file))
}

fn cannot_start(error: &std::io::Error, listen: SocketAddr, file: &Path) -> CliError {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => CliError::new(
            Exit::InUse,
            format!(
                "the address {listen} of the simulated shop is in use by another process; stop it, \
                 or keep this demo's data in another folder"
            ),
        ),
        std::io::ErrorKind::InvalidData => CliError::new(
            Exit::Error,
            format!("{} is damaged; remove it to begin anew: {error}", file.display()),
        ),
        _ => CliError::new(Exit::Error, format!("a simulated shop does not start: {error}")),
    }
}

/// What a newcomer needs to know, on standard error: the link must not get into the log.
fn welcome(home: &Home, args: &Args, pages: SocketAddr, code: &str, announced: bool) {
    let simulate = if announced {
        "instasync simulate cancel 1001      instasync simulate chaos api_down on".to_owned()
    } else {
        format!("instasync simulate --simulator http://{} list", home.ports().simulator)
    };
    let lines = [
        String::new(),
        "Instasync demo  -  two simulated stores, nothing leaves this machine".to_owned(),
        format!("  Open        http://{pages}/?t={code}   (one-time link, valid 15 min)"),
        "  Stores      Pine & Wick (Shopify, simulated)   Oak & Iron (BigCommerce, simulated)"
            .to_owned(),
        format!(
            "  Now         an order every {} s; every {} orders an edit, a cancel, a duplicate and a forgery",
            args.pace.as_secs_f64(),
            play::ROUND
        ),
        format!("  Try         {simulate}"),
        format!("  Ask         instasync --config {} order list", home.config_file().display()),
        format!("  Data        {}      Stop  Ctrl-C", home.describe()),
        String::new(),
    ];
    output::talk(&lines.join("\n"));
}

fn pace(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds".to_owned())?;
    if (0.01..=86_400.0).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err("from 0.01 to 86400 seconds".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_a_number_of_seconds() {
        assert_eq!(pace("4"), Ok(Duration::from_secs(4)));
        assert_eq!(pace("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "NaN", "fast", "1e9"] {
            assert!(pace(wrong).is_err(), "{wrong}");
        }
    }
}
