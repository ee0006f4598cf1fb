//! One call to the cart, on a task of its own, so that a cart that hangs delays only itself.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::oneshot;

use super::connect::{self, Checked, Hooks};
use super::pending::Dirty;
use super::poll::PageOfRun;
use crate::actor::handle::AskError;
use crate::actor::resources::Resources;
use crate::channel::{
    Access, Budget, Channel, ChannelError, Credentials, ListFrom, ListPage, Meter, OrderRef, Token,
};
use crate::domain::{CartOrderId, Position, Sighting, Timestamp};
use crate::ledger::StoreRow;
use crate::metrics::CartCode;

/// What is asked of the cart.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// One order, as it is now.
    Fetch(OrderRef),
    /// Several orders by one list.
    List(Vec<CartOrderId>),
    /// Scopes and subscriptions; missing subscriptions are made.
    Check,
    /// A new token, before the old one ends.
    Renew,
    /// A page of a list of orders.
    Page(ListFrom),
}

/// The call that is being made, and who waits for it.
#[derive(Debug)]
pub(super) enum InFlight {
    /// Orders are read, each for the events that were known when the read was sent; more than one of
    /// them by a list.
    Read(Vec<(OrderRef, Dirty)>),
    /// The connection is checked, for events and people who asked before it was sent.
    Check { events: Vec<Position>, askers: Vec<oneshot::Sender<Result<(), AskError>>> },
    /// The token is renewed.
    Renew,
    /// A run reads a page of its list.
    Page(PageOfRun),
}

impl InFlight {
    /// What is to be asked of the cart.
    pub(super) fn to_make(&self) -> Call {
        match self {
            Self::Read(orders) => match orders.as_slice() {
                [(order, _)] => Call::Fetch(order.clone()),
                several => {
                    Call::List(several.iter().filter_map(|(order, _)| id_of(order)).collect())
                }
            },
            Self::Check { .. } => Call::Check,
            Self::Renew => Call::Renew,
            Self::Page(page) => Call::Page(page.from.clone()),
        }
    }
}

fn id_of(order: &OrderRef) -> Option<CartOrderId> {
    match order {
        OrderRef::Id(id) => Some(id.clone()),
        OrderRef::Name(_) => None,
    }
}

/// What the cart answered.
#[derive(Debug)]
pub(super) struct Called {
    /// A token that was renewed on the way and has to be kept.
    pub(super) token: Option<Token>,
    /// The sealed credentials it was made with.
    pub(super) credentials: Vec<u8>,
    /// When it was sent: what was answered is at least as new as this.
    pub(super) sent_at: Timestamp,
    /// The same instant by the cart's clock, or a little before, as far as the cart tells the time.
    pub(super) cart_sent_at: Timestamp,
    /// What the cart said of its quota.
    pub(super) budget: Option<Budget>,
    pub(super) answer: Result<Answer, ChannelError>,
}

impl Called {
    /// The task was cancelled: the daemon is going down, or nothing at all can be said.
    pub(super) fn interrupted(why: &tokio::task::JoinError) -> Self {
        let answer = Err(ChannelError::Unavailable(why.to_string()));
        Self {
            token: None,
            credentials: Vec::new(),
            sent_at: Timestamp::default(),
            cart_sent_at: Timestamp::default(),
            budget: None,
            answer,
        }
    }
}

/// An answer, by call.
#[derive(Debug)]
pub(super) enum Answer {
    Order(Option<Box<Sighting>>),
    Orders(Vec<Sighting>),
    Checked(Box<Checked>),
    Renewed,
    Page(ListPage),
}

/// Makes calls for one store, with the credentials as they were when the call began.
pub(super) struct Caller {
    pub(super) resources: Arc<Resources>,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) store: Arc<StoreRow>,
    /// Webhooks serve the store (R3).
    pub(super) instasync: bool,
    /// Where the channel notes the quota.
    pub(super) meter: Meter,
}

impl Caller {
    /// Makes the call; asks for a new token first if there is none that lasts, and once more if the
    /// cart refuses the one there is.
    pub(super) async fn call(self, call: Call) -> Called {
        let sent_at = self.resources.clock.now();
        let mut kept = None;
        let answer = self.try_call(&call, &mut kept).await;
        let took = self.resources.clock.now().since(sent_at);
        let cart_sent_at = self.meter.clock().map_or(sent_at, |answered| answered.minus(took));
        Called {
            token: kept,
            credentials: self.store.credentials.clone(),
            sent_at,
            cart_sent_at,
            budget: self.meter.read(),
            answer,
        }
    }

