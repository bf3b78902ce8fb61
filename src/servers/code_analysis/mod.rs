//! code-mcp: the structure of the workspace's code.
//!
//! Nothing is indexed ahead: a question walks the workspace, and what it finds there is parsed once for every content, so
//! that an edit is seen by the next question and the worktrees of many agents share one parse ([`engine::cache`]).

mod config;
pub mod engine;
mod fault;
pub mod model;
mod prompts;
mod resources;
mod routes;
pub mod tools;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use config::Config;
use engine::{
    cache::Cache,
    language::Language,
    scan::{Scan, Scanner},
};

use crate::{
    base::beneath::{Kind, RelPath},
    project::workspace::{TreeId, Workspaces},
    tool::prelude::*,
};

/// The server.
#[derive(Debug)]
pub struct CodeAnalysis {
    config: Config,
    workspaces: Workspaces,
    cache: Arc<Cache>,
}

impl CodeAnalysis {
    /// Opens the server on the hub's workspaces.
    #[allow(clippy::unused_async, reason = "every server opens the same way")]
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        let cache = Arc::new(Cache::new(config.max_cached_symbols));
        Ok(Self {
            config,
            workspaces: host.workspaces.clone(),
            cache,
        })
    }

    /// The definitions at and below `path` in the caller's workspace, and whether that is a file.
    async fn scan(
        &self,
        ctx: &Ctx,
        repo: Option<RepoName>,
        path: Option<&str>,
    ) -> Result<(Scan, bool), ToolError> {
        let tree = TreeId::new(ctx.scope(), repo)
            .map_err(|error| ToolError::invalid("/repo", error.to_string()))?;
        let text = path.map_or(".", |path| {
            path.strip_suffix('/')
                .filter(|path| !path.is_empty())
                .unwrap_or(path)
        });
        let at = RelPath::parse(if text.is_empty() { "." } else { text })
            .map_err(|error| ToolError::invalid("/path", error.to_string()))?;
        let (workspaces, cache) = (self.workspaces.clone(), Arc::clone(&self.cache));
        let (max_bytes, now_ms) = (self.config.max_file_bytes, ctx.now());
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let is_file = files.kind(&at).map_err(|error| fault::of(&at, error))? == Kind::File;
            if is_file && Language::of(at.as_str()).is_none() {
                let known = "Rust, Python, TypeScript and JavaScript are known";
                return Err(ToolError::invalid(
                    "/path",
                    format!("{at} is in no known language: {known}"),
                ));
            }
            let scanner = Scanner {
                cache: &cache,
                max_bytes,
                now_ms,
                stop: &|| stop.is_set(),
            };
            let scan = scanner
                .scan(&files, &at)
                .map_err(|error| fault::of(&at, error))?;
            stop.check()?;
            Ok((scan, is_file))
        })
        .await
    }
}

impl ToolServer for CodeAnalysis {
    const ID: ServerId = ServerId::CodeAnalysis;
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const PROMPTS: &'static [Prompt] = prompts::PROMPTS;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<tools::outline::Outline>()
            .add::<tools::find_symbol::FindSymbol>();
    }
}
