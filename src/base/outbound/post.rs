//! Sending to an address that a caller names.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::{Client, Url, header};

use super::{Refused, client, retry_after, target, unreachable};

/// Of an answer's body so much is read, so that whoever answers can end; nothing of it is kept.
const MOST_READ: usize = 4096;

/// An address that may be sent to: checked, and pinned for as long as this lives.
#[derive(Debug, Clone)]
pub struct Receiver {
    client: Client,
    url: Url,
}

/// What came back, but for its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// The status: a redirect is not followed.
    pub status: StatusCode,
    /// When to come again, if it says so.
    pub retry_after: Option<Duration>,
}

impl Receiver {
    /// Whether `url` may be sent to: by https, or by http where a private address is meant, as `host:port`.
    pub async fn open(allowed_private: &[String], url: &str) -> Result<Self, Refused> {
        let url = Url::parse(url).map_err(|error| Refused::Url(error.to_string()))?;
        let meant = url.host_str().is_some_and(|host| {
            let at = format!("{host}:{}", url.port_or_known_default().unwrap_or(80));
            let mut allowed = allowed_private.iter();
            allowed.any(|allowed| allowed.eq_ignore_ascii_case(&at))
        });
        if url.scheme() == "http" && !meant {
            return Err(Refused::Plain);
        }
        let target = target(allowed_private, url).await?;
        Ok(Self {
            client: client(&target.host, &target.addresses).map_err(|error| unreachable(&error))?,
            url: target.url,
        })
    }

    /// Posts `body`, which is JSON.
    pub async fn post(&self, headers: HeaderMap, body: String) -> Result<Answered, Refused> {
        let request = self.client.post(self.url.clone()).headers(headers);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let mut response = request
            .body(body)
            .send()
            .await
            .map_err(|error| unreachable(&error))?;
        let answered = Answered {
            status: response.status(),
            retry_after: retry_after(response.headers()),
        };
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await
            && read < MOST_READ
        {
            read += chunk.len();
        }
        Ok(answered)
    }
}
