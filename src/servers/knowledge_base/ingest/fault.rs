//! What is said of a document that cannot be added, and what to do about it.

use serde_json::json;

use crate::{
    base::{beneath, outbound::Refused},
    project::workspace,
    servers::knowledge_base::engine::extract::Fault,
    tool::{Code, ToolError},
};

/// The word for what is wrong with a document: a job keeps it for each.
pub fn word(error: &ToolError) -> String {
    let reason = error
        .details
        .as_ref()
        .and_then(|details| details.get("reason"));
    let reason = reason.and_then(serde_json::Value::as_str);
    reason.unwrap_or(error.code.as_str()).to_owned()
}

/// The error of a document that a job has kept as a word and a message.
pub fn of_word(word: &str, message: &str) -> ToolError {
    let code = match word {
        "too_large" => Code::TooLarge,
        "not_found" => Code::NotFound,
        "forbidden" | "forbidden_address" => Code::Forbidden,
        "not_fetched" => Code::Upstream,
        "unavailable" => Code::Unavailable,
        "storage_full" => Code::StorageFull,
        "internal" => Code::Internal,
        _ => Code::InvalidArgument,
    };
    reason(code, word, message)
}

fn reason(code: Code, reason: &str, message: impl Into<String>) -> ToolError {
    ToolError::new(code, message).details(json!({ "reason": reason }))
}

/// No text could be taken out of it.
pub fn of_extract(fault: Fault) -> ToolError {
    let said = fault.to_string();
    match fault {
        Fault::Unreadable(_) | Fault::TimedOut(_) => {
            reason(Code::InvalidArgument, "unreadable_document", said)
        }
        Fault::TooLarge(_) => ToolError::too_large(said).hint("add it in parts"),
        Fault::NoReader(_) => ToolError::unavailable(said),
    }
}

/// It could not be fetched.
pub fn of_fetch(refused: Refused) -> ToolError {
    let said = format!("the url {refused}");
    match refused {
        Refused::Url(_) | Refused::Credentials => {
            ToolError::invalid("/source/url", refused.to_string())
        }
        Refused::Address(..) | Refused::Downgrade | Refused::Plain => {
            reason(Code::Forbidden, "forbidden_address", said)
        }
        Refused::TooLarge(_) => ToolError::too_large(said),
        Refused::Hops | Refused::Status(_) | Refused::Unreachable(_) | Refused::TimedOut(_) => {
            reason(Code::Upstream, "not_fetched", said)
        }
    }
}

/// Its text is too long.
pub fn too_long(bytes: usize, most: usize) -> ToolError {
    ToolError::too_large(format!("the text has {bytes} bytes, more than {most}"))
        .hint("add it in parts, each with its own external_id")
}

/// The file at `path` could not be opened.
pub fn of_file(path: &str, error: beneath::Error) -> ToolError {
    match error {
        beneath::Error::NotFound | beneath::Error::NotADirectory => {
            ToolError::not_found("file", path)
        }
        beneath::Error::Io(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            ToolError::forbidden(format!("the hub's user may not read {path}"))
        }
        beneath::Error::Io(error) => error.into(),
        other => ToolError::invalid("/source/path", format!("{path}: {other}")),
    }
}

/// The workspace or the repository could not be opened.
pub fn of_workspace(error: workspace::Error) -> ToolError {
    match error {
        workspace::Error::NoRepository => ToolError::not_found("repository", "")
            .hint("git_init makes it; git_list_branches shows what there is"),
        workspace::Error::Io(error) | workspace::Error::Files(beneath::Error::Io(error)) => {
            error.into()
        }
        other => ToolError::internal(other),
    }
}
