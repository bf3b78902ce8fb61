//! Writing into a file that is somebody else's: nothing in it is lost.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Map, Value};
use toml_edit::{DocumentMut, Item};

use super::form::Form;
use crate::{
    base::clock::{Clock, rfc3339},
    cli::exit::Exit,
};

/// Writes `form` into `file`, beside what is there. What it did, in a sentence.
pub fn into(file: &Path, form: Form) -> anyhow::Result<String> {
    // A link leads to where its owner keeps the file.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let shown = file.display();
    let old = match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        read => Some(read.with_context(|| format!("cannot read {shown}"))?),
    };
    let new = merged(old.as_deref().unwrap_or_default(), form).map_err(|problem| {
        Exit::Usage.say(format!(
            "{shown} was left as it is: {problem}. Without --write this prints what to add by hand"
        ))
    })?;
    let Some(old) = old else {
        write(&file, &new, 0o644)?;
        return Ok(format!("Wrote {shown}."));
    };
    if old == new {
        return Ok(format!("{shown} says it already."));
    }
    let mode = fs::metadata(&file)?.permissions().mode() & 0o777;
    let time = rfc3339(Clock::System.now()).replace(':', "-");
    let kept = PathBuf::from(format!("{shown}.before-{time}"));
    write(&kept, &old, mode)?;
    write(&file, &new, mode)?;
    Ok(format!(
        "Wrote {shown}; what it was before is in {}.",
        kept.display()
    ))
}

/// `old` with what `form` says, or why that cannot be.
fn merged(old: &str, form: Form) -> Result<String, String> {
    match form {
        Form::Json(new) => {
            let mut object: Map<String, Value> = match old.trim() {
                "" => Map::new(),
                text => serde_json::from_str(text)
                    .map_err(|error| format!("it is no plain JSON object ({error})"))?,
            };
            let before = object.clone();
            if let Value::Object(new) = new {
                for (key, value) in new {
                    put(&mut object, &key, value)?;
                }
            }
            if object == before && !old.is_empty() {
                return Ok(old.to_owned());
            }
            let text = serde_json::to_string_pretty(&object).map_err(|error| error.to_string())?;
            Ok(text + "\n")
        }
        Form::Toml(new) => {
            let mut document: DocumentMut = old.parse().map_err(|error| format!("{error}"))?;
            let new: DocumentMut = new.parse().map_err(|error| format!("{error}"))?;
            for (key, tables) in new.iter() {
                let there = document.entry(key).or_insert_with(|| {
                    let mut table = toml_edit::Table::new();
                    table.set_implicit(true);
                    Item::Table(table)
                });
                let there = there
                    .as_table_like_mut()
                    .ok_or_else(|| format!("{key} in it is no table"))?;
                for (name, table) in tables.as_table_like().into_iter().flat_map(|t| t.iter()) {
                    there.insert(name, table.clone());
                }
            }
            Ok(document.to_string())
        }
    }
}

/// Puts the members of an object, or the items of a list that are told by their `id`, beside those that are there.
fn put(object: &mut Map<String, Value>, key: &str, value: Value) -> Result<(), String> {
    match (object.get_mut(key), value) {
        (None, value) => {
            object.insert(key.to_owned(), value);
        }
        (Some(Value::Object(there)), Value::Object(new)) => there.extend(new),
        (Some(Value::Array(there)), Value::Array(new)) => {
            there.retain(|old| new.iter().all(|new| new.get("id") != old.get("id")));
            there.extend(new);
        }
        _ => return Err(format!("{key:?} in it is something else than usual")),
    }
    Ok(())
}

/// The whole file, or as it was.
fn write(file: &Path, text: &str, mode: u32) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(failed)?;
    }
    let temp = PathBuf::from(format!("{}.tmp{}", file.display(), std::process::id()));
    let mut out = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&temp)
        .with_context(failed)?;
    out.write_all(text.as_bytes()).with_context(failed)?;
    out.sync_all().with_context(failed)?;
    fs::rename(&temp, file).with_context(failed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_stays_and_what_is_ours_is_replaced() {
        let old = r#"{"theme": "dark", "mcpServers": {"other": {"url": "x"}, "git-mcp": {"url": "old"}}}"#;
        let new = json!({"mcpServers": {"git-mcp": {"url": "new"}}});
        let text = merged(old, Form::Json(new.clone())).unwrap();
        let expected = json!({"theme": "dark", "mcpServers": {"other": {"url": "x"}, "git-mcp": {"url": "new"}}});
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        assert_eq!(merged(&text, Form::Json(new.clone())).unwrap(), text);
        assert!(merged("// mine\n{}", Form::Json(new.clone())).is_err());
        assert!(merged(r#"{"mcpServers": []}"#, Form::Json(new.clone())).is_err());
        assert!(merged("[]", Form::Json(new)).is_err());
        let inputs = json!({"inputs": [{"id": "syx_token", "password": true}]});
        let old = r#"{"inputs": [{"id": "mine"}, {"id": "syx_token"}]}"#;
        let text = merged(old, Form::Json(inputs)).unwrap();
        let expected = json!({"inputs": [{"id": "mine"}, {"id": "syx_token", "password": true}]});
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn comments_of_toml_stay() {
        let old = "# mine\nmodel = \"o\" # best\n\n[mcp_servers.other]\ncommand = \"x\"\n";
        let new = || Form::Toml("[mcp_servers.git-mcp]\nurl = \"u\"\n".to_owned());
        let text = merged(old, new()).unwrap();
        assert!(
            text.starts_with(old) && text.contains("[mcp_servers.git-mcp]\nurl = \"u\""),
            "{text}"
        );
        assert_eq!(merged(&text, new()).unwrap(), text);
        let text = merged("", new()).unwrap();
        assert!(
            text.contains("[mcp_servers.git-mcp]") && !text.contains("[mcp_servers]\n"),
            "{text}"
        );
        assert!(merged("mcp_servers = 1", new()).is_err());
    }
}
