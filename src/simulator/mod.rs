//! Carts that speak the real wire formats over HTTP, for the demo, tests and load.
//!
//! It is the outside judge: it knows nothing of the daemon but HTTP, and has its own model of
//! orders, its own rendering of the formats and its own signatures. One simulator is one shop on a
//! port of its own; a store's `api_url` names it. Whatever drives it goes through [`Cart`] or, from
//! outside, through its control routes ([`control`]), and touches the model alone: the daemon hears
//! of it by webhooks and by asking.
//!
//! | file | subject |
//! |---|---|
//! | [`shop`], [`order`], [`catalogue`] | the model: what there is and what can happen |
//! | [`wire`] | webhook bodies and their signature; GraphQL with validation and cost |
//! | [`delivery`] | webhooks out: subscriptions, retries, giving up |
//! | [`faults`], [`cost`] | what goes wrong on purpose; the rate limit |
//! | [`server`], [`control`] | its HTTP routes |
//! | [`cart`] | the handle on all of it |
//! | [`bigcommerce`] | a simulated BigCommerce, on a port of its own |
//! | [`random`], [`time`] | repeatable chance; the shop's clock |

pub mod bigcommerce;
mod cart;
mod catalogue;
mod control;
mod cost;
mod delivery;
mod faults;
mod order;
mod random;
mod server;
mod shop;
#[cfg(test)]
mod tests;
mod time;
mod wire;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;

pub use self::cart::Cart;
pub use self::catalogue::{Wish, WishedLine};
pub use self::cost::Allowance;
pub use self::delivery::{Fate, RawDelivery, Record};
pub use self::faults::{Fault, Setting};
pub use self::order::{Action, Financial, Impossible};
pub use self::shop::{Profile, Refusal, Subscription};
pub use self::time::At;

/// How a simulator is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The same seed gives the same orders.
    pub seed: u64,
    /// What the shop is.
    pub profile: Profile,
    /// Its rate limit.
    pub allowance: Allowance,
    /// How fast deliveries are retried: 1 is the real pace, eight times within four hours; 0.001
    /// is a thousand times faster.
    pub retry_pace: f64,
    /// Where the shop is kept, if it has to outlive the process.
    pub file: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            profile: Profile::default(),
            allowance: Allowance::default(),
            retry_pace: 1.0,
            file: None,
        }
    }
}

/// A running simulator.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    cart: Arc<Cart>,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Simulator {
    /// Starts one. Call it inside a runtime; returns when it takes requests.
    pub fn start(options: Options) -> io::Result<Self> {
        let Options { listen, seed, profile, allowance, retry_pace, file } = options;
        let listener = TcpListener::bind(listen)?;
        let addr = listener.local_addr()?;
        let cart = Cart::open(seed, profile, allowance, retry_pace, file)?;
        let data = Data::from(Arc::clone(&cart));
        let server = HttpServer::new(move || {
            let data = data.clone();
            App::new().configure(move |config| server::routes(config, &data))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        let task = tokio::spawn(server);
        tracing::info!(listener = "simulator", addr = %addr, "listening");
        Ok(Self { addr, cart, handle, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its base address: the `api_url` of the store.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The handle on its model.
    pub fn cart(&self) -> &Arc<Cart> {
        &self.cart
    }

    /// Stops at once: requests in work are broken off, deliveries that wait are forgotten.
    pub async fn stop(self) -> io::Result<()> {
        self.cart.stop.send_replace(true);
        self.handle.stop(false).await;
        self.task.await.map_err(io::Error::other)?
    }
}
