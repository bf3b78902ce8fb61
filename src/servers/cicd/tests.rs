//! What the tests of the tools share.

use std::path::PathBuf;

use super::{
    Cicd, Config,
    engine::process::Supervisor,
    tools::run_workflow::{Args, RunWorkflow},
};
use crate::{
    servers::git::{self, Git},
    test::Team,
};

/// A hub with this server and git. Its steps cannot start: the executable of a unit test is no supervisor.
pub async fn team() -> Team {
    crate::test::team(async |builder, host| {
        let supervisor = Supervisor {
            program: PathBuf::from("/nonexistent"),
            args: Vec::new(),
        };
        let git = Git::open(git::Config::default(), host).await.unwrap();
        let cicd = Cicd::open_with(Config::default(), host, supervisor);
        builder.mount(git).mount(cicd.await.unwrap())
    })
    .await
}

/// The id of a run of a single checkout step that has ended.
pub async fn finished(team: &Team) -> String {
    let text = "jobs:\n  a:\n    runs-on: x\n    steps:\n      - uses: actions/checkout@v4\n";
    let args = Args {
        inline: Some(text.to_owned()),
        wait_ms: 20_000,
        ..Args::default()
    };
    team.call::<RunWorkflow>(args).await.unwrap().run.run_id
}
