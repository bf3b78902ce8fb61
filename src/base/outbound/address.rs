//! What kind of address an IP address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Anybody can go there.
    Public,
    /// Only those near the hub can: to be gone to where that is meant.
    Private,
    /// Link-local, a metadata service, multicast or unspecified: never to be gone to.
    Never,
}

/// The class of `ip`; of the IPv4 address within it, where the network would take that out.
pub fn class(ip: IpAddr) -> Class {
    let ip = unwrapped(ip);
    if is_never(ip) {
        Class::Never
    } else if is_private(ip) {
        Class::Private
    } else {
        Class::Public
    }
}

/// The IPv4 address within an IPv6 one, where the network would take it out (mapped, NAT64, 6to4).
fn unwrapped(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => v4(high, low),
        _ => ip,
    }
}

fn is_never(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets().starts_with(&[0])
                || v4 == Ipv4Addr::new(100, 100, 100, 200) // Alibaba Cloud's metadata
                || v4 == Ipv4Addr::new(168, 63, 129, 16) // Azure's wire server
                || v4 == Ipv4Addr::new(192, 0, 0, 192) // Oracle Cloud's metadata
        }
        IpAddr::V6(v6) => {
            v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unicast_link_local()
                || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) // AWS
                || v6 == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254) // Google Cloud
        }
    }
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_private()
                || v4.is_loopback()
                || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT, RFC 6598
                || (a == 198 && (18..20).contains(&b)) // benchmarking, RFC 2544
                || v4.octets().starts_with(&[192, 0, 0])
                || a >= 240
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_reach_so_far() {
        let of = |ip: &str| class(ip.parse().unwrap());
        for ip in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "0.0.0.0",
            "ff02::1",
            "fe80::1",
        ] {
            assert_eq!(of(ip), Class::Never, "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "::1",
            "::ffff:10.0.0.1",
            "100.64.0.1",
            "192.168.0.1",
            "fd00::1",
            "::ffff:7f00:1",
        ] {
            assert_eq!(of(ip), Class::Private, "{ip}");
        }
        for ip in ["1.1.1.1", "2606:4700::1", "100.128.0.1"] {
            assert_eq!(of(ip), Class::Public, "{ip}");
        }
    }
}
