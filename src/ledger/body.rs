//! Bodies as they are kept: packed where that makes them smaller.
//!
//! Whoever makes an event packs its body, on a thread of its own; the one task that writes has
//! better things to do, and what waits in its queue is small already.

use std::fmt;

use bytes::Bytes;

use super::LedgerError;

/// Bodies from this length on are packed if that makes them smaller.
const PACK_FROM: usize = 512;
const RAW: u8 = 0;
const LZ4: u8 = 1;

/// A body in its kept form: a byte that tells how, then the bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(Bytes);

impl Body {
    /// Packs what came.
    pub fn pack(body: &[u8]) -> Self {
        if body.len() >= PACK_FROM
            && let Some(packed) = lz4(body)
        {
            return Self(packed.into());
        }
        Self([&[RAW], body].concat().into())
    }

    /// What is kept.
    pub fn kept(&self) -> &[u8] {
        &self.0
    }

    /// What came.
    pub fn unpack(&self) -> Vec<u8> {
        unpack(&self.0).expect("invariant: what was packed can be unpacked")
    }
}

/// Kind, length in 4 bytes little-endian, block; `None` if that is not smaller than the body.
fn lz4(body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len()).ok()?.to_le_bytes();
    let mut packed = vec![0; 5 + lz4_flex::block::get_maximum_output_size(body.len())];
    let (head, block) = packed.split_at_mut(5);
    head.copy_from_slice(&[LZ4, length[0], length[1], length[2], length[3]]);
    let size = 5 + lz4_flex::block::compress_into(body, block).ok()?;
    packed.truncate(size);
    // It may wait in a queue: room for the worst case is not kept meanwhile.
    packed.shrink_to_fit();
    (size <= body.len()).then_some(packed)
}

/// The body that [`Body::pack`] made.
pub(super) fn unpack(kept: &[u8]) -> Result<Vec<u8>, LedgerError> {
    match kept.split_first() {
        Some((&RAW, body)) => Ok(body.to_vec()),
        Some((&LZ4, packed)) => lz4_flex::block::decompress_size_prepended(packed)
            .map_err(|error| LedgerError::Corrupt(format!("a body: {error}"))),
        _ => Err(LedgerError::Corrupt("a body of an unknown kind".to_owned())),
    }
}

impl From<&[u8]> for Body {
    fn from(body: &[u8]) -> Self {
        Self::pack(body)
    }
}

impl From<Vec<u8>> for Body {
    fn from(body: Vec<u8>) -> Self {
        Self::pack(&body)
    }
}

impl From<Bytes> for Body {
    fn from(body: Bytes) -> Self {
        Self::pack(&body)
    }
}

impl fmt::Debug for Body {
    // Bodies hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} B)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_come_back_as_they_were() {
        for body in [&b""[..], b"{}", &[7; 511], &b"{\"order\":1}".repeat(500), &[0xff; 4096]] {
            assert_eq!(Body::pack(body).unpack(), body);
        }
        let random: Vec<u8> = (0..4096).map(|_| rand::random()).collect();
        assert_eq!(Body::pack(&random).unpack(), random);
        assert!(unpack(&[]).is_err() && unpack(&[9, 1]).is_err() && unpack(&[LZ4, 1, 2]).is_err());
    }

    #[test]
    fn a_body_is_kept_in_the_form_that_older_books_hold() {
        let body = b"{\"order\":1}".repeat(500);
        let block = lz4_flex::block::compress_prepend_size(&body);
        assert_eq!(Body::pack(&body).kept(), [&[LZ4], block.as_slice()].concat());
        assert_eq!(Body::pack(b"{}").kept(), b"\0{}");
    }
}
