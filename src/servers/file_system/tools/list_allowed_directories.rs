//! `list_allowed_directories`: where the agent may work.

use crate::{
    project::workspace::DEFAULT_REPO,
    servers::file_system::{FileSystem, fault, model::Lease},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ListAllowedDirectories;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {}

/// A workspace.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Pass as `repo` to the file and git tools.
    pub repo: RepoName,
    /// What paths are relative to: always `.`, the workspace itself. No absolute path is ever needed.
    pub path: &'static str,
    /// Paths that agents have claimed for themselves with acquire_lease, and who.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leases: Vec<Lease>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The agent's workspaces, one for each repository of the project.
    pub items: Vec<Item>,
    /// Bytes that the project's files take, with the trash and the snapshots of all agents.
    pub used_bytes: u64,
    /// Bytes that they may take.
    pub quota_bytes: u64,
    /// Largest file that is written or edited, in bytes.
    pub max_file_bytes: u64,
}

impl Tool for ListAllowedDirectories {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "list_allowed_directories";
    const ABOUT: &'static str = "Tell where you may work: your workspaces, one for each repository of the project, with the paths that agents \
                                 have leased, and how much room there is. Use list_directory to see what is in one. All paths of all tools are \
                                 relative to a workspace.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, _: Args) -> Result<Output, ToolError> {
        let (workspaces, quota) = (server.workspaces.clone(), server.quota.clone());
        let project = ctx.project().clone();
        let quota_bytes = quota.most();
        let (mut repos, used_bytes) = ctx
            .blocking(move |stop| {
                let repos = workspaces
                    .repositories(&project)
                    .map_err(fault::of_workspace)?;
                let used = quota.used(&project, || {
                    let size = workspaces.size(&project, &|| stop.is_set());
                    stop.check()?;
                    Ok(size.unwrap_or_default())
                })?;
                Ok((repos, used))
            })
            .await?;
        if repos.is_empty() {
            repos.push(RepoName::new(DEFAULT_REPO).map_err(ToolError::internal)?);
        }
        let mut items = Vec::with_capacity(repos.len());
        for repo in repos {
            let leases = server.leases.live(ctx.project(), &repo, ctx.now()).await?;
            items.push(Item {
                repo,
                path: ".",
                leases,
            });
        }
        Ok(Output {
            items,
            used_bytes,
            quota_bytes,
            max_file_bytes: server.config.max_file_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::project::workspace::DEFAULT_BRANCH;
    use crate::servers::file_system::tools::testing::{ok, team};

    #[tokio::test]
    async fn workspaces_are_named_with_their_leases_and_room() {
        let team = team().await;
        ok(
            &team,
            "write_file",
            json!({"path": "a", "content": "12345"}),
        )
        .await;
        ok(
            &team.at("demo", "bea"),
            "acquire_lease",
            json!({"path": "src"}),
        )
        .await;
        let listed = ok(&team, "list_allowed_directories", json!({})).await;
        assert_eq!(
            (&listed["items"][0]["repo"], &listed["items"][0]["path"]),
            (&json!("main"), &json!("."))
        );
        assert_eq!(listed["items"][0]["leases"][0]["holder"], "bea");
        assert_eq!(listed["used_bytes"], 5);
        for repo in ["web", "api"] {
            let (project, repo) = (&team.scope.project, repo.parse().unwrap());
            team.host
                .workspaces
                .create_repository(project, &repo, DEFAULT_BRANCH)
                .unwrap();
        }
        let listed = ok(&team, "list_allowed_directories", json!({})).await;
        let repos: Vec<_> = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| &i["repo"])
            .collect();
        assert_eq!(repos, ["api", "web"]);
        assert!(
            !listed
                .to_string()
                .contains(team.host.data.to_str().unwrap())
        );
    }
}
