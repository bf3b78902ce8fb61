//! The tree of a run: exported by the git server, and the workflow file in it.

use std::{
    io::{self, Read},
    path::Path,
};

use super::engine::workflow;
use crate::{
    base::beneath::{Beneath, Error, RelPath},
    servers::git::tools::git_export_tree::{self, GitExportTree, NO_COMMIT},
    tool::{Ctx, ToolError},
};

/// Where workflow files are looked for, in this order.
const FOLDERS: [&str; 2] = [".syndarix/workflows", ".github/workflows"];

/// Puts the tree of `revision` into the run's `work` directory, through the git server, and answers with its commit. An
/// inline workflow of a project that has no commit yet runs in an empty directory.
pub async fn export(
    ctx: &Ctx,
    args: git_export_tree::Args,
    may_be_empty: bool,
    work: &Path,
) -> Result<Option<String>, ToolError> {
    match ctx.call::<GitExportTree>(args).await {
        Ok(tree) => Ok(Some(tree.commit)),
        Err(error) if may_be_empty && is_no_commit(&error) => {
            tokio::fs::create_dir_all(work).await?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn is_no_commit(error: &ToolError) -> bool {
    let reason = error
        .details
        .as_ref()
        .and_then(|details| details.get("reason"));
    reason.and_then(serde_json::Value::as_str) == Some(NO_COMMIT)
}

/// Finds the workflow `name` in the tree at `work`: its path and its text. Blocks on the disk.
pub fn find(work: &Path, name: &str) -> Result<(String, String), ToolError> {
    let tree = Beneath::open(work)?;
    for path in candidates(name)? {
        match read(&tree, &path) {
            Ok(text) => return Ok((path, text)),
            Err(Error::NotFound | Error::NotADirectory) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(ToolError::invalid("/workflow", format!("{path}: {error}")));
            }
            Err(Error::Io(error)) => return Err(error.into()),
            Err(other) => return Err(ToolError::invalid("/workflow", format!("{path}: {other}"))),
        }
    }
    let known = list(&tree);
    let next = if known.is_empty() {
        "commit one to .syndarix/workflows, or give it as `inline`".to_owned()
    } else {
        format!("this commit has {}", known.join(", "))
    };
    Err(ToolError::not_found("workflow", name).hint(next))
}

/// Paths that `name` may stand for: a path in one of the folders, a file name, or one without its ending.
fn candidates(name: &str) -> Result<Vec<String>, ToolError> {
    let endings: &[&str] = if is_yaml(name) {
        &[""]
    } else {
        &[".yml", ".yaml"]
    };
    if name.contains('/') {
        let inside = FOLDERS.iter().any(|folder| {
            name.strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|file| !file.contains('/'))
        });
        if !inside {
            let folders = FOLDERS.join(" or ");
            return Err(ToolError::invalid(
                "/workflow",
                format!("a workflow is a file directly in {folders}"),
            ));
        }
        return Ok(endings
            .iter()
            .map(|ending| format!("{name}{ending}"))
            .collect());
    }
    Ok(FOLDERS
        .iter()
        .flat_map(|folder| {
            endings
                .iter()
                .map(move |ending| format!("{folder}/{name}{ending}"))
        })
        .collect())
}

fn list(tree: &Beneath) -> Vec<String> {
    let entries = FOLDERS.iter().flat_map(|folder| {
        let entries = RelPath::parse(folder)
            .ok()
            .and_then(|path| tree.entries(&path).ok())
            .unwrap_or_default();
        entries
            .into_iter()
            .filter_map(move |entry| Some(format!("{folder}/{}", entry.name.to_str()?)))
    });
    entries.filter(|path| is_yaml(path)).take(50).collect()
}

fn is_yaml(name: &str) -> bool {
    let ending = Path::new(name).extension();
    ending.is_some_and(|ending| ending == "yml" || ending == "yaml")
}

fn read(tree: &Beneath, path: &str) -> Result<String, Error> {
    let invalid = |message: &str| {
        Error::Io(io::Error::new(
            io::ErrorKind::InvalidData,
            message.to_owned(),
        ))
    };
    let path = RelPath::parse(path).map_err(|error| invalid(&error.to_string()))?;
    let (file, _) = tree.file(&path)?;
    let mut bytes = Vec::new();
    file.take(workflow::MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    String::from_utf8(bytes).map_err(|_| invalid("the file is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::tool::Code;

    #[test]
    fn our_folder_comes_before_githubs() {
        let dir = tempfile::tempdir().unwrap();
        for folder in FOLDERS {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
            fs::write(dir.path().join(folder).join("ci.yml"), folder).unwrap();
        }
        fs::write(dir.path().join(".github/workflows/only.yaml"), "x").unwrap();
        assert_eq!(find(dir.path(), "ci").unwrap().1, FOLDERS[0]);
        assert_eq!(
            find(dir.path(), ".github/workflows/ci.yml").unwrap().1,
            FOLDERS[1]
        );
        assert_eq!(
            find(dir.path(), "only").unwrap().0,
            ".github/workflows/only.yaml"
        );
        let missing = find(dir.path(), "nope").unwrap_err();
        assert_eq!(missing.code, Code::NotFound);
        assert!(
            missing.message.contains(".github/workflows/only.yaml"),
            "{}",
            missing.message
        );
    }

    #[test]
    fn a_link_out_of_the_tree_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(FOLDERS[0])).unwrap();
        symlink("/etc/passwd", dir.path().join(FOLDERS[0]).join("a.yml")).unwrap();
        assert_eq!(
            find(dir.path(), "a").unwrap_err().code,
            Code::InvalidArgument
        );
        assert_eq!(
            find(dir.path(), "../../etc/passwd").unwrap_err().code,
            Code::InvalidArgument
        );
    }
}
