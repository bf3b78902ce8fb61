//! `[http]` and `[mcp]` of config.toml.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{hosts, proxies::Network};

/// `[http]`: the main port and what holds on every port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Address and port of REST, health and all servers under their prefixes.
    pub listen: String,
    /// The URL that clients use when a proxy stands in front, e.g. `https://hub.example.com`.
    pub public_url: Option<String>,
    /// Host names that requests may carry, beyond the addresses listened on and `public_url`.
    pub allowed_hosts: Vec<String>,
    /// Browser origins that may call, e.g. `https://app.example.com`. None by default.
    pub allowed_origins: Vec<String>,
    /// Addresses of proxies whose `X-Forwarded-Host` and `X-Forwarded-Prefix` are believed. None by default.
    pub trusted_proxies: Vec<Network>,
    /// Largest request body, in bytes.
    pub max_body_bytes: usize,
    /// Connections at the same time on each port.
    pub max_connections: usize,
    /// Requests worked on at the same time on all ports, and calls running at the same time. Open streams do not count.
    pub max_concurrent_requests: usize,
    /// Seconds that a client may take to send a request's headers, and then each piece of its body.
    pub header_timeout_s: u64,
    /// Seconds that running calls get when the hub stops.
    pub drain_s: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9000".into(),
            public_url: None,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_body_bytes: 8 * 1024 * 1024,
            max_connections: 4096,
            // The last of 512 is answered within two seconds as long as a call costs less than 4 ms of all processors.
            max_concurrent_requests: 512,
            header_timeout_s: 15,
            drain_s: 3,
        }
    }
}

impl HttpConfig {
    /// Whether what browsers send here stays between them and this hub: by https, or on this machine.
    pub fn is_safe_for_browsers(&self) -> bool {
        let local = |host: &str| hosts::is_loopback(host.trim_matches(['[', ']']));
        match &self.public_url {
            Some(url) => url.parse::<http::Uri>().is_ok_and(|uri| {
                uri.scheme_str() == Some("https") || uri.host().is_some_and(local)
            }),
            None => self
                .listen
                .rsplit_once(':')
                .is_some_and(|(host, _)| local(host)),
        }
    }
}

/// `[mcp]`: sessions and streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct McpConfig {
    /// Whether `/mcp` and `/sse` of the main port show three tools that find, describe and call all others instead of
    /// every tool. A URL with `?mode=full` or `?mode=light` decides otherwise.
    pub light: bool,
    /// Sessions and open SSE streams at the same time, for each server.
    pub max_sessions: usize,
    /// Sessions and open SSE streams at the same time for one token, for each server.
    pub max_sessions_per_token: usize,
    /// Seconds after which an unused session ends.
    pub session_idle_s: u64,
    /// Seconds between keep-alive comments on a stream.
    pub keep_alive_s: u64,
    /// Seconds after which a client that does not read its stream is cut off.
    pub stall_timeout_s: u64,
}

impl Default for McpConfig {
    fn default() -> Self {
        Self {
            light: false,
            max_sessions: 4096,
            max_sessions_per_token: 1024,
            session_idle_s: 1800,
            keep_alive_s: 15,
            stall_timeout_s: 30,
        }
    }
}
