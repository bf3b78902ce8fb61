//! A client of the hub's authorization server, and the browser of whoever it asks.

use std::collections::HashMap;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use reqwest::{Response, Url};
use serde_json::{Value, json};

use crate::support::{Hub, Settings};

pub const REDIRECT: &str = "http://127.0.0.1:7777/callback";
pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-0";

/// Settings of a hub that gives out access tokens.
pub fn settings() -> Settings {
    Settings::default().extra("[auth.oauth]\nenabled = true\n")
}

pub fn challenge(verifier: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, verifier.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(hash)
}

/// The page, as its form would be sent.
pub struct Page {
    pub html: String,
    pub ticket: String,
    pub cookie: String,
}

/// A client that asks `hub` for access to the endpoint at `resource`.
pub struct Client<'a> {
    pub hub: &'a Hub,
    pub id: String,
    pub resource: String,
    http: reqwest::Client,
}

impl<'a> Client<'a> {
    /// A client that has registered itself.
    pub async fn new(hub: &'a Hub, resource: &str) -> Self {
        let client = Self {
            hub,
            id: String::new(),
            resource: resource.to_owned(),
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap(),
        };
        let (status, made) = client
            .register(json!({"client_name": "It", "redirect_uris": [REDIRECT]}))
            .await;
        assert_eq!(status, 201, "{made}");
        let id = made["client_id"].as_str().unwrap().to_owned();
        Self { id, ..client }
    }

    pub async fn register(&self, wanted: Value) -> (u16, Value) {
        let url = format!("{}/oauth/register", self.hub.main);
        let response = self.http.post(url).json(&wanted).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// What it asks with, as its URL's parameters.
    pub fn question(&self) -> HashMap<&'static str, String> {
        HashMap::from([
            ("response_type", "code".to_owned()),
            ("client_id", self.id.clone()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("state", "xyz".to_owned()),
            ("code_challenge", challenge(VERIFIER)),
            ("code_challenge_method", "S256".to_owned()),
            ("resource", self.resource.clone()),
        ])
    }

    /// Opens the page.
    pub async fn ask(&self, question: &HashMap<&str, String>) -> Response {
        let url = format!("{}/oauth/authorize", self.hub.main);
        let url = format!("{url}?{}", encoded(question));
        self.http.get(url).send().await.unwrap()
    }

    pub async fn page(&self) -> Page {
        let response = self.ask(&self.question()).await;
        assert_eq!(response.status(), 200);
        let cookie = response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(cookie.contains("HttpOnly; SameSite=Lax"), "{cookie}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "form-action 'self' http://127.0.0.1:7777",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        let html = response.text().await.unwrap();
        let (_, rest) = html.split_once("name=ticket value=\"").unwrap();
        let ticket = rest.split_once('"').unwrap().0.to_owned();
        Page {
            ticket,
            cookie: cookie.split_once(';').unwrap().0.to_owned(),
            html,
        }
    }

    /// Sends the form, with everything ticked that is ticked on the page.
    pub async fn answer(
        &self,
        page: &Page,
        fields: &[(&str, &str)],
        origin: Option<&str>,
    ) -> Response {
        let mut form: Vec<(&str, &str)> = vec![("ticket", &page.ticket)];
        let ticked = page.html.split("name=scope value=\"").skip(1);
        let ticked: Vec<&str> = ticked.map(|rest| rest.split_once('"').unwrap().0).collect();
        if !fields.iter().any(|(name, _)| *name == "scope") {
            form.extend(ticked.iter().map(|scope| ("scope", *scope)));
        }
        form.extend_from_slice(fields);
        if !fields.iter().any(|(name, _)| *name == "answer") {
            form.push(("answer", "allow"));
        }
        let mut request = posted(
            &self.http,
            format!("{}/oauth/authorize", self.hub.main),
            &form,
        );
        if !page.cookie.is_empty() {
            request = request.header("cookie", &page.cookie);
        }
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.send().await.unwrap()
    }

    /// A code that whoever has `token` agreed to.
    pub async fn code(&self, token: &str) -> String {
        let page = self.page().await;
        let response = self
            .answer(&page, &[("token", token)], Some(&self.hub.main))
            .await;
        let sent = redirected(&response);
        assert_eq!((&*sent["state"], &sent["iss"]), ("xyz", &self.hub.main));
        sent["code"].clone()
    }

    /// What the token endpoint answers.
    pub async fn exchange(&self, form: &[(&str, &str)]) -> (u16, Value) {
        exchange(self.hub, form).await
    }

    pub async fn redeem(&self, code: &str) -> (u16, Value) {
        self.exchange(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", &self.resource),
        ])
        .await
    }

    pub async fn refresh(&self, token: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", &self.id),
        ];
        self.exchange(&form).await
    }

    /// Access and refresh token for whoever has `token`.
    pub async fn dance(&self, token: &str) -> (String, String) {
        let (status, issued) = self.redeem(&self.code(token).await).await;
        assert_eq!(status, 200, "{issued}");
        tokens(&issued)
    }
}

pub async fn exchange(hub: &Hub, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("{}/oauth/token", hub.main);
    let response = posted(&hub.http, url, form).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status().as_u16(), response.json().await.unwrap())
}

fn encoded<K: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (K, V)>) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// A form on its way.
pub fn posted(
    http: &reqwest::Client,
    url: String,
    form: &[(&str, &str)],
) -> reqwest::RequestBuilder {
    http.post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded(form.iter().copied()))
}

pub fn tokens(issued: &Value) -> (String, String) {
    let text = |name: &str| issued[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

/// The parameters that the client is sent.
pub fn redirected(response: &Response) -> HashMap<String, String> {
    assert_eq!(response.status(), 303);
    let url = Url::parse(response.headers()["location"].to_str().unwrap()).unwrap();
    assert!(url.as_str().starts_with(REDIRECT), "{url}");
    url.query_pairs().into_owned().collect()
}

/// The status of opening a session at the endpoint `base`, or of a call in one.
pub async fn knock(hub: &Hub, base: &str, token: &str) -> u16 {
    initialize(hub, base, token).await.status().as_u16()
}

pub async fn initialize(hub: &Hub, base: &str, token: &str) -> Response {
    let message = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "it", "version": "1"}}});
    let request = hub.http.post(format!("{base}/mcp")).json(&message);
    let request = request.header("accept", "application/json, text/event-stream");
    request.bearer_auth(token).send().await.unwrap()
}
