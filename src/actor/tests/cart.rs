//! A cart that does what the test says: its deliveries are canonical sightings as JSON, its answers
//! are set beforehand, and it can fail in every way there is.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::channel::{
    Access, Budget, Channel, ChannelError, Credentials, Decoded, DeliveryHead, ListFrom, ListPage,
    Listed, Listing, OrderRef, ScopeGap, SigningKeys, Subscription, Token, Verdict,
};
use crate::domain::{
    Amount, CartOrderId, CartState, ChannelKind, Content, Line, Sighting, Timestamp, Totals,
};

/// How the cart answers a read of an order.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// As it stands in the cart.
    Truth,
    /// With this state.
    State(Box<Sighting>),
    /// No such order.
    Absent,
    /// Not at all.
    Fail(ChannelError),
    /// Never.
    Hang,
    /// The code that reads it crashes.
    Panic,
}

#[derive(Default)]
struct Script {
    orders: HashMap<CartOrderId, Sighting>,
    /// The next answers, by domain; then the truth.
    replies: HashMap<String, Vec<Reply>>,
    /// Reads that were asked for: domain, order, token.
    reads: Vec<(String, OrderRef, String)>,
    tokens: u32,
    token_life: Option<Duration>,
    refuses_tokens: bool,
    /// Reads at once; 0 stands for one.
    at_once: usize,
    /// From so many due orders on they are read by list; 0: never.
    lists_from: usize,
    /// Orders that lists leave out.
    unlisted: Vec<CartOrderId>,
    /// The orders of each list that was asked for.
    lists: Vec<Vec<CartOrderId>>,
    /// How long each read takes.
    latency: Duration,
    quota: Option<Window>,
    subscriptions: Vec<Subscription>,
    audits: u32,
    /// Deliveries only tell that something changed.
    thin: bool,
    /// Pages of lists that were asked for.
    polls: Vec<ListFrom>,
    /// What goes wrong with the next ones, the last first.
    failing_polls: Vec<ChannelError>,
    /// Every page but the first is refused.
    refuses_further: bool,
    /// So many pages crash the code that reads them.
    crashes: u32,
    /// Orders on a page.
    rows: Option<usize>,
    /// Orders that lists tell in a way nobody can read.
    unreadable: Vec<CartOrderId>,
    /// And not even which they are.
    nameless: bool,
    /// The cart's own clock, if it tells the time.
    clock: Option<Timestamp>,
}

/// A quota of calls, and what was asked beyond it.
#[derive(Debug, Clone, Copy)]
struct Window {
    quota: u32,
    left: u32,
    length: Duration,
    ends: tokio::time::Instant,
    overdrawn: u32,
}

struct Gate {
    closed: AtomicBool,
    passes: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { closed: AtomicBool::new(false), passes: Semaphore::new(0) }
    }
}

/// The cart of every store of a test world.
#[derive(Default)]
pub(crate) struct Cart {
    script: Mutex<Script>,
    /// Reads pass one by one while it is closed.
    gate: Gate,
}

impl Cart {
    fn script<T>(&self, work: impl FnOnce(&mut Script) -> T) -> T {
        work(&mut self.script.lock().unwrap())
    }

    /// Puts an order into the cart, or replaces it.
    pub(crate) fn put(&self, sighting: &Sighting) {
        self.script(|s| s.orders.insert(sighting.cart_order_id.clone(), sighting.clone()));
    }

    /// The next reads of a store are answered so, in this order.
    pub(crate) fn answers(&self, domain: &str, replies: &[Reply]) {
        let domain = domain.to_owned();
        self.script(|s| s.replies.entry(domain).or_default().extend_from_slice(replies));
    }

    /// Reads of a store so far.
    pub(crate) fn reads(&self, domain: &str) -> usize {
        self.script(|s| s.reads.iter().filter(|(of, ..)| of == domain).count())
    }

    /// The token of the last read.
    pub(crate) fn last_token(&self) -> Option<String> {
        self.script(|s| s.reads.last().map(|(.., token)| token.clone()))
    }

    /// Tokens handed out so far.
    pub(crate) fn tokens(&self) -> u32 {
        self.script(|s| s.tokens)
    }

    /// How long tokens last from now on.
    pub(crate) fn token_life(&self, life: Duration) {
        self.script(|s| s.token_life = Some(life));
    }

    /// Whether client id and secret are refused.
    pub(crate) fn refuses_tokens(&self, refuses: bool) {
        self.script(|s| s.refuses_tokens = refuses);
    }

