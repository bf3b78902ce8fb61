//! `diff_snapshot`: what changed since a snapshot.

use std::io::Read as _;

use crate::{
    base::beneath::{Error as FileError, RelPath},
    project::workspace::Shelf,
    servers::file_system::{
        FileSystem,
        engine::{
            diff,
            snapshot::{self, Change, Entry, Scope, Snapshot, Store, What, differences, scan},
            text::{self, Text},
        },
        fault, file_path,
        snapshots::{self, refusal},
        tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct DiffSnapshot;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// The old state: `snapshot_id` from create_snapshot or list_snapshots.
    #[garde(length(bytes, min = 1, max = 100))]
    pub snapshot_id: String,
    /// The new state: another snapshot; the workspace as it is now when left out.
    #[garde(length(bytes, min = 1, max = 100))]
    pub to_snapshot_id: Option<String>,
    /// Show what changed in this one text file, as a unified diff, instead of which paths changed.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: Option<String>,
    /// Most paths to return.
    #[serde(default = "super::fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

/// How a path differs.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum How {
    Added,
    Removed,
    Modified,
    /// Only the mode bits differ.
    Mode,
    /// It is a file in one state, and a link or directory in the other.
    Kind,
}

/// A path that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Relative to the workspace.
    pub path: String,
    /// How it differs.
    pub change: How,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Paths that differ, by path.
    pub items: Vec<Item>,
    /// Paths that differ in all.
    pub total: usize,
    /// What changed in the file at `path`, when one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// True when the diff was too long and was cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for DiffSnapshot {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "diff_snapshot";
    const ABOUT: &'static str = "Show which files differ between a snapshot and your workspace now, or another snapshot; with path, how one file \
                                 differs. Use git_diff to compare with commits. Returns paths with the kind of change, in pages, or a unified \
                                 diff.";
    const ACCESS: Access = Access::Read;
    const DEADLINE: Duration = Duration::from_secs(120);

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo)?;
        let one = args.path.as_deref().map(file_path).transpose()?;
        let ids = (args.snapshot_id.clone(), args.to_snapshot_id.clone());
        let binding = (ctx.scope().clone(), tree.repo.clone(), ids);
        let after = super::continue_after(&binding, args.cursor.as_deref())?;
        let (workspaces, most) = (server.workspaces.clone(), server.config.max_file_bytes);
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let aside = workspaces
                .aside(&tree, Shelf::Snapshots)
                .map_err(fault::of_workspace)?;
            let store = Store(aside.files());
            let old = snapshots::load(store, "/snapshot_id", &args.snapshot_id)?;
            let other = args.to_snapshot_id.as_deref();
            let other = other
                .map(|id| snapshots::load(store, "/to_snapshot_id", id))
                .transpose()?;
            if let Some(path) = one {
                let then = in_snapshot(store, &old, &path, most)?;
                let now = match &other {
                    Some(other) => in_snapshot(store, other, &path, most)?,
                    None => crate::servers::file_system::content(&files, &path, most)?,
                };
                if then.is_none() && now.is_none() {
                    return Err(fault::of(&files, &path, FileError::NotFound));
                }
                let show = |bytes: Option<Vec<u8>>| shown(&path, &bytes.unwrap_or_default());
                let (diff, truncated) = diff::unified(path.as_str(), &show(then)?, &show(now)?);
                return Ok(Output {
                    items: Vec::new(),
                    total: 0,
                    diff: Some(diff),
                    truncated,
                    next_cursor: None,
                });
            }
            let new: Vec<Entry> = if let Some(other) = other {
                other.entries
            } else {
                let scope = Scope {
                    ignored: old.header.ignored,
                    like: Some(&old),
                    into: None,
                    room: &|_| true,
                    stop: &|| stop.is_set(),
                };
                scan(&files, &scope).map_err(refusal)?.0
            };
            let all = differences(&old.entries, &new);
            let is_left = |path: &RelPath| {
                let after = after.as_ref().map(RelPath::components);
                after.is_none_or(|after| path.components().gt(after))
            };
            let mut rest = all.iter().filter(|d| is_left(d.path));
            let page: Vec<_> = rest.by_ref().take(args.limit as usize).collect();
            let last = page.last().filter(|_| rest.next().is_some());
            Ok(Output {
                next_cursor: last.map(|last| paging::encode(&binding, last.path)),
                items: page.iter().map(|d| Item::new(d.path, d.change)).collect(),
                total: all.len(),
                diff: None,
                truncated: false,
            })
        })
        .await
    }
}

