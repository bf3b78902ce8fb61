//! Proxies in front of the hub: what they say about the URL that a client used counts where they are trusted.

use std::{net::IpAddr, str::FromStr, sync::Arc};

use axum::extract::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HttpConfig, hosts};

/// An address, or a block of them: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8` (RFC 4632, RFC 4291).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that names no network.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is no address and no block of addresses: write it like \"10.0.0.7\" or \"10.0.0.0/8\""
)]
pub struct BadNetwork(String);

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| bad()))?;
        if bits > most {
            return Err(bad());
        }
        Ok(Self { address, bits })
    }
}

impl TryFrom<String> for Network {
    type Error = BadNetwork;

    fn try_from(text: String) -> Result<Self, BadNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.address, network.bits)
    }
}

impl Network {
    /// Whether `address` is in it. An IPv4 address may come wrapped in an IPv6 one, from a socket that serves both.
    pub fn contains(&self, address: IpAddr) -> bool {
        let leading = |differing: u128, width: u32| differing.leading_zeros() + width - 128;
        let alike = match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                leading(u128::from(own.to_bits() ^ other.to_bits()), 32)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => leading(own.to_bits() ^ other.to_bits(), 128),
            _ => return false,
        };
        alike >= u32::from(self.bits)
    }
}

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The path that stands before the hub's own in the URLs that the client uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(pub Arc<str>);

/// What a trusted proxy says. Nothing where the request came from anybody else.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// `X-Forwarded-Host`: the host that the client named.
    pub host: Option<String>,
    /// `X-Forwarded-Prefix`: the path that the proxy took away.
    pub prefix: Option<Prefix>,
    /// `X-Forwarded-Proto`: whether the client spoke https.
    pub https: bool,
}

impl Forwarded {
    /// Reads the headers of `request`, if its peer is trusted.
    pub fn of(request: &Request, config: &HttpConfig) -> Self {
        let peer = request.extensions().get::<Peer>();
        let trusted = |peer: &Peer| config.trusted_proxies.iter().any(|n| n.contains(peer.0));
        if !peer.is_some_and(trusted) {
            return Self::default();
        }
        let text = |name| request.headers().get(name).and_then(|v| v.to_str().ok());
        // A chain of proxies lists hosts, the client's first.
        let host = text("x-forwarded-host").and_then(|hosts| hosts.split(',').next());
        Self {
            host: host.map(|host| host.trim().to_owned()),
            prefix: text("x-forwarded-prefix").and_then(prefix),
            https: text("x-forwarded-proto").is_some_and(|p| p.eq_ignore_ascii_case("https")),
        }
    }
}

/// What stands before the hub's own paths in the URL that the client used. The gate has checked its host.
pub fn site(request: &Request, config: &HttpConfig) -> String {
    let Forwarded { host, https, .. } = Forwarded::of(request, config);
    let host = host.unwrap_or_else(|| hosts::named(request.headers(), request.uri()).to_owned());
    let public = config
        .public_url
        .as_deref()
        .filter(|_| hosts::is_public_host(&host, config));
    let https = https || public.is_some_and(|url| url.starts_with("https:"));
    let scheme = if https { "https" } else { "http" };
    let prefix = request.extensions().get::<Prefix>();
    format!("{scheme}://{host}{}", prefix.map_or("", |prefix| &prefix.0))
}

/// The path of `public_url`.
pub fn public_prefix(config: &HttpConfig) -> Option<Prefix> {
    let url: http::Uri = config.public_url.as_deref()?.parse().ok()?;
    prefix(url.path())
}

/// A path that may stand before others. One that began with two slashes would name another host.
fn prefix(path: &str) -> Option<Prefix> {
    let path = path.trim_end_matches('/');
    let segment = |part: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
        !part.is_empty() && part.bytes().all(plain) && part != "." && part != ".."
    };
    let fits = path.len() <= 256 && path.strip_prefix('/')?.split('/').all(segment);
    fits.then(|| Prefix(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_contains_its_addresses() {
        let contains = |network: &str, address: &str| {
            let network: Network = network.parse().unwrap();
            network.contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.7", "10.0.0.7") && !contains("10.0.0.7", "10.0.0.6"));
        assert!(contains("10.0.0.0/8", "10.255.0.1") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.0.0.1") && !contains("10.0.0.0/8", "::1"));
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        for bad in [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/x",
            "localhost",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_plain_path_is_a_prefix() {
        let text = |path| prefix(path).map(|p| p.0.to_string());
        assert_eq!(text("/hub/").as_deref(), Some("/hub"));
        assert_eq!(text("/a/b-c").as_deref(), Some("/a/b-c"));
        for bad in [
            "",
            "/",
            "hub",
            "//evil.example",
            "/a//b",
            "/a/../b",
            "/a?b",
            "/a b",
            "/a,/b",
        ] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let config = HttpConfig {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..HttpConfig::default()
        };
        let said = |peer: Option<&str>| {
            let mut request = Request::builder()
                .header("x-forwarded-host", "hub.example.com, inner")
                .header("x-forwarded-prefix", "/hub")
                .body(axum::body::Body::empty())
                .unwrap();
            if let Some(peer) = peer {
                request.extensions_mut().insert(Peer(peer.parse().unwrap()));
            }
            Forwarded::of(&request, &config)
        };
        let believed = said(Some("10.0.0.7"));
        assert_eq!(believed.host.as_deref(), Some("hub.example.com"));
        assert_eq!(believed.prefix, Some(Prefix("/hub".into())));
        assert_eq!(said(Some("192.168.0.1")), Forwarded::default());
        assert_eq!(said(None), Forwarded::default());
    }
}
