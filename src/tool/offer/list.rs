//! Which resources there are for a caller.

use super::{MOST_LISTED, Resource, reads, uri};
use crate::{
    access::{Principal, ServerId},
    base::paging,
    tool::{Pin, Reach, Registry, ToolError},
};

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is read.
    pub uri: String,
    /// Its name for programs.
    pub name: &'static str,
    /// Its name for people, with the project's.
    pub title: String,
    /// What it holds.
    pub about: &'static str,
    /// Its media type, where it is always the same.
    pub mime: Option<&'static str>,
    /// Its server.
    pub server: ServerId,
}

/// A page of resources.
#[derive(Debug, Default)]
pub struct ListResources {
    /// The resources.
    pub items: Vec<Entry>,
    /// Continues the list.
    pub next_cursor: Option<String>,
}

/// The project's settings, which every server shows.
pub const CONFIG: Resource = Resource::json(
    "config",
    "project-config",
    "Project",
    "The project: its name and agents, what this token may do in it, and the servers and tools that work on it. Read it first.",
    "read_project_config",
);

/// Projects that one page shows the resources of.
const PROJECTS: u32 = 20;

impl Registry {
    /// The templates of all resources that `principal` sees.
    pub fn resource_templates(
        &self,
        principal: &Principal,
        reach: &Reach,
    ) -> Vec<(ServerId, &'static Resource)> {
        let mut out = Vec::new();
        for server in self.servers().filter(|s| reach.server(*s)) {
            if out.is_empty() && reads(principal, server) {
                out.push((server, &CONFIG));
            }
            let seen = self.offer(server).resources.iter();
            out.extend(
                seen.filter(|r| self.shows(principal, reach, r))
                    .map(|r| (server, r)),
            );
        }
        out
    }

    /// The resources of the projects that `principal` sees: all whose URI follows from the project and the agent.
    pub async fn list_resources(
        &self,
        principal: &Principal,
        pin: &Pin,
        reach: &Reach,
        cursor: Option<&str>,
    ) -> Result<ListResources, ToolError> {
        let bound = pin.or_bound(principal);
        let binding = (
            "resources",
            &principal.id,
            &pin.project,
            &pin.agent,
            format!("{reach:?}"),
        );
        let after = cursor
            .map(|cursor| paging::decode::<String>(&binding, cursor))
            .transpose()?;
        let templates = self.resource_templates(principal, reach);
        let mut page = ListResources::default();
        let mut last = None;
        let found = self
            .projects()
            .list_projects(after.as_deref(), PROJECTS + 1)
            .await?;
        let more = found.len() > PROJECTS as usize;
        for project in found.iter().take(PROJECTS as usize) {
            last = Some(project.id.clone());
            if bound.project.as_deref().is_some_and(|p| p != project.id) {
                continue;
            }
            let mut agents = self.agents_of(principal, &project.id).await?;
            if let Some(own) = bound.agent.as_deref() {
                agents.retain(|a| a == own);
            }
            let title = if project.name.is_empty() {
                &project.id
            } else {
                &project.name
            };
            for (server, resource) in &templates {
                if uri::names(resource.path).next().is_some() {
                    continue;
                }
                let named = resource.own && agents.len() > 1;
                for agent in agents.iter().take(if named { MOST_LISTED } else { 1 }) {
                    let whose = if named {
                        format!(" of {agent}")
                    } else {
                        String::new()
                    };
                    page.items.push(Entry {
                        uri: uri::concrete(
                            &project.id,
                            resource.path,
                            named.then_some(agent.as_str()),
                        ),
                        name: resource.name,
                        title: format!("{}{whose} ({title})", resource.title),
                        about: resource.about,
                        mime: resource.mime(),
                        server: *server,
                    });
                }
            }
        }
        page.next_cursor = last
            .filter(|_| more)
            .map(|last| paging::encode(&binding, &last));
        Ok(page)
    }
}
