//! What a refused file operation says to the caller: paths relative to the workspace, and the next step.

use crate::{
    base::beneath::{Beneath, Error, RelPath},
    project::workspace,
    tool::ToolError,
};

use super::engine::{listing, text::TextError};

/// The error for `path` in `files`, which the argument `path` named.
pub(super) fn of(files: &Beneath, path: &RelPath, error: Error) -> ToolError {
    at("/path", files, path, error)
}

/// The error for `path` in `files`, which the argument at `pointer` named.
pub(super) fn at(pointer: &str, files: &Beneath, path: &RelPath, error: Error) -> ToolError {
    let invalid = |path, what| invalid(pointer, path, what);
    match error {
        Error::NotFound => {
            let missing = ToolError::not_found("path", path);
            match listing::suggest(files, path) {
                Some(near) => missing.hint(format!("the nearest that exists is {near}")),
                None => missing.hint("list_directory shows what is there"),
            }
        }
        Error::IsDirectory => invalid(path, "is a directory: use list_directory"),
        Error::NotADirectory => invalid(path, "is not a directory, or leads through a file"),
        Error::Symlink => invalid(
            path,
            "is, or leads through, a symbolic link: use the path it points to",
        ),
        Error::Outside => invalid(path, "leads out of the workspace"),
        Error::Special => invalid(path, "is a FIFO, socket or device, not a file"),
        Error::HardLinked => invalid(
            path,
            "has several hard links, so it may be a file outside of the workspace",
        ),
        Error::IntoItself => invalid(path, "cannot be moved or copied into itself"),
        Error::Exists => ToolError::conflict(format!("{path} exists already")),
        Error::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            ToolError::forbidden(format!("the hub's user may not access {path}"))
        }
        Error::Io(error) => error.into(),
    }
}

/// The workspace itself could not be opened.
pub(super) fn of_workspace(error: workspace::Error) -> ToolError {
    match error {
        workspace::Error::Io(error) | workspace::Error::Files(Error::Io(error)) => error.into(),
        other => ToolError::internal(other),
    }
}

/// The bytes of the file, which the argument at `pointer` named, are not the text that was asked for.
pub(super) fn of_text(pointer: &str, path: &RelPath, error: &TextError) -> ToolError {
    match error {
        TextError::Binary => invalid(
            pointer,
            path,
            "is binary, not text: read_media_file shows images and sounds, get_file_info says what is known of it",
        ),
        TextError::BrokenUtf16 => invalid(
            pointer,
            path,
            "starts like UTF-16 but is not: pass encoding \"latin-1\"",
        ),
        TextError::NotInEncoding(_) => ToolError::invalid("/encoding", error.to_string()),
    }
}

fn invalid(pointer: &str, path: &RelPath, what: &str) -> ToolError {
    ToolError::invalid(pointer, format!("{path} {what}"))
}
