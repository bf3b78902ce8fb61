//! Values for an argument that a person is typing: asked of a Read tool, through the pipeline.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{Completion, uri};
use crate::{
    access::ServerId,
    tool::{AGENT_ID, Caller, Code, PROJECT_ID, Reach, Registry, ToolError, coerce},
};

/// Most projects that are looked through for one that starts as typed.
const PROJECTS: u32 = 200;

/// What shall be completed.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// A variable of the resource template with this URI.
    Resource(&'a str),
    /// An argument of the prompt of this name.
    Prompt(&'a str),
}

impl Registry {
    /// Values for `argument` that start with `typed`, in a fixed order; `known` are the arguments that have one.
    pub async fn complete(
        self: &Arc<Self>,
        caller: Caller,
        reach: &Reach,
        about: About<'_>,
        (argument, typed): (&str, &str),
        known: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, ToolError> {
        let server = self.completed(&caller, reach, about)?;
        if argument == PROJECT_ID {
            return self.projects_like(&caller, typed).await;
        }
        let bound = caller.pin.or_bound(&caller.principal);
        let Some(project) = known
            .get(PROJECT_ID)
            .cloned()
            .or_else(|| bound.project.map(|p| p.to_string()))
        else {
            return Ok(Vec::new());
        };
        let mut agents = self.agents_of(&caller.principal, &project).await?;
        if argument == AGENT_ID {
            agents.retain(|a| a.starts_with(typed));
            return Ok(agents);
        }
        let agent = known
            .get(AGENT_ID)
            .cloned()
            .or_else(|| bound.agent.map(|a| a.to_string()))
            .or_else(|| agents.into_iter().next());
        let (Some(agent), Some(how)) = (
            agent,
            self.offer(server)
                .completions
                .iter()
                .find(|c| c.argument == argument),
        ) else {
            return Ok(Vec::new());
        };
        let scope = [(PROJECT_ID, project), (AGENT_ID, agent)];
        match self.values(caller, how, typed, scope, known).await {
            // Half-typed names lead nowhere, which is no error while typing.
            Err(error) if matches!(error.code, Code::NotFound | Code::InvalidArgument) => {
                Ok(Vec::new())
            }
            done => done,
        }
    }

    /// The server that offers what is to be completed.
    fn completed(
        &self,
        caller: &Caller,
        reach: &Reach,
        about: About<'_>,
    ) -> Result<ServerId, ToolError> {
        let found = match about {
            About::Prompt(name) => self
                .prompts(&caller.principal, reach)
                .into_iter()
                .find(|(_, p)| p.name == name)
                .map(|(server, _)| server),
            About::Resource(text) => {
                let pinned = caller.pin.or_bound(&caller.principal).is_complete();
                self.resource_templates(&caller.principal, reach)
                    .into_iter()
                    .find(|(_, r)| {
                        [pinned, !pinned]
                            .map(|p| uri::template(r, p))
                            .contains(&text.to_owned())
                    })
                    .map(|(server, _)| server)
            }
        };
        found.ok_or_else(|| match about {
            About::Prompt(name) => {
                ToolError::not_found("prompt", name).hint("prompts/list shows those that there are")
            }
            About::Resource(text) => ToolError::not_found("resource template", text)
                .hint("resources/templates/list shows those that there are"),
        })
    }

    async fn projects_like(&self, caller: &Caller, typed: &str) -> Result<Vec<String>, ToolError> {
        let bound = caller.pin.or_bound(&caller.principal).project;
        let projects = self.projects().list_projects(None, PROJECTS).await?;
        let mut out = Vec::new();
        for id in projects.into_iter().map(|p| p.id) {
            if id.starts_with(typed)
                && bound.as_deref().is_none_or(|own| own == id)
                && !self.agents_of(&caller.principal, &id).await?.is_empty()
            {
                out.push(id);
            }
        }
        Ok(out)
    }

    async fn values(
        self: &Arc<Self>,
        caller: Caller,
        how: &Completion,
        typed: &str,
        scope: [(&str, String); 2],
        known: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, ToolError> {
        let Some(tool) = self.find_any(how.tool).cloned() else {
            return Ok(Vec::new());
        };
        let schema = Value::Object((*tool.spec().input).clone());
        let mut args = Map::new();
        for (key, text) in how.with {
            coerce::put(&schema, &mut args, key, text)?;
        }
        // What is known already narrows the values, where the tool takes it: the repository of a branch.
        for (key, text) in known {
            let takes = schema.pointer(&format!("/properties/{key}")).is_some();
            if takes && key != how.argument && !args.contains_key(key) {
                coerce::put(&schema, &mut args, key, text)?;
            }
        }
        let (directory, typed) = match how.directory {
            Some(_) => typed.rsplit_once('/').map_or(("", typed), |(d, n)| (d, n)),
            None => ("", typed),
        };
        if let Some(key) = how.directory.filter(|_| !directory.is_empty()) {
            args.insert(key.to_owned(), directory.into());
        }
        for (key, text) in scope {
            args.insert(key.to_owned(), text.into());
        }
        let answer = self.call_json(tool.as_ref(), caller, args).await?;
        let mut found = Vec::new();
        collect(&answer, how.values, &mut found);
        found.retain(|value| value.starts_with(typed));
        if !directory.is_empty() {
            for value in &mut found {
                *value = format!("{directory}/{value}");
            }
        }
        let mut seen = std::collections::HashSet::new();
        found.retain(|value| seen.insert(value.clone()));
        Ok(found)
    }
}

/// The texts and numbers at `pointer`, where `*` stands for every element.
fn collect(value: &Value, pointer: &str, into: &mut Vec<String>) {
    let Some((head, rest)) = pointer
        .strip_prefix('/')
        .map(|p| p.split_once('/').unwrap_or((p, "")))
    else {
        match value {
            Value::String(text) => into.push(text.clone()),
            Value::Number(number) => into.push(number.to_string()),
            _ => {}
        }
        return;
    };
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("/{rest}")
    };
    match (head, value) {
        ("*", Value::Array(items)) => items.iter().for_each(|item| collect(item, &rest, into)),
        (key, Value::Object(map)) => {
            if let Some(inner) = map.get(key) {
                collect(inner, &rest, into);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_gathered_from_every_element() {
        let answer = json!({"items": [{"n": 1, "labels": ["a", "b"]}, {"n": 2}]});
        let at = |pointer: &str| {
            let mut found = Vec::new();
            collect(&answer, pointer, &mut found);
            found
        };
        assert_eq!(at("/items/*/n"), ["1", "2"]);
        assert_eq!(at("/items/*/labels/*"), ["a", "b"]);
        assert_eq!(at("/nothing/*"), [""; 0]);
    }
}
