//! A team with the server mounted, and a look behind its back.

use std::path::PathBuf;

use serde_json::Value;

use crate::{
    servers::file_system::{Config, FileSystem},
    test::Team,
    tool::ToolError,
};

pub async fn team() -> Team {
    team_with(Config::default()).await
}

pub async fn team_with(config: Config) -> Team {
    crate::test::team(async |builder, host| {
        let server = FileSystem::open(config, host).await.unwrap();
        builder.mount(server)
    })
    .await
}

/// Where the files of a team's agent are.
pub fn root(team: &Team) -> PathBuf {
    let scope = &team.scope;
    let root = team.host.data.join(format!(
        "projects/{}/workspaces/{}/main",
        scope.project, scope.agent
    ));
    std::fs::create_dir_all(&root).unwrap();
    root
}

/// The answer, as a client reads it.
pub async fn ok(team: &Team, tool: &str, args: Value) -> Value {
    team.call_json(tool, args).await.unwrap()
}

/// The refusal, which must not say where the data directory is.
pub async fn refused(team: &Team, tool: &str, args: Value) -> ToolError {
    let error = team.call_json(tool, args).await.unwrap_err();
    let said = Value::Object(error.problem()).to_string();
    assert!(!said.contains(team.host.data.to_str().unwrap()), "{said}");
    error
}
