//! Cursors of lists: opaque, signed, and good for one list with one set of filters only.
//!
//! A cursor names the last row of a page, so rows that arrive meanwhile do not shift the next one.
//! The signature keeps people from building cursors by hand and from carrying one to another list.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use crate::vault::Vault;

/// Bytes of the signature that a cursor carries.
const SIGNATURE: usize = 16;

/// Writes and reads the cursors of one list.
pub(crate) struct Cursors<'a> {
    vault: &'a Vault,
    /// The list and its filters, which the signature covers.
    list: Vec<u8>,
}

/// A cursor that was not made by this daemon for this list and these filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not belong to this list")]
pub(crate) struct ForeignCursor;

impl<'a> Cursors<'a> {
    /// Of the named list with those filters.
    pub(crate) fn of(vault: &'a Vault, list: &str, filters: &impl Serialize) -> Self {
        let list = serde_json::to_vec(&(list, filters))
            .expect("invariant: names and filters are plain data, which always serialises");
        Self { vault, list }
    }

    /// The cursor of a page that ends with that row.
    pub(crate) fn write(&self, last: &impl Serialize) -> String {
        let place = serde_json::to_vec(last)
            .expect("invariant: a row's key is plain data, which always serialises");
        let mut bytes = self.signature(&place).to_vec();
        bytes.extend_from_slice(&place);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor of this list.
    pub(crate) fn read<T: DeserializeOwned>(&self, cursor: &str) -> Result<T, ForeignCursor> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| ForeignCursor)?;
        let (signature, place) = bytes.split_at_checked(SIGNATURE).ok_or(ForeignCursor)?;
        if !bool::from(self.signature(place).ct_eq(signature)) {
            return Err(ForeignCursor);
        }
        serde_json::from_slice(place).map_err(|_| ForeignCursor)
    }

    fn signature(&self, place: &[u8]) -> [u8; SIGNATURE] {
        let mut message = self.list.clone();
        message.push(0);
        message.extend_from_slice(place);
        let tag = self.vault.tag("cursor", &message);
        let mut signature = [0; SIGNATURE];
        signature.copy_from_slice(tag.split_at(SIGNATURE).0);
        signature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_for_its_list_and_filters_only() {
        let vault = Vault::new([3; 32]);
        let orders = Cursors::of(&vault, "orders", &("pine", ""));
        let cursor = orders.write(&(7, "5001"));
        assert_eq!(orders.read::<(i64, String)>(&cursor), Ok((7, "5001".to_owned())));
        let others = [
            Cursors::of(&vault, "events", &("pine", "")),
            Cursors::of(&vault, "orders", &("oak", "")),
        ];
        for other in others {
            assert_eq!(other.read::<(i64, String)>(&cursor), Err(ForeignCursor));
        }
        let other_key = Vault::new([4; 32]);
        let other = Cursors::of(&other_key, "orders", &("pine", ""));
        assert_eq!(other.read::<(i64, String)>(&cursor), Err(ForeignCursor));
    }

    #[test]
    fn what_people_type_is_no_cursor() {
        let vault = Vault::new([3; 32]);
        let orders = Cursors::of(&vault, "orders", &());
        let mut changed = orders.write(&1);
        changed.insert(0, 'A');
        for bad in ["", "x", "%%%", "AAAAAAAAAAAAAAAAAAAAAAAA", changed.as_str()] {
            assert_eq!(orders.read::<i64>(bad), Err(ForeignCursor), "{bad}");
        }
    }
}
