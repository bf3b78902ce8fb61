//! `release_lease`: let others have a path again.

use crate::{
    servers::file_system::{FileSystem, directory_path, tree},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ReleaseLease;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository whose paths are meant; `main` when left out.
    pub repo: Option<RepoName>,
    /// The path, as it was given to acquire_lease.
    #[garde(length(bytes, min = 1, max = 4095))]
    pub path: String,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The path that is free now.
    pub path: String,
}

impl Tool for ReleaseLease {
    type Server = FileSystem;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "release_lease";
    const ABOUT: &'static str = "End a lease that you took with acquire_lease, so that other agents may change the path again. Only its holder \
                                 can; one that nobody ends does so by itself. Returns the path.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &FileSystem, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let repo = tree(ctx, args.repo)?.repo;
        let path = directory_path(Some(&args.path))?;
        if server.leases.release(ctx.scope(), &repo, &path).await? {
            return Ok(Output {
                path: path.to_string(),
            });
        }
        let live = server.leases.live(ctx.project(), &repo, ctx.now()).await?;
        let held = live.into_iter().find(|lease| lease.covers(&path));
        Err(match held {
            Some(lease) if lease.holder == ctx.agent().as_str() => {
                ToolError::not_found("lease of", &path).hint(format!("yours is of {}", lease.path))
            }
            Some(lease) => ToolError::conflict(format!(
                "{} holds the lease of {}: only the holder ends it",
                lease.holder, lease.path
            )),
            None => ToolError::not_found("lease of", &path).hint("it may have ended by itself"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::servers::file_system::tools::testing::{ok, refused, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn what_is_not_held_cannot_be_released() {
        let team = team().await;
        let gone = refused(&team, "release_lease", json!({"path": "a"})).await;
        assert_eq!(gone.code, Code::NotFound);
        ok(&team, "acquire_lease", json!({"path": "a"})).await;
        let inside = refused(&team, "release_lease", json!({"path": "a/b"})).await;
        assert!(
            inside.message.contains("yours is of a"),
            "{}",
            inside.message
        );
        assert_eq!(
            ok(&team, "release_lease", json!({"path": "./a"})).await,
            json!({"path": "a"})
        );
        let elsewhere = refused(
            &team.at("elsewhere", "eve"),
            "release_lease",
            json!({"path": "a"}),
        )
        .await;
        assert_eq!(
            (elsewhere.code, elsewhere.message),
            (gone.code, gone.message)
        );
    }
}
