//! `find_symbol`: where a name is defined.

use std::{cmp::Ordering, io::Read};

use crate::{
    base::beneath::RelPath,
    project::workspace::TreeId,
    servers::code_analysis::{
        CodeAnalysis,
        engine::{
            find::{Match, Query},
            scan::Source,
            source,
            symbol::{Kind, Symbol},
        },
        fault,
        model::{self, Item, Skipped},
    },
    tool::prelude::*,
};

/// Longest body in an answer, in bytes.
const MAX_BODY: usize = 4096;

/// Marker: mounted once in `mod.rs`.
#[derive(Debug)]
pub struct FindSymbol;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// A name such as `parse`, one with what it is inside of such as `Parser::parse` or `Parser/parse`, or an id.
    #[garde(length(chars, min = 1, max = 300))]
    pub query: String,
    /// Only definitions of this kind.
    pub kind: Option<Kind>,
    /// Only in this file or directory, relative to the workspace.
    #[garde(length(bytes, max = 4096))]
    pub path: Option<String>,
    /// How the name must fit.
    #[serde(default, rename = "match")]
    pub how: Match,
    /// Return the source of each definition too, up to 4 KB of each; then ask for few.
    #[serde(default)]
    pub body: bool,
    /// Repository whose workspace is meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// Most definitions to return.
    #[serde(default = "twenty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn twenty() -> u32 {
    20
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// Definitions, the best fits first.
    pub items: Vec<Item>,
    /// How many fit, on all pages.
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

struct Hit<'a> {
    rank: u32,
    source: &'a Source,
    at: usize,
    symbol: &'a Symbol,
}

impl Tool for FindSymbol {
    type Server = CodeAnalysis;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "find_symbol";
    const ABOUT: &'static str = "Find where a name is defined in your workspace (Rust, Python, TypeScript, JavaScript), as the \
        files are now. Use it instead of a text search when you look for a definition and not for every mention; use \
        outline for all definitions of one file. Returns id, kind, lines and signature, the best fits first, in pages.";
    const ACCESS: Access = Access::Read;

    async fn run(server: &CodeAnalysis, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = (
            "find_symbol",
            ctx.scope().clone(),
            args.repo.clone(),
            args.path.clone(),
            (&args.query, args.kind, args.how),
        );
        let after: Option<(u32, String, usize)> = args
            .cursor
            .as_ref()
            .map(|cursor| paging::decode(&binding, cursor))
            .transpose()?;
        let (scan, _) = server
            .scan(ctx, args.repo.clone(), args.path.as_deref())
            .await?;
        let query = Query::new(&args.query, args.how, args.kind);
        let mut hits: Vec<Hit<'_>> = Vec::new();
        for source in &scan.files {
            let symbols = source.parsed.symbols.iter().enumerate();
            hits.extend(symbols.filter_map(|(at, symbol)| {
                Some(Hit {
                    rank: query.rank(symbol)?,
                    source,
                    at,
                    symbol,
                })
            }));
        }
        // Stable: within a rank, files stay in the order of the walk.
        hits.sort_by_key(|hit| hit.rank);
        let total = hits.len();
        let start = after.map_or(0, |key| hits.partition_point(|hit| hit.place(&key).is_le()));
        let hits: Vec<Hit<'_>> = hits
            .into_iter()
            .skip(start)
            .take(args.limit as usize + 1)
            .collect();
        let bodies = if args.body {
            bodies(server, ctx, &args, &hits).await?
        } else {
            Vec::new()
        };
        let mut bodies = bodies.into_iter();
        let (items, last, truncated) = model::page(hits, args.limit as usize, |hit| Item {
            body: bodies.next().flatten(),
            ..Item::new(&hit.source.path, hit.symbol)
        });
        let last = last.filter(|_| truncated);
        Ok(Output {
            next_cursor: last
                .map(|hit| paging::encode(&binding, &(hit.rank, &hit.source.path, hit.at))),
            items,
            total,
            truncated,
            skipped: model::skipped(&scan.skipped),
        })
    }
}

impl Hit<'_> {
    fn place(&self, (rank, path, at): &(u32, String, usize)) -> Ordering {
        self.rank
            .cmp(rank)
            .then_with(|| model::by_path(&self.source.path, path))
            .then(self.at.cmp(at))
    }
}

