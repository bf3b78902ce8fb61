//! Which addresses a provider may have.
//!
//! A name is resolved here and the client connects to what was checked, so that no second answer of the DNS can lead elsewhere.

use std::net::{IpAddr, SocketAddr};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

use crate::base::outbound::address::{Class, class};

/// A provider's address is not one that the hub goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(
        "its address is link-local, a metadata service, multicast or unspecified, where no provider is"
    )]
    Never,
    #[error(
        "its name leads to a private address: set allow_private = true for this provider if that is meant"
    )]
    Private,
}

/// How far names may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses only.
    Public,
    /// Private ones too.
    Private,
}

/// Whether a provider may be at `ip`.
pub fn check(ip: IpAddr, reach: Reach) -> Result<(), Denied> {
    match (class(ip), reach) {
        (Class::Never, _) => Err(Denied::Never),
        (Class::Private, Reach::Public) => Err(Denied::Private),
        _ => Ok(()),
    }
}

/// Whether a provider may have this address, as far as it can be said without asking the DNS. An address that is spelled out,
/// or `localhost`, is meant and may be private.
pub fn check_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("base_url: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("base_url: must start with http:// or https://".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "base_url: has no place for credentials; use api_key_env or api_key_file".to_owned(),
        );
    }
    let host = url.host_str().unwrap_or_default();
    if let Ok(ip) = host.trim_matches(['[', ']']).parse() {
        check(ip, Reach::Private).map_err(|why| format!("base_url: {why}"))?;
    }
    Ok(url)
}

/// How far `url` may lead, where the settings do not allow private addresses.
pub fn reach_of(url: &Url) -> Reach {
    match url.host_str() {
        Some("localhost") => Reach::Private,
        _ => Reach::Public,
    }
}

/// Resolves names to addresses that are allowed.
#[derive(Debug, Clone, Copy)]
pub struct Resolver(pub Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(allowed(found, reach)?.into_iter()) as Addrs)
        })
    }
}

/// What is allowed of `found`; an error where that is nothing.
fn allowed(
    found: impl Iterator<Item = SocketAddr>,
    reach: Reach,
) -> Result<Vec<SocketAddr>, Denied> {
    let (mut allowed, mut why) = (Vec::new(), None);
    for address in found {
        match check(address.ip(), reach) {
            Ok(()) => allowed.push(address),
            Err(denied) => why = Some(denied),
        }
    }
    match why {
        Some(denied) if allowed.is_empty() => Err(denied),
        _ => Ok(allowed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(ip: &str, reach: Reach) -> Result<(), Denied> {
        check(ip.parse().unwrap(), reach)
    }

    #[test]
    fn no_provider_is_where_machines_keep_their_secrets() {
        for ip in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "224.0.0.1",
            "255.255.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
        ] {
            assert_eq!(fate(ip, Reach::Private), Err(Denied::Never), "{ip}");
        }
    }

    #[test]
    fn private_addresses_have_to_be_meant() {
        for ip in [
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "100.64.0.1",
            "::1",
            "fc00::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(fate(ip, Reach::Public), Err(Denied::Private), "{ip}");
            assert_eq!(fate(ip, Reach::Private), Ok(()), "{ip}");
        }
        for ip in ["104.18.7.192", "100.128.0.1", "172.32.0.1", "2606:4700::1"] {
            assert_eq!(fate(ip, Reach::Public), Ok(()), "{ip}");
        }
    }

    #[test]
    fn of_several_addresses_the_allowed_ones_are_used() {
        let found = |ips: &[&str]| {
            let ips: Vec<SocketAddr> = ips
                .iter()
                .map(|ip| SocketAddr::new(ip.parse().unwrap(), 0))
                .collect();
            allowed(ips.into_iter(), Reach::Public).map(|allowed| allowed.len())
        };
        assert_eq!(found(&["10.0.0.1", "1.1.1.1", "169.254.169.254"]), Ok(1));
        assert_eq!(found(&["10.0.0.1"]), Err(Denied::Private));
        assert_eq!(found(&["169.254.169.254"]), Err(Denied::Never));
    }

    #[test]
    fn a_base_url_is_checked_when_it_is_read() {
        for (url, told) in [
            ("ftp://x/v1", "http://"),
            ("https://me:pw@x/v1", "credentials"),
            ("http://169.254.169.254/latest", "metadata"),
            ("http://[fe80::1]/v1", "link-local"),
            ("http://2852039166/", "metadata"), // 169.254.169.254 as one number
            ("no url", "base_url"),
        ] {
            let error = check_url(url).unwrap_err();
            assert!(error.contains(told), "{url}: {error}");
        }
        for url in [
            "http://127.0.0.1:8000/v1",
            "https://api.openai.com/v1",
            "http://[::1]:1/",
        ] {
            assert!(check_url(url).is_ok(), "{url}");
        }
        assert_eq!(
            reach_of(&check_url("http://localhost:1/v1").unwrap()),
            Reach::Private
        );
        assert_eq!(
            reach_of(&check_url("http://localhost.evil.com").unwrap()),
            Reach::Public
        );
    }
}
