//! `git_credential`: what opens repositories elsewhere.

use crate::{
    servers::git::{
        Git,
        model::CredentialKind,
        remote::ssh::{self, Address, BadKey, Key, Keys},
        store::CredentialRow,
    },
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
    /// The host that it is for, such as `github.com` or `forge.example:8443`, and no other: with its port if it is not 443 for
    /// a password, 22 for a key. Required to set.
    #[garde(length(bytes, min = 1, max = 253), inner(custom(plain_host)))]
    pub host: Option<String>,
    /// The user's name there; for tokens often `x-access-token` or anything, for keys often `git`. Required to set.
    #[garde(length(bytes, min = 1, max = 100), inner(custom(plain_user)))]
    pub username: Option<String>,
    /// The token or password, for addresses with https. Kept sealed and never shown again. Required to set, if no private_key is
    /// given.
    #[garde(length(bytes, min = 1, max = 4_096), inner(custom(one_line)))]
    pub secret: Option<String>,
    /// An OpenSSH private key without a passphrase, for addresses with ssh: ed25519, ECDSA, or RSA from 2048 bits. Kept sealed and
    /// never shown again. Required to set, if no secret is given.
    #[garde(length(bytes, min = 1, max = 16_384))]
    pub private_key: Option<String>,
    /// The host's own public keys, with a private_key required: lines of known_hosts, as ssh-keyscan prints them, or
    /// `ssh-ed25519 AAAA…`. Take them from whoever runs the host, not from the network: no other key is believed.
    #[garde(length(bytes, min = 1, max = 65_536))]
    pub known_hosts: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // garde's signature
fn plain_host(text: &str, _: &()) -> garde::Result {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-:[]".contains(c);
    if text.chars().all(fits) {
        return Ok(());
    }
    Err(garde::Error::new(
        "must be a host in lower case, with :port if it is not the scheme's own",
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
    /// Whether it is a password, for https, or a key, for ssh.
    pub kind: CredentialKind,
    /// Of a key: its public half's fingerprint, as ssh-keygen -l shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Tool for GitCredential {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_credential";
    const ABOUT: &'static str = "Keep what opens a host that git_clone, git_fetch, git_pull and git_push go to, list the project's \
                                 credentials, or forget one. For https: username and secret, a token or password. For ssh: username, \
                                 private_key and the host's known_hosts. Agents use it by name and never see it. Needs admin. Returns \
                                 all, without secrets.";
    const ACCESS: Access = Access::Admin;
    const CONTENT: &'static [&'static str] = &["secret", "private_key"];
    const HINTS: Hints = Hints {
        idempotent: true,
        ..Hints::of(Access::Admin)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let project = ctx.project();
        match args.action {
            Action::List => {}
            Action::Set => {
                let row = row(server, ctx, args)?;
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
        let all = server.store.credentials(project).await?.into_iter();
        let credentials = all
            .map(|row| {
                Ok(Item {
                    kind: row.kind()?,
                    name: row.name,
                    host: row.host,
                    username: row.username,
                    fingerprint: row.fingerprint,
                })
            })
            .collect::<Result<_, ToolError>>()?;
        Ok(Output { credentials })
    }
}

fn required(field: &str) -> ToolError {
    ToolError::invalid(field, "is required")
}

/// What is to be kept.
fn row(server: &Git, ctx: &Ctx, args: Args) -> Result<CredentialRow, ToolError> {
    let name = args.name.ok_or_else(|| required("/name"))?.to_string();
    let host = args.host.ok_or_else(|| required("/host"))?;
    let username = args.username.ok_or_else(|| required("/username"))?;
    let (kind, secret, fingerprint) = match (args.secret, args.private_key) {
        (Some(secret), None) => {
            if args.known_hosts.is_some() {
                return Err(ToolError::invalid(
                    "/known_hosts",
                    "belongs to a private_key: https needs none",
                ));
            }
            (CredentialKind::Password, secret, None)
        }
        (None, Some(key)) => {
            let (keys, fingerprint) = keys(&host, &username, &key, args.known_hosts)?;
            let secret = serde_json::to_string(&keys).map_err(ToolError::internal)?;
            (CredentialKind::SshKey, secret, Some(fingerprint))
        }
        (Some(_), Some(_)) => {
            return Err(ToolError::invalid(
                "/private_key",
                "cannot stand beside secret: a credential is for https or for ssh",
            )
            .hint("keep two, of two names"));
        }
        (None, None) => {
            return Err(
                required("/secret").hint("for ssh: private_key and known_hosts in its place")
            );
        }
    };
    Ok(CredentialRow {
        sealed: server.seal(ctx, &name, &secret)?,
        kind: kind.as_str().to_owned(),
        name,
        host,
        username,
        fingerprint,
    })
}

/// The keys for ssh, and the fingerprint of the private one.
fn keys(
    host: &str,
    username: &str,
    key: &str,
    known_hosts: Option<String>,
) -> Result<(Keys, String), ToolError> {
    if !ssh::is_user(username) {
        let why = "must be of letters, digits and . _ + -, not beginning with a dash, for ssh";
        return Err(ToolError::invalid("/username", why));
    }
    let address = match Address::read(&format!("ssh://{host}/x")) {
        Some(Ok(address)) if address.authority() == host => address,
        _ => {
            let why = "must be a host in lower case, with :port if it is not 22, for ssh";
            return Err(ToolError::invalid("/host", why));
        }
    };
    let key = Key::read(key).map_err(|error| {
        let refused = ToolError::invalid("/private_key", error.to_string());
        match error {
            BadKey::Encrypted => refused.hint("take the passphrase off a copy of it: ssh-keygen -p -N '' -f copy"),
            BadKey::Malformed => refused.hint("send the whole file, lines as they are; ssh-keygen -p -N '' -f copy rewrites one of an older form"),
            BadKey::Weak(_) => refused,
        }
    })?;
    let known_hosts = known_hosts.ok_or_else(|| {
        required("/known_hosts").hint("the host's public keys, which whoever runs it publishes: no key is believed because it came first")
    })?;
    let host_keys = ssh::host_keys(&known_hosts, &address)
        .map_err(|error| ToolError::invalid("/known_hosts", error.to_string()))?;
    let fingerprint = key.fingerprint();
    let keys = Keys::new(&key, host_keys).map_err(ToolError::internal)?;
    Ok((keys, fingerprint))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, team};
    use crate::{servers::git::remote::ssh::samples, tool::Code};

    #[tokio::test]
    async fn a_secret_is_kept_and_never_shown() {
        let team = team().await;
        let set = json!({"action": "set", "name": "forge", "host": "forge.example", "username": "bot", "secret": "hunter2zz"});
        let now = ok(&team, "git_credential", set).await;
        assert_eq!(
            now,
            json!({"credentials": [{"name": "forge", "host": "forge.example", "username": "bot", "kind": "password"}]})
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
    #[tokio::test]
    async fn a_key_is_kept_with_its_hosts_and_never_shown() {
        let team = team().await;
        let set = json!({"action": "set", "name": "forge", "host": "forge.example:2222", "username": "git",
            "private_key": samples::ED25519, "known_hosts": samples::ED25519_PUBLIC});
        let now = ok(&team, "git_credential", set.clone()).await;
        let kept = json!([{"name": "forge", "host": "forge.example:2222", "username": "git", "kind": "ssh_key",
            "fingerprint": "SHA256:CeqdWpjpygYKmzoODB08z1c+yFyKt0O1uBXjVGTuHX0"}]);
        assert_eq!(now["credentials"], kept);
        // Neither as it was sent nor as a part of it.
        let line = samples::ED25519.lines().nth(4).unwrap();
        team.audit.flush().await;
        let all = crate::audit::Query::default();
        let seen = team.audit.find(&all, None, 50).await.unwrap();
        assert!(!format!("{seen:?}").contains(line));
        for entry in std::fs::read_dir(&team.host.data).unwrap() {
            if let Ok(bytes) = std::fs::read(entry.unwrap().path()) {
                assert!(
                    !bytes
                        .windows(line.len())
                        .any(|part| part == line.as_bytes())
                );
            }
        }
        // A password of the same name takes its place whole.
        let password = json!({"action": "set", "name": "forge", "host": "forge.example", "username": "bot", "secret": "x"});
        let now = ok(&team, "git_credential", password).await;
        assert_eq!(now["credentials"][0]["fingerprint"], json!(null));
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_key_is_told_by_its_field() {
        let team = team().await;
        let fine = json!({"action": "set", "name": "forge", "host": "forge.example", "username": "git",
            "private_key": samples::ED25519, "known_hosts": samples::ED25519_PUBLIC});
        for (field, value, says) in [
            ("private_key", json!(samples::ENCRYPTED), "passphrase"),
            ("private_key", json!("secret"), "OpenSSH"),
            ("private_key", json!(samples::RSA_1024), "1024 bits"),
            ("private_key", json!(samples::ED25519_PUBLIC), "OpenSSH"),
            ("known_hosts", json!(null), "required"),
            ("known_hosts", json!("forge.example AAAA"), "line 1"),
            (
                "known_hosts",
                json!(format!("other.example {}", samples::ED25519_PUBLIC)),
                "no key of forge.example",
            ),
            ("username", json!("ann@corp"), "letters"),
            ("username", json!("-l"), "letters"),
            ("host", json!("-forge.example"), "host"),
            ("host", json!("forge.example:22"), "22"),
            ("host", json!("forge.example:ssh"), "host"),
        ] {
            let mut args = fine.clone();
            args[field] = value;
            let error = refused(&team, "git_credential", args).await;
            let problem = serde_json::Value::Object(error.problem()).to_string();
            assert!(
                problem.contains(&format!("\"/{field}\"")) && problem.contains(says),
                "{field}: {problem}"
            );
        }
        for (field, with) in [
            ("private_key", "private_key"),
            ("known_hosts", "known_hosts"),
        ] {
            let mut args = json!({"action": "set", "name": "forge", "host": "forge.example", "username": "git", "secret": "x"});
            args[with] = fine[with].clone();
            let error = refused(&team, "git_credential", args).await;
            let problem = serde_json::Value::Object(error.problem()).to_string();
            assert!(problem.contains(&format!("\"/{field}\"")), "{problem}");
        }
        let now = ok(&team, "git_credential", json!({})).await;
        assert_eq!(now["credentials"], json!([]));
    }
}
