//! Reaching a hub from the command line: the running one over REST, or one opened in this process.

use std::{path::Path, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::exit::Exit;
use crate::{
    access::Principal,
    app::{ADMIN_TOKEN, App, running::address},
    config::Settings,
    edge::rest,
    tool::Caller,
};

/// A hub that can be asked.
pub enum Reach {
    /// It runs elsewhere.
    Running { base: String, token: String },
    /// It was opened here.
    Here {
        app: Box<App>,
        principal: Arc<Principal>,
    },
}

/// What a hub answered.
pub struct Answer {
    /// Whether it did what was asked.
    pub ok: bool,
    /// The result, or the problem.
    pub body: Value,
}

impl Reach {
    /// The running hub of the data directory, else one opened in this process.
    pub async fn open(settings: Settings) -> anyhow::Result<Self> {
        let data = settings.storage.data.clone();
        if let Some(base) = running(&data).await {
            let token = token(&data)?;
            return Ok(Self::Running { base, token });
        }
        let app = App::open(settings).await?;
        let principal = app
            .authority()
            .authenticate(&token(&data)?)
            .await
            .map_err(|e| Exit::Auth.say(e))?;
        Ok(Self::Here {
            app: Box::new(app),
            principal,
        })
    }

    /// The tools of every enabled server: server, name, description, input schema.
    pub async fn tools(&self) -> anyhow::Result<Vec<(String, String, String, Value)>> {
        let mut out = Vec::new();
        match self {
            Self::Here { app, principal } => {
                for server in app.registry().servers() {
                    for tool in app.registry().visible(server, principal) {
                        let spec = tool.spec();
                        let schema = Value::Object((*spec.input).clone());
                        out.push((
                            server.to_string(),
                            spec.name.to_owned(),
                            spec.about.to_owned(),
                            schema,
                        ));
                    }
                }
            }
            Self::Running { .. } => {
                let servers = self.get("/api/v1/servers").await?;
                for server in items(&servers).filter_map(|s| s.get("id")?.as_str()) {
                    let tools = self.get(&format!("/api/v1/servers/{server}/tools")).await?;
                    for tool in items(&tools) {
                        let text = |key: &str| {
                            tool.get(key)
                                .and_then(Value::as_str)
                                .unwrap_or_default()
                                .to_owned()
                        };
                        let schema = tool.get("input_schema").cloned().unwrap_or_default();
                        out.push((server.to_owned(), text("name"), text("description"), schema));
                    }
                }
            }
        }
        Ok(out)
    }

    /// The OpenAPI document of its REST API.
    pub async fn openapi(&self) -> anyhow::Result<Value> {
        match self {
            Self::Here { app, .. } => Ok(rest::openapi(app.registry())),
            Self::Running { .. } => self.get("/openapi.json").await,
        }
    }

    /// Calls a tool.
    pub async fn call(
        &self,
        server: &str,
        tool: &str,
        args: Map<String, Value>,
    ) -> anyhow::Result<Answer> {
        match self {
            Self::Here { app, principal } => {
                let tool = app
                    .registry()
                    .find_any(tool)
                    .filter(|found| found.spec().server.as_str() == server)
                    .ok_or_else(|| {
                        Exit::Usage.say(format!("no tool {tool} on {server}: syndarix tools list"))
                    })?;
                let caller = Caller::embedded(Arc::clone(principal));
                Ok(
                    match app.registry().call_json(tool.as_ref(), caller, args).await {
                        Ok(body) => Answer { ok: true, body },
                        Err(error) => Answer {
                            ok: false,
                            body: error.problem().into(),
                        },
                    },
                )
            }
            Self::Running { base, token } => {
                let url = format!("{base}/api/v1/servers/{server}/tools/{tool}");
                let response = client()?
                    .post(url)
                    .bearer_auth(token)
                    .json(&args)
                    .send()
                    .await?;
                Ok(Answer {
                    ok: response.status().is_success(),
                    body: response.json().await?,
                })
            }
        }
    }

    /// Closes a hub that was opened here.
    pub async fn close(self) {
        if let Self::Here { app, .. } = self {
            app.close().await;
        }
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let Self::Running { base, token } = self else {
            return Ok(Value::Null);
        };
        let request = client()?.get(format!("{base}{path}"));
        answered(request.bearer_auth(token).send().await?).await
    }
}

fn items(body: &Value) -> impl Iterator<Item = &Value> {
    body.get("items")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// Has the hub at `base` do something that only administrators may ask for, however long it takes.
pub async fn post(base: &str, token: &str, path: &str, body: &Value) -> anyhow::Result<Value> {
    let request = http().build()?.post(format!("{base}{path}"));
    answered(request.bearer_auth(token).json(body).send().await?).await
}

/// What the hub answered, if it did what was asked.
async fn answered(response: reqwest::Response) -> anyhow::Result<Value> {
    let status = response.status();
    let body: Value = response.json().await?;
    if status.is_success() {
        return Ok(body);
    }
    let said = body.get("detail").and_then(Value::as_str);
    let exit = match status.as_u16() {
        401 | 403 => Exit::Auth,
        _ => Exit::Fault,
    };
    Err(exit.say(said.unwrap_or("the hub refused")))
}

/// The URL of the hub that runs on `data`, if it answers.
pub async fn running(data: &Path) -> Option<String> {
    let base = format!("http://{}", address(data)?);
    let alive = http()
        .timeout(Duration::from_secs(2))
        .build()
        .ok()?
        .get(format!("{base}/livez"))
        .send()
        .await;
    alive.is_ok_and(|a| a.status().is_success()).then_some(base)
}

/// The token to call with: the environment's, else the administrator's.
pub fn token(data: &Path) -> anyhow::Result<String> {
    if let Some(token) = std::env::var("SYX_TOKEN").ok().filter(|t| !t.is_empty()) {
        return Ok(token);
    }
    let file = data.join(ADMIN_TOKEN);
    let text = std::fs::read_to_string(&file).map_err(|_| {
        let file = file.display();
        Exit::Auth.say(format!(
            "set SYX_TOKEN to a service token ({file} cannot be read)"
        ))
    })?;
    Ok(text.trim().to_owned())
}

/// An HTTP client for a hub on this machine.
pub fn http() -> reqwest::ClientBuilder {
    // The client wants a TLS provider even for plain HTTP; another may have been first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

fn client() -> anyhow::Result<reqwest::Client> {
    Ok(http().timeout(Duration::from_secs(120)).build()?)
}