    async fn try_call(
        &self,
        call: &Call,
        kept: &mut Option<Token>,
    ) -> Result<Answer, ChannelError> {
        let credentials = self
            .resources
            .directory
            .open(&self.store)
            .map_err(|wrong| ChannelError::Unauthorized(wrong.to_string()))?;
        let now = self.resources.clock.now();
        let usable = credentials.usable_token(now).filter(|_| !matches!(call, Call::Renew));
        let fresh = usable.is_none();
        let token = match usable {
            Some(token) => token,
            None => self.renew(&credentials, kept).await?,
        };
        let hook_secret = self.hook_secret(&credentials);
        match self.with(call, token, hook_secret.clone()).await {
            // The token may have been revoked or replaced; a new one tells which.
            Err(ChannelError::Unauthorized(_)) if !fresh && credentials.can_renew() => {
                let token = self.renew(&credentials, kept).await?;
                self.with(call, token, hook_secret).await
            }
            answer => answer,
        }
    }

    /// What deliveries have to carry, where the cart is given it with each subscription.
    fn hook_secret(&self, credentials: &Credentials) -> Option<SecretString> {
        let secret = credentials.signing_keys().secrets.into_iter().next();
        secret.filter(|_| self.channel.needs_hook_secret()).map(|(secret, _)| secret)
    }

    async fn with(
        &self,
        call: &Call,
        token: SecretString,
        hook_secret: Option<SecretString>,
    ) -> Result<Answer, ChannelError> {
        let access = Access {
            domain: self.store.domain.clone(),
            base: self.base(),
            token,
            hook_secret,
            meter: self.meter.clone(),
        };
        let answer = match call {
            Call::Fetch(which) => self
                .channel
                .fetch_order(&access, which)
                .await
                .map(|order| Answer::Order(order.map(Box::new))),
            Call::List(ids) => self.channel.fetch_many(&access, ids).await.map(Answer::Orders),
            Call::Check => {
                let url = self.resources.settings.public_url.as_deref();
                let hooks = Hooks { slug: &self.store.slug, url, wanted: self.instasync };
                connect::check(&*self.channel, &access, hooks)
                    .await
                    .map(|checked| Answer::Checked(Box::new(checked)))
            }
            Call::Renew => Ok(Answer::Renewed),
            Call::Page(from) => self.channel.list_orders(&access, from).await.map(Answer::Page),
        };
        self.count(&answer);
        answer
    }

    async fn renew(
        &self,
        credentials: &Credentials,
        kept: &mut Option<Token>,
    ) -> Result<SecretString, ChannelError> {
        if !credentials.can_renew() {
            return Err(ChannelError::Unauthorized(
                "there is no token and no client id and secret to ask for one".to_owned(),
            ));
        }
        let now = self.resources.clock.now();
        let answer =
            self.channel.new_token(&self.store.domain, &self.base(), credentials, now).await;
        self.count(&answer);
        let token = answer?;
        let secret = token.secret.clone();
        *kept = Some(token);
        Ok(secret)
    }

    fn base(&self) -> String {
        let default = || self.channel.default_base(&self.store.domain);
        self.store.api_url.clone().unwrap_or_else(default)
    }

    fn count<T>(&self, answer: &Result<T, ChannelError>) {
        let metrics = &self.resources.metrics;
        let code = match answer {
            Ok(_) => CartCode::Status(200),
            Err(ChannelError::Throttled { after }) => {
                metrics.cart_throttled(&self.store.slug, *after);
                CartCode::Status(429)
            }
            Err(ChannelError::Unauthorized(_)) => CartCode::Status(401),
            Err(ChannelError::Unavailable(_)) => CartCode::Unreachable,
            Err(
                ChannelError::Rejected(_) | ChannelError::Protocol(_) | ChannelError::Forbidden(_),
            ) => CartCode::Refused,
        };
        metrics.cart_request(&self.store.slug, code);
    }
}

/// How long to leave a cart alone after it failed `failures` times in a row.
pub(super) fn rest_after(error: &ChannelError, failures: u32) -> Duration {
    let outage = crate::domain::backoff::outage(failures);
    match error {
        ChannelError::Throttled { after } => (*after).max(Duration::from_millis(100)),
        _ => outage,
    }
}
