//! `project`, `agent`, `token`: administration straight on the database, whether the hub runs or not. A running hub notices
//! within a second.

use clap::Subcommand;

use super::out;
use crate::{
    access::{NewToken, Rotation},
    app::Store,
    base::{
        clock::rfc3339,
        ids::{AgentId, ProjectId},
    },
    config::Settings,
    project::Scope,
};

/// Most rows that a list shows.
const ROWS: u32 = 1000;

#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// Make a project.
    Create {
        /// Its id: a-z, 0-9, '.', '_', '-'.
        id: ProjectId,
        /// A name for people.
        #[arg(long, default_value = "")]
        name: String,
    },
    /// List projects.
    List,
    /// Make an agent a member of a project.
    AddMember {
        /// The project.
        project: ProjectId,
        /// The agent.
        agent: AgentId,
    },
    /// End an agent's membership.
    RemoveMember {
        /// The project.
        project: ProjectId,
        /// The agent.
        agent: AgentId,
    },
    /// List a project's members.
    Members {
        /// The project.
        project: ProjectId,
    },
}

#[derive(Debug, Subcommand)]
pub enum AgentCommand {
    /// Make an agent.
    Create {
        /// Its id: a-z, 0-9, '.', '_', '-'.
        id: AgentId,
        /// A name for people.
        #[arg(long, default_value = "")]
        name: String,
        /// Projects to make it a member of.
        #[arg(long = "project", value_name = "PROJECT")]
        projects: Vec<ProjectId>,
    },
    /// List agents.
    List,
}

#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, this once.
    Create {
        /// A name to recognise it by.
        name: String,
        /// A project it is good for; repeat for several. '*' for all.
        #[arg(long = "project", value_name = "PROJECT", required = true)]
        projects: Vec<String>,
        /// An agent it is good for; repeat for several. '*' for all.
        #[arg(long = "agent", value_name = "AGENT", required = true)]
        agents: Vec<String>,
        /// <server>:read|write|admin, mcp:read|write|admin, hub:admin; repeat for several.
        #[arg(long = "scope", value_name = "SCOPE", default_value = "mcp:write")]
        scopes: Vec<String>,
        /// A tool it may call, or a pattern such as 'git_*'; repeat for several. Without any, all that its scopes allow.
        #[arg(long = "allow-tool", value_name = "TOOL")]
        tools_allow: Vec<String>,
        /// A tool it may not call, or a pattern; repeat for several.
        #[arg(long = "deny-tool", value_name = "TOOL")]
        tools_deny: Vec<String>,
        /// Days until it expires.
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u16>,
    },
    /// List tokens (never the tokens themselves).
    List,
    /// Give a token a new text and print it, this once. The old one works for a while.
    Rotate {
        /// Its id, as listed.
        id: String,
        /// Minutes that the old one works.
        #[arg(long, value_name = "MINUTES", default_value_t = 60)]
        grace_minutes: u16,
        /// Days until it expires; without it the expiry stays what it is.
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u16>,
    },
    /// Revoke a token.
    Revoke {
        /// Its id, as listed.
        id: String,
    },
}

pub async fn project(settings: &Settings, command: ProjectCommand) -> anyhow::Result<()> {
    let store = Store::open(settings).await?;
    match command {
        ProjectCommand::Create { id, name } => {
            anyhow::ensure!(
                store.projects.create_project(&id, &name).await?,
                "project {id} exists"
            );
            out::line(&format!(
                "Made project {id}. Next: syndarix project add-member {id} <agent>"
            ))?;
        }
        ProjectCommand::List => {
            let rows = store.projects.list_projects(None, ROWS).await?;
            named(rows)?;
        }
        ProjectCommand::AddMember { project, agent } => {
            let scope = Scope { project, agent };
            anyhow::ensure!(
                store.projects.add_member(&scope).await?,
                "no such project or agent: create both first"
            );
            out::line(&format!(
                "{} is a member of {}.",
                scope.agent, scope.project
            ))?;
        }
        ProjectCommand::RemoveMember { project, agent } => {
            let scope = Scope { project, agent };
            anyhow::ensure!(
                store.projects.remove_member(&scope).await?,
                "the agent is no member of the project"
            );
            out::line(&format!(
                "{} is no member of {} any more.",
                scope.agent, scope.project
            ))?;
        }
        ProjectCommand::Members { project } => {
            let rows = store.projects.list_members(&project, None, ROWS).await?;
            named(rows)?;
        }
    }
    store.db.close().await;
    Ok(())
}

