//! One client a face, so that a test can be told three times.

use std::{
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering},
};

use serde_json::{Map, Value, json};

use super::{Hub, Sse};

/// A refused or failed call, alike on every face.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub code: String,
    pub message: String,
    pub problem: Value,
}

impl Refusal {
    pub fn of(problem: &Value) -> Self {
        let text = |keys: &[&str]| {
            keys.iter()
                .find_map(|k| problem.get(k)?.as_str())
                .unwrap_or_default()
                .to_owned()
        };
        Self {
            code: text(&["code"]),
            message: text(&["detail", "message"]),
            problem: problem.clone(),
        }
    }
}

pub type Called<'a> = Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send + 'a>>;

/// A way to call tools.
pub trait Face: Send + Sync {
    fn name(&self) -> &'static str;
    fn call<'a>(&'a self, server: &'a str, tool: &'a str, args: Value) -> Called<'a>;
}

/// REST.
pub struct Rest {
    pub http: reqwest::Client,
    pub main: String,
    pub token: String,
}

impl Face for Rest {
    fn name(&self) -> &'static str {
        "rest"
    }

    fn call<'a>(&'a self, server: &'a str, tool: &'a str, args: Value) -> Called<'a> {
        Box::pin(async move {
            let url = format!("{}/api/v1/servers/{server}/tools/{tool}", self.main);
            let response = self
                .http
                .post(url)
                .bearer_auth(&self.token)
                .json(&args)
                .send()
                .await
                .unwrap();
            let ok = response.status().is_success();
            let kind = response.headers()["content-type"]
                .to_str()
                .unwrap()
                .to_owned();
            let body: Value = response.json().await.unwrap();
            if ok {
                return Ok(body);
            }
            assert_eq!(kind, "application/problem+json");
            Err(Refusal::of(&body))
        })
    }
}

/// The result of `tools/call`, or its error.
pub fn outcome(message: &Value) -> Result<Value, Refusal> {
    if let Some(error) = message.get("error") {
        let code = format!("json_rpc_{}", error["code"]);
        return Err(Refusal {
            code,
            message: error["message"].as_str().unwrap_or_default().into(),
            problem: error.clone(),
        });
    }
    let result = &message["result"];
    if result["isError"] == true {
        assert!(
            result.get("structuredContent").is_none(),
            "errors carry no structuredContent"
        );
        let problem: Value =
            serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(problem, result["_meta"]["syndarix/error"]);
        return Err(Refusal::of(&problem));
    }
    Ok(result["structuredContent"].clone())
}

/// The JSON-RPC message with `id` in a streamable HTTP answer, which is JSON or an event stream.
pub async fn answer(response: reqwest::Response, id: u64) -> Value {
    let kind = response
        .headers()
        .get("content-type")
        .map(|v| v.to_str().unwrap().to_owned())
        .unwrap_or_default();
    let text = response.text().await.unwrap();
    if kind.starts_with("application/json") || kind.starts_with("application/problem+json") {
        return serde_json::from_str(&text).unwrap();
    }
    text.lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .filter_map(|data| serde_json::from_str::<Value>(data.trim()).ok())
        .find(|message| message["id"] == id)
        .unwrap_or_else(|| panic!("no answer to {id} in {text}"))
}

/// Streamable HTTP in a session (MCP 2025-11-25), one for each server.
pub struct Session {
    pub http: reqwest::Client,
    pub url: String,
    pub token: String,
    pub id: String,
    next: AtomicU64,
}

pub const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"it","version":"1"}}}"#;

impl Session {
    pub async fn open(http: &reqwest::Client, base: &str, token: &str) -> Self {
        Self::open_url(http, format!("{base}/mcp"), token).await
    }

    /// Opens a session at a URL with a query.
    pub async fn open_url(http: &reqwest::Client, url: String, token: &str) -> Self {
        let mut session = Self {
            http: http.clone(),
            url,
            token: token.into(),
            id: String::new(),
            next: AtomicU64::new(1),
        };
        let response = session.post(INITIALIZE.into()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        session.id = response.headers()["mcp-session-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(
            answer(response, 0).await["result"]["protocolVersion"],
            "2025-11-25"
        );
        let ready = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(
            session
                .post(ready.to_string())
                .send()
                .await
                .unwrap()
                .status(),
            202
        );
        session
    }

    pub fn post(&self, body: String) -> reqwest::RequestBuilder {
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body);
        if self.id.is_empty() {
            request
        } else {
            request.header("mcp-session-id", &self.id)
        }
    }

