//! What the tests of the tools share.

use super::{CodeAnalysis, Config};
use crate::{
    base::beneath::{Durability, Existing, RelPath},
    project::workspace::TreeId,
    test::Team,
};

/// A hub with this server alone.
pub async fn team() -> Team {
    crate::test::team(async |builder, host| {
        builder.mount(CodeAnalysis::open(Config::default(), host).await.unwrap())
    })
    .await
}

/// Writes a file into the workspace of the team's agent.
pub fn write(team: &Team, path: &str, text: &str) {
    let files = team
        .host
        .workspaces
        .files(&TreeId::new(&team.scope, None).unwrap())
        .unwrap();
    let path = RelPath::parse(path).unwrap();
    files
        .create_directories(&path.parent(), Durability::Cached)
        .unwrap();
    files
        .write(
            &path,
            text.as_bytes(),
            Existing::Replace,
            Durability::Cached,
        )
        .unwrap();
}