/// The source of each hit, read again; nothing where the file changed meanwhile.
async fn bodies(
    server: &CodeAnalysis,
    ctx: &Ctx,
    args: &Args,
    hits: &[Hit<'_>],
) -> Result<Vec<Option<String>>, ToolError> {
    let tree = TreeId::new(ctx.scope(), args.repo.clone())
        .map_err(|error| ToolError::invalid("/repo", error.to_string()))?;
    let wanted: Vec<_> = hits
        .iter()
        .map(|hit| {
            (
                hit.source.path.clone(),
                hit.symbol.bytes.clone(),
                hit.symbol.name.clone(),
            )
        })
        .collect();
    let (workspaces, most) = (server.workspaces.clone(), server.config.max_file_bytes);
    ctx.blocking(move |stop| {
        let files = workspaces.files(&tree).map_err(fault::of_workspace)?;
        let mut bodies = Vec::with_capacity(wanted.len());
        for (path, range, name) in wanted {
            stop.check()?;
            let text = RelPath::parse(&path)
                .ok()
                .and_then(|path| files.file(&path).ok())
                .and_then(|(file, _)| {
                    let mut bytes = Vec::new();
                    file.take(most).read_to_end(&mut bytes).ok()?;
                    source::decode(&bytes).ok()
                });
            let body = text
                .as_deref()
                .and_then(|text| text.get(range))
                .filter(|body| body.contains(bare(&name)));
            bodies.push(body.map(shortened));
        }
        Ok(bodies)
    })
    .await
}

/// What of a name stands in its source: that of an `impl` is composed.
fn bare(name: &str) -> &str {
    if name.starts_with("impl ") {
        "impl"
    } else {
        name.trim_end_matches('…')
    }
}

fn shortened(body: &str) -> String {
    if body.len() <= MAX_BODY {
        return body.to_owned();
    }
    let cut = body
        .get(..body.floor_char_boundary(MAX_BODY))
        .unwrap_or_default();
    format!("{cut}\n…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::code_analysis::tests::{team, write};

    fn args(query: &str) -> Args {
        serde_json::from_value(serde_json::json!({ "query": query })).unwrap()
    }

    #[tokio::test]
    async fn the_best_fit_comes_first_with_its_body() {
        let team = team().await;
        write(
            &team,
            "a.py",
            "def user_list(): pass\n\n@cached\ndef user(a,\n         b):\n    return 1\n",
        );
        write(&team, "b.ts", "export class Thing { user = 1; }\n");
        let found = team
            .call::<FindSymbol>(Args {
                body: true,
                ..args("user")
            })
            .await
            .unwrap();
        let ids: Vec<&str> = found.items.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, ["a.py#user", "b.ts#Thing/user", "a.py#user_list"]);
        assert_eq!(
            found.items[0].body.as_deref(),
            Some("@cached\ndef user(a,\n         b):\n    return 1")
        );
        assert_eq!(
            (found.items[0].line, found.items[0].signature.as_str()),
            (4, "def user(a, b)")
        );
    }

    #[tokio::test]
    async fn kind_path_and_pages_narrow() {
        let team = team().await;
        for n in 0..5 {
            write(
                &team,
                &format!("d/{n}.rs"),
                "pub struct Job;\nimpl Job { fn run(&self) {} }\nfn run() {}\n",
            );
        }
        let methods = Args {
            kind: Some(Kind::Method),
            ..args("run")
        };
        assert_eq!(team.call::<FindSymbol>(methods).await.unwrap().total, 5);
        let inside = Args {
            path: Some("d/3.rs".into()),
            ..args("Job::run")
        };
        assert_eq!(
            team.call::<FindSymbol>(inside).await.unwrap().items[0].id,
            "d/3.rs#Job/run"
        );
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let page = team
                .call::<FindSymbol>(Args {
                    limit: 3,
                    cursor,
                    ..args("run")
                })
                .await
                .unwrap();
            assert_eq!(page.total, 10);
            ids.extend(page.items.into_iter().map(|item| item.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        ids.dedup();
        assert_eq!(ids.len(), 10);
        let other = Args {
            cursor: Some("x".into()),
            ..args("run")
        };
        assert_eq!(
            team.call::<FindSymbol>(other).await.unwrap_err().code,
            Code::InvalidArgument
        );
    }

    #[tokio::test]
    async fn another_agents_workspace_is_not_searched() {
        let team = team().await;
        write(&team, "a.rs", "fn secret() {}\n");
        assert_eq!(
            team.at("demo", "bea")
                .call::<FindSymbol>(args("secret"))
                .await
                .unwrap()
                .total,
            0
        );
    }
}
