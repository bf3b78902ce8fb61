//! fs-mcp: the agents' hands in their workspace.

mod changing;
mod config;
pub mod engine;
mod fault;
pub mod model;
mod patching;
mod quota;
mod reading;
mod resources;
mod routes;
mod snapshots;
pub mod store;
mod sweep;
pub mod tools;

#[cfg(test)]
mod tests;

use std::{io::Read as _, sync::Arc};

use crate::{
    base::beneath::{Beneath, Durability, RelPath},
    project::workspace::{TreeId, Workspaces},
    tool::prelude::*,
};

pub use config::Config;

/// The server.
#[derive(Debug)]
pub struct FileSystem {
    config: Config,
    workspaces: Workspaces,
    leases: store::LeaseStore,
    quota: Arc<quota::Quota>,
}

impl FileSystem {
    /// Opens the server on the hub's workspaces, and clears away what is not needed any more.
    ///
    /// # Errors
    /// None today; every server opens this way.
    #[allow(clippy::unused_async, reason = "every server opens the same way")]
    pub async fn open(config: Config, host: &Host) -> Result<Self, ToolError> {
        sweep::start(&config, host);
        Ok(Self {
            workspaces: host.workspaces.clone(),
            leases: store::LeaseStore::new(host.db.clone()),
            quota: Arc::new(quota::Quota::new(config.project_quota_bytes)),
            config,
        })
    }

    fn durability(&self) -> Durability {
        if self.config.fsync {
            Durability::Synced
        } else {
            Durability::Cached
        }
    }
}

impl ToolServer for FileSystem {
    const ID: ServerId = ServerId::FileSystem;
    const ROUTES: &'static [Route] = routes::ROUTES;
    const RESOURCES: &'static [Resource] = resources::RESOURCES;
    const COMPLETIONS: &'static [Completion] = resources::COMPLETIONS;

    fn tools(set: &mut ToolSet<Self>) {
        set.add::<tools::read_text_file::ReadTextFile>();
        set.add::<tools::read_multiple_files::ReadMultipleFiles>();
        set.add::<tools::read_media_file::ReadMediaFile>();
        set.add::<tools::get_file_info::GetFileInfo>();
        set.add::<tools::diff_files::DiffFiles>();
        set.add::<tools::write_file::WriteFile>();
        set.add::<tools::edit_file::EditFile>();
        set.add::<tools::apply_patch::ApplyPatch>();
        set.add::<tools::create_directory::CreateDirectory>();
        set.add::<tools::move_file::MoveFile>();
        set.add::<tools::copy_file::CopyFile>();
        set.add::<tools::delete_file::DeleteFile>();
        set.add::<tools::list_trash::ListTrash>();
        set.add::<tools::restore_file::RestoreFile>();
        set.add::<tools::create_snapshot::CreateSnapshot>();
        set.add::<tools::list_snapshots::ListSnapshots>();
        set.add::<tools::diff_snapshot::DiffSnapshot>();
        set.add::<tools::restore_snapshot::RestoreSnapshot>();
        set.add::<tools::acquire_lease::AcquireLease>();
        set.add::<tools::release_lease::ReleaseLease>();
        set.add::<tools::create_archive::CreateArchive>();
        set.add::<tools::extract_archive::ExtractArchive>();
        set.add::<tools::list_allowed_directories::ListAllowedDirectories>();
        set.add::<tools::list_directory::ListDirectory>();
        set.add::<tools::directory_tree::DirectoryTree>();
        set.add::<tools::glob::Glob>();
        set.add::<tools::search_files::SearchFiles>();
        set.add::<tools::search_content::SearchContent>();
    }
}

/// The tree that a call works in.
fn tree(ctx: &Ctx, repo: Option<RepoName>) -> Result<TreeId, ToolError> {
    TreeId::new(ctx.scope(), repo).map_err(|error| ToolError::invalid("/repo", error.to_string()))
}

/// Tells subscribers that a file of the caller's workspace changed, and with it its git status.
fn changed(ctx: &Ctx, path: &str) {
    ctx.changed_own(format!("files/{path}"), false);
    ctx.changed_own("git", true);
}

/// The same for whatever lies at and below `path`: `.` is the workspace.
fn changed_below(ctx: &Ctx, path: &str) {
    let at = match path {
        "." => "files".to_owned(),
        path => format!("files/{path}"),
    };
    ctx.changed_own(at, true);
    ctx.changed_own("git", true);
}

/// A file's path. A `/` at the end is a slip that is told, not guessed.
fn file_path(text: &str) -> Result<RelPath, ToolError> {
    file_path_at("/path", text)
}

/// The same for the argument at `pointer`.
fn file_path_at(pointer: &str, text: &str) -> Result<RelPath, ToolError> {
    let path =
        RelPath::parse(text).map_err(|error| ToolError::invalid(pointer, error.to_string()))?;
    if path.is_root() {
        return Err(ToolError::invalid(
            pointer,
            "names the workspace itself: give something in it",
        ));
    }
    Ok(path)
}

/// The path of a file or directory in the workspace: a `/` at the end does no harm.
fn entry_path(pointer: &str, text: &str) -> Result<RelPath, ToolError> {
    file_path_at(pointer, text.strip_suffix('/').unwrap_or(text))
}

/// A directory's path: nothing means the workspace, and a `/` at the end does no harm.
fn directory_path(text: Option<&str>) -> Result<RelPath, ToolError> {
    let text = text.unwrap_or(".");
    let text = if text.len() > 1 {
        text.strip_suffix('/').unwrap_or(text)
    } else {
        text
    };
    let text = if text.is_empty() { "." } else { text };
    RelPath::parse(text).map_err(|error| ToolError::invalid("/path", error.to_string()))
}

/// The whole of a file that may be changed, `None` when there is none.
fn content(files: &Beneath, path: &RelPath, most: u64) -> Result<Option<Vec<u8>>, ToolError> {
    content_at("/path", files, path, most)
}

/// The same where the argument at `pointer` named the file.
fn content_at(
    pointer: &str,
    files: &Beneath,
    path: &RelPath,
    most: u64,
) -> Result<Option<Vec<u8>>, ToolError> {
    let (file, stat) = match files.file(path) {
        Err(crate::base::beneath::Error::NotFound) => return Ok(None),
        opened => opened.map_err(|error| fault::at(pointer, files, path, error))?,
    };
    let too_large = || {
        ToolError::too_large(format!(
            "{path} is larger than {most} bytes, the most that is changed in one call"
        ))
    };
    if u64::try_from(stat.st_size).unwrap_or(u64::MAX) > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stat.st_size).unwrap_or(0));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        Err(too_large())
    } else {
        Ok(Some(bytes))
    }
}

/// Refuses when the caller's `if_match` is not the version that is there.
fn check_version(
    path: &RelPath,
    if_match: Option<&str>,
    current: Option<&str>,
) -> Result<(), ToolError> {
    let Some(wanted) = if_match else {
        return Ok(());
    };
    match current {
        Some(current) if engine::etag::matches(wanted, current) => Ok(()),
        Some(current) => Err(ToolError::precondition_failed(format!(
            "{path} has changed since it was read"
        ))
        .hint("read it again, then repeat the change with its new etag")
        .details(serde_json::json!({ "etag": current }))),
        None => Err(
            ToolError::precondition_failed(format!("{path} does not exist any more"))
                .hint("leave if_match out to create it"),
        ),
    }
}
