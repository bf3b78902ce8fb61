//! `directory_tree`: how directories lie in each other.

use crate::{
    base::beneath::RelPath,
    project::workspace::WalkOptions,
    servers::file_system::{FileSystem, directory_path, engine::outline, fault, tree},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct DirectoryTree;

/// The arguments, all but the cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Directory, relative to the workspace; the workspace itself when left out.
    #[garde(length(bytes, max = 4096))]
    pub path: Option<String>,
    /// How many levels to show.
    #[serde(default = "three")]
    #[garde(range(min = 1, max = 64))]
    pub depth: u32,
    /// Most entries to show.
    #[serde(default = "most")]
    #[garde(range(min = 1, max = 1000))]
    pub limit: u32,
    /// Show hidden entries too.
    #[serde(default)]
    pub hidden: bool,
    /// Show what `.gitignore` excludes too.
    #[serde(default)]
    pub include_ignored: bool,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

fn three() -> u32 {
    3
}

fn most() -> u32 {
    500
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The directory, relative to the workspace; `.` is the workspace.
    pub path: String,
    /// What lies below it, one entry a line, two spaces a level. `name/` is a directory, `name/ …` one that is deeper than was
    /// asked for, `name ->` a symbolic link.
    pub tree: String,
    /// Entries on this page.
    pub entries: usize,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for DirectoryTree {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "directory_tree";
    const ABOUT: &'static str = "Show what lies in a directory of your workspace and in those below it, as an indented tree without hidden and \
                                 ignored entries, in pages. Use list_directory for one directory with sizes, glob to find files by name.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo.clone())?;
        let path = directory_path(args.path.as_deref())?;
        let question = Args {
            cursor: None,
            limit: 0,
            ..args.clone()
        };
        let binding = (ctx.scope().clone(), "tree", question);
        let after = super::continue_after(&binding, args.cursor.as_deref())?;
        let workspaces = server.workspaces.clone();
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let options = WalkOptions {
                hidden: args.hidden,
                ignored: args.include_ignored,
                links: true,
                after,
            };
            let (depth, limit) = (args.depth as usize, args.limit as usize);
            let page = outline::page(&files, &path, depth, &options, limit, &|| stop.is_set())
                .map_err(|error| fault::of(&files, &path, error))?;
            stop.check()?;
            let next = |last: RelPath| paging::encode(&binding, &last);
            Ok(Output {
                path: path.to_string(),
                tree: page.text,
                entries: page.entries,
                next_cursor: page.next.map(next),
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_large_tree_comes_in_short_pages_that_join() {
        let team = team().await;
        for dir in 0..30 {
            let at = root(&team).join(format!("a-directory-with-a-long-name-{dir:02}/deep"));
            std::fs::create_dir_all(&at).unwrap();
            for file in 0..60 {
                std::fs::write(at.join(format!("a-file-with-a-long-name-{file:02}")), "").unwrap();
            }
        }
        let mut args = json!({"limit": 1000, "depth": 9});
        let (mut files, mut pages) = (0, 0);
        loop {
            let page = ok(&team, "directory_tree", args.clone()).await;
            assert!(page.to_string().len() <= 48 * 1024);
            files += page["tree"].as_str().unwrap().matches("a-file").count();
            pages += 1;
            let Some(next) = page.get("next_cursor") else {
                break;
            };
            args["cursor"] = next.clone();
        }
        assert_eq!((files, pages), (1800, 2));
        args["path"] = "a-directory-with-a-long-name-00".into();
        assert_eq!(
            refused(&team, "directory_tree", args).await.code,
            Code::InvalidArgument,
            "another list's cursor"
        );
        let top = ok(&team, "directory_tree", json!({"depth": 1})).await;
        assert!(
            top["tree"]
                .as_str()
                .unwrap()
                .starts_with("a-directory-with-a-long-name-00/ …\n")
        );
        assert_eq!(top["entries"], 30);
    }
}
