//! The HTTP client that carts are called with.
//!
//! A cart's address is chosen by whoever connects a store, and its answers by whoever owns that
//! address. So nothing private is called unless the operator allows it, redirects are not followed,
//! no proxy of the environment is used, and an answer may neither hang nor fill the memory.

mod address;
mod retry_after;

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect};

use self::address::{Guard, PrivateAddress};
use super::error::ChannelError;
use crate::domain::Timestamp;

/// The largest answer that is read. An order of some hundred lines has a tenth of it.
const MAX_ANSWER: usize = 32 << 20;

/// What may be called, and how long an answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Outbound {
    /// Plain http and private addresses too (`outbound.allow_private`).
    pub allow_private: bool,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a call may take, its whole answer included.
    pub timeout: Duration,
}

/// The client cannot be made, which is the machine's trouble (its TLS roots, say).
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client for carts cannot be made: {0}")]
pub struct ClientError(reqwest::Error);

/// A client for cart APIs. Clones share its connections.
#[derive(Debug, Clone)]
pub struct CartHttp {
    client: Client,
    outbound: Outbound,
}

/// An answer that is no outage: success, or a refusal that the caller understands.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status, below 500 and no redirect.
    pub(super) status: StatusCode,
    /// The whole body.
    pub(super) body: Vec<u8>,
    headers: HeaderMap,
}

impl Answer {
    /// What the cart's clock said when it answered.
    pub(super) fn date(&self) -> Option<Timestamp> {
        retry_after::answered_at(&self.headers)
    }

    /// A header's text, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl CartHttp {
    /// A client that calls what `outbound` allows.
    pub fn new(outbound: Outbound) -> Result<Self, ClientError> {
        let mut builder = Client::builder()
            .user_agent(concat!("instasync/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(outbound.connect_timeout)
            .timeout(outbound.timeout)
            .redirect(redirect::Policy::none())
            .no_proxy();
        if !outbound.allow_private {
            builder = builder.https_only(true).dns_resolver(Guard);
        }
        let client = builder.build().map_err(ClientError)?;
        Ok(Self { client, outbound })
    }

    /// Begins a POST; see [`CartHttp::request`].
    pub(super) fn post(&self, url: &str) -> Result<RequestBuilder, ChannelError> {
        self.request(Method::POST, url)
    }

    /// Begins a request. `Forbidden` if the address must not be called, which is checked again for
    /// every address that a host name resolves to.
    pub(super) fn request(
        &self,
        method: Method,
        url: &str,
    ) -> Result<RequestBuilder, ChannelError> {
        let url = Url::parse(url).map_err(|_| not_an_address())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(not_an_address());
        }
        if !self.outbound.allow_private {
            address::check(&url).map_err(ChannelError::Forbidden)?;
        }
        Ok(self.client.request(method, url))
    }

    /// Sends a request and reads its whole answer. Outages and waits are told apart here, since they
    /// look alike at every cart; refusals (4xx) are for the caller to put into words.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, ChannelError> {
        self.send_noting(request, &|_| retry_after::SHORTEST).await
    }

    /// The same, with the headers of every answer shown to `note` before anything is made of them.
    /// It says how long a 429 asks to wait that has no Retry-After.
    pub(super) async fn send_noting(
        &self,
        request: RequestBuilder,
        note: &(dyn Fn(&HeaderMap) -> Duration + Sync),
    ) -> Result<Answer, ChannelError> {
        let response = request.send().await.map_err(|error| self.failure(&error))?;
        let status = response.status();
        let after = retry_after::read(response.headers());
        let untold = note(response.headers());
        match (status, after) {
            (StatusCode::TOO_MANY_REQUESTS, after) => {
                Err(ChannelError::Throttled { after: after.unwrap_or(untold) })
            }
            (StatusCode::SERVICE_UNAVAILABLE, Some(after)) => {
                Err(ChannelError::Throttled { after })
            }
            _ if status.is_server_error() => {
                Err(ChannelError::Unavailable(format!("it answered {}", status.as_u16())))
            }
            _ if status.is_redirection() => Err(ChannelError::Protocol(format!(
                "it answered {} and names another address, which is not followed; check the \
                 store's domain and api_url",
                status.as_u16()
            ))),
            _ => self.read(response).await,
        }
    }

    async fn read(&self, mut response: Response) -> Result<Answer, ChannelError> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failure(&error))? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(ChannelError::Protocol(format!(
                    "it is longer than {} MiB",
                    MAX_ANSWER >> 20
                )));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body, headers })
    }

    /// No answer, in a sentence without the address: its query may hold what is secret.
    fn failure(&self, error: &reqwest::Error) -> ChannelError {
        if let Some(private) = find::<PrivateAddress>(error) {
            return ChannelError::Forbidden(private.to_string());
        }
        ChannelError::Unavailable(if error.is_connect() && error.is_timeout() {
            format!("no connection within {} s", self.outbound.connect_timeout.as_secs_f32())
        } else if error.is_timeout() {
            format!("no answer within {} s", self.outbound.timeout.as_secs_f32())
        } else if error.is_connect() {
            format!("no connection: {}", root(error))
        } else {
            format!("the connection was cut: {}", root(error))
        })
    }
}

fn not_an_address() -> ChannelError {
    ChannelError::Forbidden(
        "the store's api_url is no address that can be called; it looks like \
         https://pine.myshopify.com"
            .to_owned(),
    )
}

/// The deepest cause: what the operating system or TLS said.
fn root(error: &reqwest::Error) -> &dyn Error {
    let mut root: &dyn Error = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root
}

fn find<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}

#[cfg(test)]
mod tests;
