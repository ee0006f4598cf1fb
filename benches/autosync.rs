//! What polls cost, over a cart without latency: the rate of orders that a first run imports (S13), and
//! the CPU of a poll that finds nothing, with how evenly the polls of many stores are spread (S11).
//!
//! `scripts/bench --autosync` runs it. Options: `--orders 10000 --stores 20000 --interval 60 --rounds 3`.
//! An interval of a minute for 20,000 stores is 20 times the work of an hour for 60,000.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use instasync::actor::{Actors, Foundation, QueueLimits, StoreSettings};
use instasync::channel::{
    Access, Channel, ChannelError, Channels, Credentials, Decoded, DeliveryHead, ListFrom,
    ListPage, Listed, Listing, OrderRef, ScopeGap, SigningKeys, Subscription, Token, Verdict,
};
use instasync::clock::Clock;
use instasync::directory::Directory;
use instasync::domain::{
    AccountId, Amount, CartOrderId, CartState, ChannelKind, Content, Line, Sighting, Source,
    StoreId, Timestamp, Totals,
};
use instasync::ledger::sqlite::{Sqlite, SqliteOptions};
use instasync::ledger::{EventFilter, Ledger, NewStore, StoreRow, Write, Written};
use instasync::metrics::{About, Metrics};
use instasync::vault::Vault;
use tokio::time::Instant;

/// Orders of a page: as many as Shopify's lists have.
const PAGE: usize = 50;

struct Asked {
    orders: usize,
    stores: usize,
    interval: Duration,
    rounds: usize,
}

