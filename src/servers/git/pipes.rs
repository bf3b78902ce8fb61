//! Work on a tree that holds a named pipe where libgit2 expects a file ends, and says why.

use std::{future::Future, pin::pin, time::Duration};

use crate::{
    project::workspace::{TreeId, Workspaces},
    tool::ToolError,
};

/// Work that takes longer is looked after, ever less often: most of it is only long.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where there is one pipe there may be more, one after the other.
const NEXT: Duration = Duration::from_millis(20);

/// Awaits `work` on `tree`, and releases it from pipes that it waits for.
pub(super) async fn released<R>(
    workspaces: Workspaces,
    tree: TreeId,
    work: impl Future<Output = Result<R, ToolError>>,
) -> Result<R, ToolError> {
    let mut work = pin!(work);
    let (mut patience, mut met) = (PATIENCE, None);
    loop {
        tokio::select! {
            done = &mut work => {
                return match met {
                    None => done,
                    Some(path) => Err(ToolError::conflict(format!(
                        "{path} is a named pipe, which git would read as a file: remove it with delete_file, then see \
                         with git_status what is done"
                    ))),
                };
            }
            () = tokio::time::sleep(patience) => {
                let (workspaces, tree) = (workspaces.clone(), tree.clone());
                let release = move || workspaces.release_pipes(&tree);
                match tokio::task::spawn_blocking(release).await {
                    Ok(Ok(Some(path))) => (patience, met) = (NEXT, Some(path)),
                    _ => patience *= 2,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use serde_json::json;

    use crate::servers::git::tools::testing::{ok, refused, root, team, write};

    #[tokio::test]
    async fn a_pipe_among_the_files_keeps_nobody_waiting() {
        let team = team().await;
        write(&team, "a", "1");
        write(&team, "sub/b", "1");
        let at = root(&team);
        for name in [".gitignore", ".gitattributes", "sub/.gitignore"] {
            mknodat(
                CWD,
                at.join(name),
                FileType::Fifo,
                Mode::RUSR | Mode::WUSR,
                0,
            )
            .unwrap();
        }
        for (tool, args) in [
            ("git_status", json!({})),
            ("git_add", json!({"paths": ["."]})),
        ] {
            let error = refused(&team, tool, args).await;
            assert!(error.message.contains("is a named pipe"), "{error:?}");
        }
        for name in [".gitignore", ".gitattributes", "sub/.gitignore"] {
            std::fs::remove_file(at.join(name)).unwrap();
        }
        assert_eq!(
            ok(&team, "git_status", json!({})).await["branch"],
            "agent/ann/work"
        );
    }
}
