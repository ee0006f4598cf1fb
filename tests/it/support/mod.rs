//! What whole-process tests share: a daemon of their own, a signed cart, and waiting for outcomes.

pub mod bigcommerce;
pub mod browser;
pub mod cart;
pub mod chromium;
pub mod daemon;
pub mod shop;

use std::future::Future;
use std::time::Duration;

/// How long anything may take before a test gives up on it; generous, since machines are busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer.
///
/// # Panics
/// When there is none within [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl Fn() -> F) -> T {
    let outcome = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    outcome.await.unwrap_or_else(|_| panic!("never happened: {what}"))
}
