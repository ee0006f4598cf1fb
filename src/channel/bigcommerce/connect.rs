//! Entering a store: its hash, and the scopes of its token.
//!
//! No endpoint tells the scopes of a token, so one harmless read is tried for each.

use serde_json::Value;

use super::api::{Api, Said};
use crate::channel::{ChannelError, ScopeGap};

/// A scope, what cannot be done without it, and a read that needs it.
struct Probe {
    gap: ScopeGap,
    path: &'static str,
    query: &'static [(&'static str, &'static str)],
}

const ONE: &[(&str, &str)] = &[("limit", "1")];

/// Every scope that something here uses, most essential first.
const PROBES: [Probe; 5] = [
    Probe {
        gap: ScopeGap {
            scope: "store_v2_orders",
            sentence: "Without the scope Orders (modify) no order can be read and no shipment \
                       told; make a new API account with it in the control panel and reconnect, \
                       since a token's scopes never change.",
            essential: true,
        },
        path: "v2/orders",
        query: ONE,
    },
    Probe {
        gap: ScopeGap {
            scope: "store_v2_products",
            sentence: "Without the scope Products products are not imported or linked; make a new \
                       API account with it in the control panel and reconnect.",
            essential: false,
        },
        path: "v3/catalog/products",
        query: ONE,
    },
    Probe {
        gap: ScopeGap {
            scope: "store_inventory",
            sentence: "Without the scope Store Inventory no stock can be written back; make a new \
                       API account with it in the control panel and reconnect.",
            essential: false,
        },
        path: "v3/inventory/items",
        query: ONE,
    },
    Probe {
        gap: ScopeGap {
            scope: "store_locations_read_only",
            sentence: "Without the scope Store Locations the location that stock is written to \
                       cannot be chosen; make a new API account with it in the control panel and \
                       reconnect.",
            essential: false,
        },
        path: "v3/inventory/locations",
        query: ONE,
    },
    Probe {
        gap: ScopeGap {
            scope: "store_v2_information_read_only",
            sentence: "Without the scope Information & settings the store's name and clock cannot \
                       be read; make a new API account with it in the control panel and reconnect.",
            essential: false,
        },
        path: "v2/store",
        query: &[],
    },
];

/// Brings what a person copies into the store hash: the hash itself, `stores/hash`, or the API path
/// that the control panel shows.
pub(super) fn normalize_hash(text: &str) -> Result<String, String> {
    let lower = text.trim().to_lowercase();
    let after = lower.split_once("stores/").map_or(&*lower, |(_, rest)| rest);
    let hash = after.split('/').next().unwrap_or_default();
    let fits = (1..=40).contains(&hash.len()) && hash.bytes().all(|b| b.is_ascii_alphanumeric());
    if !fits {
        return Err(
            "A BigCommerce store is named by its store hash, such as abc123xyz; it stands \
                    in the API path that the control panel shows with a new API account: \
                    https://api.bigcommerce.com/stores/HASH/v3/."
                .to_owned(),
        );
    }
    Ok(hash.to_owned())
}

/// The scopes that the token has, found out by trying.
pub(super) async fn granted_scopes(api: &Api<'_>) -> Result<Vec<String>, ChannelError> {
    let mut granted = Vec::new();
    for probe in &PROBES {
        // Nothing there is an answer too: only a refusal says that the scope is missing.
        match api.get::<Value>(probe.path, probe.query).await? {
            Said::Here(_) | Said::Nothing => granted.push(probe.gap.scope.to_owned()),
            Said::NotAllowed => {}
        }
    }
    Ok(granted)
}

/// What `granted` lacks.
pub(super) fn scope_gaps(granted: &[String]) -> Vec<ScopeGap> {
    let missing = PROBES.iter().filter(|p| granted.iter().all(|scope| scope != p.gap.scope));
    missing.map(|probe| probe.gap.clone()).collect()
}