fn main() {
    let mut asked =
        Asked { orders: 10_000, stores: 20_000, interval: Duration::from_mins(1), rounds: 3 };
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for pair in arguments.windows(2) {
        let number = || pair[1].parse::<usize>().unwrap();
        match pair[0].as_str() {
            "--orders" => asked.orders = number(),
            "--stores" => asked.stores = number(),
            "--interval" => asked.interval = Duration::from_secs(number() as u64),
            "--rounds" => asked.rounds = number(),
            _ => {}
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let runtime = Arc::new(runtime);
    let system = {
        let runtime = Arc::clone(&runtime);
        actix_rt::System::with_tokio_rt(move || {
            drop(runtime);
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
        })
    };
    system.block_on(async {
        let mut rates = Vec::new();
        for _ in 0..asked.rounds {
            rates.push(import(&runtime, asked.orders).await);
        }
        rates.sort_by(f64::total_cmp);
        println!(
            "first run of {} orders: {:.0} orders/s (median of {}; {:.0} to {:.0})",
            asked.orders,
            rates[rates.len() / 2],
            rates.len(),
            rates[0],
            rates[rates.len() - 1]
        );
        polls(&runtime, &asked).await;
    });
}

/// The rate at which a first run imports.
async fn import(runtime: &Arc<tokio::runtime::Runtime>, orders: usize) -> f64 {
    let world = World::new(runtime, 1, orders, Duration::from_hours(1)).await;
    let store = StoreId(1);
    loop {
        let tasks = world.ledger.tasks(store).await.unwrap();
        if tasks[0].progress.connected {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut filter = EventFilter::of(AccountId(1), 1);
    filter.topics = vec!["import_orders".to_owned()];
    let event = world.ledger.event_page(&filter).await.unwrap().rows.pop().unwrap();
    let (_, run) = world.ledger.runs(&[event.position]).await.unwrap().pop().unwrap();
    assert_eq!(run.new as usize, orders);
    let took = event.done_at.unwrap().since(run.started_at.unwrap());
    world.stop().await;
    orders as f64 / took.as_secs_f64()
}

/// What polls that find nothing cost, and how they are spread.
async fn polls(runtime: &Arc<tokio::runtime::Runtime>, asked: &Asked) {
    let world = World::new(runtime, asked.stores, 0, asked.interval).await;
    // First runs are caught up with; then one interval is measured.
    tokio::time::sleep(asked.interval / 2).await;
    let (from, cpu, began) = (world.clock.now(), cpu(), Instant::now());
    tokio::time::sleep(asked.interval).await;
    let (until, cpu) = (world.clock.now(), self::cpu() - cpu);
    let took = began.elapsed().as_secs_f64();
    // Those that fell due last are begun with the next look.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut buckets = [0_usize; 20];
    let mut of_store: HashMap<StoreId, usize> = HashMap::new();
    let mut filter = EventFilter::of(AccountId(1), 1000);
    loop {
        let page = world.ledger.event_page(&filter).await.unwrap();
        for event in page.rows.iter().filter(|event| event.source == Source::Poll) {
            let Some(due) = event.triggered_at.filter(|due| *due >= from && *due < until) else {
                continue;
            };
            let part = due.since(from).as_secs_f64() / asked.interval.as_secs_f64();
            buckets[((part * 20.0) as usize).min(19)] += 1;
            *of_store.entry(event.store).or_default() += 1;
        }
        let Some(last) = page.rows.last().filter(|_| page.more) else { break };
        filter.after = Some(instasync::ledger::EventCursor { before: last.position });
    }
    let polls: usize = buckets.iter().sum();
    let (least, most) = (buckets.iter().min().unwrap(), buckets.iter().max().unwrap());
    let even = polls as f64 / 20.0;
    let once = of_store.values().filter(|count| **count == 1).count();
    let each = cpu / polls as f64;
    println!(
        "{polls} polls of {} stores in {took:.1} s: {once} stores polled exactly once; a twentieth \
         of the interval had {:+.0} % to {:+.0} % of the even share; {:.0} µs CPU each, so 100,000 \
         an hour take {:.1} % of a core",
        asked.stores,
        (*least as f64 / even - 1.0) * 100.0,
        (*most as f64 / even - 1.0) * 100.0,
        each * 1e6,
        each * 100_000.0 / 3600.0 * 100.0
    );
    world.stop().await;
}

/// CPU seconds of this process so far.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

struct World {
    ledger: Arc<dyn Ledger>,
    clock: Clock,
    actors: Actors,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(
        runtime: &Arc<tokio::runtime::Runtime>,
        stores: usize,
        orders: usize,
        autosync: Duration,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let options = SqliteOptions {
            path: folder.path().join("book.db"),
            readers: 4,
            checkpoint_bytes: 16 << 20,
            wal_cap_bytes: 256 << 20,
            now: clock.now(),
        };
        let ledger: Arc<dyn Ledger> = Arc::new(Sqlite::open(options).await.unwrap());
        let vault = Arc::new(Vault::new([5; 32]));
        let directory = Directory::load(Arc::clone(&ledger), Arc::clone(&vault)).await.unwrap();
        let first_run = clock.now().plus(Duration::from_secs(3));
        let numbers: Vec<usize> = (0..stores).collect();
        for some in numbers.chunks(1000) {
            let add = |n: &usize| {
                let row = store(&directory, *n, &clock);
                Write::AddStore(Box::new(NewStore { row, first_run }))
            };
            let batch: Vec<Write> = some.iter().map(add).collect();
            let written = ledger.write(&batch).await.unwrap();
            assert!(written.iter().all(|it| matches!(it, Written::StoreAdded { .. })));
        }
        let directory = Arc::new(Directory::load(Arc::clone(&ledger), vault).await.unwrap());
        let about = About { version: "0", revision: "bench", started_at: clock.now() };
        let foundation = Foundation {
            ledger: Arc::clone(&ledger),
            directory,
            channels: Channels::default().with(Arc::new(Cart::with(orders))),
            clock: clock.clone(),
            metrics: Metrics::new(500, about, runtime.handle().clone()),
            queues: QueueLimits {
                journal: 20_000,
                journal_bytes: 256 << 20,
                commit: 20_000,
                commit_bytes: 256 << 20,
                batch: 512,
            },
            write_deadline: Duration::from_secs(10),
            settings: settings(autosync),
            store_threads: 2,
        };
        let actors = Actors::start(foundation, runtime).unwrap();
        Self { ledger, clock, actors, _folder: folder }
    }

    async fn stop(self) {
        self.actors.timer.stop();
        self.actors.stores.drain(Duration::from_secs(5)).await;
        self.actors.stop();
        self.ledger.close().await.unwrap();
    }
}

fn settings(autosync: Duration) -> StoreSettings {
    StoreSettings {
        turn_events: 256,
        command_queue: 64,
        command_deadline: Duration::from_secs(5),
        idle_after: Duration::from_secs(2),
        hang_after: Duration::from_mins(1),
        sweep_every: Duration::from_secs(1),
        store_restarts: 5,
        store_period: Duration::from_mins(1),
        quarantine_retry: Duration::from_mins(5),
        vital_restarts: 3,
        vital_period: Duration::from_mins(1),
        public_url: Some("https://hooks.example.com".to_owned()),
        autosync,
        miss_after: Duration::from_mins(2),
        list_lag: Duration::from_mins(1),
    }
}

fn store(directory: &Directory, n: usize, clock: &Clock) -> StoreRow {
    let (domain, slug) = (format!("{n}.example.com"), format!("store-{n}"));
    let name = slug.clone();
    let channel = ChannelKind::Shopify;
    let mut row = StoreRow::new(AccountId(1), channel, domain, slug, name, clock.now());
    let token = Token {
        secret: "token".into(),
        expires_at: Timestamp(i64::MAX).minus(Duration::from_hours(1)),
        scopes: Vec::new(),
    };
    let credentials = Credentials {
        client_id: Some("client".to_owned()),
        client_secret: Some(format!("secret of {n}").into()),
        token: Some(token),
        ..Credentials::default()
    };
    directory.seal(&mut row, &credentials);
    row
}

fn order(id: usize) -> Sighting {
    let amount = |text| Amount::parse(text, "USD").unwrap();
    let at = Timestamp::from_seconds(1_790_000_000);
    Sighting {
        cart_order_id: CartOrderId((5_000_000_000 + id).to_string()),
        number: id.to_string(),
        name: format!("#{id}"),
        placed_at: at,
        updated_at: at,
        cart: CartState { financial_status: Some("paid".into()), ..CartState::default() },
        content: Content {
            currency: "USD".into(),
            email: Some(format!("buyer-{id}@example.com")),
            totals: Totals {
                total: amount("40"),
                original_total: amount("40"),
                shipping: Amount::ZERO,
            },
            lines: ["CANDLE", "WICK"]
                .map(|sku| Line {
                    cart_line_id: format!("{id}{sku}"),
                    sku: Some(sku.into()),
                    name: format!("A {sku} of good wax"),
                    quantity: 1,
                    unit_price: amount("20"),
                    product_id: None,
                    variant_id: None,
                })
                .into(),
            ..Content::default()
        },
    }
}

/// A cart that answers at once.
struct Cart {
    pages: Vec<Vec<Listed>>,
}

impl Cart {
    fn with(orders: usize) -> Self {
        let orders: Vec<Listed> =
            (0..orders).map(|id| Listed::Order(Box::new(order(id)))).collect();
        Self { pages: orders.chunks(PAGE).map(<[Listed]>::to_vec).collect() }
    }
}

#[async_trait]
impl Channel for Cart {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Shopify
    }
    fn default_base(&self, domain: &str) -> String {
        domain.to_owned()
    }
    fn normalize_domain(&self, domain: &str) -> Result<String, String> {
        Ok(domain.to_owned())
    }
    fn read_head(&self, _: &dyn Fn(&'static str) -> Option<String>) -> DeliveryHead {
        DeliveryHead::default()
    }
    fn authenticate(&self, _: &DeliveryHead, _: &[u8], _: &SigningKeys) -> Verdict {
        Verdict::Authentic
    }
    fn decode(&self, _: &str, _: &[u8]) -> Decoded {
        Decoded::NotUsed
    }
    fn known_topics(&self) -> &'static [&'static str] {
        &[]
    }
    async fn new_token(
        &self,
        _: &str,
        _: &str,
        _: &Credentials,
        _: Timestamp,
    ) -> Result<Token, ChannelError> {
        Err(ChannelError::Rejected("no token is needed".to_owned()))
    }
    async fn granted_scopes(&self, _: &Access) -> Result<Vec<String>, ChannelError> {
        Ok(Vec::new())
    }
    fn scope_gaps(&self, _: &[String]) -> Vec<ScopeGap> {
        Vec::new()
    }
    async fn fetch_order(
        &self,
        _: &Access,
        _: &OrderRef,
    ) -> Result<Option<Sighting>, ChannelError> {
        Ok(None)
    }
    async fn list_orders(&self, _: &Access, from: &ListFrom) -> Result<ListPage, ChannelError> {
        let nth: usize = from.page.as_ref().map_or(0, |page| page.parse().unwrap());
        let listing = from.listing.clone();
        let has = |nth: usize| matches!(listing, Listing::Open) && nth < self.pages.len();
        let orders = if has(nth) { self.pages[nth].clone() } else { Vec::new() };
        let next = has(nth + 1)
            .then(|| ListFrom { listing: listing.clone(), page: Some((nth + 1).to_string()) });
        Ok(ListPage { orders, next })
    }
    fn blind_spots(&self, _: &[String]) -> Vec<&'static str> {
        Vec::new()
    }
    fn absence_is_proof(&self, _: &[String], _: Option<Timestamp>, _: Timestamp) -> bool {
        false
    }
    fn wanted_topics(&self) -> &'static [&'static str] {
        &["orders/create"]
    }
    async fn subscriptions(&self, access: &Access) -> Result<Vec<Subscription>, ChannelError> {
        // Each store is already subscribed, wherever its own address is.
        let n = access.domain.split('.').next().unwrap_or_default();
        Ok(vec![Subscription {
            id: "1".to_owned(),
            topic: "orders/create".to_owned(),
            url: format!("https://hooks.example.com/webhooks/shopify/store-{n}"),
            works: true,
        }])
    }
    async fn subscribe(&self, _: &Access, _: &str, _: &str) -> Result<(), ChannelError> {
        Ok(())
    }
    async fn mend(&self, _: &Access, _: &Subscription) -> Result<(), ChannelError> {
        Ok(())
    }
    async fn unsubscribe(&self, _: &Access, _: &str) -> Result<(), ChannelError> {
        Ok(())
    }
}
