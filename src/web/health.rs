//! Whether the daemon lives, whether it can take work, and its numbers.
//!
//! `/livez` asks nobody: it answers as long as the process can. `/readyz` asks what a webhook needs:
//! a database that can be read and written, and a daemon that is not shutting down. A sick store is
//! no reason to be unready, so none is named here.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use async_trait::async_trait;

use super::Desk;
use super::auth::Nearby;
use crate::actor::WriterHandle;
use crate::ledger::Ledger;
use crate::metrics::{Metrics, Snapshot};

/// A database that takes longer to answer nothing is not ready.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Prometheus' text format.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The switch that says whether the daemon takes work.
#[derive(Debug, Default)]
pub struct Readiness {
    draining: AtomicBool,
}

impl Readiness {
    /// From now on `/readyz` says no: the first step of a shutdown.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the daemon is shutting down.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }
}

/// Asks for the numbers that are nowhere counted, at the time of a scrape.
#[async_trait]
pub trait Gauges: Send + Sync + 'static {
    /// What they are now. What cannot be read is left out.
    async fn snapshot(&self) -> Snapshot;
}

/// Whether the database can be written, as far as is known from the last write.
pub trait Writable: Send + Sync + 'static {
    /// Whether it can.
    fn is_writable(&self) -> bool;
}

impl Writable for WriterHandle {
    fn is_writable(&self) -> bool {
        self.trouble().is_none()
    }
}

/// What the health handlers work with; one for all threads.
pub struct Health {
    ledger: Arc<dyn Ledger>,
    writer: Arc<dyn Writable>,
    readiness: Arc<Readiness>,
    metrics: Metrics,
    gauges: Arc<dyn Gauges>,
}

impl Health {
    /// The health of a daemon.
    pub fn new(
        desk: &Desk,
        readiness: Arc<Readiness>,
        metrics: Metrics,
        gauges: Arc<dyn Gauges>,
    ) -> Self {
        let writer = Arc::new(desk.writer.clone());
        Self { ledger: Arc::clone(&desk.ledger), writer, readiness, metrics, gauges }
    }

