//! `outline`: what a file or directory defines.

use crate::{
    servers::code_analysis::{
        CodeAnalysis,
        engine::scan::Scan,
        model::{self, Item, Skipped},
    },
    tool::prelude::*,
};

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct Outline;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// File or directory, relative to the workspace; the whole workspace if left out.
    #[garde(length(bytes, max = 4096))]
    pub path: Option<String>,
    /// How deep to show what is nested: 1 is only the top of each file. 3 for a file, 1 for a directory, if left out.
    #[garde(range(min = 1, max = 20))]
    pub depth: Option<u32>,
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Most definitions to return.
    #[serde(default = "hundred")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn hundred() -> u32 {
    100
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Definitions, file by file in the order of the source.
    pub items: Vec<Item>,
    /// How many there are on all pages.
    pub total: usize,
    /// Whether there is another page.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Source files that were left out, counted by reason: too_large, binary, minified, generated, timed_out, unreadable.
    #[serde(skip_serializing_if = "Skipped::is_empty")]
    pub skipped: Skipped,
}

impl Tool for Outline {
    type Server = CodeAnalysis;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "outline";
    const ABOUT: &'static str = "List what a source file or directory of your workspace defines (Rust, Python, TypeScript, \
        JavaScript): functions, methods, types, fields, constants and so on, with line and signature, as the files are now. \
        Use it before reading a file; use find_symbol to look for a name everywhere. Returns definitions in source order, \
        in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &CodeAnalysis, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = (
            "outline",
            ctx.scope().clone(),
            args.repo.clone(),
            args.path.clone(),
            args.depth,
        );
        let after: Option<(String, usize)> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        let (scan, is_file) = server.scan(ctx, args.repo, args.path.as_deref()).await?;
        let depth = args.depth.unwrap_or(if is_file { 3 } else { 1 });
        let shown = shown(&scan, depth);
        let total = shown.len();
        let start = after.map_or(0, |(path, index)| {
            let is_before = |(file, at): &(usize, usize)| {
                scan.files.get(*file).is_some_and(|source| {
                    model::by_path(&source.path, &path)
                        .then(at.cmp(&index))
                        .is_le()
                })
            };
            shown.partition_point(is_before)
        });
        let candidates = shown.into_iter().skip(start);
        let entries = candidates.filter_map(|(file, at)| {
            let source = scan.files.get(file)?;
            Some((source, at, source.parsed.symbols.get(at)?))
        });
        let (items, last, truncated) =
            model::page(entries, args.limit as usize, |(source, _, symbol)| {
                Item::new(&source.path, symbol)
            });
        let last = last.filter(|_| truncated);
        Ok(Output {
            next_cursor: last.map(|(source, at, _)| paging::encode(&binding, &(&source.path, at))),
            items,
            total,
            truncated,
            skipped: model::skipped(&scan.skipped),
        })
    }
}

/// Places of the definitions that are not nested too deep.
fn shown(scan: &Scan, depth: u32) -> Vec<(usize, usize)> {
    let files = scan.files.iter().enumerate();
    let places = files.flat_map(|(file, source)| {
        let symbols = source.parsed.symbols.iter().enumerate();
        symbols
            .filter(move |(_, symbol)| symbol.depth < depth)
            .map(move |(at, _)| (file, at))
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::code_analysis::tests::{team, write};

    fn args(path: Option<&str>, depth: Option<u32>, limit: u32, cursor: Option<String>) -> Args {
        Args {
            path: path.map(Into::into),
            depth,
            repo: None,
            limit,
            cursor,
        }
    }

    #[tokio::test]
    async fn a_file_is_told_in_its_order_and_an_edit_at_once() {
        let team = team().await;
        write(
            &team,
            "src/a.rs",
            "struct P { x: u8 }\nimpl P { fn new() -> P { P { x: 1 } } }\n",
        );
        let seen = team
            .call::<Outline>(args(Some("src/a.rs"), None, 50, None))
            .await
            .unwrap();
        let ids: Vec<&str> = seen.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "src/a.rs#P",
                "src/a.rs#P/x",
                "src/a.rs#impl P",
                "src/a.rs#P/new"
            ]
        );
        assert_eq!(seen.items[3].signature, "fn new() -> P");
        write(&team, "src/a.rs", "fn other() {}\n");
        let seen = team
            .call::<Outline>(args(Some("src/a.rs"), None, 50, None))
            .await
            .unwrap();
        assert_eq!(
            (seen.total, seen.items[0].id.as_str()),
            (1, "src/a.rs#other")
        );
    }

    #[tokio::test]
    async fn pages_join_to_the_whole() {
        let team = team().await;
        for file in ["a.py", "a/b.py", "b.py"] {
            write(
                &team,
                file,
                "def f(): pass\nclass C:\n  def m(self): pass\n",
            );
        }
        let whole = team
            .call::<Outline>(args(None, None, 200, None))
            .await
            .unwrap();
        assert_eq!((whole.total, whole.truncated), (6, false));
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let page = team
                .call::<Outline>(args(None, None, 4, cursor))
                .await
                .unwrap();
            ids.extend(page.items.into_iter().map(|item| item.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(
            ids,
            whole
                .items
                .into_iter()
                .map(|item| item.id)
                .collect::<Vec<_>>()
        );
    }

    #[tokio::test]
    async fn paths_out_of_the_workspace_and_missing_ones_are_refused() {
        let team = team().await;
        for (path, code) in [
            ("../x", Code::InvalidArgument),
            ("/etc", Code::InvalidArgument),
            ("nope", Code::NotFound),
        ] {
            let error = team
                .call::<Outline>(args(Some(path), None, 50, None))
                .await
                .unwrap_err();
            assert_eq!(error.code, code, "{path}: {}", error.message);
        }
        write(&team, "notes.txt", "x");
        let error = team
            .call::<Outline>(args(Some("notes.txt"), None, 50, None))
            .await
            .unwrap_err();
        assert!(error.message.contains("Rust, Python"), "{}", error.message);
    }
}
