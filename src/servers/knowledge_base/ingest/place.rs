//! Where files are read from: an agent's workspace, a commit, or a folder of the machine. Blocks on the disk.

use std::{io::Read, path::Path};

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};
use serde::{Deserialize, Serialize};

use super::{Ingest, fault};
use crate::{
    base::{
        beneath::{Beneath, Kind, RelPath},
        ids::RepoName,
    },
    project::{
        Scope,
        workspace::{DEFAULT_REPO, Step, TreeId, WalkOptions, walk},
    },
    servers::knowledge_base::engine::digest::digest_bytes,
    tool::{Stop, ToolError},
};

/// Files of one listing.
const MOST_FILES: usize = 100_000;

/// Where files are, as a job keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// An agent's workspace.
    Workspace {
        /// Whose.
        scope: Scope,
        /// The repository that it is a workspace of.
        repo: Option<RepoName>,
    },
    /// A commit of a repository.
    Repository {
        /// For whom: `HEAD` is this agent's.
        scope: Scope,
        /// Which repository.
        repo: Option<RepoName>,
        /// Branch, tag or commit.
        revision: Option<String>,
    },
    /// A folder of this machine that the operator named.
    Folder {
        /// Its name.
        name: String,
    },
}

impl Origin {
    /// What it is called in the names of documents.
    pub fn locator(&self) -> String {
        let name = |repo: &Option<RepoName>| {
            repo.as_ref()
                .map_or(DEFAULT_REPO, RepoName::as_str)
                .to_owned()
        };
        match self {
            Self::Workspace { scope, repo } => format!("workspace:{}/{}", scope.agent, name(repo)),
            Self::Repository { repo, .. } => format!("repo:{}", name(repo)),
            Self::Folder { name } => format!("folder:{name}"),
        }
    }
}

/// An opened origin.
pub enum Place {
    /// Files.
    Files(Beneath),
    /// The tree of a commit.
    Commit(Repository, Oid),
}

/// A file of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path in the place.
    pub path: String,
    /// What stands for its content, where that is known without reading it.
    pub hash: Option<String>,
}

impl Ingest {
    /// Opens `origin`.
    pub fn open(&self, origin: &Origin) -> Result<Place, ToolError> {
        let tree = |scope: &Scope, repo: &Option<RepoName>| {
            TreeId::new(scope, repo.clone())
                .map_err(|error| ToolError::invalid("/source", error.to_string()))
        };
        match origin {
            Origin::Workspace { scope, repo } => {
                let files = self.0.workspaces.files(&tree(scope, repo)?);
                files.map(Place::Files).map_err(fault::of_workspace)
            }
            Origin::Repository {
                scope,
                repo,
                revision,
            } => {
                let repository = self
                    .0
                    .workspaces
                    .repository(&tree(scope, repo)?)
                    .map_err(fault::of_workspace)?;
                let revision = revision.as_deref().unwrap_or("HEAD");
                let commit = commit(&repository, revision).ok_or_else(|| {
                    ToolError::not_found("revision", revision)
                        .hint("git_log shows the commits there are")
                })?;
                Ok(Place::Commit(repository, commit))
            }
            Origin::Folder { name } => self.folder(name).map(Place::Files),
        }
    }

    fn folder(&self, name: &str) -> Result<Beneath, ToolError> {
        let folders = &self.0.config.folders;
        let path = folders.get(name).ok_or_else(|| {
            let known: Vec<&str> = folders.keys().map(String::as_str).collect();
            let next = if known.is_empty() {
                "none is set in [servers.knowledge_base.folders]".to_owned()
            } else {
                format!("there are {}", known.join(", "))
            };
            ToolError::not_found("folder", name).hint(next)
        })?;
        // The operator may have named a link; what is below may not lead out.
        let real = path.canonicalize()?;
        Ok(Beneath::open(&real)?)
    }
}

/// The commit that a branch, tag or id names.
fn commit(repository: &Repository, revision: &str) -> Option<Oid> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ':' | '{');
    if revision.is_empty()
        || revision.len() > 256
        || revision.starts_with('-')
        || revision.contains(odd)
    {
        return None;
    }
    let found = repository.revparse_single(revision).ok()?;
    Some(found.peel_to_commit().ok()?.id())
}

