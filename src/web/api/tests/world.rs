//! A daemon's inside without its listeners.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::from_fn;
use actix_web::test::{self, TestRequest};
use actix_web::{App, web};
use serde_json::{Value, json};

use super::cart::Cart;
use crate::actor::{Actors, Foundation, QueueLimits, StoreSettings};
use crate::channel::Channels;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::{
    Amount, CartOrderId, CartState, Content, Line, OrderId, Sighting, Source, StoreId, Timestamp,
    Totals,
};
use crate::ledger::sqlite::{Sqlite, SqliteOptions};
use crate::ledger::{Body, DeliveryKey, Ledger, NewEvent, Role, TokenRow, Write, Written};
use crate::metrics::{About, Metrics};
use crate::vault::Vault;
use crate::web::api::{self, Api, Settings};
use crate::web::auth::{Gate, Trusted, new_token};
use crate::web::ui::{self, Pages};
use crate::web::{Desk, problem};

const PUBLIC_URL: &str = "https://hooks.example";
/// What the stores of these tests are entered with; it must not be seen again.
pub(super) const SECRET: &str = "a-secret-of-the-cart";
/// What comes, has to come by then.
const DEADLINE: Duration = Duration::from_secs(20);

type Call = dyn Fn(TestRequest) -> Pin<Box<dyn Future<Output = Answer>>>;

pub(super) struct World {
    pub(super) desk: Desk,
    pub(super) cart: Arc<Cart>,
    pub(super) gate: Arc<Gate>,
    tcp: Rc<Call>,
    socket: Rc<Call>,
    _folder: tempfile::TempDir,
}

/// Runs a test in a world of its own.
pub(super) fn run(work: impl AsyncFnOnce(&World)) {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let runtime = Arc::new(runtime);
    let shared = Arc::clone(&runtime);
    actix_rt::System::with_tokio_rt(move || shared).block_on(async {
        let world = World::new(&runtime).await;
        work(&world).await;
        world.desk.stores.drain(Duration::from_secs(1)).await;
    });
}

#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        value.to_str().unwrap()
    }

    /// The body of an answer with that status.
    #[track_caller]
    pub(super) fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem of an answer, with its type's last part.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, kind: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json");
        assert_eq!(problem["type"], format!("/problems/{kind}"), "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["trace_id"], self.header("x-trace-id"));
        assert!(problem["detail"].as_str().unwrap().ends_with('.'), "{problem}");
        problem
    }
}

/// One request, and who sends it.
#[derive(Clone)]
pub(super) struct Ask<'a> {
    world: &'a World,
    method: Method,
    path: String,
    body: Option<String>,
    headers: Vec<(String, String)>,
    socket: bool,
}

impl Ask<'_> {
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Over the private socket.
    pub(super) fn trusted(mut self) -> Self {
        self.socket = true;
        self
    }

    pub(super) fn body(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string());
        self
    }

    pub(super) fn raw(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    pub(super) async fn send(self) -> Answer {
        let mut request = TestRequest::with_uri(&self.path).method(self.method);
        request = request.insert_header(("host", "books.test"));
        for (name, value) in self.headers {
            request = request.insert_header((name, value));
        }
        if let Some(body) = self.body {
            request = request.set_payload(body);
        }
        let call = if self.socket { &self.world.socket } else { &self.world.tcp };
        call(request).await
    }
}

