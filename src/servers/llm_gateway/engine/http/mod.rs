//! One provider over HTTP: where it is, how to get in, and how long to wait.

pub mod address;
pub mod refusal;
#[cfg(test)]
pub mod script;
#[cfg(test)]
mod tests;

use std::{error::Error, sync::OnceLock, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Url;

use self::address::{Denied, Reach, Resolver};
use super::{
    failure::{Failure, Kind},
    secret::{Keeper, Secret},
};

/// Largest answer that comes whole, in bytes.
const MAX_WHOLE: usize = 64 << 20;
/// Largest error that is read, in bytes.
const MAX_ERROR: usize = 1 << 20;
/// How long connections wait for the next request.
const POOL_IDLE: Duration = Duration::from_secs(60);
/// How long the end of a body is waited for once its stream has said that it is whole, so that the connection can be used again.
pub const LINGER: Duration = Duration::from_millis(250);

/// Headers that are between the hub and its callers, or the hub and its providers, and never go through.
const OWN: [&str; 10] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "cookie",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "expect",
];

/// How long to wait for a provider.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the beginning of its answer, which an answer that is no stream has only at its end.
    pub first_byte: Duration,
    /// For more of it.
    pub idle: Duration,
}

/// How a provider wants its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer …`
    Bearer,
    /// `x-api-key`, and which version of its interface is meant.
    Anthropic,
}

/// A provider's address and key.
#[derive(Debug)]
pub struct Http {
    base: Url,
    auth: Auth,
    keeper: Keeper,
    timeouts: Timeouts,
    reach: Reach,
    /// Built at first use: TLS roots take time to load.
    client: OnceLock<reqwest::Client>,
}

impl Http {
    pub fn new(base: Url, auth: Auth, keeper: Keeper, timeouts: Timeouts, reach: Reach) -> Self {
        Self {
            base,
            auth,
            keeper,
            timeouts,
            reach,
            client: OnceLock::new(),
        }
    }

    /// Sends `body` to `path` below the base, and answers with the head of the provider's answer where that is a success.
    pub async fn post(
        &self,
        path: &str,
        body: Bytes,
        headers: HeaderMap,
    ) -> Result<Answer, Failure> {
        let key = self.keeper.key()?;
        let headers = self.headers(headers, key.as_ref())?;
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        let request = self.client()?.post(url).headers(headers).body(body);
        let most = self.timeouts.connect + self.timeouts.first_byte;
        let response = tokio::time::timeout(most, request.send())
            .await
            .map_err(|_| Failure::new(Kind::TimedOut, "it did not begin to answer in time"))?
            .map_err(|error| of_transport(&error))?;
        let status = response.status();
        let mut answer = Answer {
            response,
            key,
            idle: self.timeouts.idle,
        };
        if status.is_success() {
            return Ok(answer);
        }
        let headers = answer.headers().clone();
        let body = answer.read(MAX_ERROR).await.unwrap_or_default();
        let body = String::from_utf8_lossy(&body);
        Err(refusal::of_answer(
            status.as_u16(),
            &headers,
            &body,
            answer.key(),
        ))
    }

    fn headers(&self, mut headers: HeaderMap, key: Option<&Secret>) -> Result<HeaderMap, Failure> {
        for name in OWN {
            headers.remove(name);
        }
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if self.auth == Auth::Anthropic {
            headers
                .entry("anthropic-version")
                .or_insert(HeaderValue::from_static("2023-06-01"));
        }
        if let Some(key) = key {
            let (name, value) = match self.auth {
                Auth::Bearer => (header::AUTHORIZATION, format!("Bearer {}", key.reveal())),
                Auth::Anthropic => (
                    HeaderName::from_static("x-api-key"),
                    key.reveal().to_owned(),
                ),
            };
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                Failure::new(Kind::Credentials, "its key has characters that no key has")
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        Ok(headers)
    }

    fn client(&self) -> Result<&reqwest::Client, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = build(self.timeouts.connect, self.reach)
            .build()
            .map_err(|error| no_client(&error))?;
        Ok(self.client.get_or_init(|| client))
    }
}

/// A client that goes nowhere but where it is sent.
pub fn build(connect_timeout: Duration, reach: Reach) -> reqwest::ClientBuilder {
    // Fails when it is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("syndarix/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .http1_only()
        // A relayed answer is to be the provider's own bytes.
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .tcp_nodelay(true)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .dns_resolver(Resolver(reach))
}

/// Why [`build`] did not lead to a client.
pub fn no_client(error: &reqwest::Error) -> Failure {
    Failure::new(
        Kind::Broken,
        format!("no HTTP client can be built: {error}"),
    )
}

/// A provider's answer, whose head has come.
#[derive(Debug)]
pub struct Answer {
    response: reqwest::Response,
    key: Option<Secret>,
    idle: Duration,
}

impl Answer {
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The key that it was asked with, which must not be in what is passed on.
    pub fn key(&self) -> Option<&Secret> {
        self.key.as_ref()
    }

    /// The next bytes.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let chunk = tokio::time::timeout(self.idle, self.response.chunk()).await;
        chunk
            .map_err(|_| {
                Failure::new(Kind::TimedOut, "it fell silent in the middle of its answer")
            })?
            .map_err(|error| of_transport(&error))
    }

    /// All of it.
    pub async fn whole(&mut self) -> Result<Bytes, Failure> {
        self.read(MAX_WHOLE).await
    }

    /// Waits for the end of a body whose content has ended.
    pub async fn linger(&mut self) {
        let rest = async { while let Ok(Some(_)) = self.chunk().await {} };
        let _ = tokio::time::timeout(LINGER, rest).await;
    }

    async fn read(&mut self, most: usize) -> Result<Bytes, Failure> {
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        let mut all: Option<BytesMut> = None;
        while let Some(chunk) = self.chunk().await? {
            let all = all.get_or_insert_with(|| first.as_ref().into());
            all.extend_from_slice(&chunk);
            if all.len() > most {
                return Err(Failure::new(Kind::Broken, "its answer is too large"));
            }
        }
        Ok(all.map_or(first, BytesMut::freeze))
    }
}

/// A connection that failed, in words without an address.
pub fn of_transport(error: &reqwest::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(denied) = error.downcast_ref::<Denied>() {
            return Failure::new(Kind::Broken, denied.to_string());
        }
        cause = error.source();
    }
    if error.is_timeout() {
        Failure::new(Kind::TimedOut, "it did not answer in time")
    } else if error.is_connect() {
        Failure::new(Kind::Broken, "it cannot be reached")
    } else {
        Failure::new(Kind::Truncated, "the connection broke")
    }
}