    /// So many reads of a store may be made at once.
    pub(crate) fn reads_at_once(&self, reads: usize) {
        self.script(|s| s.at_once = reads);
    }

    /// Orders are read by list from so many on; lists leave some out.
    pub(crate) fn lists(&self, from: usize, unlisted: &[u32]) {
        let unlisted = unlisted.iter().map(|id| CartOrderId(id.to_string())).collect();
        self.script(|s| (s.lists_from, s.unlisted) = (from, unlisted));
    }

    /// How many orders each list was asked for.
    pub(crate) fn listed(&self) -> Vec<usize> {
        self.script(|s| s.lists.iter().map(Vec::len).collect())
    }

    /// Lists have so many orders on a page.
    pub(crate) fn rows(&self, rows: usize) {
        self.script(|s| s.rows = Some(rows));
    }

    /// The cart's clock stands there.
    pub(crate) fn clock_says(&self, clock: Timestamp) {
        self.script(|s| s.clock = Some(clock));
    }

    /// Lists tell of these orders in a way nobody can read.
    pub(crate) fn garbles(&self, ids: &[u32]) {
        self.script(|s| s.unreadable = ids.iter().map(|id| CartOrderId(id.to_string())).collect());
    }

    /// Not even their ids can be read.
    pub(crate) fn garbles_names(&self) {
        self.script(|s| s.nameless = true);
    }

    /// The next page of a list fails so.
    pub(crate) fn fails_a_page(&self, error: ChannelError) {
        self.script(|s| s.failing_polls.insert(0, error));
    }

    /// Every page of a list but the first is refused.
    pub(crate) fn refuses_further_pages(&self, refuses: bool) {
        self.script(|s| s.refuses_further = refuses);
    }

    /// So many of the next pages crash the code that reads them.
    pub(crate) fn crashes_pages(&self, pages: u32) {
        self.script(|s| s.crashes = pages);
    }

    /// The pages that were asked for.
    pub(crate) fn pages(&self) -> Vec<ListFrom> {
        self.script(|s| s.polls.clone())
    }

    /// Checks of subscriptions so far.
    pub(crate) fn audits(&self) -> u32 {
        self.script(|s| s.audits)
    }

    /// Deliveries only tell that something changed.
    pub(crate) fn tells_little(&self) {
        self.script(|s| s.thin = true);
    }

    /// Somebody removed the subscriptions.
    pub(crate) fn loses_subscriptions(&self) {
        self.script(|s| s.subscriptions.clear());
    }

    /// Somebody made a subscription.
    pub(crate) fn subscribed(&self, topic: &str, url: &str) {
        let [topic, url] = [topic, url].map(str::to_owned);
        let id = format!("{topic}-{url}");
        self.script(|s| s.subscriptions.push(Subscription { id, topic, url, works: true }));
    }

    /// The subscriptions there are.
    pub(crate) fn subscriptions_now(&self) -> Vec<Subscription> {
        self.script(|s| s.subscriptions.clone())
    }

    /// Removes an order from the cart.
    pub(crate) fn take_out(&self, id: u32) {
        self.script(|s| s.orders.remove(&CartOrderId(id.to_string())));
    }

    /// Every read takes so long.
    pub(crate) fn takes(&self, latency: Duration) {
        self.script(|s| s.latency = latency);
    }

    /// Allows so many calls in a window of that length.
    pub(crate) fn allows(&self, quota: u32, length: Duration) {
        let ends = tokio::time::Instant::now() + length;
        self.script(|s| s.quota = Some(Window { quota, left: quota, length, ends, overdrawn: 0 }));
    }

    /// Calls beyond the quota.
    pub(crate) fn overdrawn(&self) -> u32 {
        self.script(|s| s.quota.map_or(0, |window| window.overdrawn))
    }

    /// Takes a call off the quota and tells what is left, as answers do.
    fn spend(&self, access: &Access) -> Result<(), ChannelError> {
        self.script(|s| {
            let Some(window) = &mut s.quota else { return Ok(()) };
            let now = tokio::time::Instant::now();
            if now >= window.ends {
                (window.left, window.ends) = (window.quota, now + window.length);
            }
            let resets_in = window.ends - now;
            if window.left == 0 {
                window.overdrawn += 1;
                access.meter.note(Budget { quota: window.quota, left: 0, resets_in });
                return Err(ChannelError::Throttled { after: resets_in });
            }
            window.left -= 1;
            access.meter.note(Budget { quota: window.quota, left: window.left, resets_in });
            Ok(())
        })
    }

