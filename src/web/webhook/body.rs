//! Reading a body that nobody has vouched for yet.
//!
//! Bounded three times: by its own limit while it comes in (a declared length is not trusted), by
//! time, and by what all bodies together may hold in memory. Small bodies need no share of the
//! common room, so that a few senders of huge ones cannot crowd out the usual deliveries.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};

/// Bytes of each body that need no share of the room; the usual order fits.
const FREE: usize = 32 * 1024;

/// What bodies may cost.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Bytes of one body (`webhooks.max_body_bytes`).
    pub max_bytes: usize,
    /// Until it must be complete.
    pub timeout: Duration,
    /// Bytes that all bodies in work may hold together, beside the first 32 KiB of each.
    pub room: usize,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            max_bytes: 5 * 1024 * 1024,
            timeout: Duration::from_secs(10),
            room: 64 * 1024 * 1024,
        }
    }
}

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// More bytes than one body may have.
    TooLarge,
    /// It did not come in time.
    TooSlow,
    /// The bodies in work hold all the room there is.
    NoRoom,
    /// The sender hung up, or its chunks cannot be read.
    Broken,
}

/// The memory that large bodies share.
#[derive(Debug)]
pub(super) struct Room {
    taken: AtomicUsize,
    limit: usize,
}

/// A body with its share of the room, given back when dropped.
#[derive(Debug)]
pub(super) struct Body<'a> {
    pub(super) bytes: Bytes,
    _share: Share<'a>,
}

#[derive(Debug)]
struct Share<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Room {
    pub(super) fn new(limits: &BodyLimits) -> Self {
        // One body of the greatest size always fits into an empty room.
        Self { taken: AtomicUsize::new(0), limit: limits.room.max(limits.max_bytes) }
    }

    /// Reads a body to its end.
    pub(super) async fn read(
        &self,
        payload: web::Payload,
        limits: &BodyLimits,
    ) -> Result<Body<'_>, BodyError> {
        let whole = self.collect(payload, limits.max_bytes);
        tokio::time::timeout(limits.timeout, whole).await.unwrap_or(Err(BodyError::TooSlow))
    }

    async fn collect(
        &self,
        mut payload: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
        max: usize,
    ) -> Result<Body<'_>, BodyError> {
        let mut share = Share { room: self, bytes: 0 };
        let mut next = async |read: usize| match payload.next().await {
            None => Ok(None),
            Some(Err(_)) => Err(BodyError::Broken),
            Some(Ok(chunk)) if chunk.len() > max.saturating_sub(read) => Err(BodyError::TooLarge),
            Some(Ok(chunk)) => {
                share.grow(read + chunk.len())?;
                Ok(Some(chunk))
            }
        };
        let first = next(0).await?.unwrap_or_default();
        let bytes = match next(first.len()).await? {
            // Most deliveries come in one piece and are not copied.
            None => first,
            Some(second) => {
                let mut whole = BytesMut::with_capacity((first.len() + second.len()) * 2);
                whole.extend_from_slice(&first);
                whole.extend_from_slice(&second);
                while let Some(chunk) = next(whole.len()).await? {
                    whole.extend_from_slice(&chunk);
                }
                whole.freeze()
            }
        };
        Ok(Body { bytes, _share: share })
    }
}

impl Share<'_> {
    /// Takes what a body of that length needs.
    fn grow(&mut self, length: usize) -> Result<(), BodyError> {
        let more = length.saturating_sub(FREE).saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        let before = self.room.taken.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        if before + more > self.room.limit { Err(BodyError::NoRoom) } else { Ok(()) }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn room(limit: usize) -> Room {
        Room { taken: AtomicUsize::new(0), limit }
    }

    fn chunks(sizes: &[usize]) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
        let chunks: Vec<_> = sizes.iter().map(|size| Ok(Bytes::from(vec![7; *size]))).collect();
        stream::iter(chunks)
    }

    #[tokio::test]
    async fn chunks_come_together_up_to_the_limit_and_not_a_byte_further() {
        let room = room(1_000_000);
        for sizes in [&[][..], &[10], &[4, 6], &[1, 2, 3, 4]] {
            let body = room.collect(chunks(sizes), 10).await.unwrap();
            assert_eq!(body.bytes.len(), sizes.iter().sum::<usize>());
        }
        for sizes in [&[11][..], &[10, 1], &[4, 6, 1], &[9, 1, 1]] {
            let error = room.collect(chunks(sizes), 10).await.unwrap_err();
            assert_eq!(error, BodyError::TooLarge);
        }
    }

    #[tokio::test]
    async fn large_bodies_share_the_room_and_small_ones_do_not_need_it() {
        let room = room(100_000);
        let large = room.collect(chunks(&[60_000, 60_000]), usize::MAX).await.unwrap();
        let error = room.collect(chunks(&[60_000]), usize::MAX).await.unwrap_err();
        assert_eq!(error, BodyError::NoRoom);
        assert!(room.collect(chunks(&[FREE]), usize::MAX).await.is_ok());
        drop(large);
        assert!(room.collect(chunks(&[60_000]), usize::MAX).await.is_ok());
        assert_eq!(room.taken.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_gives_its_share_back() {
        let room = room(100_000);
        let broken =
            stream::iter([Ok(Bytes::from(vec![0; 50_000])), Err(PayloadError::Incomplete(None))]);
        assert_eq!(room.collect(broken, usize::MAX).await.unwrap_err(), BodyError::Broken);
        assert_eq!(room.taken.load(Ordering::Relaxed), 0);
    }
}