impl Place {
    /// The file at `path`, and what stands for its content. Larger files are refused without being read.
    pub fn read(&self, path: &str, most: u64) -> Result<(Vec<u8>, Option<String>), ToolError> {
        let too_large = |size: u64| {
            ToolError::too_large(format!("{path} has {size} bytes, more than {most}"))
                .hint("split it, or raise max_file_bytes")
        };
        let rel = RelPath::parse(path)
            .map_err(|error| ToolError::invalid("/source/path", error.to_string()))?;
        match self {
            Self::Files(files) => {
                let (file, stat) = files
                    .file(&rel)
                    .map_err(|error| fault::of_file(path, error))?;
                let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
                if size > most {
                    return Err(too_large(size));
                }
                let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
                file.take(most + 1).read_to_end(&mut bytes)?;
                if bytes.len() as u64 > most {
                    return Err(too_large(bytes.len() as u64));
                }
                let hash = digest_bytes(&bytes);
                Ok((bytes, Some(hash)))
            }
            Self::Commit(repository, commit) => {
                let missing = |_| ToolError::not_found("file", path);
                let tree = repository
                    .find_commit(*commit)
                    .and_then(|commit| commit.tree())
                    .map_err(missing)?;
                let id = tree
                    .get_path(Path::new(rel.as_str()))
                    .map_err(missing)?
                    .id();
                let (size, kind) = repository
                    .odb()
                    .and_then(|odb| odb.read_header(id))
                    .map_err(missing)?;
                if kind != ObjectType::Blob {
                    return Err(ToolError::invalid(
                        "/source/repo/path",
                        format!("{path} is a directory: use sync_source"),
                    ));
                }
                if size as u64 > most {
                    return Err(too_large(size as u64));
                }
                let blob = repository.find_blob(id).map_err(missing)?;
                Ok((blob.content().to_vec(), Some(of_blob(id))))
            }
        }
    }

    /// Every file at and below `at`, without what `.gitignore` leaves out: complete, or an error.
    pub fn list(&self, at: &str, stop: &Stop) -> Result<Vec<Listed>, ToolError> {
        let top = RelPath::parse(if at.is_empty() { "." } else { at })
            .map_err(|error| ToolError::invalid("/source", error.to_string()))?;
        let mut files = Vec::new();
        match self {
            Self::Files(below) => {
                let options = WalkOptions::default();
                walk(below, &top, &options, &mut |visit| {
                    if visit.kind == Kind::File {
                        files.push(Listed {
                            path: visit.path.as_str().to_owned(),
                            hash: None,
                        });
                    }
                    let full = files.len() > MOST_FILES || stop.is_set();
                    Ok(if full { Step::Stop } else { Step::Continue })
                })
                .map_err(|error| fault::of_file(at, error))?;
            }
            Self::Commit(repository, commit) => {
                let missing = |_| ToolError::not_found("folder", at);
                let mut tree = repository
                    .find_commit(*commit)
                    .and_then(|commit| commit.tree())
                    .map_err(missing)?;
                if !top.is_root() {
                    let entry = tree.get_path(Path::new(top.as_str())).map_err(missing)?;
                    tree = repository.find_tree(entry.id()).map_err(missing)?;
                }
                let prefix = if top.is_root() {
                    String::new()
                } else {
                    format!("{top}/")
                };
                tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
                    // A link's blob is a path, not a document.
                    let is_file = matches!(entry.filemode(), 0o100_644 | 0o100_755 | 0o100_664);
                    if is_file && let Ok(name) = entry.name() {
                        files.push(Listed {
                            path: format!("{prefix}{folder}{name}"),
                            hash: Some(of_blob(entry.id())),
                        });
                    }
                    if files.len() > MOST_FILES || stop.is_set() {
                        TreeWalkResult::Abort
                    } else {
                        TreeWalkResult::Ok
                    }
                })
                .or_else(|error| {
                    if files.len() > MOST_FILES {
                        Ok(())
                    } else {
                        Err(error)
                    }
                })
                .map_err(ToolError::internal)?;
            }
        }
        stop.check()?;
        if files.len() > MOST_FILES {
            return Err(
                ToolError::too_large(format!("it has more than {MOST_FILES} files"))
                    .hint("sync its folders one by one"),
            );
        }
        Ok(files)
    }

    /// The commit, where it is one.
    pub fn revision(&self) -> Option<String> {
        match self {
            Self::Files(_) => None,
            Self::Commit(_, commit) => Some(commit.to_string()),
        }
    }
}

fn of_blob(id: Oid) -> String {
    format!("git:{id}")
}
