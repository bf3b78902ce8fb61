//! A receiver of webhooks.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;

use super::eventually;

/// What was posted.
#[derive(Clone, Debug)]
pub struct Posted {
    pub headers: HeaderMap,
    pub body: String,
}

impl Posted {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// How many of its signatures are by `secret`, worked out here anew, of how many.
    pub fn signed_by(&self, secret: &str) -> (usize, usize) {
        let key = BASE64_STANDARD.decode(&secret["whsec_".len()..]).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let signed = format!(
            "{}.{}.{}",
            self.id(),
            self.header("webhook-timestamp"),
            self.body
        );
        mac.update(signed.as_bytes());
        let own = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        let all: Vec<&str> = self.header("webhook-signature").split(' ').collect();
        (all.iter().filter(|one| **one == own).count(), all.len())
    }
}

#[derive(Default)]
struct Seen {
    posted: Vec<Posted>,
    answers: VecDeque<(u16, Option<(&'static str, String)>)>,
    delay: Duration,
}

/// Takes what is posted to it, and answers as it is told, else with 204.
#[derive(Clone)]
pub struct Receiver {
    /// `host:port`.
    pub at: String,
    seen: Arc<Mutex<Seen>>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let seen = Arc::<Mutex<Seen>>::default();
        let router = Router::new().fallback(take).with_state(Arc::clone(&seen));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { at, seen }
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?key=s3cret-of-the-url", self.at)
    }

    /// Answers the next request so, with one more header perhaps.
    pub fn answer(&self, status: u16, header: Option<(&'static str, String)>) {
        self.seen
            .lock()
            .unwrap()
            .answers
            .push_back((status, header));
    }

    /// Answers each request only after so long.
    pub fn slow(&self, delay: Duration) {
        self.seen.lock().unwrap().delay = delay;
    }

    pub fn posted(&self) -> Vec<Posted> {
        self.seen.lock().unwrap().posted.clone()
    }

    /// What was posted, once there are `count`.
    pub async fn wait(&self, count: usize) -> Vec<Posted> {
        let what = format!("{count} requests");
        eventually(&what, || async { self.posted().len() >= count }).await;
        self.posted()
    }
}

async fn take(
    State(seen): State<Arc<Mutex<Seen>>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, HeaderMap) {
    let (answer, delay) = {
        let mut seen = seen.lock().unwrap();
        seen.posted.push(Posted { headers, body });
        (seen.answers.pop_front(), seen.delay)
    };
    tokio::time::sleep(delay).await;
    let (status, header) = answer.unwrap_or((204, None));
    let mut headers = HeaderMap::new();
    if let Some((name, value)) = header {
        headers.insert(name, value.parse().unwrap());
    }
    (StatusCode::from_u16(status).unwrap(), headers)
}
