//! `acquire_lease`: claim a path for one agent.

use serde_json::json;

use crate::{
    servers::file_system::{
        FileSystem, directory_path,
        model::Lease,
        store::{Acquired, MOST_LEASES, NewLease},
        tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct AcquireLease;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose paths are meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// File or directory, which need not exist; a directory stands for all below it, `.` for the whole repository.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
    /// Seconds until it ends by itself. Take it again before that to go on.
    #[garde(range(min = 1, max = 86_400))]
    pub ttl_s: Option<u32>,
    /// What it is for, shown to those who are refused.
    #[garde(length(chars, min = 1, max = 200))]
    pub purpose: Option<String>,
}

impl Tool for AcquireLease {
    type Server = FileSystem;
    type Args = Args;
    type Output = Lease;

    const NAME: &'static str = "acquire_lease";
    const ABOUT: &'static str = "Claim a file or directory for yourself for some time: the file tools of the project's other agents then refuse \
                                 to change that path in their workspaces, and say that you hold it, so that two do not do the same work. Take \
                                 it again to extend it, release_lease ends it. Use claim_issue to claim a task. Returns the lease.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Lease, ToolError> {
        let repo = tree(ctx, args.repo)?.repo;
        let path = directory_path(Some(&args.path))?;
        let (now, seconds) = (ctx.now(), args.ttl_s.unwrap_or(server.config.lease_s));
        let wanted = NewLease {
            scope: ctx.scope().clone(),
            repo,
            path: path.clone(),
            purpose: args.purpose,
            expires_ms: now + Millis::from(seconds) * 1000,
        };
        match server.leases.acquire(wanted, now).await? {
            Acquired::Taken(lease) => Ok(lease),
            Acquired::Held(lease) => Err(ToolError::conflict(format!(
                "{path} cannot be leased: {} holds a lease of {}",
                lease.holder, lease.path
            ))
            .hint("work elsewhere, ask the holder to release_lease, or wait until it ends")
            .details(json!({ "lease": lease }))),
            Acquired::TooMany => Err(ToolError::conflict(format!(
                "you hold {MOST_LEASES} leases in this repository already"
            ))
            .hint("release_lease those that you do not need, or lease a directory")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::base::clock::Clock;
    use crate::servers::file_system::{
        Config, FileSystem,
        tools::testing::{ok, refused, root, team},
    };
    use crate::tool::Code;

    #[tokio::test]
    async fn others_are_refused_by_name_and_the_holder_is_not() {
        let team = team().await;
        let bea = team.at("demo", "bea");
        std::fs::create_dir_all(root(&bea).join("src")).unwrap();
        std::fs::write(root(&bea).join("src/a"), "x\n").unwrap();
        let lease = json!({"path": "src/", "purpose": "the rewrite"});
        let lease = ok(&team, "acquire_lease", lease).await;
        assert_eq!(
            (&lease["path"], &lease["holder"]),
            (&json!("src"), &json!("ann"))
        );
        let patch = "*** Begin Patch\n*** Update File: src/a\n@@\n-x\n+y\n*** End Patch";
        for (tool, args) in [
            ("write_file", json!({"path": "src/a", "content": ""})),
            (
                "edit_file",
                json!({"path": "src/a", "edits": [{"oldText": "x", "newText": "y"}]}),
            ),
            ("apply_patch", json!({"patch": patch})),
            ("create_directory", json!({"path": "src/new"})),
            ("delete_file", json!({"path": "src/a"})),
            ("delete_file", json!({"path": "src", "recursive": true})),
            ("move_file", json!({"source": "src/a", "destination": "b"})),
            ("move_file", json!({"source": "src", "destination": "b"})),
            (
                "copy_file",
                json!({"source": "src/a", "destination": "src/b"}),
            ),
            ("acquire_lease", json!({"path": "src/a"})),
            ("acquire_lease", json!({"path": "."})),
        ] {
            let error = refused(&bea, tool, args).await;
            assert_eq!(error.code, Code::Conflict, "{tool}: {}", error.message);
            assert!(
                error.message.contains("ann holds a lease of src"),
                "{}",
                error.message
            );
        }
        assert_eq!(
            std::fs::read_to_string(root(&bea).join("src/a")).unwrap(),
            "x\n"
        );
        ok(
            &bea,
            "copy_file",
            json!({"source": "src/a", "destination": "c"}),
        )
        .await;
        ok(
            &team,
            "write_file",
            json!({"path": "src/a", "content": "mine"}),
        )
        .await;
        let not_hers = refused(&bea, "release_lease", json!({"path": "src"})).await;
        assert_eq!(not_hers.code, Code::Conflict);
        ok(&team, "release_lease", json!({"path": "src"})).await;
        ok(
            &bea,
            "write_file",
            json!({"path": "src/a", "content": "hers"}),
        )
        .await;
    }

    #[tokio::test]
    async fn a_lease_ends_by_itself_and_is_extended_by_taking_it_again() {
        let clock = Clock::manual(1_000_000);
        let team = crate::test::team_at(clock.clone(), async |builder, host| {
            builder.mount(FileSystem::open(Config::default(), host).await.unwrap())
        })
        .await;
        let bea = team.at("demo", "bea");
        let write = json!({"path": "a", "content": ""});
        ok(&team, "acquire_lease", json!({"path": "a", "ttl_s": 10})).await;
        clock.advance(9_000);
        let again = ok(&team, "acquire_lease", json!({"path": "a", "ttl_s": 10})).await;
        assert_eq!(again["expires_ms"], 1_019_000);
        clock.advance(9_000);
        assert_eq!(
            refused(&bea, "write_file", write.clone()).await.code,
            Code::Conflict
        );
        clock.advance(1_000);
        ok(&bea, "write_file", write).await;
    }

    #[tokio::test]
    async fn another_server_on_the_same_database_knows_the_lease() {
        let team = team().await;
        ok(&team, "acquire_lease", json!({"path": "a"})).await;
        let again = FileSystem::open(Config::default(), &team.host)
            .await
            .unwrap();
        let repo = "main".parse().unwrap();
        let live = again.leases.live(&team.scope.project, &repo, 0).await;
        assert_eq!(live.unwrap().len(), 1);
    }
}
