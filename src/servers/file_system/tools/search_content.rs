//! `search_content`: find text in files.

use crate::{
    servers::file_system::{
        FileSystem, directory_path,
        engine::search::{self, After, Hit, Query, SearchError},
        fault, tree,
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct SearchContent;

/// What to return.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Show {
    /// Every matching line.
    #[default]
    Lines,
    /// The files that match.
    Files,
    /// The files that match, with how many matches each.
    Count,
}

/// The arguments, all but the cursor of which bind a cursor.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Regular expression (Rust syntax, as in ripgrep), matched line by line.
    #[garde(length(bytes, min = 1, max = 4096))]
    pub pattern: String,
    /// Directory or file to search, relative to the workspace; all of it when left out.
    #[garde(length(bytes, max = 4096))]
    pub path: Option<String>,
    /// Only files that match this glob: `*.rs` at any depth, `src/**/*.rs` from `path` on.
    #[garde(length(bytes, min = 1, max = 1000))]
    pub glob: Option<String>,
    /// Only files of this kind, by ripgrep's names: `rust`, `py`, `js`, `ts`, `md`, `json`, …
    #[serde(rename = "type")]
    #[garde(length(bytes, min = 1, max = 50))]
    pub kind: Option<String>,
    /// Take the pattern as plain text.
    #[serde(default)]
    pub literal: bool,
    /// Do not distinguish upper and lower case.
    #[serde(default)]
    pub ignore_case: bool,
    /// Match whole words only.
    #[serde(default)]
    pub word: bool,
    /// Let the pattern match over line ends; `.` still does not match `\n`, `(?s:.)` does.
    #[serde(default)]
    pub multiline: bool,
    /// Lines of context to show before and after each matching line.
    #[serde(default)]
    #[garde(range(max = 10))]
    pub context: u32,
    /// `lines` shows every matching line, `files` only which files match, `count` how often each matches.
    #[serde(default)]
    pub output: Show,
    /// Search hidden files too.
    #[serde(default)]
    pub hidden: bool,
    /// Search files that `.gitignore` excludes too.
    #[serde(default)]
    pub include_ignored: bool,
    /// Most lines or files to return.
    #[serde(default = "super::fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 8192))]
    pub cursor: Option<String>,
}

/// A matching line, or a file with matches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The file, relative to the workspace.
    pub path: String,
    /// Number of the line, from 1; of the first line of a multi-line match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The matching line, cut when very long.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Context lines before it that no earlier item showed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Context lines after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// Matching lines in the file, for `output: "count"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// What was found, by path and line.
    pub items: Vec<Item>,
    /// Files that were searched for this page.
    pub searched_files: u64,
    /// Files that could not be searched: unreadable, with several hard links, or with lines beyond measure.
    #[serde(skip_serializing_if = "super::is_zero")]
    pub skipped_files: u64,
    /// Pass as `cursor` to search on, when the page is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for SearchContent {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "search_content";
    const ABOUT: &'static str = "Search the text of the files in your workspace with a regular expression, as ripgrep does: .gitignore is obeyed, \
                                 hidden and binary files are left out, links are not followed. Use read_text_file to read around a hit, \
                                 list_directory to see names. Returns matching lines with path and number (or files, or counts), in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let tree = tree(ctx, args.repo.clone())?;
        let path = directory_path(args.path.as_deref())?;
        let binding = (
            ctx.scope().clone(),
            Args {
                cursor: None,
                limit: 0,
                ..args.clone()
            },
        );
        let after: Option<After> = args
            .cursor
            .as_ref()
            .map(|cursor| paging::decode(&binding, cursor))
            .transpose()?;
        let query = Query {
            pattern: args.pattern,
            path: path.clone(),
            globs: args.glob.into_iter().collect(),
            types: args.kind.into_iter().collect(),
            literal: args.literal,
            ignore_case: args.ignore_case,
            word: args.word,
            multiline: args.multiline,
            hidden: args.hidden,
            ignored: args.include_ignored,
            context: args.context as usize,
            output: match args.output {
                Show::Lines => search::Output::Lines,
                Show::Files => search::Output::Files,
                Show::Count => search::Output::Count,
            },
        };
        let workspaces = server.workspaces.clone();
        ctx.blocking(move |stop| {
            let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
            let page = search::search(&files, &query, after.as_ref(), args.limit as usize, &|| {
                stop.is_set()
            });
            let page = page.map_err(|error| match error {
                SearchError::Pattern(_) if !query.literal => {
                    ToolError::invalid("/pattern", error.to_string())
                        .hint("pass literal: true to search for plain text")
                }
                SearchError::Pattern(_) => ToolError::invalid("/pattern", error.to_string()),
                SearchError::Glob(_) => ToolError::invalid("/glob", error.to_string()),
                SearchError::Type(_) => ToolError::invalid("/type", error.to_string()),
                SearchError::File(error) => fault::of(&files, &path, error),
                SearchError::Stopped => ToolError::new(Code::Cancelled, "the search was stopped"),
            })?;
            Ok(Output {
                next_cursor: page.next.map(|next| paging::encode(&binding, &next)),
                items: page.hits.into_iter().map(Item::from).collect(),
                searched_files: page.searched,
                skipped_files: page.skipped,
            })
        })
        .await
    }
}

impl From<Hit> for Item {
    fn from(hit: Hit) -> Self {
        Self {
            path: hit.path,
            line: hit.line,
            text: hit.text,
            before: hit.before,
            after: hit.after,
            count: hit.count,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, root, team};

    #[tokio::test]
    async fn hits_are_paged_and_counted() {
        let team = team().await;
        let at = root(&team);
        std::fs::create_dir(at.join("src")).unwrap();
        std::fs::write(at.join("src/a.rs"), "fn a() {}\nfn b() {}\n").unwrap();
        std::fs::write(at.join("b.py"), "def fn(): pass\n").unwrap();
        let first = ok(
            &team,
            "search_content",
            json!({"pattern": "fn", "limit": 2}),
        )
        .await;
        assert_eq!(
            first["items"][1],
            json!({"path": "src/a.rs", "line": 1, "text": "fn a() {}"})
        );
        let args = json!({"pattern": "fn", "limit": 5, "cursor": first["next_cursor"]});
        let rest = ok(&team, "search_content", args).await;
        assert_eq!(
            rest["items"],
            json!([{"path": "src/a.rs", "line": 2, "text": "fn b() {}"}])
        );
        assert_eq!(rest.get("next_cursor"), None);
        let counted = json!({"pattern": "fn", "type": "rust", "output": "count"});
        let counted = ok(&team, "search_content", counted).await;
        assert_eq!(counted["items"], json!([{"path": "src/a.rs", "count": 2}]));
        let other = json!({"pattern": "other", "cursor": first["next_cursor"]});
        assert!(
            refused(&team, "search_content", other)
                .await
                .message
                .contains("cursor")
        );
        assert!(
            refused(&team, "search_content", json!({"pattern": "("}))
                .await
                .message
                .contains("literal: true")
        );
        assert!(
            refused(
                &team,
                "search_content",
                json!({"pattern": "a", "path": "scr"})
            )
            .await
            .message
            .contains("src")
        );
        assert_eq!(
            ok(
                &team.at("demo", "bea"),
                "search_content",
                json!({"pattern": "fn"})
            )
            .await["items"],
            json!([])
        );
    }
}
