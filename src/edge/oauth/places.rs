//! Which URL is which place: a client names an endpoint by the URL that it uses.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, PoisonError, RwLock},
};

use http::Uri;

use crate::{
    access::{Place, ServerId},
    edge::{HttpConfig, hosts},
};

/// The hub's URLs, once its ports are bound.
#[derive(Debug)]
pub struct Places {
    http: Arc<HttpConfig>,
    ports: RwLock<Ports>,
}

#[derive(Debug, Default)]
struct Ports {
    main: Option<SocketAddr>,
    own: BTreeMap<ServerId, u16>,
}

impl Places {
    /// Those of a hub with no ports yet.
    pub fn new(http: &Arc<HttpConfig>) -> Self {
        Self {
            http: Arc::clone(http),
            ports: RwLock::default(),
        }
    }

    /// The main port listens there.
    pub fn set_main(&self, address: SocketAddr) {
        let mut ports = self.ports.write().unwrap_or_else(PoisonError::into_inner);
        ports.main = Some(address);
    }

    /// A server's own port listens there.
    pub fn set_own(&self, server: ServerId, address: SocketAddr) {
        let mut ports = self.ports.write().unwrap_or_else(PoisonError::into_inner);
        ports.own.insert(server, address.port());
    }

    /// The URL that the hub's own authorization server goes by, whatever URL it is asked at.
    pub fn issuer(&self) -> String {
        if let Some(public) = &self.http.public_url {
            return public.trim_end_matches('/').to_owned();
        }
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        match ports.main {
            Some(main) => format!("http://{main}"),
            None => format!("http://{}", self.http.listen),
        }
    }

