//! The tools, and what several of them share.

pub mod add_issue_comment;
pub mod claim_issue;
pub mod create_issue;
pub mod get_issue;
pub mod list_issues;
pub mod update_issue;

use serde_json::Value;

use crate::{
    servers::issues::{
        engine::{change::normal, token},
        model::Once,
    },
    tool::prelude::*,
};

/// Stands for the calling agent wherever an agent is named.
const ME: &str = "@me";

/// The key with a hash of everything that was sent beside it.
fn once(key: Option<String>, sent: &Value) -> Option<Once> {
    key.map(|key| Once {
        key,
        body_hash: token::hash(&sent.to_string()),
    })
}

/// Labels as they are stored: trimmed, sorted, without doubles.
fn labels(labels: Vec<String>, pointer: &str) -> Result<Vec<String>, ToolError> {
    let mut out = Vec::with_capacity(labels.len());
    for (at, label) in labels.into_iter().enumerate() {
        let label = label.trim();
        if label.is_empty() || label.contains(char::is_control) {
            return Err(ToolError::invalid(
                format!("{pointer}/{at}"),
                "a label is a line of 1 to 50 characters",
            ));
        }
        out.push(label.to_owned());
    }
    Ok(normal(out))
}

/// Agents as they are stored: `@me` resolved, sorted, without doubles.
fn agents(agents: Vec<String>, ctx: &Ctx, pointer: &str) -> Result<Vec<String>, ToolError> {
    let mut out = Vec::with_capacity(agents.len());
    for (at, name) in agents.into_iter().enumerate() {
        out.push(agent(&name, ctx, &format!("{pointer}/{at}"))?);
    }
    Ok(normal(out))
}

fn agent(name: &str, ctx: &Ctx, pointer: &str) -> Result<String, ToolError> {
    if name == ME {
        return Ok(ctx.agent().to_string());
    }
    let known = AgentId::new(name).map_err(|error| {
        ToolError::invalid(
            pointer,
            format!("an agent's name {error}; {ME} is yourself"),
        )
    })?;
    Ok(known.to_string())
}

/// Refuses a NUL character: PostgreSQL stores none, and no text needs one.
fn text<'a>(fields: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Result<(), ToolError> {
    for (pointer, value) in fields {
        if value.is_some_and(|value| value.contains('\0')) {
            return Err(ToolError::invalid(
                pointer,
                "must be text: it holds a NUL character",
            ));
        }
    }
    Ok(())
}

/// At most `max` characters of `text` from character `from` on, and whether anything follows.
fn part(text: &str, from: usize, max: usize) -> (String, bool) {
    let mut chars = text.chars().skip(from);
    let part: String = chars.by_ref().take(max).collect();
    (part, chars.next().is_some())
}

#[cfg(test)]
pub mod tests {
    use serde_json::{Value, json};

    use crate::{
        servers::issues::{Config, Issues},
        test::Team,
    };

    /// A team with an issues server.
    pub async fn team() -> Team {
        crate::test::team(async |builder, host| {
            builder.mount(Issues::open(Config::default(), host).await.unwrap())
        })
        .await
    }

    /// Creates an issue and answers its number.
    pub async fn issue(team: &Team, title: &str) -> i64 {
        let made = team
            .call_json("create_issue", json!({ "title": title }))
            .await
            .unwrap();
        made["number"].as_i64().unwrap()
    }

    /// The error of a call that was refused: its code and message.
    pub fn refused(result: Result<Value, crate::tool::ToolError>) -> (&'static str, String) {
        let error = result.unwrap_err();
        (error.code.as_str(), error.message)
    }
}