impl World {
    async fn new(runtime: &Arc<tokio::runtime::Runtime>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let options = SqliteOptions {
            path: folder.path().join("book.db"),
            readers: 2,
            checkpoint_bytes: 1 << 22,
            wal_cap_bytes: 1 << 26,
            now: clock.now(),
        };
        let ledger: Arc<dyn Ledger> = Arc::new(Sqlite::open(options).await.unwrap());
        let vault = Arc::new(Vault::new([5; 32]));
        let directory = Directory::load(Arc::clone(&ledger), Arc::clone(&vault)).await.unwrap();
        let directory = Arc::new(directory);
        let cart = Arc::new(Cart::default());
        let channels = Channels::default().with(cart.clone());
        let about = About { version: "0", revision: "0", started_at: clock.now() };
        let foundation = Foundation {
            ledger: Arc::clone(&ledger),
            directory: Arc::clone(&directory),
            channels: channels.clone(),
            clock: clock.clone(),
            metrics: Metrics::new(10, about, runtime.handle().clone()),
            queues: QueueLimits {
                journal: 1000,
                journal_bytes: 1 << 24,
                commit: 1000,
                commit_bytes: 1 << 24,
                batch: 100,
            },
            write_deadline: DEADLINE,
            settings: settings(),
            store_threads: 1,
        };
        let actors = Arc::new(Actors::start(foundation, runtime).unwrap());
        let desk = Desk {
            ledger: Arc::clone(&ledger),
            writer: actors.writer.clone(),
            stores: actors.stores.clone(),
            directory,
            channels,
            vault: Arc::clone(&vault),
            clock: clock.clone(),
            actors,
        };
        let gate = Arc::new(Gate::new(ledger, vault, clock));
        let settings = Settings {
            public_url: PUBLIC_URL.to_owned(),
            autosync_interval: Duration::from_hours(1),
        };
        let api = Arc::new(Api::new(desk.clone(), settings));
        let pages = Arc::new(Pages::new(desk.clone(), false));
        let tcp = service(&api, &gate, &pages, false).await;
        let socket = service(&api, &gate, &pages, true).await;
        Self { desk, cart, gate, tcp, socket, _folder: folder }
    }

    pub(super) fn ask(&self, method: Method, path: &str) -> Ask<'_> {
        Ask {
            world: self,
            method,
            path: path.to_owned(),
            body: None,
            headers: Vec::new(),
            socket: false,
        }
    }

    /// An admin reads.
    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).trusted().send().await
    }

    /// An admin does something.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path).trusted().body(body).send().await
    }

    /// A token of that role; limited to the account of that slug, if one is named.
    pub(super) async fn token(&self, role: Role, account: Option<&str>) -> String {
        let accounts = self.desk.ledger.accounts().await.unwrap();
        let account = account.map(|slug| accounts.iter().find(|row| row.slug == slug).unwrap().id);
        let (token, hash) = new_token();
        let row = TokenRow {
            id: 0,
            name: format!("{} of the tests", role.as_str()),
            role,
            account,
            hash,
            created_at: self.desk.clock.now(),
            revoked_at: None,
        };
        let written = self.desk.writer.write(Write::AddToken(row)).await.unwrap();
        assert!(matches!(written, Written::Added(_)));
        token
    }

    /// Connects a store without calling its cart.
    pub(super) async fn store(&self, slug: &str) -> Value {
        self.store_of(slug, "default").await
    }

    pub(super) async fn store_of(&self, slug: &str, account: &str) -> Value {
        let mut body = store_body(slug);
        body["account"] = json!(account);
        if account != "default" {
            // Stores of one app hold an order once (R15); these are of two merchants.
            body["credentials"]["client_secret"] = json!(format!("{SECRET}-{account}"));
        }
        self.post("/api/v1/stores", &body).await.expect(201)
    }

    /// Delivers an order to a store and waits until it was worked on.
    pub(super) async fn deliver(&self, slug: &str, order: &Sighting) -> Value {
        let body = serde_json::to_vec(order).unwrap();
        self.deliver_raw(slug, "orders/create", &format!("d-{}", order.cart_order_id), &body).await;
        let store = self.desk.directory.by_slug(slug).unwrap().id;
        let id = OrderId::new(store, order.cart_order_id.clone());
        self.get(&format!("/api/v1/orders/{id}")).await.expect(200)
    }

    pub(super) async fn deliver_raw(&self, slug: &str, topic: &str, id: &str, body: &[u8]) {
        let store = self.desk.directory.by_slug(slug).unwrap();
        let event = NewEvent {
            account: store.account,
            store: store.id,
            topic: topic.to_owned(),
            source: Source::Webhook,
            delivery_id: Some(id.to_owned()),
            key: DeliveryKey::of(topic, id),
            cart_order_id: None,
            body: Body::pack(body),
            received_at: self.desk.clock.now(),
            triggered_at: None,
            by: None,
        };
        self.desk.writer.journal(event).await.unwrap();
        self.desk.stores.nudge(store.id);
        self.settled(store.id).await;
    }

    async fn settled(&self, store: StoreId) {
        let settled = async {
            while self.desk.ledger.backlog(store).await.unwrap().waiting > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(DEADLINE, settled).await.expect("every event is worked on");
    }
}