impl Item {
    fn new(path: &RelPath, change: Change) -> Self {
        Self {
            path: path.to_string(),
            change: match change {
                Change::Added => How::Added,
                Change::Removed => How::Removed,
                Change::Modified => How::Modified,
                Change::Mode => How::Mode,
                Change::Kind => How::Kind,
            },
        }
    }
}

/// The content of the file at `path` in the snapshot; `None` when it has none there.
fn in_snapshot(
    store: Store<'_>,
    of: &Snapshot,
    path: &RelPath,
    most: u64,
) -> Result<Option<Vec<u8>>, ToolError> {
    let entry = of.entries.iter().find(|entry| entry.path == *path);
    let Some(What::File(snapshot::File { hash, bytes, .. })) = entry.map(|entry| &entry.what)
    else {
        return Ok(None);
    };
    if *bytes > most {
        return Err(ToolError::too_large(format!(
            "{path} is larger than {most} bytes, the most that is compared"
        )));
    }
    let mut content = Vec::new();
    let file = store.open(hash).map_err(refusal)?;
    file.take(most).read_to_end(&mut content)?;
    Ok(Some(content))
}

fn shown(path: &RelPath, bytes: &[u8]) -> Result<String, ToolError> {
    let text = Text::decode(bytes, None).map_err(|error| fault::of_text("/path", path, &error))?;
    Ok(if text.invalid.is_some() {
        text::shown(&text.body)
    } else {
        text.body
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn changes_are_listed_in_pages_and_shown_for_one_file() {
        let team = team().await;
        let at = root(&team);
        for name in ["a", "b", "c"] {
            std::fs::write(at.join(name), "1\n2\n").unwrap();
        }
        let id = ok(&team, "create_snapshot", json!({})).await["snapshot_id"].clone();
        std::fs::write(at.join("a"), "1\ntwo\n").unwrap();
        std::fs::remove_file(at.join("b")).unwrap();
        std::fs::write(at.join("d"), "new\n").unwrap();
        let first = ok(
            &team,
            "diff_snapshot",
            json!({"snapshot_id": id, "limit": 2}),
        )
        .await;
        assert_eq!(
            first["items"],
            json!([{"path": "a", "change": "modified"}, {"path": "b", "change": "removed"}])
        );
        let rest = json!({"snapshot_id": id, "limit": 2, "cursor": first["next_cursor"]});
        let rest = ok(&team, "diff_snapshot", rest).await;
        assert_eq!(
            rest,
            json!({"items": [{"path": "d", "change": "added"}], "total": 3})
        );
        let file = ok(
            &team,
            "diff_snapshot",
            json!({"snapshot_id": id, "path": "a"}),
        )
        .await;
        assert!(file["diff"].as_str().unwrap().ends_with(" 1\n-2\n+two\n"));
        let later = ok(&team, "create_snapshot", json!({})).await["snapshot_id"].clone();
        std::fs::write(at.join("a"), "other").unwrap();
        let between = json!({"snapshot_id": id, "to_snapshot_id": later});
        assert_eq!(ok(&team, "diff_snapshot", between).await["total"], 3);
        let none = refused(
            &team,
            "diff_snapshot",
            json!({"snapshot_id": id, "path": "no"}),
        )
        .await;
        assert_eq!(none.code, Code::NotFound);
    }
}