    async fn checks(&self) -> [(&'static str, bool); 3] {
        let ping = tokio::time::timeout(PING_TIMEOUT, self.ledger.ping()).await;
        [
            ("database_read", matches!(ping, Ok(Ok(())))),
            ("database_write", self.writer.is_writable()),
            ("not_draining", !self.readiness.is_draining()),
        ]
    }
}

/// `/livez`, `/readyz`, `/healthz` (the old name of it) and `/metrics`: open to this machine, and
/// elsewhere to whoever is known.
pub fn health_routes(config: &mut web::ServiceConfig, health: &Arc<Health>) {
    config
        .app_data(web::Data::from(Arc::clone(health)))
        .route("/livez", web::get().to(livez))
        .route("/readyz", web::get().to(readyz))
        .route("/healthz", web::get().to(readyz))
        .route("/metrics", web::get().to(metrics));
}

async fn livez(_: Nearby) -> HttpResponse {
    text(StatusCode::OK, "ok\n".to_owned())
}

/// 200 `ok`, or 503 and the checks that failed. `?verbose` lists all of them; `?exclude=NAME` leaves
/// one out, any number of times.
async fn readyz(_: Nearby, request: HttpRequest, health: web::Data<Health>) -> HttpResponse {
    let query = || request.query_string().split('&');
    let verbose = query().any(|part| matches!(part.split('=').next(), Some("verbose")));
    let excluded = |name: &str| query().any(|part| part.strip_prefix("exclude=") == Some(name));

    let checks = health.checks().await;
    let ready = checks.iter().all(|(name, passed)| *passed || excluded(name));
    if ready && !verbose {
        return text(StatusCode::OK, "ok\n".to_owned());
    }
    let mut list = String::new();
    for (name, passed) in checks {
        let (sign, outcome) = match (passed, excluded(name)) {
            (_, true) => ('+', "excluded"),
            (true, false) => ('+', "ok"),
            (false, false) => ('-', "failed"),
        };
        writeln!(list, "[{sign}]{name} {outcome}").expect("invariant: a String takes any text");
    }
    list.push_str(if ready { "ready\n" } else { "not ready\n" });
    text(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, list)
}

async fn metrics(_: Nearby, health: web::Data<Health>) -> HttpResponse {
    let snapshot = health.gauges.snapshot().await;
    HttpResponse::Ok().content_type(METRICS_TYPE).body(health.metrics.render(&snapshot))
}

fn text(status: StatusCode, body: String) -> HttpResponse {
    HttpResponseBuilder::new(status)
        .insert_header(ContentType::plaintext())
        .insert_header(("cache-control", "no-store"))
        .body(body)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use actix_web::{App, test};

    use super::*;
    use crate::domain::Timestamp;
    use crate::metrics::{About, StoreGauges};
    use crate::web::testing::StoresOnly;

    struct Pine;

    #[async_trait]
    impl Gauges for Pine {
        async fn snapshot(&self) -> Snapshot {
            let pine = StoreGauges { store: "pine".to_owned(), ..StoreGauges::default() };
            Snapshot { stores: vec![pine], health: Vec::new() }
        }
    }

    impl Writable for AtomicBool {
        fn is_writable(&self) -> bool {
            self.load(Ordering::Relaxed)
        }
    }

    struct World {
        ledger: Arc<StoresOnly>,
        writable: Arc<AtomicBool>,
        readiness: Arc<Readiness>,
        health: Arc<Health>,
    }

    impl World {
        fn new() -> Self {
            let ledger = Arc::new(StoresOnly::default());
            let writable = Arc::new(AtomicBool::new(true));
            let readiness = Arc::new(Readiness::default());
            let about = About { version: "0", revision: "0", started_at: Timestamp(0) };
            let health = Arc::new(Health {
                ledger: ledger.clone(),
                writer: writable.clone(),
                readiness: readiness.clone(),
                metrics: Metrics::new(5, about, tokio::runtime::Handle::current()),
                gauges: Arc::new(Pine),
            });
            Self { ledger, writable, readiness, health }
        }

        async fn get(&self, path: &str) -> (u16, String) {
            let health = Arc::clone(&self.health);
            let app = App::new().configure(move |config| health_routes(config, &health));
            let app = test::init_service(app).await;
            let request = test::TestRequest::get().uri(path).to_request();
            let response = test::call_service(&app, request).await;
            let kind = response.headers().get("content-type").unwrap().to_str().unwrap();
            assert!(kind.starts_with("text/plain"), "{kind}");
            let status = response.status().as_u16();
            let body = test::read_body(response).await;
            (status, String::from_utf8(body.to_vec()).unwrap())
        }
    }

    #[actix_web::test]
    async fn a_daemon_in_order_lives_and_is_ready() {
        let world = World::new();
        for path in ["/livez", "/readyz", "/healthz"] {
            assert_eq!(world.get(path).await, (200, "ok\n".to_owned()), "{path}");
        }
        let (status, list) = world.get("/readyz?verbose").await;
        assert_eq!(status, 200);
        let expected = "[+]database_read ok\n[+]database_write ok\n[+]not_draining ok\nready\n";
        assert_eq!(list, expected);
    }

    #[actix_web::test]
    async fn each_trouble_makes_it_unready_but_never_dead() {
        let world = World::new();
        world.ledger.broken.store(true, Ordering::Relaxed);
        let (status, list) = world.get("/readyz").await;
        assert!(status == 503 && list.contains("[-]database_read failed"), "{list}");
        world.ledger.broken.store(false, Ordering::Relaxed);

        world.writable.store(false, Ordering::Relaxed);
        let (status, list) = world.get("/healthz").await;
        assert!(status == 503 && list.contains("[-]database_write failed"), "{list}");
        world.writable.store(true, Ordering::Relaxed);

        world.readiness.drain();
        let (status, list) = world.get("/readyz").await;
        assert!(status == 503 && list.contains("[-]not_draining failed"), "{list}");
        assert_eq!(world.get("/livez").await.0, 200);
    }

    #[actix_web::test]
    async fn checks_can_be_left_out_by_name() {
        let world = World::new();
        world.writable.store(false, Ordering::Relaxed);
        world.readiness.drain();
        assert_eq!(world.get("/readyz?exclude=database_write").await.0, 503);
        let both = "/readyz?exclude=database_write&verbose&exclude=not_draining";
        let (status, list) = world.get(both).await;
        assert!(status == 200 && list.contains("[+]database_write excluded"), "{list}");
    }

    #[actix_web::test]
    async fn from_elsewhere_only_whoever_is_known_may_ask() {
        let world = World::new();
        let health = Arc::clone(&world.health);
        let clock = crate::clock::Clock::system();
        let vault = Arc::new(crate::vault::Vault::new([1; 32]));
        let gate = crate::web::auth::Gate::new(world.ledger.clone(), vault, clock);
        let app = App::new().app_data(web::Data::new(gate));
        let app = app.configure(move |config| health_routes(config, &health));
        let app = test::init_service(app).await;
        for (peer, status) in [("127.0.0.1:9", 200), ("[::1]:9", 200), ("203.0.113.9:9", 401)] {
            for path in ["/livez", "/readyz", "/metrics"] {
                let request = test::TestRequest::get().uri(path).peer_addr(peer.parse().unwrap());
                let response = test::call_service(&app, request.to_request()).await;
                assert_eq!(response.status(), status, "{peer} {path}");
            }
        }
    }

    #[actix_web::test]
    async fn metrics_are_served_with_what_was_asked_for_them() {
        let (status, text) = World::new().get("/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("instasync_events_waiting{store=\"pine\"} 0"), "{text}");
    }
}