    /// Reads wait from now on, until [`Cart::let_pass`].
    pub(crate) fn close_gate(&self) {
        self.gate.closed.store(true, Ordering::SeqCst);
    }

    /// Lets so many reads pass.
    pub(crate) fn let_pass(&self, reads: usize) {
        self.gate.passes.add_permits(reads);
    }
}

impl Cart {
    /// What every read goes through: the gate, the quota, the time it takes.
    async fn pass(&self, access: &Access) -> Result<(), ChannelError> {
        if self.gate.closed.load(Ordering::SeqCst) {
            self.gate.passes.acquire().await.unwrap().forget();
        }
        let latency = self.script(|s| s.latency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        self.spend(access)
    }
}

/// A paid order of one line, changed so many seconds after it was placed.
pub(crate) fn order(id: u32, changed: i64) -> Sighting {
    let placed_at = Timestamp::from_seconds(1_700_000_000);
    let amount = |text| Amount::parse(text, "USD").unwrap();
    Sighting {
        cart_order_id: CartOrderId(id.to_string()),
        number: id.to_string(),
        name: format!("#{id}"),
        placed_at,
        updated_at: Timestamp(placed_at.0 + changed * 1_000_000),
        cart: CartState { financial_status: Some("paid".into()), ..CartState::default() },
        content: Content {
            currency: "USD".into(),
            totals: Totals {
                total: amount("20"),
                original_total: amount("20"),
                shipping: Amount::ZERO,
            },
            lines: vec![Line {
                cart_line_id: format!("{id}1"),
                sku: Some("CANDLE".into()),
                name: "Candle".into(),
                quantity: 1,
                unit_price: amount("20"),
                product_id: None,
                variant_id: None,
            }],
            ..Content::default()
        },
    }
}

fn thin(cart_order_id: CartOrderId, deleted: bool, changed_at: Option<Timestamp>) -> Decoded {
    Decoded::Thin { cart_order_id, deleted, changed_at }
}

#[async_trait]
impl Channel for Cart {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Shopify
    }

    fn default_base(&self, domain: &str) -> String {
        format!("https://{domain}")
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

    /// Topics `order` (a sighting), `thin`, `edited` and `deleted` (an order's id), `uninstalled`,
    /// `crash`.
    fn decode(&self, topic: &str, body: &[u8]) -> Decoded {
        let id = || CartOrderId(String::from_utf8_lossy(body).into_owned());
        match topic {
            "order" => serde_json::from_slice(body).map_or(Decoded::Unreadable, Decoded::Order),
            "thin" => thin(id(), false, None),
            // Tells of a change a minute after the order was placed.
            "edited" => thin(id(), false, Some(order(0, 60).updated_at)),
            "deleted" => thin(id(), true, None),
            "uninstalled" => Decoded::CheckAccess,
            "crash" => panic!("a body that crashes its reader"),
            _ => Decoded::UnknownTopic,
        }
    }

    fn tells_versions(&self) -> bool {
        self.script(|s| !s.thin)
    }

    fn known_topics(&self) -> &'static [&'static str] {
        &["order", "thin", "edited", "deleted", "uninstalled", "crash"]
    }

    async fn new_token(
        &self,
        _: &str,
        _: &str,
        _: &Credentials,
        now: Timestamp,
    ) -> Result<Token, ChannelError> {
        self.script(|s| {
            if s.refuses_tokens {
                return Err(ChannelError::Unauthorized("the app is not installed".to_owned()));
            }
            s.tokens += 1;
            let life = s.token_life.unwrap_or(Duration::from_hours(24));
            Ok(Token {
                secret: format!("token-{}", s.tokens).into(),
                expires_at: now.plus(life),
                scopes: vec!["read_orders".to_owned()],
            })
        })
    }

    async fn granted_scopes(&self, _: &Access) -> Result<Vec<String>, ChannelError> {
        Ok(vec!["read_orders".to_owned(), "read_all_orders".to_owned()])
    }

    fn scope_gaps(&self, _: &[String]) -> Vec<ScopeGap> {
        Vec::new()
    }

    async fn fetch_order(
        &self,
        access: &Access,
        which: &OrderRef,
    ) -> Result<Option<Sighting>, ChannelError> {
        use secrecy::ExposeSecret;
        let token = access.token.expose_secret().to_owned();
        let reply = self.script(|s| {
            s.reads.push((access.domain.clone(), which.clone(), token));
            let replies = s.replies.get_mut(&access.domain).filter(|r| !r.is_empty());
            replies.map_or(Reply::Truth, |replies| replies.remove(0))
        });
        self.pass(access).await?;
        match reply {
            Reply::Truth => Ok(self.script(|s| {
                let found = s.orders.values().find(|order| match which {
                    OrderRef::Id(id) => order.cart_order_id == *id,
                    OrderRef::Name(name) => order.name == *name || order.number == *name,
                });
                found.cloned()
            })),
            Reply::State(sighting) => Ok(Some(*sighting)),
            Reply::Absent => Ok(None),
            Reply::Fail(error) => Err(error),
            Reply::Hang => std::future::pending().await,
            Reply::Panic => panic!("the code that reads orders crashes"),
        }
    }

