//! What a server offers beside its tools, as plain data over them: resources, prompts, completions. All of it is
//! answered by Read tools, through the one pipeline.

mod complete;
mod list;
mod prompt;
mod read;
mod uri;

pub use complete::About;
pub use list::{CONFIG, Entry, ListResources};
pub use prompt::Rendered;
pub use read::Content;
pub use uri::{Address, template};

use super::Route;
use crate::access::{Access, Principal, ServerId};

/// Most agents whose own resources are listed one by one; the templates reach all.
pub const MOST_LISTED: usize = 20;

/// How a resource's body is made from its tool's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The answer itself, as JSON.
    Json,
    /// The text at this JSON pointer; the rest of the answer goes into `_meta`.
    Text(&'static str),
}

/// One resource, or a family of them: `project://{project_id}/<path>`, answered by a Read tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What follows the project: an RFC 6570 template of literal segments, `{name}` for one segment, and `{+name}` as
    /// the last for all that is left, slashes included. Names are arguments of the tool.
    pub path: &'static str,
    /// Arguments that may follow as a query, e.g. `repo`.
    pub query: &'static [&'static str],
    /// Its name for programs.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it holds.
    pub about: &'static str,
    /// The tool that reads it.
    pub tool: &'static str,
    /// Arguments that are always the same, as texts.
    pub with: &'static [(&'static str, &'static str)],
    /// What of the answer is its body.
    pub body: Body,
    /// Whether each agent has its own: then `agent_id` may stand in the query.
    pub own: bool,
}

impl Resource {
    /// A resource that shows a tool's answer as JSON, the same for all agents of the project.
    pub const fn json(
        path: &'static str,
        name: &'static str,
        title: &'static str,
        about: &'static str,
        tool: &'static str,
    ) -> Self {
        Self {
            path,
            query: &[],
            name,
            title,
            about,
            tool,
            with: &[],
            body: Body::Json,
            own: false,
        }
    }

    /// With arguments that may follow as a query.
    #[must_use]
    pub const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// With arguments that are always the same.
    #[must_use]
    pub const fn with(self, with: &'static [(&'static str, &'static str)]) -> Self {
        Self { with, ..self }
    }

    /// Whose body is the text at `pointer`.
    #[must_use]
    pub const fn text(self, pointer: &'static str) -> Self {
        Self {
            body: Body::Text(pointer),
            ..self
        }
    }

    /// Its media type, where it is always the same.
    pub const fn mime(&self) -> Option<&'static str> {
        match self.body {
            Body::Json => Some("application/json"),
            Body::Text(_) => None,
        }
    }

    /// Of which every agent has its own.
    #[must_use]
    pub const fn own(self) -> Self {
        Self { own: true, ..self }
    }
}

/// An argument of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptArgument {
    /// Its name.
    pub name: &'static str,
    /// What to put there.
    pub about: &'static str,
    /// Whether it must be given.
    pub required: bool,
}

/// A prompt: a text with `{arguments}`, and the resources it brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// Its name, unique among all servers.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What it takes, beside project and agent.
    pub arguments: &'static [PromptArgument],
    /// What is said to the model. `{name}` stands for an argument.
    pub text: &'static str,
    /// Resources of the same server, as [`Resource::path`] and query with `{arguments}` filled in. One whose argument is left out is
    /// left out too.
    pub embeds: &'static [&'static str],
}

/// Where the values for an argument come from: a Read tool that lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The argument of resource templates and prompts that it completes.
    pub argument: &'static str,
    /// The tool that lists values.
    pub tool: &'static str,
    /// Arguments that are always the same, as texts.
    pub with: &'static [(&'static str, &'static str)],
    /// The values: a JSON pointer into the answer, `*` for every element.
    pub values: &'static str,
    /// The argument that takes the directory part, where values are paths.
    pub directory: Option<&'static str>,
}

impl Completion {
    /// Values at `values` in the answer of `tool`.
    pub const fn of(argument: &'static str, tool: &'static str, values: &'static str) -> Self {
        Self {
            argument,
            tool,
            with: &[],
            values,
            directory: None,
        }
    }

    /// With arguments that are always the same.
    #[must_use]
    pub const fn with(self, with: &'static [(&'static str, &'static str)]) -> Self {
        Self { with, ..self }
    }

    /// Of paths, one directory at a time: `directory` takes what stands before the last slash.
    #[must_use]
    pub const fn within(self, directory: &'static str) -> Self {
        Self {
            directory: Some(directory),
            ..self
        }
    }
}

/// Whether `principal` may read from `server`.
fn reads(principal: &Principal, server: ServerId) -> bool {
    principal.grant.scopes.allow(server, Access::Read)
}

/// All that a server offers beside its tools.
#[derive(Clone, Copy, Debug, Default)]
pub struct Offer {
    /// Friendly REST routes.
    pub routes: &'static [Route],
    /// Resources and their templates.
    pub resources: &'static [Resource],
    /// Prompts.
    pub prompts: &'static [Prompt],
    /// Where values for arguments come from.
    pub completions: &'static [Completion],
}

impl Offer {
    /// The names of all tools that the offer stands on, each with what needs it.
    pub fn tools(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let routes = self.routes.iter().map(|r| (r.path, r.tool));
        let resources = self.resources.iter().map(|r| (r.path, r.tool));
        let completions = self.completions.iter().map(|c| (c.argument, c.tool));
        routes.chain(resources).chain(completions)
    }
}