    pub async fn request(&self, method: &str, params: Value) -> Value {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        answer(self.post(message.to_string()).send().await.unwrap(), id).await
    }
}

/// Streamable HTTP without sessions (MCP 2026-07-28).
pub struct Stateless {
    pub http: reqwest::Client,
    pub url: String,
    pub token: String,
}

impl Stateless {
    pub fn post(&self, id: u64, method: &str, params: Value) -> reqwest::RequestBuilder {
        self.post_able(id, method, params, json!({}))
    }

    /// As a client with these capabilities.
    pub fn post_able(
        &self,
        id: u64,
        method: &str,
        mut params: Value,
        capabilities: Value,
    ) -> reqwest::RequestBuilder {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": "it", "version": "1"},
        });
        let name = ["name", "uri", "taskId"]
            .iter()
            .find_map(|key| params[key].as_str());
        let name = name.unwrap_or_default().to_owned();
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let request = self
            .http
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .json(&message);
        if name.is_empty() {
            request
        } else {
            request.header("mcp-name", name)
        }
    }

    pub async fn request(&self, method: &str, params: Value) -> Value {
        answer(self.post(1, method, params).send().await.unwrap(), 1).await
    }
}

/// All MCP endpoints of a hub by one transport.
pub struct Faces<T> {
    by_server: Map<String, Value>,
    open: tokio::sync::Mutex<std::collections::HashMap<String, std::sync::Arc<T>>>,
    http: reqwest::Client,
    token: String,
}

impl<T> Faces<T> {
    pub fn of(hub: &Hub, token: &str) -> Self {
        let by_server = hub
            .own
            .iter()
            .map(|(server, base)| (server.clone(), base.clone().into()))
            .collect();
        Self {
            by_server,
            open: tokio::sync::Mutex::default(),
            http: hub.http.clone(),
            token: token.into(),
        }
    }

    fn base(&self, server: &str) -> &str {
        self.by_server[server].as_str().unwrap()
    }
}

impl Face for Faces<Session> {
    fn name(&self) -> &'static str {
        "streamable http"
    }

    fn call<'a>(&'a self, server: &'a str, tool: &'a str, args: Value) -> Called<'a> {
        Box::pin(async move {
            let mut open = self.open.lock().await;
            if !open.contains_key(server) {
                let session = Session::open(&self.http, self.base(server), &self.token).await;
                open.insert(server.into(), session.into());
            }
            let session = open[server].clone();
            drop(open);
            outcome(
                &session
                    .request("tools/call", json!({"name": tool, "arguments": args}))
                    .await,
            )
        })
    }
}

impl Face for Faces<Stateless> {
    fn name(&self) -> &'static str {
        "streamable http, stateless"
    }

    fn call<'a>(&'a self, server: &'a str, tool: &'a str, args: Value) -> Called<'a> {
        Box::pin(async move {
            let url = format!("{}/mcp", self.base(server));
            let client = Stateless {
                http: self.http.clone(),
                url,
                token: self.token.clone(),
            };
            outcome(
                &client
                    .request("tools/call", json!({"name": tool, "arguments": args}))
                    .await,
            )
        })
    }
}

impl Face for Faces<Sse> {
    fn name(&self) -> &'static str {
        "sse"
    }

    fn call<'a>(&'a self, server: &'a str, tool: &'a str, args: Value) -> Called<'a> {
        Box::pin(async move {
            let mut open = self.open.lock().await;
            if !open.contains_key(server) {
                let stream = Sse::open(&self.http, self.base(server), &self.token).await;
                open.insert(server.into(), stream.into());
            }
            let stream = open[server].clone();
            drop(open);
            outcome(
                &stream
                    .request("tools/call", json!({"name": tool, "arguments": args}))
                    .await,
            )
        })
    }
}
