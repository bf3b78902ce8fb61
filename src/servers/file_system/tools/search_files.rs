//! `search_files`: find files and directories by a part of their name.

use crate::{
    base::beneath::RelPath,
    project::workspace::WalkOptions,
    servers::file_system::{
        FileSystem, directory_path,
        engine::find::{self, Globs, Name, Wanted},
        fault,
        tools::list_directory::EntryType,
        tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct SearchFiles;

/// The arguments, all but the cursor and limit of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// A part of the name, or a glob over it such as `*test*.py`. Upper and lower case do not matter.
    #[garde(length(bytes, min = 1, max = 1000))]
    pub pattern: String,
    /// Directory to look in, relative to the workspace; all of it when left out.
    #[garde(length(bytes, max = 4096))]
    pub path: Option<String>,
    /// Globs of what to leave out, with all below it, e.g. `["node_modules", "*.min.js"]`.
    #[serde(default, rename = "excludePatterns", alias = "exclude_patterns")]
    #[garde(length(max = 50), inner(length(bytes, min = 1, max = 1000)))]
    pub exclude_patterns: Vec<String>,
    /// Find hidden entries too.
    #[serde(default)]
    pub hidden: bool,
    /// Find what `.gitignore` excludes too.
    #[serde(default)]
    pub include_ignored: bool,
    /// Most entries to return.
    #[serde(default = "super::fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

/// A file or directory.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its path, relative to the workspace.
    pub path: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: EntryType,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was found, by path.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for SearchFiles {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "search_files";
    const ABOUT: &'static str = "Find files, directories and links of your workspace by a part of their name, in any case; hidden and ignored ones \
                                 are left out. Use glob to match whole paths, search_content to look into files. Returns paths with their \
                                 type, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo.clone())?;
        let path = directory_path(args.path.as_deref())?;
        let wrong = |pointer: &'static str| {
            move |error: globset::Error| ToolError::invalid(pointer, error.to_string())
        };
        let name = if args.pattern.contains(['*', '?', '[', '{']) {
            Name::Glob(Globs::ignoring_case(&args.pattern).map_err(wrong("/pattern"))?)
        } else {
            Name::Part(args.pattern.to_lowercase())
        };
        let except = args.exclude_patterns.iter().map(String::as_str);
        let wanted = Wanted {
            name,
            except: Globs::new(except).map_err(wrong("/excludePatterns"))?,
            directories: true,
            files: true,
        };
        let question = Args {
            cursor: None,
            limit: 0,
            ..args.clone()
        };
        let binding = (ctx.scope().clone(), "names", question);
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
            let last = page.found.last().filter(|_| page.more);
            let last = last.and_then(|last| RelPath::parse(&last.path).ok());
            Ok(Output {
                next_cursor: last.map(|last| paging::encode(&binding, &last)),
                items: page.found.into_iter().map(Item::from).collect(),
            })
        })
        .await
    }
}

impl From<find::Found> for Item {
    fn from(found: find::Found) -> Self {
        Self {
            path: found.path,
            kind: found.kind.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};

    #[tokio::test]
    async fn names_are_found_by_a_part_or_a_glob() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir_all(at.join("Parser/vendor")).unwrap();
        for path in [
            "Parser/parse.rs",
            "Parser/vendor/parse.c",
            "other.rs",
            ".parse",
        ] {
            std::fs::write(at.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink(&team.host.data, at.join("parse-out")).unwrap();
        let find = |args: Value| {
            let team = team.clone();
            async move {
                let found = ok(&team, "search_files", args).await;
                let items = found["items"].as_array().unwrap().clone();
                items
                    .into_iter()
                    .map(|i| {
                        format!(
                            "{} {}",
                            i["type"].as_str().unwrap(),
                            i["path"].as_str().unwrap()
                        )
                    })
                    .collect::<Vec<_>>()
            }
        };
        let all = [
            "directory Parser",
            "file Parser/parse.rs",
            "file Parser/vendor/parse.c",
            "symlink parse-out",
        ];
        assert_eq!(find(json!({"pattern": "PARSE"})).await, all);
        assert_eq!(find(json!({"pattern": "parse.*"})).await, all[1..3]);
        let except = json!({"pattern": "parse", "excludePatterns": ["vendor", "*-out"]});
        assert_eq!(find(except).await, all[..2]);
        let first = ok(
            &team,
            "search_files",
            json!({"pattern": "parse", "limit": 2}),
        )
        .await;
        let rest = json!({"pattern": "parse", "limit": 2, "cursor": first["next_cursor"]});
        assert_eq!(find(rest).await, all[2..]);
        let error = refused(&team, "search_files", json!({"pattern": "[a"})).await;
        assert_eq!(error.fields[0].pointer, "/pattern");
    }
}
