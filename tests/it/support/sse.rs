//! A client of HTTP+SSE (MCP 2024-11-05).

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::faces::INITIALIZE;

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Value>>>>;

pub struct Sse {
    http: reqwest::Client,
    /// Where messages are posted.
    pub messages: String,
    token: String,
    waiting: Waiting,
    next: AtomicU64,
    reader: JoinHandle<()>,
    /// Notifications, as they come.
    pub notifications: Arc<Mutex<Vec<Value>>>,
}

impl Drop for Sse {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Sse {
    /// Opens a stream and initializes.
    pub async fn open(http: &reqwest::Client, base: &str, token: &str) -> Self {
        Self::open_url(http, &format!("{base}/sse"), token).await
    }

    /// Opens a stream at a URL with a query, and initializes.
    pub async fn open_url(http: &reqwest::Client, url: &str, token: &str) -> Self {
        let sse = Self::connect_url(http, url, token).await;
        let answer = sse.send(0, INITIALIZE.into()).await;
        assert!(
            answer["result"]["serverInfo"]["name"].is_string(),
            "{answer}"
        );
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(sse.post(&sse.token, ready.to_string()).await, 202);
        sse
    }

    /// Opens a stream only.
    pub async fn connect(http: &reqwest::Client, base: &str, token: &str) -> Self {
        Self::connect_url(http, &format!("{base}/sse"), token).await
    }

    async fn connect_url(http: &reqwest::Client, url: &str, token: &str) -> Self {
        let response = http.get(url).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let waiting: Waiting = Arc::default();
        let notifications: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (named, mut endpoint) = mpsc::channel(1);
        let (answers, said) = (Arc::clone(&waiting), Arc::clone(&notifications));
        let reader = tokio::spawn(async move {
            let mut body = response.bytes_stream();
            let mut text = String::new();
            while let Some(Ok(chunk)) = body.next().await {
                text.push_str(std::str::from_utf8(&chunk).unwrap());
                while let Some((event, rest)) = text
                    .split_once("\n\n")
                    .map(|(e, r)| (e.to_owned(), r.to_owned()))
                {
                    text = rest;
                    let field = |name: &str| {
                        event
                            .lines()
                            .find_map(|l| l.strip_prefix(name))
                            .map(str::trim)
                    };
                    match (field("event:"), field("data:")) {
                        (Some("endpoint"), Some(path)) => {
                            named.send(path.to_owned()).await.unwrap()
                        }
                        (Some("message"), Some(data)) => {
                            let message: Value = serde_json::from_str(data).unwrap();
                            match message["id"]
                                .as_u64()
                                .and_then(|id| answers.lock().unwrap().remove(&id))
                            {
                                Some(answer) => drop(answer.send(message)),
                                None => said.lock().unwrap().push(message),
                            }
                        }
                        _ => {}
                    }
                }
            }
            answers.lock().unwrap().clear();
        });
        let path = endpoint.recv().await.unwrap();
        let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        Self {
            http: http.clone(),
            messages: format!("{origin}{path}"),
            token: token.into(),
            waiting,
            next: AtomicU64::new(1),
            reader,
            notifications,
        }
    }

    /// Posts a message; the status.
    pub async fn post(&self, token: &str, body: String) -> u16 {
        let request = self
            .http
            .post(&self.messages)
            .bearer_auth(token)
            .header("content-type", "application/json");
        request.body(body).send().await.unwrap().status().as_u16()
    }

    async fn send(&self, id: u64, body: String) -> Value {
        let (answer, answered) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id, answer);
        assert_eq!(self.post(&self.token, body).await, 202);
        let patience = std::time::Duration::from_secs(60);
        tokio::time::timeout(patience, answered)
            .await
            .unwrap()
            .unwrap()
    }

    /// Whether the hub has ended the stream.
    pub fn is_over(&self) -> bool {
        self.reader.is_finished()
    }

    pub async fn request(&self, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(
            id,
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string(),
        )
        .await
    }
}
