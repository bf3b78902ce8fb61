//! `sync_source`: follow a folder or repository.

use super::{
    Owner,
    job::{JobView, Show},
};
use crate::{
    base::beneath::RelPath,
    servers::knowledge_base::{
        KnowledgeBase,
        ingest::{
            place::Origin,
            runner::SYNC,
            sync::{Sync, globs},
        },
        store::NewJob,
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct SyncSource;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// What to read: a `folder` or a `repo`.
    #[garde(dive)]
    pub source: Followed,
    /// Only files whose paths match one of these patterns, e.g. "docs/**" or "**/*.md".
    #[garde(length(max = 50), inner(inner(length(chars, min = 1, max = 300))))]
    pub include: Option<Vec<String>>,
    /// No files whose paths match one of these patterns.
    #[garde(length(max = 50), inner(inner(length(chars, min = 1, max = 300))))]
    pub exclude: Option<Vec<String>>,
    /// Delete documents of this source whose files are not there any more, or do not match; kept if left out.
    pub delete_missing: Option<bool>,
    /// The collection of its documents.
    #[garde(length(chars, min = 1, max = 100))]
    pub collection: Option<String>,
    /// Words for the filters of search_knowledge.
    #[garde(length(max = 32), inner(inner(length(chars, min = 1, max = 64))))]
    pub tags: Option<Vec<String>>,
    /// Who its documents are for; `project` if left out.
    pub scope: Option<Owner>,
    /// Milliseconds to wait until it is read; 2000 if left out, 0 to return at once.
    #[garde(range(max = 20_000))]
    pub wait_ms: Option<u32>,
}

/// What to follow: exactly one of these.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Followed {
    /// A folder of your workspace, or one that the hub's operator has named.
    Folder(#[garde(dive)] Folder),
    /// A commit of the project's repository.
    Repo(#[garde(dive)] Repo),
}

/// A folder.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct Folder {
    /// A name from [servers.knowledge_base.folders] of the hub's configuration; your workspace if left out.
    #[garde(length(chars, min = 1, max = 100))]
    pub name: Option<String>,
    /// The folder in it; all of it if left out.
    #[garde(length(bytes, min = 1, max = 4_095))]
    pub path: Option<String>,
}

/// A repository.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct Repo {
    /// The repository; `main` if left out.
    pub repo: Option<RepoName>,
    /// Branch, tag or commit; your HEAD if left out.
    #[serde(rename = "ref")]
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// The folder in it; all of it if left out.
    #[garde(length(bytes, min = 1, max = 4_095))]
    pub path: Option<String>,
}

const WAIT: u32 = 2_000;
const SHOWN: u32 = 50;

impl Tool for SyncSource {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = JobView;

    const NAME: &'static str = "sync_source";
    const ABOUT: &'static str = "Bring a folder or a repository into the knowledge base, or bring up to date what was brought \
        in before: new and changed files are read, files that did not change are left alone, and with delete_missing the \
        documents of files that are gone are deleted. What .gitignore leaves out and what is binary is not read. Returns a \
        job: its state, its numbers and the files that could not be read; get_knowledge_job says how far it is.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: true,
        idempotent: true,
        open_world: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<JobView, ToolError> {
        let owner = args.scope.unwrap_or(Owner::Project);
        owner.may_write(ctx)?;
        let by = ctx.scope().clone();
        let (origin, path, pointer) = match args.source {
            Followed::Folder(Folder {
                name: Some(name),
                path,
            }) => (Origin::Folder { name }, path, "/source/folder/path"),
            Followed::Folder(Folder { name: None, path }) => {
                let (scope, repo) = (by.clone(), None);
                (
                    Origin::Workspace { scope, repo },
                    path,
                    "/source/folder/path",
                )
            }
            Followed::Repo(Repo {
                repo,
                revision,
                path,
            }) => {
                let scope = by.clone();
                (
                    Origin::Repository {
                        scope,
                        repo,
                        revision,
                    },
                    path,
                    "/source/repo/path",
                )
            }
        };
        let path = path.unwrap_or_default();
        let path = RelPath::parse(
            path.strip_suffix('/')
                .filter(|path| !path.is_empty())
                .unwrap_or(&path),
        )
        .or_else(|error| {
            if path.is_empty() {
                Ok(RelPath::root())
            } else {
                Err(error)
            }
        })
        .map_err(|error| ToolError::invalid(pointer, error.to_string()))?;
        let (include, exclude) = (
            args.include.unwrap_or_default(),
            args.exclude.unwrap_or_default(),
        );
        globs(&include, "/include")?;
        globs(&exclude, "/exclude")?;
        let tags = args.tags.unwrap_or_default();
        super::text(tags.iter().map(|tag| ("/tags", Some(tag.as_str()))))?;
        super::text([("/collection", args.collection.as_deref())])?;
        let wanted = Sync {
            by,
            global: owner == Owner::Global,
            origin,
            path: path.as_str().to_owned(),
            include,
            exclude,
            delete_missing: args.delete_missing.unwrap_or(false),
            collection: args.collection,
            tags,
        };
        let wait = Duration::from_millis(u64::from(args.wait_ms.unwrap_or(WAIT)));
        let job = NewJob {
            realm: owner.realm(ctx),
            kind: SYNC,
            request: serde_json::to_string(&wanted).map_err(ToolError::internal)?,
            items: Vec::new(),
            agent: ctx.agent().as_str().to_owned(),
        };
        let id = server.ingest.submit(job).await?;
        let job = server.waited(ctx, &id, wait).await?;
        server.view(ctx, job, Show::Failed, -1, SHOWN).await
    }
}
