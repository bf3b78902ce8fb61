//! What callers are told when files cannot be read.

use crate::{
    base::beneath::{Error, RelPath},
    project::workspace,
    tool::ToolError,
};

pub(super) fn of(path: &RelPath, error: Error) -> ToolError {
    match error {
        Error::NotFound => {
            ToolError::not_found("path", path).hint("list_directory shows what is there")
        }
        Error::Io(error) => error.into(),
        other => ToolError::invalid("/path", format!("{path}: {other}")),
    }
}

pub(super) fn of_workspace(error: workspace::Error) -> ToolError {
    ToolError::internal(error)
}
