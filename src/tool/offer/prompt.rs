//! Prompts: their text filled in, and the resources they bring along, read through the pipeline.

use std::{collections::BTreeMap, sync::Arc};

use super::{Content, Prompt, reads, uri};
use crate::{
    access::{Principal, ServerId},
    tool::{AGENT_ID, Caller, PROJECT_ID, Reach, Registry, ToolError},
};

/// A prompt, ready for a model.
#[derive(Debug)]
pub struct Rendered {
    /// What it is for.
    pub about: &'static str,
    /// What is said.
    pub text: String,
    /// The resources it brings along, with their URIs.
    pub resources: Vec<(String, Content)>,
}

impl Registry {
    /// The prompts that `principal` sees: those whose resources it may read.
    pub fn prompts(
        &self,
        principal: &Principal,
        reach: &Reach,
    ) -> Vec<(ServerId, &'static Prompt)> {
        self.servers()
            .filter(|s| reach.server(*s) && reads(principal, *s))
            .flat_map(|server| self.offer(server).prompts.iter().map(move |p| (server, p)))
            .collect()
    }

    /// Fills in the prompt `name` and reads what it brings along.
    pub async fn render_prompt(
        self: &Arc<Self>,
        caller: Caller,
        reach: &Reach,
        name: &str,
        mut given: BTreeMap<String, String>,
    ) -> Result<Rendered, ToolError> {
        let (server, prompt) = self
            .prompts(&caller.principal, reach)
            .into_iter()
            .find(|(_, p)| p.name == name)
            .ok_or_else(|| {
                ToolError::not_found("prompt", name).hint("prompts/list shows those that there are")
            })?;
        let bound = caller.pin.or_bound(&caller.principal);
        let project = given
            .remove(PROJECT_ID)
            .or_else(|| bound.project.map(|p| p.to_string()))
            .ok_or_else(|| ToolError::invalid(format!("/{PROJECT_ID}"), "is required"))?;
        let agent = given
            .remove(AGENT_ID)
            .or_else(|| bound.agent.map(|a| a.to_string()));
        check(prompt, &given)?;
        let mut resources = Vec::new();
        for path in prompt.embeds {
            let Some(path) = fill(path, |name| given.get(name).map(|value| uri::encode(value)))
            else {
                continue;
            };
            let mut uri = uri::concrete(&project, &path, None);
            if let Some(agent) = &agent {
                let mark = if uri.contains('?') { '&' } else { '?' };
                uri = format!("{uri}{mark}{AGENT_ID}={}", uri::encode(agent));
            }
            let own = Reach::one(server);
            let content = self.read_resource(caller.clone(), &own, &uri).await?;
            resources.push((uri, content));
        }
        let text = fill(prompt.text, |name| {
            Some(given.get(name).cloned().unwrap_or_default())
        })
        .unwrap_or_default();
        Ok(Rendered {
            about: prompt.about,
            text,
            resources,
        })
    }
}

fn check(prompt: &Prompt, given: &BTreeMap<String, String>) -> Result<(), ToolError> {
    let mut wrong = Vec::new();
    for argument in prompt.arguments.iter().filter(|a| a.required) {
        if given.get(argument.name).is_none_or(|v| v.trim().is_empty()) {
            wrong.push((argument.name.to_owned(), "is required".to_owned()));
        }
    }
    let known: Vec<&str> = prompt.arguments.iter().map(|a| a.name).collect();
    for name in given.keys().filter(|n| !known.contains(&n.as_str())) {
        let next = format!("is unknown; this prompt takes {}", known.join(", "));
        wrong.push((name.clone(), next));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let fields = wrong
        .into_iter()
        .map(|(name, detail)| crate::tool::FieldError::at_path(&name, detail));
    Err(ToolError::invalid_fields(fields.collect()))
}

/// `text` with every `{name}` replaced; `None` when one has no value.
fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(&value(name)?);
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_stand_where_their_names_stood() {
        let value = |name: &str| (name == "n").then(|| "{x}".to_owned());
        assert_eq!(fill("a {n} b {n}", value).unwrap(), "a {x} b {x}");
        assert_eq!(fill("issues/{m}", value), None);
    }
}
