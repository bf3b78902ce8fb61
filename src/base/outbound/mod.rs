//! Going out to addresses that callers name, without being led where only the hub can go (SSRF).
//!
//! Every name is resolved here, every address it has is checked, and the connection goes to what was checked: no second
//! answer of the DNS, and no redirect, leads elsewhere.

pub mod address;
mod post;
#[cfg(test)]
mod tests;
mod wait;

use std::{net::SocketAddr, time::Duration};

use address::{Class, class};
pub use post::{Answered, Receiver};
use reqwest::{Client, Response, StatusCode, Url, header};
pub use wait::retry_after;

/// Redirects that are followed.
const MOST_HOPS: usize = 5;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// What may be fetched.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Where private addresses are meant, as `host:port`.
    pub allowed_private: Vec<String>,
    /// Largest body, in bytes.
    pub max_bytes: u64,
    /// For everything, redirects included.
    pub deadline: Duration,
}

/// What was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The body.
    pub bytes: Vec<u8>,
    /// What the server says of it: `Content-Type`.
    pub content_type: Option<String>,
    /// Where it was in the end.
    pub url: String,
}

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no address that can be fetched.
    #[error("is no http:// or https:// address ({0})")]
    Url(String),
    /// It is not encrypted, and leads to where that matters.
    #[error("must begin with https://: http:// is for addresses in allowed_private")]
    Plain,
    /// It has a user name or password.
    #[error("has credentials in it: they would be stored and shown; leave them out")]
    Credentials,
    /// It leads to where only the hub itself can go.
    #[error("leads to {0}, which is not fetched: {1}")]
    Address(String, &'static str),
    /// It sends on to another address, and that one to another.
    #[error("redirects more than {MOST_HOPS} times")]
    Hops,
    /// It sends from an encrypted address to one that is not.
    #[error("redirects from https to http")]
    Downgrade,
    /// The server does not have it.
    #[error("is answered with HTTP status {0}")]
    Status(u16),
    /// The body is too large.
    #[error("has more than {0} bytes")]
    TooLarge(u64),
    /// It took too long.
    #[error("is not answered within {0} s")]
    TimedOut(u64),
    /// Nobody answers there.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
}

/// Fetches what is at `url`.
pub async fn fetch(policy: &Policy, url: &str) -> Result<Fetched, Refused> {
    tokio::time::timeout(policy.deadline, follow(policy, url))
        .await
        .unwrap_or(Err(Refused::TimedOut(policy.deadline.as_secs())))
}

async fn follow(policy: &Policy, url: &str) -> Result<Fetched, Refused> {
    let mut url = Url::parse(url).map_err(|error| Refused::Url(error.to_string()))?;
    for _ in 0..=MOST_HOPS {
        let response = get(policy, &url).await?;
        if !response.status().is_redirection() {
            return body(policy, url, response).await;
        }
        let to = response.headers().get(header::LOCATION);
        let to = to
            .and_then(|to| to.to_str().ok())
            .ok_or(Refused::Status(response.status().as_u16()))?;
        let next = url
            .join(to)
            .map_err(|error| Refused::Url(error.to_string()))?;
        if url.scheme() == "https" && next.scheme() == "http" {
            return Err(Refused::Downgrade);
        }
        url = next;
    }
    Err(Refused::Hops)
}

/// Somewhere that may be gone to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The address as it was given.
    pub url: Url,
    /// Its host, an IPv6 address in brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Where exactly it may be gone to: to nothing else that the host's name may mean.
    pub addresses: Vec<SocketAddr>,
}

/// Whether `url` may be gone to: for whoever goes there by other means than [`fetch`].
pub async fn check(allowed_private: &[String], url: &str) -> Result<Target, Refused> {
    let url = Url::parse(url).map_err(|error| Refused::Url(error.to_string()))?;
    target(allowed_private, url).await
}

async fn target(allowed_private: &[String], url: Url) -> Result<Target, Refused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Url(format!("it begins with {}:", url.scheme())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Credentials);
    }
    let host = url
        .host_str()
        .ok_or_else(|| Refused::Url("it names no host".to_owned()))?;
    let port = url.port_or_known_default().unwrap_or(443);
    Ok(Target {
        addresses: resolve(allowed_private, host, port).await?,
        host: host.to_owned(),
        port,
        url,
    })
}

/// One request to exactly the address in `url`.
async fn get(policy: &Policy, url: &Url) -> Result<Response, Refused> {
    let target = target(&policy.allowed_private, url.clone()).await?;
    client(&target.host, &target.addresses)
        .map_err(|error| unreachable(&error))?
        .get(target.url)
        .send()
        .await
        .map_err(|error| unreachable(&error))
}

/// The addresses of `host` that may be gone to at `port`.
pub async fn resolve(
    allowed_private: &[String],
    host: &str,
    port: u16,
) -> Result<Vec<SocketAddr>, Refused> {
    let meant = format!("{host}:{port}");
    let meant = allowed_private
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(&meant));
    // An IPv6 address stands in brackets.
    let name = host.trim_matches(['[', ']']);
    let found = tokio::net::lookup_host((name, port))
        .await
        .map_err(|_| Refused::Unreachable(format!("the name {name} is not known")))?;
    let (mut allowed, mut refused) = (Vec::new(), None);
    for address in found {
        match class(address.ip()) {
            Class::Never => refused = Some("nothing is served at such an address"),
            Class::Private if !meant => {
                refused = Some("the hub's operator can allow it in allowed_private");
            }
            Class::Private | Class::Public => allowed.push(address),
        }
    }
    match refused {
        Some(why) if allowed.is_empty() => {
            Err(Refused::Address(format!("a private address ({host})"), why))
        }
        _ if allowed.is_empty() => Err(Refused::Unreachable(format!("{name} has no address"))),
        _ => Ok(allowed),
    }
}

fn client(host: &str, addresses: &[SocketAddr]) -> reqwest::Result<Client> {
    // Fails when it is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("syndarix/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        .connect_timeout(CONNECT)
        .resolve_to_addrs(host, addresses)
        .build()
}

async fn body(policy: &Policy, url: Url, mut response: Response) -> Result<Fetched, Refused> {
    if response.status() != StatusCode::OK {
        return Err(Refused::Status(response.status().as_u16()));
    }
    let too_large = Refused::TooLarge(policy.max_bytes);
    if response
        .content_length()
        .is_some_and(|length| length > policy.max_bytes)
    {
        return Err(too_large);
    }
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type
        .and_then(|of| of.to_str().ok())
        .map(str::to_owned);
    let mut bytes = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unreachable(&error))?
    {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > policy.max_bytes {
            return Err(too_large);
        }
    }
    Ok(Fetched {
        bytes,
        content_type,
        url: url.into(),
    })
}

fn unreachable(error: &reqwest::Error) -> Refused {
    Refused::Unreachable(if error.is_connect() {
        "no connection can be made".to_owned()
    } else if error.is_timeout() {
        "it does not answer in time".to_owned()
    } else {
        "the connection broke, or what answers is no HTTP server".to_owned()
    })
}
