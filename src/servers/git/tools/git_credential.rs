//! `git_credential`: what opens repositories elsewhere.

use crate::{
    servers::git::{Git, store::CredentialRow},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitCredential;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// What to do; `list` when left out.
    #[serde(default)]
    pub action: Action,
    /// The credential's name, such as `forge`. Required but to list.
    pub name: Option<RepoName>,
    /// The host that it is for, such as `github.com` or `forge.example:8443`, and no other. Required to set.
    #[garde(length(bytes, min = 1, max = 253), inner(custom(plain_host)))]
    pub host: Option<String>,
    /// The user's name there; for tokens often `x-access-token` or anything. Required to set.
    #[garde(length(bytes, min = 1, max = 100), inner(custom(plain_user)))]
    pub username: Option<String>,
    /// The token or password. Kept sealed and never shown again. Required to set.
    #[garde(length(bytes, min = 1, max = 4_096), inner(custom(one_line)))]
    pub secret: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde's signature
fn plain_host(text: &str, _: &()) -> garde::Result {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    if text.chars().all(fits) {
        return Ok(());
    }
    Err(garde::Error::new(
        "must be a host in lower case, with :port if it is not https's own",
    ))
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde's signature
fn plain_user(text: &str, _: &()) -> garde::Result {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._@+-".contains(c);
    if text.chars().all(fits) {
        return Ok(());
    }
    Err(garde::Error::new(
        "must be of letters, digits and . _ @ + -",
    ))
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde's signature
fn one_line(text: &str, _: &()) -> garde::Result {
    if text.contains(char::is_control) {
        return Err(garde::Error::new("must be one line"));
    }
    Ok(())
}

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// Show the names.
    #[default]
    List,
    /// Keep one, instead of the one of the same name.
    Set,
    /// Forget one.
    Delete,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The project's credentials now, by name, without their secrets.
    pub credentials: Vec<Item>,
}

/// A credential.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Item {
    /// Its name, for git_remote and git_clone.
    pub name: String,
    /// The host that it is for.
    pub host: String,
    /// The user's name there.
    pub username: String,
}

impl Tool for GitCredential {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_credential";
    const ABOUT: &'static str = "Keep a token or password for a host that git_clone, git_fetch, git_pull and git_push go to, list the \
                                 project's, or forget one. Agents use it by name and never see it. Needs admin. Returns all, without secrets.";
    const ACCESS: Access = Access::Admin;
    const CONTENT: &'static [&'static str] = &["secret"];
    const HINTS: Hints = Hints {
        idempotent: true,
        ..Hints::of(Access::Admin)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let required = |field| ToolError::invalid(field, "is required");
        let project = ctx.project();
        match args.action {
            Action::List => {}
            Action::Set => {
                let name = args.name.ok_or_else(|| required("/name"))?.to_string();
                let secret = args.secret.ok_or_else(|| required("/secret"))?;
                let row = CredentialRow {
                    sealed: server.seal(ctx, &name, &secret)?,
                    host: args.host.ok_or_else(|| required("/host"))?,
                    username: args.username.ok_or_else(|| required("/username"))?,
                    name,
                };
                let by = ctx.agent().as_str();
                server
                    .store
                    .set_credential(project, row, by, ctx.now())
                    .await?;
            }
            Action::Delete => {
                let name = args.name.ok_or_else(|| required("/name"))?;
                if !server
                    .store
                    .remove_credential(project, name.as_str())
                    .await?
                {
                    return Err(ToolError::not_found("credential", name.to_string()));
                }
            }
        }
        let all = server
            .store
            .credentials(project)
            .await?
            .into_iter()
            .map(|row| Item {
                name: row.name,
                host: row.host,
                username: row.username,
            });
        Ok(Output {
            credentials: all.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn a_secret_is_kept_and_never_shown() {
        let team = team().await;
        let set = json!({"action": "set", "name": "forge", "host": "forge.example", "username": "bot", "secret": "hunter2zz"});
        let now = ok(&team, "git_credential", set).await;
        assert_eq!(
            now,
            json!({"credentials": [{"name": "forge", "host": "forge.example", "username": "bot"}]})
        );
        team.audit.flush().await;
        let seen = team
            .audit
            .find(&crate::audit::Query::default(), None, 50)
            .await
            .unwrap();
        assert!(!format!("{seen:?}").contains("hunter2zz"));
        let bytes = std::fs::read(team.host.data.join("syndarix.db")).unwrap();
        assert!(!bytes.windows(9).any(|part| part == b"hunter2zz"));
        let eve = team.at("elsewhere", "eve");
        assert_eq!(
            ok(&eve, "git_credential", json!({})).await["credentials"],
            json!([])
        );
        let gone = json!({"action": "delete", "name": "forge"});
        assert_eq!(
            refused(&eve, "git_credential", gone.clone()).await.code,
            Code::NotFound
        );
        ok(&team, "git_credential", gone).await;
        let bad = json!({"action": "set", "name": "forge", "host": "a b", "username": "x", "secret": "y"});
        assert_eq!(
            refused(&team, "git_credential", bad).await.code,
            Code::InvalidArgument
        );
    }
}
