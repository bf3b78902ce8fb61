//! `glob`: find files by a pattern over their paths.

use crate::{
    base::beneath::RelPath,
    project::workspace::WalkOptions,
    servers::file_system::{
        FileSystem, directory_path,
        engine::find::{self, Globs, Name, Wanted},
        fault, tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct Glob;

/// The arguments, all but the cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Glob over paths from `path` on: `*.rs` at any depth, `src/**/*.rs` below `src`, `{a,b}`, `[0-9]`, `?`. `*` does not match
    /// a slash.
    #[garde(length(bytes, min = 1, max = 1000))]
    pub pattern: String,
    /// Directory to look in, relative to the workspace; all of it when left out.
    #[garde(length(bytes, max = 4096))]
    pub path: Option<String>,
    /// Find hidden files too.
    #[serde(default)]
    pub hidden: bool,
    /// Find files that `.gitignore` excludes too.
    #[serde(default)]
    pub include_ignored: bool,
    /// Most paths to return.
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

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Files that match, relative to the workspace, by path.
    pub items: Vec<String>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for Glob {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "glob";
    const ABOUT: &'static str = "Find files of your workspace by a glob over their paths, .gitignore obeyed, hidden files left out, links not \
                                 followed. Use search_files when you know only a part of the name, search_content to look into files. Returns \
                                 paths, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo.clone())?;
        let path = directory_path(args.path.as_deref())?;
        let wrong = |error: globset::Error| ToolError::invalid("/pattern", error.to_string());
        let wanted = Wanted {
            name: Name::Glob(Globs::new([args.pattern.as_str()]).map_err(wrong)?),
            except: Globs::new([]).map_err(wrong)?,
            directories: false,
            files: true,
        };
        let question = Args {
            cursor: None,
            limit: 0,
            ..args.clone()
        };
        let binding = (ctx.scope().clone(), "glob", question);
        let after = super::continue_after(&binding, args.cursor.as_deref())?;
        let workspaces = server.workspaces.clone();
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let options = WalkOptions {
                hidden: args.hidden,
                ignored: args.include_ignored,
                links: false,
                after,
            };
            let stopped = || stop.is_set();
            let page = find::find(
                &files,
                &path,
                &wanted,
                &options,
                args.limit as usize,
                &stopped,
            )
            .map_err(|error| fault::of(&files, &path, error))?;
            stop.check()?;
            let items: Vec<String> = page.found.into_iter().map(|found| found.path).collect();
            let last = items.last().filter(|_| page.more);
            let last = last.and_then(|last| RelPath::parse(last).ok());
            Ok(Output {
                next_cursor: last.map(|last| paging::encode(&binding, &last)),
                items,
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};

    #[tokio::test]
    async fn files_are_found_in_pages() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir_all(at.join("src/x")).unwrap();
        for path in ["src/a.rs", "src/x/b.rs", "c.rs", "d.md"] {
            std::fs::write(at.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink(&team.host.data, at.join("out")).unwrap();
        let first = ok(&team, "glob", json!({"pattern": "*.rs", "limit": 2})).await;
        assert_eq!(first["items"], json!(["c.rs", "src/a.rs"]));
        let rest = ok(
            &team,
            "glob",
            json!({"pattern": "*.rs", "limit": 2, "cursor": first["next_cursor"]}),
        )
        .await;
        assert_eq!(rest, json!({"items": ["src/x/b.rs"]}));
        let inside = ok(&team, "glob", json!({"pattern": "x/*", "path": "src"})).await;
        assert_eq!(inside["items"], json!(["src/x/b.rs"]));
        assert_eq!(
            ok(&team, "glob", json!({"pattern": "out/**"})).await["items"],
            json!([])
        );
        let error = refused(&team, "glob", json!({"pattern": "{a"})).await;
        assert_eq!(error.fields[0].pointer, "/pattern");
        let error = refused(&team, "glob", json!({"pattern": "*", "path": "out"})).await;
        assert_eq!(error.fields[0].pointer, "/path");
    }
}
