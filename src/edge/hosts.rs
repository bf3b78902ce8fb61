//! Which `Host` and `Origin` a request may carry: the defence against DNS rebinding.

use http::{HeaderMap, Uri, header};

use super::HttpConfig;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Its `Host` is none of ours.
    Host,
    /// Its `Origin` is not allowed.
    Origin,
}

/// The host that a request names: its `Host`, or its URI's authority.
pub fn named<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> &'a str {
    let host = headers.get(header::HOST).and_then(|v| v.to_str().ok());
    host.or_else(|| uri.authority().map(http::uri::Authority::as_str))
        .unwrap_or_default()
}

/// Whether `host` is the one of `public_url`.
pub fn is_public_host(host: &str, config: &HttpConfig) -> bool {
    name_of(host).is_some_and(|name| is_public(&name, config))
}

/// Whether `host`, its port apart, is one that the hub is known to have: not whatever it may be called by.
pub fn is_own_host(host: &str, config: &HttpConfig) -> bool {
    name_of(host).is_some_and(|name| is_known(&name, config))
}

/// Checks the host that a request names, and its `Origin`.
pub fn check(host: &str, headers: &HeaderMap, config: &HttpConfig) -> Result<(), Foreign> {
    let host = name_of(host).ok_or(Foreign::Host)?;
    if !is_ours(&host, config) {
        return Err(Foreign::Host);
    }
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let origin = origin.to_str().map_err(|_| Foreign::Origin)?;
    if config
        .allowed_origins
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(origin))
    {
        return Ok(());
    }
    // A page that the hub itself serves, or a tool on this machine such as the MCP Inspector.
    let from = origin
        .parse::<Uri>()
        .ok()
        .and_then(|uri| uri.authority().and_then(|a| name_of(a.as_str())));
    match from {
        Some(from) if is_loopback(&from) && is_loopback(&host) => Ok(()),
        Some(from) if is_public(&from, config) => Ok(()),
        _ => Err(Foreign::Origin),
    }
}

/// The host of `host[:port]`, in lower case, without brackets.
fn name_of(authority: &str) -> Option<String> {
    let authority: http::uri::Authority = authority.parse().ok()?;
    if authority.as_str().contains('@') {
        return None;
    }
    Some(
        authority
            .host()
            .trim_matches(['[', ']'])
            .to_ascii_lowercase(),
    )
}

/// Whether `host` is this machine, as it calls itself.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn is_public(host: &str, config: &HttpConfig) -> bool {
    let public = config
        .public_url
        .as_deref()
        .and_then(|url| url.parse::<Uri>().ok());
    public
        .and_then(|uri| uri.host().map(str::to_ascii_lowercase))
        .is_some_and(|name| name == host)
}

fn is_ours(host: &str, config: &HttpConfig) -> bool {
    is_known(host, config) || config.allowed_hosts.iter().any(|allowed| allowed == "*")
}

fn is_known(host: &str, config: &HttpConfig) -> bool {
    let listen = config
        .listen
        .rsplit_once(':')
        .map_or("", |(host, _)| host)
        .trim_matches(['[', ']']);
    let allowed = |allowed: &String| name_of(allowed).is_some_and(|name| name == host);
    is_loopback(host)
        || (host == listen && !host.is_empty())
        || is_public(host, config)
        || config.allowed_hosts.iter().any(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(host: &str, origin: Option<&str>) -> Result<(), Foreign> {
        let config = HttpConfig {
            public_url: Some("https://hub.example.com".into()),
            allowed_origins: vec!["https://app.example.com".into()],
            allowed_hosts: vec!["hub.lan:9000".into()],
            ..HttpConfig::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let uri = Uri::from_static("/mcp");
        check(named(&headers, &uri), &headers, &config)
    }

    #[test]
    fn our_own_names_pass() {
        for host in [
            "127.0.0.1:9001",
            "localhost",
            "[::1]:9000",
            "hub.example.com",
            "hub.lan",
        ] {
            assert_eq!(verdict(host, None), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_rebound_name_is_refused() {
        for host in [
            "evil.example:9001",
            "",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a@localhost",
        ] {
            assert_eq!(verdict(host, None), Err(Foreign::Host), "{host}");
        }
    }

    #[test]
    fn foreign_pages_are_refused() {
        assert_eq!(
            verdict("localhost", Some("https://app.example.com")),
            Ok(())
        );
        assert_eq!(verdict("localhost", Some("http://localhost:6274")), Ok(()));
        assert_eq!(
            verdict("hub.example.com", Some("https://hub.example.com")),
            Ok(())
        );
        assert_eq!(
            verdict("hub.example.com", Some("http://localhost:6274")),
            Err(Foreign::Origin)
        );
        for origin in [
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "x",
        ] {
            assert_eq!(
                verdict("localhost", Some(origin)),
                Err(Foreign::Origin),
                "{origin}"
            );
        }
    }
}
