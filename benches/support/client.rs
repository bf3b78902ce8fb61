//! A client for each transport that calls one tool again and again.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{
    hub::Hub,
    wire::{Events, Wire},
};

const ACCEPT: &str = "Accept: application/json, text/event-stream\r\n";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// The ways to call a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Rest,
    /// Streamable HTTP, MCP 2026-07-28.
    Stateless,
    /// Streamable HTTP with a session.
    Session,
    /// HTTP+SSE.
    Sse,
}

impl Transport {
    pub const ALL: [Self; 4] = [Self::Rest, Self::Stateless, Self::Session, Self::Sse];
    /// Those of any MCP server.
    pub const STREAMABLE: [Self; 2] = [Self::Stateless, Self::Session];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "REST",
            Self::Stateless => "streamable HTTP, stateless",
            Self::Session => "streamable HTTP, session",
            Self::Sse => "HTTP+SSE",
        }
    }
}

/// What is called, and where.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where MCP is served.
    pub mcp: SocketAddr,
    /// Where REST is served.
    pub rest: SocketAddr,
    pub token: Option<String>,
    pub server: &'static str,
    pub tool: &'static str,
    pub arguments: Value,
}

impl Target {
    /// A tool of a running hub, called as its first project and agent.
    pub fn of(hub: &Hub, server: &'static str, tool: &'static str) -> Self {
        let address = |url: &str| url.trim_start_matches("http://").parse().unwrap();
        Self {
            mcp: address(&hub.own[server]),
            rest: address(&hub.main),
            token: Some(hub.admin.clone()),
            server,
            tool,
            arguments: json!({"project_id": "default", "agent_id": "default"}),
        }
    }

    fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// `tools/call` in two parts, between which its id goes.
    fn message(&self, meta: Option<&Value>) -> (String, String) {
        let mut params = json!({"name": self.tool, "arguments": self.arguments});
        if let Some(meta) = meta {
            params["_meta"] = meta.clone();
        }
        (
            r#"{"jsonrpc":"2.0","id":"#.to_owned(),
            format!(r#","method":"tools/call","params":{params}}}"#),
        )
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Served,
    /// 429 or 503, with Retry-After.
    Shed,
}

/// An open connection, with its session.
pub struct Client {
    post: Wire,
    events: Option<Events>,
    message: (String, String),
    next: u64,
}

impl Client {
    pub async fn open(transport: Transport, target: &Target) -> Self {
        match transport {
            Transport::Rest => {
                let path = format!("/api/v1/servers/{}/tools/{}", target.server, target.tool);
                let post = Wire::connect(target.rest, &path, target.token(), "").await;
                let body = target.arguments.to_string();
                Self::new(post, None, (body, String::new()))
            }
            Transport::Stateless => {
                let headers = format!(
                    "{ACCEPT}MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: {}\r\n",
                    target.tool
                );
                let post = Wire::connect(target.mcp, "/mcp", target.token(), &headers).await;
                let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                                  "io.modelcontextprotocol/clientCapabilities": {},
                                  "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"}});
                Self::new(post, None, target.message(Some(&meta)))
            }
            Transport::Session => {
                let mut post = Wire::connect(target.mcp, "/mcp", target.token(), ACCEPT).await;
                let answer = post.post(INITIALIZE).await;
                let id = answer.header("mcp-session-id");
                let id = id.unwrap_or_else(|| panic!("{}{}", answer.head, answer.body));
                post.add_header(&format!("Mcp-Session-Id: {id}"));
                post.add_header("MCP-Protocol-Version: 2025-11-25");
                post.post(INITIALIZED).await;
                Self::new(post, None, target.message(None))
            }
            Transport::Sse => Self::stream(target).await.unwrap(),
        }
    }

    /// A stream of HTTP+SSE; the status where it is refused.
    pub async fn stream(target: &Target) -> Result<Self, u16> {
        let mut events = Events::open(target.mcp, "/sse", target.token()).await?;
        let path = events.next().await.unwrap();
        let mut post = Wire::connect(target.mcp, &path, target.token(), "").await;
        assert_eq!(post.post(INITIALIZE).await.status, 202);
        events.next().await.unwrap();
        assert_eq!(post.post(INITIALIZED).await.status, 202);
        Ok(Self::new(post, Some(events), target.message(None)))
    }

    fn new(post: Wire, events: Option<Events>, message: (String, String)) -> Self {
        Self {
            post,
            events,
            message,
            next: 0,
        }
    }

    /// Sends a call without waiting for what comes on the stream; the status.
    pub async fn send(&mut self) -> u16 {
        let body = self.body();
        self.post.post(&body).await.status
    }

    /// Calls the tool and waits for its result.
    pub async fn call(&mut self) -> Outcome {
        let body = self.body();
        let answer = self.post.post(&body).await;
        if matches!(answer.status, 429 | 503) {
            assert!(answer.header("retry-after").is_some(), "{}", answer.head);
            return Outcome::Shed;
        }
        let text = match &mut self.events {
            Some(events) => events.next().await.unwrap(),
            None => answer.body,
        };
        let served = answer.status < 300 && (self.is_rest() || text.contains("structuredContent"));
        assert!(served, "{}{text}", answer.head);
        Outcome::Served
    }

    /// REST has no id to put between two parts.
    fn is_rest(&self) -> bool {
        self.message.1.is_empty()
    }

    fn body(&mut self) -> String {
        let (before, after) = &self.message;
        self.next += 1;
        if self.is_rest() {
            return before.clone();
        }
        format!("{before}{}{after}", self.next)
    }
}
