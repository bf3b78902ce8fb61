//! `restore_snapshot`: make the workspace what it was.

use crate::{
    base::beneath::RelPath,
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem, changed_below, directory_path,
        engine::snapshot::{self, Difference, Entry, Store, differences, restore},
        fault,
        snapshots::{self, Taking, refusal},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct RestoreSnapshot;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// `snapshot_id` from create_snapshot or list_snapshots.
    #[garde(length(bytes, min = 1, max = 100))]
    pub snapshot_id: String,
    /// Restore only these files and directories, relative to the workspace; all of it when left out.
    #[serde(default)]
    #[garde(length(max = 100), inner(length(bytes, min = 1, max = 4096)))]
    pub paths: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// A snapshot of what was there before: restore it to undo this.
    pub undo_snapshot_id: String,
    /// Paths that were brought back or changed back.
    pub restored: usize,
    /// Paths that had been added since and were removed.
    pub removed: usize,
}

impl Tool for RestoreSnapshot {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "restore_snapshot";
    const ABOUT: &'static str = "Make your workspace, or some paths in it, what it was at a snapshot: changed and deleted files come back, files \
                                 added since go. What was there before is kept as another snapshot, so that this can be undone. git's branch \
                                 and index stay as they are. Use diff_snapshot first to see what would change.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        idempotent: true,
        ..Hints::of(Access::Write)
    };
    const DEADLINE: Duration = Duration::from_secs(300);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let wanted = args.paths.iter().map(|path| directory_path(Some(path)));
        let wanted = wanted.collect::<Result<Vec<RelPath>, _>>()?;
        let changing = server.changing(ctx, args.repo).await?;
        let (now, most) = (ctx.now(), server.config.max_snapshots.max(1));
        ctx.blocking(move |stop| {
            let (files, aside) = (changing.files()?, changing.aside(Shelf::Snapshots)?);
            let store = Store(aside.files());
            let target = snapshots::load(store, "/snapshot_id", &args.snapshot_id)?;
            let taking = Taking {
                changing: &changing,
                files: &files,
                store,
                stop,
                like: Some(&target),
                ignored: target.header.ignored,
                now,
            };
            let (mut current, _) = taking.look()?;
            let hidden = taking.look_closer(&differences(&target.entries, &current))?;
            if !hidden.is_empty() {
                current.extend(hidden);
                let in_order = |a: &Entry, b: &Entry| a.path.components().cmp(b.path.components());
                current.sort_by(in_order);
            }
            let mut all = differences(&target.entries, &current);
            let is_wanted = |d: &Difference<'_>| {
                wanted.is_empty() || wanted.iter().any(|path| path.contains(d.path))
            };
            all.retain(is_wanted);
            for difference in &all {
                changing.allowed(difference.path)?;
            }
            let growth = all.iter().filter_map(|difference| match difference.old {
                Some(snapshot::What::File(file)) => Some(file.bytes),
                _ => None,
            });
            changing.room(growth.sum(), stop)?;
            stop.check()?;
            let label = format!("before restoring {}", args.snapshot_id);
            let undo = taking.keep(current.clone(), Some(label))?;
            let ignored = target.header.ignored;
            restore(&files, store, &all, ignored, changing.durability).map_err(|blocked| {
                let undo = format!("restore {} to undo what was done", undo.id);
                let error = match blocked.error {
                    snapshot::Error::File(error) => fault::of(&files, &blocked.path, error),
                    other => refusal(other),
                };
                error.hint(undo)
            })?;
            store.prune(most).map_err(refusal)?;
            let removed = all.iter().filter(|d| d.old.is_none()).count();
            Ok(Output {
                undo_snapshot_id: undo.id,
                restored: all.len() - removed,
                removed,
            })
        })
        .await
        .inspect(|_| changed_below(ctx, "."))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn restoring_can_be_undone_whole_or_in_part() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir(at.join("d")).unwrap();
        std::fs::write(at.join("a"), "old").unwrap();
        std::fs::write(at.join("d/b"), "old").unwrap();
        let id = ok(&team, "create_snapshot", json!({})).await["snapshot_id"].clone();
        std::fs::write(at.join("a"), "new").unwrap();
        std::fs::remove_file(at.join("d/b")).unwrap();
        std::fs::write(at.join("c"), "added").unwrap();
        let part = ok(
            &team,
            "restore_snapshot",
            json!({"snapshot_id": id, "paths": ["d"]}),
        )
        .await;
        assert_eq!(
            (&part["restored"], &part["removed"]),
            (&json!(1), &json!(0))
        );
        assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "new");
        let all = ok(&team, "restore_snapshot", json!({"snapshot_id": id})).await;
        assert_eq!((&all["restored"], &all["removed"]), (&json!(1), &json!(1)));
        assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "old");
        assert!(!at.join("c").exists());
        ok(
            &team,
            "restore_snapshot",
            json!({"snapshot_id": all["undo_snapshot_id"]}),
        )
        .await;
        assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(at.join("c")).unwrap(), "added");
    }

    #[tokio::test]
    async fn what_is_ignored_by_now_is_kept_before_it_is_replaced() {
        let team = team().await;
        let at = root(&team);
        std::fs::write(at.join("a"), "old").unwrap();
        let id = ok(&team, "create_snapshot", json!({})).await["snapshot_id"].clone();
        std::fs::write(at.join(".gitignore"), "a\n").unwrap();
        std::fs::write(at.join("a"), "precious").unwrap();
        let done = ok(&team, "restore_snapshot", json!({"snapshot_id": id})).await;
        assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "old");
        ok(
            &team,
            "restore_snapshot",
            json!({"snapshot_id": done["undo_snapshot_id"]}),
        )
        .await;
        assert_eq!(std::fs::read_to_string(at.join("a")).unwrap(), "precious");
    }

    #[tokio::test]
    async fn no_one_elses_snapshot_and_no_leased_path() {
        let team = team().await;
        let id = ok(&team, "create_snapshot", json!({})).await["snapshot_id"].clone();
        let bea = team.at("demo", "bea");
        let foreign = refused(&bea, "restore_snapshot", json!({"snapshot_id": id})).await;
        assert_eq!(foreign.code, Code::NotFound);
        std::fs::write(root(&team).join("a"), "mine").unwrap();
        ok(&bea, "acquire_lease", json!({"path": "a"})).await;
        let held = refused(&team, "restore_snapshot", json!({"snapshot_id": id})).await;
        assert_eq!(held.code, Code::Conflict);
        assert!(root(&team).join("a").exists());
    }
}