async fn service(api: &Arc<Api>, gate: &Arc<Gate>, pages: &Arc<Pages>, trusted: bool) -> Rc<Call> {
    let (api, gate, pages) = (Arc::clone(api), Arc::clone(gate), Arc::clone(pages));
    let app = App::new().configure(move |config| {
        if trusted {
            config.app_data(Trusted);
        }
        let scope = web::scope("")
            .wrap(from_fn(problem::trace))
            .configure(api::configure(web::Data::from(api), web::Data::from(gate)))
            .configure(|config| ui::configure(config, &pages))
            .default_service(web::to(problem::no_route));
        config.service(scope);
    });
    let service = Rc::new(test::init_service(app).await);
    Rc::new(move |request| {
        let service = Rc::clone(&service);
        Box::pin(async move {
            let response = test::call_service(&*service, request.to_request()).await;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = test::read_body(response).await;
            Answer { status, headers, text: String::from_utf8_lossy(&body).into_owned() }
        })
    })
}

fn settings() -> StoreSettings {
    StoreSettings {
        turn_events: 64,
        command_queue: 16,
        command_deadline: DEADLINE,
        idle_after: Duration::from_mins(1),
        hang_after: Duration::from_mins(1),
        sweep_every: Duration::from_secs(1),
        store_restarts: 5,
        store_period: Duration::from_mins(1),
        quarantine_retry: Duration::from_mins(1),
        vital_restarts: 5,
        vital_period: Duration::from_mins(1),
        public_url: Some(PUBLIC_URL.to_owned()),
        autosync: Duration::from_hours(1),
        miss_after: Duration::from_mins(2),
        list_lag: Duration::from_mins(1),
    }
}

/// What a store is connected with, without calling its cart.
pub(super) fn store_body(slug: &str) -> Value {
    json!({
        "channel": "shopify",
        "domain": format!("{slug}.example.test"),
        "name": slug,
        "credentials": {"client_id": "client", "client_secret": SECRET},
        "connect": false,
    })
}

/// A paid order of the cart.
pub(super) fn order(id: u64) -> Sighting {
    let amount = |text| Amount::parse(text, "EUR").unwrap();
    let at = Timestamp::parse("2026-03-01T08:00:00Z").unwrap();
    Sighting {
        cart_order_id: CartOrderId(id.to_string()),
        number: id.to_string(),
        name: format!("#{id}"),
        placed_at: at,
        updated_at: at,
        cart: CartState { financial_status: Some("paid".to_owned()), ..CartState::default() },
        content: Content {
            currency: "EUR".to_owned(),
            totals: Totals {
                total: amount("12.5"),
                original_total: amount("12.5"),
                shipping: amount("0"),
            },
            lines: vec![Line {
                cart_line_id: "1".to_owned(),
                sku: Some("MUG".to_owned()),
                name: "A mug".to_owned(),
                quantity: 1,
                unit_price: amount("12.5"),
                product_id: Some("77".to_owned()),
                variant_id: None,
            }],
            email: Some("buyer@example.test".to_owned()),
            ..Content::default()
        },
    }
}
