//! A BigCommerce that speaks the real wire formats over HTTP: V2 orders, V3 hooks, thin callbacks.
//!
//! | file | subject |
//! |---|---|
//! | [`order`] | an order and what can happen to it |
//! | [`goods`] | what is sold, and how much of it is there |
//! | [`store`] | the handle on the store: orders, faults, the quota |
//! | [`render`] | an order as V2 tells it |
//! | [`rest`] | the API's routes, its refusals and its quota |
//! | [`orders`], [`edit`], [`shipments`] | the routes of V2 orders: reading, changing, shipping |
//! | [`refunds`] | the routes of V3 orders: money given back |
//! | [`catalogue`], [`inventory`] | products, and their stock |
//! | [`hooks`] | webhook subscriptions |
//! | [`callbacks`] | callbacks out: headers, signature, retries |
//! | [`domains`] | destinations that answer too badly |
//! | [`control`] | what people, tests and load do to it |

mod callbacks;
mod catalogue;
mod control;
mod domains;
mod edit;
mod goods;
mod hooks;
mod inventory;
mod order;
mod orders;
mod refunds;
mod render;
mod rest;
mod shipments;
mod store;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use tokio::task::JoinHandle;

pub use self::order::{Act, Wanted};
pub use self::store::Store;

/// How a simulated BigCommerce is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The same seed gives the same orders.
    pub seed: u64,
    /// The store hash.
    pub hash: String,
    /// The store's name.
    pub name: String,
    /// Calls allowed in one window.
    pub quota: u32,
    /// How long a window lasts.
    pub window: Duration,
    /// How fast callbacks are retried: 1 is the real pace, eleven times within two days.
    pub retry_pace: f64,
    /// Where its account and its hooks are kept, if they have to outlive the process.
    pub file: Option<std::path::PathBuf>,
    /// Scopes that the token lacks.
    pub missing_scopes: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            seed: 1,
            hash: "oakandiron".to_owned(),
            name: "Oak & Iron".to_owned(),
            quota: 150,
            window: Duration::from_secs(30),
            retry_pace: 1.0,
            file: None,
            missing_scopes: Vec::new(),
        }
    }
}

/// A running simulator.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    store: Arc<Store>,
    handle: ServerHandle,
    task: JoinHandle<io::Result<()>>,
}

impl Simulator {
    /// Starts one. Call it inside a runtime; returns when it takes requests.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind(options.listen)?;
        let addr = listener.local_addr()?;
        let store = Store::open(options)?;
        let data = Data::from(Arc::clone(&store));
        let server = HttpServer::new(move || {
            let data = data.clone();
            App::new().configure(move |config| rest::routes(config, &data))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)?
        .run();
        let handle = server.handle();
        let task = tokio::spawn(server);
        tracing::info!(listener = "simulator", addr = %addr, "listening");
        Ok(Self { addr, store, handle, task })
    }

    /// Its base address: the `api_url` of the store.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The handle on its model.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Stops at once: requests in work are broken off, callbacks that wait are forgotten.
    pub async fn stop(self) -> io::Result<()> {
        self.store.stop.send_replace(true);
        self.handle.stop(false).await;
        self.task.await.map_err(io::Error::other)?
    }
}
