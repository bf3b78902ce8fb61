//! `git_list_tree`: the files of a commit.

use crate::{
    servers::git::{
        Git,
        engine::{
            blob::{self, Kind},
            name,
        },
        fault,
    },
    tool::prelude::*,
};

/// Text of all entries on a page, in bytes.
const PAGE_BYTES: usize = 36 * 1024;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitListTree;

/// The arguments, all but cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// Branch, tag, commit or expression such as `HEAD~3`; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// The directory, relative to the top of the tree; the top when left out.
    #[garde(length(bytes, min = 1, max = 4096))]
    pub path: Option<String>,
    /// List all files below the directory instead of its own entries.
    #[serde(default)]
    pub recursive: bool,
    /// Most entries on a page.
    #[serde(default = "hundred")]
    #[garde(range(min = 1, max = 1000))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

fn hundred() -> u32 {
    100
}

/// One entry.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its path from the top of the tree.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Id of its content.
    pub id: String,
    /// Size in bytes, of files and links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The commit that was listed.
    pub commit: String,
    /// The entries, by path.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GitListTree {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_list_tree";
    const ABOUT: &'static str = "List the files and directories of a commit or branch without checking it out. Use list_directory for your \
                                 own worktree, and git_read_file to read one. Returns path, kind, id and size, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = name::path(args.path.as_deref().unwrap_or(".")).map_err(fault::of)?;
        let question = (
            ctx.scope().clone(),
            Args {
                cursor: None,
                limit: 0,
                ..args.clone()
            },
        );
        let limit = args.limit as usize;
        server
            .look(ctx, args.repo, move |session, stop| {
                let repository = &session.repository;
                let commit = name::commit(repository, args.revision.as_deref().unwrap_or("HEAD"))?;
                let binding = (question, commit.id().to_string());
                let after: Option<String> = args
                    .cursor
                    .map(|cursor| paging::decode(&binding, &cursor))
                    .transpose()?;
                let stop = || stop.is_set();
                let mut entries = blob::list(
                    repository,
                    &commit,
                    &path,
                    args.recursive,
                    after.as_deref(),
                    limit,
                    &stop,
                )?;
                let mut room = PAGE_BYTES;
                let fit = entries.iter().take(limit).take_while(|entry| {
                    let size = entry.path.len() + 120;
                    let fits = size <= room;
                    room = room.saturating_sub(size);
                    fits
                });
                let fit = fit.count().max(1);
                let more = entries.len() > fit;
                entries.truncate(fit);
                let last = entries.last().filter(|_| more).map(blob::Entry::key);
                Ok(Output {
                    commit: commit.id().to_string(),
                    items: entries.into_iter().map(Item::from).collect(),
                    next_cursor: last.map(|last| paging::encode(&binding, &last)),
                })
            })
            .await
    }
}

impl From<blob::Entry> for Item {
    fn from(entry: blob::Entry) -> Self {
        Self {
            path: entry.path,
            kind: entry.kind,
            id: entry.id.to_string(),
            size: entry.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{ok, refused, root, save, team, write};
    use crate::tool::Code;

    fn paths(answer: &Value) -> Vec<String> {
        let items = answer["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["path"].as_str().unwrap().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn directories_and_all_files_page_in_order() {
        use std::os::unix::fs::PermissionsExt as _;
        let team = team().await;
        for path in ["a.b", "a/x", "a/y/z", "a0"] {
            write(&team, path, "12");
        }
        std::fs::set_permissions(
            root(&team).join("a0"),
            std::fs::Permissions::from_mode(0o755),
        )
        .unwrap();
        let commit = save(&team, "b", "1").await;
        let top = ok(&team, "git_list_tree", json!({})).await;
        assert_eq!(paths(&top), ["a.b", "a", "a0", "b"]);
        assert_eq!(
            (&top["commit"], &top["items"][1]["kind"]),
            (&json!(commit), &json!("directory"))
        );
        assert_eq!(
            (&top["items"][2]["kind"], &top["items"][0]["size"]),
            (&json!("executable"), &json!(2))
        );
        let all = paths(&ok(&team, "git_list_tree", json!({"recursive": true})).await);
        assert_eq!(all, ["a.b", "a/x", "a/y/z", "a0", "b"]);
        for recursive in [false, true] {
            let (mut joined, mut cursor) = (Vec::new(), Value::Null);
            loop {
                let mut args = json!({"recursive": recursive, "limit": 1});
                if cursor.is_string() {
                    args["cursor"] = cursor;
                }
                let page = ok(&team, "git_list_tree", args).await;
                joined.extend(paths(&page));
                cursor = page["next_cursor"].clone();
                if cursor.is_null() {
                    break;
                }
            }
            assert_eq!(joined, if recursive { all.clone() } else { paths(&top) });
        }
        assert_eq!(
            paths(&ok(&team, "git_list_tree", json!({"path": "a/"})).await),
            ["a/x", "a/y"]
        );
        assert_eq!(
            paths(&ok(&team, "git_list_tree", json!({"path": "b"})).await),
            ["b"]
        );
        assert_eq!(
            refused(&team, "git_list_tree", json!({"path": "no"}))
                .await
                .code,
            Code::NotFound
        );
        assert_eq!(
            refused(&team, "git_list_tree", json!({"revision": "-r"}))
                .await
                .code,
            Code::InvalidArgument
        );
    }
}
