//! The settings as they hold, each with where it was said.

use figment::{
    Profile, Provider,
    value::{Tag, Value as Found},
};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Settings, explain::Text, figment};
use crate::{access::ServerId, base::redact};

/// A setting as it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Its place in config.toml, e.g. `servers.git.listen`.
    pub key: String,
    /// Its value, secrets masked.
    pub value: Value,
    /// Where it was said: `default`, the file and line, or the environment variable.
    pub source: String,
}

/// Every setting of `settings`, which were read from `text`, called `name`, and the environment if `env`.
pub fn show(settings: &Settings, text: &str, name: &str, env: bool) -> anyhow::Result<Vec<Shown>> {
    let figment = figment(text, env);
    let data = figment.data()?;
    let said = data.get(&Profile::Default);
    let root = said.map(|dict| Found::from(dict.clone()));
    let text = Text::new(text, name);
    let mut shown = Vec::new();
    leaves(
        &settings.to_value()?,
        &mut Vec::new(),
        &mut |path, value| {
            let tag = root.as_ref().and_then(|root| tag(root, path));
            let metadata = tag.and_then(|tag| figment.get_metadata(tag));
            let source = match metadata {
                Some(said) if said.name.contains("environment") => {
                    format!("SYNDARIX__{}", path.join("__").to_uppercase())
                }
                Some(said) if said.name.contains("TOML") => {
                    let path: Vec<&str> = path.iter().map(String::as_str).collect();
                    text.line(&path)
                        .map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"))
                }
                _ => "default".to_owned(),
            };
            shown.push(Shown {
                key: path.join("."),
                value: masked(path, value),
                source,
            });
        },
    );
    Ok(shown)
}

impl Settings {
    /// All of them as they hold, in the form of the file.
    fn to_value(&self) -> serde_json::Result<Value> {
        let mut servers = Map::new();
        for server in ServerId::ALL {
            let common = self.servers.common(server);
            let mut section = Map::new();
            section.insert("enabled".into(), common.enabled.into());
            let listen = self.listen(server).unwrap_or_else(|| "off".into());
            section.insert("listen".into(), listen.into());
            section.insert("disabled_tools".into(), json!(common.disabled_tools));
            if let Value::Object(own) = self.servers.own(server)? {
                section.extend(own);
            }
            servers.insert(server.as_str().to_owned(), section.into());
        }
        Ok(json!({
            "http": self.http, "mcp": self.mcp, "database": self.database, "storage": self.storage, "auth": self.auth,
            "limits": self.limits, "audit": self.audit, "observe": self.observe, "servers": servers,
        }))
    }
}

/// Calls `take` with the path of each value that is no table. Lists are values.
fn leaves(value: &Value, path: &mut Vec<String>, take: &mut dyn FnMut(&[String], &Value)) {
    match value {
        Value::Object(map) if !map.is_empty() || path.is_empty() => {
            for (key, value) in map {
                path.push(key.clone());
                leaves(value, path, take);
                path.pop();
            }
        }
        value => take(path, value),
    }
}

/// Where the value at `path` was said, if it was said as a whole.
fn tag(root: &Found, path: &[String]) -> Option<Tag> {
    let value = path
        .iter()
        .try_fold(root, |value, key| value.as_dict()?.get(key))?;
    Some(value.tag())
}

/// `value` without what nobody should read over a shoulder.
fn masked(path: &[String], value: &Value) -> Value {
    let mut path = path.iter().rev();
    let (key, above) = (path.next(), path.next());
    let name = key.map_or("", String::as_str);
    // They say where a secret is, not what it is.
    let points = name.ends_with("_env") || name.ends_with("_file");
    match value {
        Value::String(_) if above.is_some_and(|above| above == "env") => redact::MASK.into(),
        Value::String(text) if name == "url" => without_password(text).into(),
        Value::String(_) if points => value.clone(),
        value => {
            let map: Map<String, Value> = [(name.to_owned(), value.clone())].into_iter().collect();
            let kept = redact::arguments(&map, &[]);
            kept.get(name).cloned().unwrap_or_default()
        }
    }
}

/// A URL with its password masked.
fn without_password(url: &str) -> String {
    let parts = url.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let (user, _) = user.split_once(':')?;
        Some((scheme, user, host))
    });
    let query = |host: &str| match host.split_once('?') {
        // It may hold a password too.
        Some((host, _)) => format!("{host}?{}", redact::MASK),
        None => host.to_owned(),
    };
    match parts {
        Some((scheme, user, host)) => format!("{scheme}://{user}:{}@{}", redact::MASK, query(host)),
        None => query(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<Shown> {
        let settings = Settings::parse(text, "config.toml", false).unwrap();
        show(&settings, text, "config.toml", false).unwrap()
    }

    fn of<'s>(shown: &'s [Shown], key: &str) -> (&'s Value, &'s str) {
        let found = shown.iter().find(|s| s.key == key).unwrap();
        (&found.value, &found.source)
    }

    #[test]
    fn every_setting_is_shown_with_where_it_was_said() {
        let text = "[http]\n\nmax_body_bytes = 7\n[servers.git]\nlisten = \"off\"\n\
                    [servers.llm_gateway.providers.\"my.own\"]\nkind = \"vllm\"\n";
        let shown = shown(text);
        let is = |key: &str, value: Value, source: &str| {
            assert_eq!(of(&shown, key), (&value, source), "{key}");
        };
        is("http.max_body_bytes", json!(7), "config.toml:3");
        is("http.listen", json!("127.0.0.1:9000"), "default");
        is("servers.git.listen", json!("off"), "config.toml:5");
        is("servers.issues.listen", json!("127.0.0.1:9004"), "default");
        let provider = "servers.llm_gateway.providers.my.own";
        is(&format!("{provider}.kind"), json!("vllm"), "config.toml:7");
        is(
            &format!("{provider}.read_timeout_seconds"),
            json!(120),
            "default",
        );
        is("observe.format", json!("auto"), "default");
    }

    #[test]
    fn secrets_are_not_shown() {
        let text = "[database]\nurl = \"postgres://me:hunter2@db/x?password=hunter2\"\n[servers.cicd.env]\nKEY = \"hunter2\"\n\
                    [servers.llm_gateway.providers.a]\nkind = \"openai\"\napi_key_env = \"OPENAI_KEY\"\n";
        let shown = shown(text);
        assert!(!format!("{shown:?}").contains("hunter2"), "{shown:?}");
        let url = of(&shown, "database.url").0.as_str().unwrap();
        assert!(url.starts_with("postgres://me:[redacted]@db/x"), "{url}");
        let key = of(&shown, "servers.llm_gateway.providers.a.api_key_env");
        assert_eq!(key.0, "OPENAI_KEY");
    }
}