    fn calls_at_once(&self) -> usize {
        self.script(|s| s.at_once.max(1))
    }

    fn together(&self, due: &[CartOrderId]) -> Vec<CartOrderId> {
        let from = self.script(|s| s.lists_from);
        if from == 0 || due.len() < from { Vec::new() } else { due.to_vec() }
    }

    async fn fetch_many(
        &self,
        access: &Access,
        ids: &[CartOrderId],
    ) -> Result<Vec<Sighting>, ChannelError> {
        self.script(|s| s.lists.push(ids.to_vec()));
        self.pass(access).await?;
        Ok(self.script(|s| {
            let listed = |id: &&CartOrderId| !s.unlisted.contains(id);
            ids.iter().filter(listed).filter_map(|id| s.orders.get(id).cloned()).collect()
        }))
    }

    async fn list_orders(
        &self,
        access: &Access,
        from: &ListFrom,
    ) -> Result<ListPage, ChannelError> {
        self.script(|s| s.polls.push(from.clone()));
        self.pass(access).await?;
        if let Some(clock) = self.script(|s| s.clock) {
            access.meter.note_clock(clock);
        }
        let crashes = self.script(|s| {
            let left = s.crashes;
            s.crashes = left.saturating_sub(1);
            left > 0
        });
        assert!(!crashes, "the code that reads lists crashes");
        self.script(|s| {
            if s.refuses_further && from.page.is_some() {
                return Err(ChannelError::Rejected("invalid cursor".to_owned()));
            }
            if let Some(error) = s.failing_polls.pop() {
                return Err(error);
            }
            let since = match from.listing {
                Listing::Changed { since } => since,
                Listing::Open => None,
            };
            let mut found: Vec<_> = s.orders.values().cloned().collect();
            found.retain(|order| since.is_none_or(|since| order.updated_at >= since));
            found.sort_by_key(|order| (order.updated_at, order.number.parse::<u32>().ok()));
            let begin: usize = from.page.as_ref().map_or(0, |page| page.parse().unwrap());
            let rows = s.rows.unwrap_or(100);
            let more = found.len() > begin + rows;
            let listed = found.into_iter().skip(begin).take(rows).map(|order| {
                if s.unreadable.contains(&order.cart_order_id) {
                    let tells = !s.nameless;
                    return Listed::Unreadable {
                        cart_order_id: tells.then_some(order.cart_order_id),
                        changed_at: tells.then_some(order.updated_at),
                        body: b"garbage".to_vec(),
                    };
                }
                Listed::Order(Box::new(order))
            });
            let orders = listed.collect();
            let next = more.then(|| ListFrom {
                listing: from.listing.clone(),
                page: Some((begin + rows).to_string()),
            });
            Ok(ListPage { orders, next })
        })
    }

    fn blind_spots(&self, _: &[String]) -> Vec<&'static str> {
        vec!["deletions"]
    }

    fn absence_is_proof(&self, _: &[String], _: Option<Timestamp>, _: Timestamp) -> bool {
        true
    }

    fn wanted_topics(&self) -> &'static [&'static str] {
        &["order"]
    }

    async fn subscriptions(&self, _: &Access) -> Result<Vec<Subscription>, ChannelError> {
        Ok(self.script(|s| {
            s.audits += 1;
            s.subscriptions.clone()
        }))
    }

    async fn subscribe(&self, _: &Access, topic: &str, url: &str) -> Result<(), ChannelError> {
        self.script(|s| {
            let id = s.subscriptions.len().to_string();
            s.subscriptions.push(Subscription {
                id,
                topic: topic.to_owned(),
                url: url.to_owned(),
                works: true,
            });
        });
        Ok(())
    }

    async fn mend(&self, _: &Access, _: &Subscription) -> Result<(), ChannelError> {
        Ok(())
    }

    async fn unsubscribe(&self, _: &Access, id: &str) -> Result<(), ChannelError> {
        self.script(|s| s.subscriptions.retain(|subscription| subscription.id != id));
        Ok(())
    }
}
