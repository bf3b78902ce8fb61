//! One tool a file.

pub mod acquire_lease;
pub mod apply_patch;
pub mod copy_file;
pub mod create_archive;
pub mod create_directory;
pub mod create_snapshot;
pub mod delete_file;
pub mod diff_files;
pub mod diff_snapshot;
pub mod directory_tree;
pub mod edit_file;
pub mod extract_archive;
pub mod get_file_info;
pub mod glob;
pub mod list_allowed_directories;
pub mod list_directory;
pub mod list_snapshots;
pub mod list_trash;
pub mod move_file;
pub mod read_media_file;
pub mod read_multiple_files;
pub mod read_text_file;
pub mod release_lease;
pub mod restore_file;
pub mod restore_snapshot;
pub mod search_content;
pub mod search_files;
pub mod write_file;

#[cfg(test)]
pub mod testing;

use crate::{
    base::beneath::{Beneath, RelPath},
    tool::prelude::*,
};

use super::{engine::archive, fault};

/// Why an archive was refused; the argument at `pointer` named the path.
fn archive_refusal(
    files: &Beneath,
    pointer: &str,
    path: &RelPath,
    error: archive::Error,
) -> ToolError {
    match error {
        archive::Error::File(error) => fault::at(pointer, files, path, error),
        archive::Error::Stopped => ToolError::new(Code::Cancelled, "the call was cancelled"),
        error @ (archive::Error::TooMany(_) | archive::Error::TooLarge(_)) => {
            ToolError::too_large(format!("{path}: {error}"))
        }
        other => ToolError::invalid(pointer, format!("{path}: {other}")),
    }
}

/// The path that a page of a walk continues after.
fn continue_after(
    binding: &impl Serialize,
    cursor: Option<&str>,
) -> Result<Option<RelPath>, ToolError> {
    let last: Option<String> = cursor
        .map(|cursor| paging::decode(binding, cursor))
        .transpose()?;
    Ok(last.and_then(|last| RelPath::parse(&last).ok()))
}

/// The usual length of a page.
fn fifty() -> u32 {
    50
}

/// For fields that are left out then.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(n: &u64) -> bool {
    *n == 0
}