    /// The place that `url` means.
    pub fn find(&self, url: &str) -> Option<Place> {
        if url.contains(['#', '?', '\\']) {
            return None;
        }
        let uri: Uri = url.parse().ok()?;
        let default = match uri.scheme_str()? {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let (host, port) = (uri.authority()?.as_str(), uri.port_u16().unwrap_or(default));
        if hosts::is_public_host(host, &self.http) && self.public_port() == Some(port) {
            let prefix = self.http.public_url.as_deref()?.parse::<Uri>().ok()?;
            let path = uri
                .path()
                .strip_prefix(prefix.path().trim_end_matches('/'))?;
            return endpoint(None, path);
        }
        if !hosts::is_own_host(host, &self.http) {
            return None;
        }
        let ports = self.ports.read().unwrap_or_else(PoisonError::into_inner);
        if ports.main.is_some_and(|main| main.port() == port) {
            return endpoint(None, uri.path());
        }
        let own = ports.own.iter().find(|(_, own)| **own == port);
        own.and_then(|(server, _)| endpoint(Some(*server), uri.path()))
    }

    fn public_port(&self) -> Option<u16> {
        let public: Uri = self.http.public_url.as_deref()?.parse().ok()?;
        let default = if public.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        Some(public.port_u16().unwrap_or(default))
    }
}

/// The place whose URL ends in `path`, on the main port or the `own` port of a server.
pub fn endpoint(own: Option<ServerId>, path: &str) -> Option<Place> {
    let path = path.strip_suffix('/').unwrap_or(path);
    match (own, path.strip_prefix('/')) {
        (None, None) if path.is_empty() => Some(Place::Hub),
        (Some(server), None) if path.is_empty() => Some(Place::Server(server)),
        (None, Some("mcp" | "sse")) => Some(Place::All),
        (Some(server), Some("mcp" | "sse")) => Some(Place::Server(server)),
        (None, Some(rest)) => match rest.split_once('/') {
            Some((server, "mcp" | "sse")) => ServerId::parse(server).map(Place::Server),
            _ => None,
        },
        _ => None,
    }
}

/// The place of a request for `path`.
pub fn of_request(own: Option<ServerId>, path: &str) -> Place {
    let place = match path.strip_suffix("/messages") {
        // A stream's messages are part of it.
        Some(prefix) => match (own, prefix.strip_prefix('/')) {
            (Some(server), None) if prefix.is_empty() => Some(Place::Server(server)),
            (None, None) if prefix.is_empty() => Some(Place::All),
            (None, Some(server)) => ServerId::parse(server).map(Place::Server),
            _ => None,
        },
        None if path == "/" => None,
        None => endpoint(own, path),
    };
    place.unwrap_or(Place::Hub)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(public_url: Option<&str>) -> Places {
        let places = Places::new(&Arc::new(HttpConfig {
            public_url: public_url.map(str::to_owned),
            // Whatever a request may be called by, a URL means a place by the names that are known.
            allowed_hosts: vec!["hub.lan".into(), "*".into()],
            ..HttpConfig::default()
        }));
        places.set_main("127.0.0.1:9000".parse().unwrap());
        places.set_own(ServerId::Issues, "127.0.0.1:9004".parse().unwrap());
        places
    }

    #[test]
    fn a_url_means_a_place_by_its_port_and_path() {
        let of = |url: &str| places(None).find(url);
        let issues = Some(Place::Server(ServerId::Issues));
        for url in [
            "http://127.0.0.1:9004/mcp",
            "http://localhost:9004/sse",
            "http://hub.lan:9004/mcp/",
            "http://127.0.0.1:9000/issues/mcp",
            "http://127.0.0.1:9004",
        ] {
            assert_eq!(of(url), issues, "{url}");
        }
        assert_eq!(of("http://127.0.0.1:9000/mcp"), Some(Place::All));
        assert_eq!(of("http://127.0.0.1:9000"), Some(Place::Hub));
        assert_eq!(of("http://127.0.0.1:9000/"), Some(Place::Hub));
        for url in [
            "http://127.0.0.1:9005/mcp",
            "http://evil.example:9004/mcp",
            "http://evil.example@127.0.0.1:9004/mcp",
            "http://127.0.0.1:9004/mcp#x",
            "http://127.0.0.1:9004/mcp?x",
            "http://127.0.0.1:9004/issues/mcp",
            "http://127.0.0.1:9000/nothing/mcp",
            "ftp://127.0.0.1:9004/mcp",
            "/mcp",
            "",
        ] {
            assert_eq!(of(url), None, "{url}");
        }
    }

    #[test]
    fn the_public_url_counts_as_clients_write_it() {
        let places = places(Some("https://hub.example.com/base/"));
        let of = |url: &str| places.find(url);
        assert_eq!(places.issuer(), "https://hub.example.com/base");
        assert_eq!(of("https://hub.example.com/base"), Some(Place::Hub));
        assert_eq!(of("https://hub.example.com/base/mcp"), Some(Place::All));
        let git = Some(Place::Server(ServerId::Git));
        assert_eq!(of("https://hub.example.com/base/git/mcp"), git);
        assert_eq!(of("https://HUB.example.com:443/base/git/mcp"), git);
        assert_eq!(of("https://hub.example.com/git/mcp"), None);
        assert_eq!(of("https://hub.example.com:8443/base/git/mcp"), None);
        assert_eq!(of("http://localhost:9000/git/mcp"), git);
    }

    #[test]
    fn a_request_belongs_to_its_endpoint_and_everything_else_to_the_hub() {
        let of = of_request;
        assert_eq!(of(None, "/git/messages"), Place::Server(ServerId::Git));
        assert_eq!(of(None, "/messages"), Place::All);
        assert_eq!(
            of(Some(ServerId::Git), "/mcp"),
            Place::Server(ServerId::Git)
        );
        for path in [
            "/api/v1/projects",
            "/",
            "/v1/models",
            "/mcp/x",
            "/x/mcp",
            "/x/messages",
            "/a/git/messages",
        ] {
            assert_eq!(of(None, path), Place::Hub, "{path}");
        }
        assert_eq!(of(Some(ServerId::LlmGateway), "/v1/models"), Place::Hub);
    }

    proptest::proptest! {
        #[test]
        fn any_url_is_taken(url in "(https?://)?[\\PC]{0,40}") { places(None).find(&url); }
    }
}
