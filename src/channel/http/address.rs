//! Which addresses belong to this machine or its network, and so are not called for a store.
//!
//! Names are checked when they are resolved for the connection itself: a name that told a public
//! address when the store was connected may tell a private one later.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A name that leads into this machine or its network.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} is at a private address ({address}), which is not called unless outbound.allow_private \
     is true"
)]
pub(super) struct PrivateAddress {
    host: String,
    address: IpAddr,
}

/// What a URL shows by itself: its scheme, and its host where that is an address.
pub(super) fn check(url: &Url) -> Result<(), String> {
    let host = url.host_str().unwrap_or_default();
    if url.scheme() != "https" {
        return Err(format!(
            "{host} would be called over plain http, which is not done unless \
             outbound.allow_private is true"
        ));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(address) if is_private(address) => {
            Err(PrivateAddress { host: host.to_owned(), address }.to_string())
        }
        _ => Ok(()),
    }
}

/// Resolves names as the system does, and lets public addresses through.
#[derive(Debug)]
pub(super) struct Guard;

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            // The port is put in by the caller.
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            let (private, public): (Vec<SocketAddr>, Vec<SocketAddr>) =
                found.partition(|address| is_private(address.ip()));
            match private.first().filter(|_| public.is_empty()) {
                Some(address) => Err(PrivateAddress { host, address: address.ip() }.into()),
                None => Ok(Box::new(public.into_iter()) as Addrs),
            }
        })
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

/// Everything that is not an ordinary address of the internet (IANA special-purpose registry).
fn is_private_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_multicast()
        || v4.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18)
}

fn is_private_v6(v6: Ipv6Addr) -> bool {
    let segments = v6.segments();
    // Addresses that carry an IPv4 address lead where that one leads.
    match segments {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => return is_private_v4(embedded(high, low)),
        _ => {}
    }
    // Outside 2000::/3 nothing is global; inside, Teredo, benchmarks, ORCHID and documentation.
    let [first, second, ..] = segments;
    first & 0xe000 != 0x2000
        || (first == 0x2001 && (second < 0x200 || second == 0xdb8))
        || (first == 0x3fff && second < 0x1000)
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    let bits = (u32::from(high) << 16) | u32::from(low);
    Ipv4Addr::from_bits(bits)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1")]
    #[case("10.1.2.3")]
    #[case("172.31.0.1")]
    #[case("192.168.1.1")]
    #[case("169.254.169.254")]
    #[case("0.0.0.0")]
    #[case("100.64.0.1")]
    #[case("100.127.255.255")]
    #[case("192.0.0.8")]
    #[case("198.19.0.1")]
    #[case("224.0.0.1")]
    #[case("255.255.255.255")]
    #[case("::")]
    #[case("::1")]
    #[case("::ffff:127.0.0.1")]
    #[case("::ffff:10.0.0.1")]
    #[case("64:ff9b::10.0.0.1")]
    #[case("64:ff9b:1::1")]
    #[case("2002:7f00:1::1")]
    #[case("2001::1")]
    #[case("2001:db8::1")]
    #[case("fc00::1")]
    #[case("fd12::1")]
    #[case("fe80::1")]
    #[case("fec0::1")]
    #[case("ff02::1")]
    fn private_addresses_are_known(#[case] address: &str) {
        assert!(is_private(address.parse().unwrap()), "{address}");
    }

    #[rstest]
    #[case("23.227.38.65")]
    #[case("100.63.255.255")]
    #[case("100.128.0.1")]
    #[case("172.32.0.1")]
    #[case("198.20.0.1")]
    #[case("2620:0:28a1::1")]
    #[case("2a00:1450:4001::8a")]
    #[case("2001:4860:4860::8888")]
    #[case("::ffff:23.227.38.65")]
    #[case("64:ff9b::23.227.38.65")]
    fn addresses_of_the_internet_may_be_called(#[case] address: &str) {
        assert!(!is_private(address.parse().unwrap()), "{address}");
    }

    #[rstest]
    #[case::plain("http://pine.myshopify.com/", "plain http")]
    #[case::literal("https://127.0.0.1/", "127.0.0.1")]
    #[case::decimal("https://2130706433/", "127.0.0.1")]
    #[case::hex("https://0x7f.1/", "127.0.0.1")]
    #[case::v6("https://[::1]/", "::1")]
    #[case::mapped("https://[::ffff:10.0.0.1]/", "::ffff:10.0.0.1")]
    fn refusals_name_the_setting(#[case] url: &str, #[case] names: &str) {
        let sentence = check(&Url::parse(url).unwrap()).unwrap_err();
        assert!(sentence.contains(names), "{sentence}");
        assert!(sentence.contains("outbound.allow_private"), "{sentence}");
    }

    #[test]
    fn a_public_name_over_https_may_be_called() {
        assert_eq!(check(&Url::parse("https://pine.myshopify.com/").unwrap()), Ok(()));
    }
}
