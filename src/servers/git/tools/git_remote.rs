//! `git_remote`: the names of repositories elsewhere.

use crate::{
    servers::git::{Git, remote, review, store::RemoteRow},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitRemote;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// What to do; `list` when left out.
    #[serde(default)]
    pub action: Action,
    /// The remote's name, such as `origin`. Required but to list.
    pub name: Option<RepoName>,
    /// Its address, `https://…` or `ssh://…` (also as `git@host:path`), without credentials. Required to add and to set.
    #[garde(length(bytes, min = 1, max = 2_048))]
    pub url: Option<String>,
    /// The credential that opens it, by its name in git_credential; none when left out. ssh needs one with a key.
    pub credential: Option<RepoName>,
}

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// Show the remotes.
    #[default]
    List,
    /// Add one.
    Add,
    /// Give one another address and credential.
    Set,
    /// Forget one; what was fetched from it stays.
    Remove,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The remotes of the repository now, by name.
    pub remotes: Vec<Item>,
}

/// A repository elsewhere.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The credential that opens it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl Tool for GitRemote {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_remote";
    const ABOUT: &'static str = "List, add, change or remove the remotes of a repository: addresses elsewhere that git_fetch, git_pull and \
                                 git_push know by name. Addresses hold no credentials: keep those with git_credential. Returns all remotes.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        server.look_bare(ctx, &key, |_, _| Ok(())).await?;
        if args.action != Action::List {
            let required = |field| ToolError::invalid(field, "is required");
            let name = args.name.ok_or_else(|| required("/name"))?.to_string();
            if args.action == Action::Remove {
                if !server.store.remove_remote(&key, &name).await? {
                    return Err(ToolError::not_found("remote", name));
                }
            } else {
                let url = args.url.ok_or_else(|| required("/url"))?;
                server.target(&url).await?;
                let credential = args.credential.map(|name| name.to_string());
                let new = args.action == Action::Add;
                let row = RemoteRow {
                    name: name.clone(),
                    url: remote::normal(url),
                    credential,
                };
                let by = ctx.agent().as_str();
                if !server
                    .store
                    .set_remote(&key, row, new, by, ctx.now())
                    .await?
                {
                    return Err(if new {
                        ToolError::conflict(format!("there is a remote {name:?} already"))
                            .hint("change it with action set")
                    } else {
                        ToolError::not_found("remote", name)
                    });
                }
            }
        }
        let remotes = server
            .store
            .remotes(&key)
            .await?
            .into_iter()
            .map(|row| Item {
                name: row.name,
                url: row.url,
                credential: row.credential,
            });
        Ok(Output {
            remotes: remotes.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, team};
    use crate::{servers::git::remote::ssh::samples, tool::Code};

    #[tokio::test]
    async fn where_nobody_should_go_is_no_remote() {
        let team = team().await;
        for url in [
            "ext::sh -c touch% /tmp/x",
            "file:///etc",
            "/etc/passwd",
            "--upload-pack=touch",
            "ssh://git@127.0.0.1/x",
            "git@127.0.0.1:x/y",
            "ssh://git@169.254.169.254/x",
            "ssh://git:secret@93.184.216.34/x",
            "git:secret@93.184.216.34:x",
            "ssh://-oProxyCommand=touch/x",
            "ssh://git@93.184.216.34/-x",
            "git@93.184.216.34:-x",
            "http://93.184.216.34/x",
            "https://127.0.0.1/x",
            "https://[::1]/x",
            "https://169.254.169.254/latest",
            "https://10.0.0.1/x",
            "https://0x7f000001/x",
            "https://user:secret@93.184.216.34/x",
        ] {
            let sent = json!({"action": "add", "name": "origin", "url": url});
            let error = refused(&team, "git_remote", sent).await;
            assert_eq!(
                error.code,
                Code::InvalidArgument,
                "{url}: {}",
                error.message
            );
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
        assert_eq!(
            ok(&team, "git_remote", json!({})).await["remotes"],
            json!([])
        );
    }

    #[tokio::test]
    async fn remotes_by_ssh_are_shown_in_one_form() {
        let team = team().await;
        for (name, url) in [
            ("long", "ssh://git@93.184.216.34:22/a/b.git"),
            ("short", "git@93.184.216.34:a/b.git"),
        ] {
            let add = json!({"action": "add", "name": name, "url": url});
            ok(&team, "git_remote", add).await;
        }
        let now = ok(&team, "git_remote", json!({})).await;
        for one in now["remotes"].as_array().unwrap() {
            assert_eq!(one["url"], "ssh://git@93.184.216.34/a/b.git");
        }
        // Without a key it is not gone to.
        let fetch = json!({"remote": "short"});
        let error = refused(&team, "git_fetch", fetch).await;
        assert_eq!(error.code, Code::Forbidden);
        assert!(
            error.message.contains("opened by a key"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn a_credential_of_another_kind_host_or_user_opens_nothing() {
        let team = team().await;
        let keep = |name: &str, host: &str, key: bool| {
            let mut args = json!({"action": "set", "name": name, "host": host, "username": "git"});
            if key {
                args["private_key"] = samples::ED25519.into();
                args["known_hosts"] = samples::ED25519_PUBLIC.into();
            } else {
                args["secret"] = "hunter2".into();
            }
            args
        };
        for args in [
            keep("password", "93.184.216.34", false),
            keep("key", "93.184.216.34", true),
            keep("other", "forge.example", true),
        ] {
            ok(&team, "git_credential", args).await;
        }
        for (url, credential, says) in [
            ("ssh://git@93.184.216.34/x", "password", "is a password"),
            ("https://93.184.216.34/x", "key", "is a key for ssh"),
            ("ssh://git@93.184.216.34/x", "other", "is for forge.example"),
            (
                "ssh://git@93.184.216.34:2222/x",
                "key",
                "not for 93.184.216.34:2222",
            ),
            ("ssh://bob@93.184.216.34/x", "key", "not for bob"),
        ] {
            let set =
                json!({"action": "add", "name": "origin", "url": url, "credential": credential});
            ok(&team, "git_remote", set).await;
            let error = refused(&team, "git_fetch", json!({})).await;
            assert_eq!(error.code, Code::Forbidden, "{}", error.message);
            assert!(error.message.contains(says), "{url}: {}", error.message);
            ok(
                &team,
                "git_remote",
                json!({"action": "remove", "name": "origin"}),
            )
            .await;
        }
    }

    #[tokio::test]
    async fn remotes_are_named_once_and_changed_and_removed() {
        let team = team().await;
        let add = json!({"action": "add", "name": "origin", "url": "https://93.184.216.34/a.git"});
        ok(&team, "git_remote", add.clone()).await;
        assert_eq!(refused(&team, "git_remote", add).await.code, Code::Conflict);
        let set = json!({"action": "set", "name": "origin", "url": "https://93.184.216.34/b.git", "credential": "forge"});
        let now = ok(&team, "git_remote", set).await;
        assert_eq!(
            now["remotes"],
            json!([{"name": "origin", "url": "https://93.184.216.34/b.git", "credential": "forge"}])
        );
        let eve = team.at("elsewhere", "eve");
        ok(&eve, "git_init", json!({})).await;
        assert_eq!(
            ok(&eve, "git_remote", json!({})).await["remotes"],
            json!([])
        );
        ok(
            &team,
            "git_remote",
            json!({"action": "remove", "name": "origin"}),
        )
        .await;
        let gone = json!({"action": "remove", "name": "origin"});
        assert_eq!(
            refused(&team, "git_remote", gone).await.code,
            Code::NotFound
        );
    }
}
