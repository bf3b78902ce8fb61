//! Who may ask for access: clients that registered themselves (RFC 7591), and clients whose id is the URL of a document about
//! them (draft-ietf-oauth-client-id-metadata-document). All are public: none has a secret that the hub would keep.

use std::{sync::Arc, time::Duration};

use reqwest::Url;
use serde::Deserialize;

use super::{
    Fault, OAuthServer,
    client_store::{self, Caps, Full},
    redirect,
};
use crate::base::{
    clock::Millis,
    ids::new_id,
    outbound::{self, Policy},
};

/// Most redirect URIs of one client.
const MOST_URIS: usize = 10;
/// Largest document about a client.
const MAX_DOCUMENT: u64 = 16 * 1024;
/// Milliseconds after which an unused client makes room for others.
const IDLE_MS: Millis = 86_400_000;

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// The name that it gives itself.
    pub name: String,
    /// Where it may be sent back to.
    pub redirect_uris: Vec<String>,
}

/// What clients say of themselves. What the hub does not go by is not read.
#[derive(Debug, Deserialize)]
pub struct Metadata {
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    token_endpoint_auth_method: Option<String>,
}

impl Metadata {
    /// The client called `id` that it describes. `document` is where it is, if it is a document.
    fn client(self, id: &str, allowed: &[String], document: Option<&Url>) -> Result<Client, Fault> {
        let count = self.redirect_uris.len();
        if count == 0 || count > MOST_URIS {
            let problem = format!("redirect_uris must hold 1 to {MOST_URIS} entries");
            return Err(Fault::new("invalid_redirect_uri", problem));
        }
        let foreign = |uri: &&String| !redirect::is_allowed(uri, allowed, document);
        if let Some(uri) = self.redirect_uris.iter().find(foreign) {
            let shown: String = uri.chars().take(200).collect();
            let problem = format!(
                "{shown:?} is not allowed: use http://127.0.0.1, http://localhost or http://[::1], or ask the operator to add it \
                 to auth.oauth.redirect_uris"
            );
            return Err(Fault::new("invalid_redirect_uri", problem));
        }
        let name = self.client_name.unwrap_or_default();
        let visible = name.chars().filter(|c| !c.is_control()).take(100);
        let name = visible.collect::<String>().trim().to_owned();
        Ok(Client {
            id: id.to_owned(),
            name: if name.is_empty() {
                "unnamed".to_owned()
            } else {
                name
            },
            redirect_uris: self.redirect_uris,
        })
    }
}

impl OAuthServer {
    /// Registers a client that describes itself so. When it was registered comes with it.
    pub async fn register(&self, wanted: Metadata) -> Result<(Client, Millis), Fault> {
        let client = wanted.client(&new_id("cli"), &self.config.redirect_uris, None)?;
        let now = self.now();
        let row = client_store::Row {
            id: client.id.clone(),
            name: client.name.clone(),
            redirect_uris: serde_json::json!(client.redirect_uris).to_string(),
            created_ms: now,
            used_ms: now,
        };
        let caps = Caps {
            clients: self.config.max_clients.into(),
            registrations: self.config.registrations_per_minute.into(),
            since: now - 60_000,
            idle: now - IDLE_MS,
        };
        match client_store::insert(self.db(), row, caps).await? {
            None => Ok((client, now)),
            Some(Full::Registrations) => {
                let problem = "too many clients registered in the last minute: try again after it";
                Err(Fault::new("temporarily_unavailable", problem).busy(Duration::from_secs(60)))
            }
            Some(Full::Clients) => {
                let problem = "too many clients are registered: use a client id metadata document, or ask the operator to raise \
                               auth.oauth.max_clients";
                Err(Fault::new("temporarily_unavailable", problem).busy(Duration::from_secs(3600)))
            }
        }
    }

    /// The client called `id`.
    pub async fn client(&self, id: &str) -> Result<Arc<Client>, Fault> {
        if id.starts_with("https://") || id.starts_with("http://") {
            return self.described(id).await;
        }
        let row = client_store::find(self.db(), id).await?;
        let row = row.ok_or_else(unknown)?;
        let now = self.now();
        if now - row.used_ms > IDLE_MS / 24 {
            client_store::touch(self.db(), id, now).await?;
        }
        Ok(Arc::new(Client {
            id: row.id,
            name: row.name,
            redirect_uris: serde_json::from_str(&row.redirect_uris).unwrap_or_default(),
        }))
    }

    /// The client whose document is at `id`.
    async fn described(&self, id: &str) -> Result<Arc<Client>, Fault> {
        if !self.config.client_documents {
            return Err(unknown());
        }
        if let Some(known) = self.documents.get(id) {
            return Ok(known);
        }
        let url = self.document_url(id).ok_or_else(unknown)?;
        let asked = self.documents.mark();
        // Whoever can open the page can make the hub fetch: not more than this.
        let _place = self.fetching.try_acquire().map_err(|_| {
            let problem = "too many client documents are being fetched: try again after a moment";
            Fault::new("temporarily_unavailable", problem).busy(Duration::from_secs(5))
        })?;
        let policy = Policy {
            allowed_private: self.config.allowed_private.clone(),
            max_bytes: MAX_DOCUMENT,
            deadline: Duration::from_secs(5),
        };
        let fetched = outbound::fetch(&policy, id).await.map_err(|refused| {
            // Where it led, and why not, is not for whoever named it: it would be a way to look around.
            tracing::info!(client = id, %refused, "a client's document cannot be fetched");
            Fault::new(
                "invalid_client",
                "the client's document cannot be fetched from its client_id",
            )
        })?;
        let wrong = |problem: &str| Fault::new("invalid_client", problem);
        if fetched.url != url.as_str() {
            return Err(wrong(
                "the client's document is not at its client_id, but elsewhere",
            ));
        }
        let metadata: Metadata = serde_json::from_slice(&fetched.bytes)
            .map_err(|_| wrong("the client's document is no JSON that describes a client"))?;
        if metadata.client_id.as_deref() != Some(id) {
            return Err(wrong("the client's document is about another client_id"));
        }
        let method = metadata.token_endpoint_auth_method.as_deref();
        if method.is_some_and(|method| method != "none") {
            return Err(wrong(
                "the client's document must have token_endpoint_auth_method \"none\"",
            ));
        }
        let client = metadata.client(id, &self.config.redirect_uris, Some(&url))?;
        let client = Arc::new(client);
        self.documents
            .put_since(asked, id.to_owned(), Arc::clone(&client));
        Ok(client)
    }

    /// `id` as the URL of a document: https, or where the operator means private addresses, with a path and nothing that could
    /// be spelled in two ways.
    fn document_url(&self, id: &str) -> Option<Url> {
        let url = redirect::parse(id).filter(|url| url.as_str() == id)?;
        let at = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
        let private = self.config.allowed_private.contains(&at);
        let fits = (url.scheme() == "https" || private) && url.path() != "/";
        fits.then_some(url)
    }
}

fn unknown() -> Fault {
    Fault::new(
        "invalid_client",
        "the client is not registered here: register it first",
    )
}
