//! `git_diff`: what changed.

use crate::{
    servers::git::{
        Git,
        engine::{
            Backend,
            diff::{self, After, FileDiff, Sides},
            name,
            status::Change,
        },
        fault,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitDiff;

/// What is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Mode {
    /// Your files with what is staged.
    #[default]
    Unstaged,
    /// What is staged with HEAD.
    Staged,
    /// Two commits.
    Range,
}

/// How each file's difference is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Format {
    /// Unified diff.
    #[default]
    Patch,
    /// Counts of lines only.
    Stat,
    /// Paths and kinds of change only; the fastest.
    NameStatus,
    /// Lines with `[-removed-]` and `{+added+}` words.
    Word,
}

/// The arguments, all but cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `unstaged` compares your files with the index, `staged` the index with HEAD, `range` two commits.
    #[serde(default)]
    pub mode: Mode,
    /// For `range`: the old commit or branch; the first parent of `to` when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub from: Option<String>,
    /// For `range`: the new commit or branch; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub to: Option<String>,
    /// For `range`: compare from where both sides last were one, as a pull request does.
    #[serde(default)]
    pub merge_base: bool,
    /// Only files at or below these paths.
    #[serde(default)]
    #[garde(length(max = 100))]
    pub paths: Vec<String>,
    /// How each file's difference is shown: `patch`, `stat`, `name_status` or `word`.
    #[serde(default)]
    pub format: Format,
    /// Unchanged lines around each change.
    #[serde(default = "three")]
    #[garde(range(max = 50))]
    pub context_lines: u32,
    /// Most files on a page.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

pub(super) fn three() -> u32 {
    3
}

fn fifty() -> u32 {
    50
}

impl Default for Args {
    fn default() -> Self {
        Self {
            repo: None,
            mode: Mode::default(),
            from: None,
            to: None,
            merge_base: false,
            paths: Vec::new(),
            format: Format::default(),
            context_lines: three(),
            limit: fifty(),
            cursor: None,
        }
    }
}

/// One file that differs.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its path, relative to the top of the tree; the new one after a rename.
    pub path: String,
    /// How it changed.
    pub change: Change,
    /// Its old path, when renamed or copied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// True for binary files, which have no patch.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
    /// Lines added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insertions: Option<usize>,
    /// Lines removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<usize>,
    /// Old mode, when the mode changed, e.g. `100644`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old_mode: Option<String>,
    /// New mode, when the mode changed, e.g. `100755`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_mode: Option<String>,
    /// The difference, in the wanted format.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub patch: String,
    /// True when the rest of the patch is on the next page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit on the old side, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The commit on the new side, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Files that differ in all. Left out on the first page of a patch where hundreds of files were added and removed, because
    /// counting them means comparing each with each: later pages and the other formats have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_changed: Option<usize>,
    /// Lines added in all, unless there are too many files to sum up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub insertions: Option<usize>,
    /// Lines removed in all, unless there are too many files to sum up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletions: Option<usize>,
    /// The files, by path.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Who compared: the `git` program or `libgit2`.
    pub backend: Backend,
}

impl Tool for GitDiff {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_diff";
    const ABOUT: &'static str = "Show what differs: your files against the index (unstaged, without untracked files), the index against HEAD \
                                 (staged), or two commits (range; with only `to`, what that commit changed). Use git_status for a list that \
                                 includes untracked files. Returns a patch for each file, renames detected, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        answer(server, ctx, args).await
    }
}

/// What `git_diff` answers; for the tools that ask it a narrower question too.
pub(super) async fn answer(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
    let paths = name::paths(&args.paths).map_err(fault::of)?;
    let sides = sides(&args)?;
    let format = args.format.of_engine();
    let cursor = args.cursor.clone();
    let limit = args.limit as usize;
    let first = cursor.is_none();
    let question = (
        ctx.scope().clone(),
        Args {
            cursor: None,
            limit: 0,
            ..args.clone()
        },
    );
    server
        .look(ctx, args.repo, move |session, stop| {
            let stop = || stop.is_set();
            let (found, (from, to)) = diff::compare(
                &session.repository,
                session.comparer(),
                &sides,
                &paths,
                args.context_lines,
                (first && format == diff::Format::Patch).then_some(limit),
                &stop,
            )?;
            let (from, to) = (from.map(|id| id.to_string()), to.map(|id| id.to_string()));
            // Bound to the commits too: when a branch moved, its pages do not join.
            let binding = (question, from.clone(), to.clone());
            let after: Option<After> = cursor
                .map(|cursor| paging::decode(&binding, &cursor))
                .transpose()?;
            let page = found.page(format, after.as_ref(), limit, &stop)?;
            let totals = found.totals(format != diff::Format::NameStatus)?;
            Ok(Output {
                from,
                to,
                files_changed: found.is_whole().then_some(totals.files),
                insertions: totals.lines.map(|(insertions, _)| insertions),
                deletions: totals.lines.map(|(_, deletions)| deletions),
                items: page.items.into_iter().map(Item::from).collect(),
                next_cursor: page.next.map(|next| paging::encode(&binding, &next)),
                backend: found.backend(),
            })
        })
        .await
}