pub async fn agent(settings: &Settings, command: AgentCommand) -> anyhow::Result<()> {
    let store = Store::open(settings).await?;
    match command {
        AgentCommand::Create { id, name, projects } => {
            anyhow::ensure!(
                store.projects.create_agent(&id, &name).await?,
                "agent {id} exists"
            );
            for project in projects {
                let scope = Scope {
                    project,
                    agent: id.clone(),
                };
                anyhow::ensure!(
                    store.projects.add_member(&scope).await?,
                    "no project {}",
                    scope.project
                );
            }
            out::line(&format!("Made agent {id}."))?;
        }
        AgentCommand::List => {
            let rows = store.projects.list_agents(None, ROWS).await?;
            named(rows)?;
        }
    }
    store.db.close().await;
    Ok(())
}

pub async fn token(settings: &Settings, command: TokenCommand) -> anyhow::Result<()> {
    let store = Store::open(settings).await?;
    match command {
        TokenCommand::Create {
            name,
            projects,
            agents,
            scopes,
            tools_allow,
            tools_deny,
            expires_in_days,
        } => {
            let expires_in_s = expires_in_days.map(|days| u32::from(days) * 86_400);
            let wanted = NewToken {
                name,
                projects,
                agents,
                scopes,
                tools_allow,
                tools_deny,
                expires_in_s,
            };
            let (token, info) = store
                .authority
                .create(wanted)
                .await
                .map_err(|e| anyhow::anyhow!("{e}"))?;
            out::error(&format!(
                "Made token {} ({}). It is not shown again:",
                info.id, info.name
            ));
            out::line(token.reveal())?;
        }
        TokenCommand::List => {
            let rows: Vec<Vec<String>> = store
                .authority
                .list(None, ROWS)
                .await?
                .into_iter()
                .map(|t| {
                    let time = |ms: Option<i64>| ms.map(rfc3339).unwrap_or_default();
                    let state = if t.revoked_ms.is_some() {
                        "revoked"
                    } else {
                        "live"
                    };
                    vec![
                        t.id,
                        t.name,
                        state.into(),
                        t.projects.join(","),
                        t.agents.join(","),
                        t.scopes.join(","),
                        tools(&t.tools_allow, &t.tools_deny),
                        time(t.expires_ms),
                        time(t.last_used_ms),
                    ]
                })
                .collect();
            let headings = [
                "ID",
                "NAME",
                "STATE",
                "PROJECTS",
                "AGENTS",
                "SCOPES",
                "TOOLS",
                "EXPIRES",
                "LAST USED",
            ];
            out::table(&headings, &rows)?;
        }
        TokenCommand::Rotate {
            id,
            grace_minutes,
            expires_in_days,
        } => {
            let wanted = Rotation {
                grace_s: Some(u32::from(grace_minutes) * 60),
                expires_in_s: expires_in_days.map(|days| u32::from(days) * 86_400),
            };
            let rotated = store.authority.rotate(&id, &wanted).await?;
            let (token, info) = rotated.ok_or_else(|| no_such_token(&id))?;
            let until = info.old_until_ms.map(rfc3339).unwrap_or_default();
            out::error(&format!(
                "Rotated {id}: the old token works until {until}. The new one is not shown again:"
            ));
            out::line(token.reveal())?;
        }
        TokenCommand::Revoke { id } => {
            if !store.authority.revoke(&id).await? {
                return Err(no_such_token(&id));
            }
            out::line(&format!("Revoked {id}."))?;
        }
    }
    store.db.close().await;
    Ok(())
}

fn no_such_token(id: &str) -> anyhow::Error {
    anyhow::anyhow!("no live token {id}: syndarix token list shows them")
}

/// What a token's filter lets it call, e.g. `git_*,!git_push`.
fn tools(allow: &[String], deny: &[String]) -> String {
    let denied = deny.iter().map(|entry| format!("!{entry}"));
    allow
        .iter()
        .cloned()
        .chain(denied)
        .collect::<Vec<_>>()
        .join(",")
}

fn named(rows: Vec<crate::project::Named>) -> anyhow::Result<()> {
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|r| vec![r.id, r.name, rfc3339(r.created_ms)])
        .collect();
    out::table(&["ID", "NAME", "SINCE"], &rows)
}
