//! `create_snapshot`: keep the workspace as it is.

use crate::{
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem,
        engine::snapshot::Store,
        snapshots::{Taking, refusal},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct CreateSnapshot;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// What it is for, e.g. `before the rewrite of the parser`.
    #[garde(length(chars, min = 1, max = 200))]
    pub label: Option<String>,
    /// Keep what `.gitignore` excludes too, such as build output.
    #[serde(default)]
    pub include_ignored: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Pass to diff_snapshot and restore_snapshot.
    pub snapshot_id: String,
    /// Files in it.
    pub files: u64,
    /// Bytes that they have together. What an earlier snapshot has already takes no room again.
    pub size_bytes: u64,
    /// Special files and files with several hard links, which are not in it.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub skipped: u64,
    /// Old snapshots that were removed to make place.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub removed_snapshots: u64,
}

impl Tool for CreateSnapshot {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "create_snapshot";
    const ABOUT: &'static str = "Keep all files of your workspace as they are now, hidden ones included, before something risky; \
                                 restore_snapshot brings them back, diff_snapshot shows what changed since. It is not a commit: git does not \
                                 know of it. Returns its snapshot_id.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(300);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let changing = server.changing(ctx, args.repo).await?;
        let (now, most) = (ctx.now(), server.config.max_snapshots.max(1));
        ctx.blocking(move |stop| {
            let (files, aside) = (changing.files()?, changing.aside(Shelf::Snapshots)?);
            let store = Store(aside.files());
            let latest = match store.list().map_err(refusal)?.first() {
                Some(header) => store.load(&header.id).map_err(refusal)?,
                None => None,
            };
            let taking = Taking {
                changing: &changing,
                files: &files,
                store,
                stop,
                like: latest.as_ref(),
                ignored: args.include_ignored,
                now,
            };
            let (entries, skipped) = taking.look()?;
            let header = taking.keep(entries, args.label)?;
            let removed = store.prune(most).map_err(refusal)?;
            Ok(Output {
                snapshot_id: header.id,
                files: header.files,
                size_bytes: header.bytes,
                skipped,
                removed_snapshots: removed as u64,
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::{
        Config,
        tools::testing::{ok, refused, root, team, team_with},
    };
    use crate::tool::Code;

    #[tokio::test]
    async fn a_snapshot_has_what_is_not_ignored_and_old_ones_make_place() {
        let config = Config {
            max_snapshots: 2,
            ..Config::default()
        };
        let team = team_with(config).await;
        let at = root(&team);
        for (name, text) in [(".gitignore", "out\n"), ("a", "abc"), ("out", "built")] {
            std::fs::write(at.join(name), text).unwrap();
        }
        let first = ok(&team, "create_snapshot", json!({"label": "one"})).await;
        assert_eq!(
            (&first["files"], &first["size_bytes"]),
            (&json!(2), &json!(7))
        );
        let all = ok(&team, "create_snapshot", json!({"include_ignored": true})).await;
        assert_eq!(all["files"], 3);
        let third = ok(&team, "create_snapshot", json!({})).await;
        assert_eq!(third["removed_snapshots"], 1);
        let listed = ok(&team, "list_snapshots", json!({})).await;
        let ids: Vec<_> = listed["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| &i["snapshot_id"])
            .collect();
        assert_eq!(ids, [&third["snapshot_id"], &all["snapshot_id"]]);
        let gone = json!({"snapshot_id": first["snapshot_id"]});
        assert_eq!(
            refused(&team, "restore_snapshot", gone).await.code,
            Code::NotFound
        );
    }

    #[tokio::test]
    async fn snapshots_count_to_the_quota() {
        let config = Config {
            project_quota_bytes: 1500,
            ..Config::default()
        };
        let team = team_with(config).await;
        std::fs::write(root(&team).join("a"), vec![1; 1000]).unwrap();
        let error = refused(&team, "create_snapshot", json!({})).await;
        assert_eq!(error.code, Code::QuotaExceeded);
        assert!(error.message.contains("1500"), "{}", error.message);
        let fine = self::team().await;
        std::fs::write(root(&fine).join("a"), vec![1; 1000]).unwrap();
        ok(&fine, "create_snapshot", json!({})).await;
    }
}