impl Format {
    pub(super) fn of_engine(self) -> diff::Format {
        match self {
            Self::Patch => diff::Format::Patch,
            Self::Stat => diff::Format::Stat,
            Self::NameStatus => diff::Format::NameStatus,
            Self::Word => diff::Format::Word,
        }
    }
}

fn sides(args: &Args) -> Result<Sides, ToolError> {
    if args.mode != Mode::Range && (args.from.is_some() || args.to.is_some() || args.merge_base) {
        return Err(ToolError::invalid(
            "/mode",
            "must be \"range\" when from, to or merge_base are given",
        ));
    }
    Ok(match args.mode {
        Mode::Unstaged => Sides::Unstaged,
        Mode::Staged => Sides::Staged,
        Mode::Range => Sides::Range {
            from: args.from.clone(),
            to: args.to.clone(),
            merge_base: args.merge_base,
        },
    })
}

impl From<FileDiff> for Item {
    fn from(file: FileDiff) -> Self {
        let (old_mode, new_mode) = file.modes.unzip();
        Self {
            path: file.path,
            change: file.change,
            from: file.from,
            binary: file.binary,
            insertions: file.insertions,
            deletions: file.deletions,
            old_mode,
            new_mode,
            patch: file.patch,
            truncated: file.continued,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn unstaged_staged_and_range() {
        let team = team().await;
        let first = save(&team, "a", "one\ntwo\n").await;
        write(&team, "a", "one\n2\n");
        let unstaged = ok(&team, "git_diff", json!({})).await;
        assert_eq!(
            unstaged["items"][0]["patch"]
                .as_str()
                .unwrap()
                .lines()
                .last(),
            Some("+2")
        );
        assert_eq!(
            ok(&team, "git_diff", json!({"mode": "staged"})).await["items"],
            json!([])
        );
        ok(&team, "git_add", json!({"paths": ["."]})).await;
        let word = ok(
            &team,
            "git_diff",
            json!({"mode": "staged", "format": "word"}),
        )
        .await;
        assert!(
            word["items"][0]["patch"]
                .as_str()
                .unwrap()
                .contains("[-two-]{+2+}")
        );
        let second = ok(&team, "git_commit", json!({"message": "x"})).await["commit"].clone();
        let range = ok(
            &team,
            "git_diff",
            json!({"mode": "range", "format": "stat", "to": second}),
        )
        .await;
        let like = json!({"from": first, "to": second, "files_changed": 1, "insertions": 1, "deletions": 1,
                          "items": [{"path": "a", "change": "modified", "insertions": 1, "deletions": 1}],
                          "backend": "libgit2"});
        assert_eq!(range, like);
        let root = ok(
            &team,
            "git_diff",
            json!({"mode": "range", "format": "name_status", "to": first}),
        )
        .await;
        assert_eq!(root["items"], json!([{"path": "a", "change": "added"}]));
    }

    #[tokio::test]
    async fn a_cursor_ends_with_the_commits_it_was_made_for() {
        let team = team().await;
        save(&team, "a", "1").await;
        write(&team, "b", "1");
        save(&team, "c", "1").await;
        let args = json!({"mode": "range", "from": "main", "to": "HEAD", "limit": 1});
        let page = ok(&team, "git_diff", args.clone()).await;
        assert_eq!(
            (&page["items"][0]["path"], &page["files_changed"]),
            (&json!("b"), &json!(2))
        );
        let mut next = args.clone();
        next["cursor"] = page["next_cursor"].clone();
        assert_eq!(
            ok(&team, "git_diff", next.clone()).await["items"][0]["path"],
            "c"
        );
        save(&team, "d", "1").await;
        assert_eq!(
            refused(&team, "git_diff", next).await.code,
            Code::InvalidArgument
        );
        for bad in [
            json!({"mode": "range", "from": "--no-index"}),
            json!({"from": "main"}),
            json!({"paths": ["/etc/passwd"]}),
        ] {
            assert_eq!(
                refused(&team, "git_diff", bad.clone()).await.code,
                Code::InvalidArgument,
                "{bad}"
            );
        }
    }
}
