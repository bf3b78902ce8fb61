//! A team with git-mcp mounted and a repository made.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    servers::git::{Config, Git},
    test::Team,
    tool::ToolError,
};

/// Nothing made yet.
pub async fn bare_team() -> Team {
    team_with(Config::default()).await
}

async fn team_with(config: Config) -> Team {
    crate::test::team(async |builder, host| builder.mount(Git::open(config, host).await.unwrap()))
        .await
}

/// With the repository `main`, on a machine without the git program.
pub async fn team_without_program() -> Team {
    let config = Config {
        program: String::new(),
        ..Config::default()
    };
    let team = team_with(config).await;
    ok(&team, "git_init", json!({})).await;
    team
}

/// The git directory of a team's repository.
pub fn git_dir(team: &Team) -> PathBuf {
    let project = &team.scope.project;
    team.host
        .data
        .join(format!("projects/{project}/repos/main.git"))
}

/// How many objects lie in it.
pub fn objects(team: &Team) -> usize {
    let folders = std::fs::read_dir(git_dir(team).join("objects")).unwrap();
    let folders = folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    folders.map(Iterator::count).sum()
}

/// With the repository `main`.
pub async fn team() -> Team {
    let team = bare_team().await;
    ok(&team, "git_init", json!({})).await;
    team
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

pub fn write(team: &Team, path: &str, text: &str) {
    let at = root(team).join(path);
    std::fs::create_dir_all(at.parent().unwrap()).unwrap();
    std::fs::write(at, text).unwrap();
}

/// Writes, stages and commits; the commit's id.
pub async fn save(team: &Team, path: &str, text: &str) -> String {
    write(team, path, text);
    ok(team, "git_add", json!({"paths": ["."]})).await;
    let done = ok(
        team,
        "git_commit",
        json!({"message": format!("change {path}")}),
    )
    .await;
    done["commit"].as_str().unwrap().to_owned()
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
