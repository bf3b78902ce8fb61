//! `git_signing_key`: the key that signs a project's commits.

use crate::{
    base::clock::rfc3339,
    servers::git::{Git, engine::sign::SigningKey, store::SigningKeyRow},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitSigningKey;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// What to do; `show` when left out.
    #[serde(default)]
    pub action: Action,
    /// The key to sign with from now on, as ssh-keygen -t ed25519 writes it, without a passphrase. Kept sealed and never shown
    /// again. Required to set.
    #[garde(length(bytes, min = 1, max = 8_192))]
    pub private_key: Option<String>,
    /// The key's fingerprint, such as `SHA256:…`. Required to forget.
    #[garde(length(bytes, min = 1, max = 100))]
    pub fingerprint: Option<String>,
}

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// Show the public keys.
    #[default]
    Show,
    /// Make a new key and sign with it from now on. What the one before signed stays good.
    Create,
    /// The same with a key of yours.
    Set,
    /// Forget a key, because it was stolen for instance: what it signed is good no more.
    Forget,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The project's keys, the newest first; the one without `retired_at` signs.
    pub keys: Vec<Key>,
    /// The keys as git wants them in the file of gpg.ssh.allowedSignersFile, to check clones with git verify-commit.
    pub allowed_signers: String,
}

/// A key's public half.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Key {
    /// By which git_show names it.
    pub fingerprint: String,
    /// As OpenSSH writes it: a forge takes it as a signing key.
    pub public_key: String,
    /// Since when it signs (RFC 3339, UTC).
    pub created_at: String,
    /// Since when it does not (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<String>,
}

impl Tool for GitSigningKey {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_signing_key";
    const ABOUT: &'static str = "Make the SSH key that signs the project's commits when git_commit is told to sign, bring your own, show the \
                                 public keys, or forget one. Agents sign with it and never see it. Needs admin. Returns all public keys.";
    const ACCESS: Access = Access::Admin;
    const CONTENT: &'static [&'static str] = &["private_key"];
    const HINTS: Hints = Hints {
        idempotent: false,
        ..Hints::of(Access::Admin)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let required = |field| ToolError::invalid(field, "is required");
        let project = ctx.project();
        let new = match args.action {
            Action::Show => None,
            Action::Create => {
                let made = SigningKey::generate(&format!("syndarix {project}"));
                Some(made.map_err(ToolError::internal)?)
            }
            Action::Set => {
                let text = args.private_key.ok_or_else(|| required("/private_key"))?;
                let read = SigningKey::read(&text);
                Some(read.map_err(|error| ToolError::invalid("/private_key", error.to_string()))?)
            }
            Action::Forget => {
                let print = args.fingerprint.ok_or_else(|| required("/fingerprint"))?;
                if !server.store.remove_signing_key(project, &print).await? {
                    return Err(ToolError::not_found("signing key", print)
                        .hint("git_signing_key lists them"));
                }
                None
            }
        };
        if let Some(key) = new {
            let row = server.signing_row(ctx, &key)?;
            let by = ctx.agent().as_str();
            server.store.set_signing_key(project, row, by).await?;
        }
        let rows = server.store.signing_keys(project).await?;
        let principals = format!("*@{project}.{}", server.config.email_domain);
        let lines = rows.iter().map(|row| allowed(&principals, row));
        Ok(Output {
            allowed_signers: lines.collect(),
            keys: rows.into_iter().map(Key::from).collect(),
        })
    }
}

/// A line of an allowed signers file (ssh-keygen(1)).
fn allowed(principals: &str, row: &SigningKeyRow) -> String {
    let until = row.retired_ms.map(|ms| {
        let digits: String = rfc3339(ms)
            .chars()
            .filter(char::is_ascii_digit)
            .take(14)
            .collect();
        format!(",valid-before=\"{digits}Z\"")
    });
    let until = until.unwrap_or_default();
    format!(
        "{principals} namespaces=\"git\"{until} {}\n",
        row.public_key
    )
}

impl From<SigningKeyRow> for Key {
    fn from(row: SigningKeyRow) -> Self {
        Self {
            fingerprint: row.fingerprint,
            public_key: row.public_key,
            created_at: rfc3339(row.created_ms),
            retired_at: row.retired_ms.map(rfc3339),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{ok, refused, save, team, write};
    use crate::{servers::git::engine::sign::SigningKey, tool::Code};

    #[tokio::test]
    async fn a_project_signs_with_its_newest_key_and_knows_the_ones_before() {
        let team = team().await;
        save(&team, "a", "1").await;
        write(&team, "a", "2");
        ok(&team, "git_add", json!({"paths": ["a"]})).await;
        let signed = json!({"message": "signed", "sign": true});
        let none = refused(&team, "git_commit", signed.clone()).await;
        assert_eq!(none.code, Code::Conflict);
        assert!(none.message.contains("git_signing_key"));
        let one = ok(&team, "git_signing_key", json!({"action": "create"})).await;
        let first = &one["keys"][0]["fingerprint"];
        let done = ok(&team, "git_commit", signed.clone()).await;
        let shown = |revision: Value| {
            let team = team.clone();
            async move {
                let shown = ok(&team, "git_show", json!({"revision": revision})).await;
                shown.get("signature").cloned()
            }
        };
        let good = json!({"status": "good", "key": first});
        assert_eq!(shown(done["commit"].clone()).await, Some(good.clone()));
        assert_eq!(shown(done["parents"][0].clone()).await, None);
        let amended = json!({"amend": true, "sign": true, "message": "better"});
        let amended = ok(&team, "git_commit", amended).await;
        assert_eq!(amended["parents"], done["parents"]);
        assert_eq!(shown(amended["commit"].clone()).await, Some(good.clone()));

        // Another key takes over, and what the first one signed stays good.
        let own = SigningKey::generate("own").unwrap();
        let set = json!({"action": "set", "private_key": own.text().unwrap()});
        let two = ok(&team, "git_signing_key", set).await;
        assert_eq!(two["keys"][0]["fingerprint"], own.fingerprint());
        assert!(two["keys"][1]["retired_at"].is_string());
        let lines = two["allowed_signers"].as_str().unwrap();
        assert_eq!(lines.lines().count(), 2);
        assert!(lines.starts_with("*@demo.syndarix.local namespaces=\"git\" ssh-ed25519 AAAA"));
        assert_eq!(shown(amended["commit"].clone()).await, Some(good));
        let next = json!({"message": "next", "sign": true, "allow_empty": true});
        let next = ok(&team, "git_commit", next).await;
        let by_own = json!({"status": "good", "key": own.fingerprint()});
        assert_eq!(shown(next["commit"].clone()).await, Some(by_own));

        let forget = json!({"action": "forget", "fingerprint": first});
        assert_eq!(
            refused(
                &team.at("elsewhere", "eve"),
                "git_signing_key",
                forget.clone()
            )
            .await
            .code,
            Code::NotFound
        );
        ok(&team, "git_signing_key", forget).await;
        let unknown = json!({"status": "unknown_key", "key": first});
        assert_eq!(shown(amended["commit"].clone()).await, Some(unknown));
    }

    #[tokio::test]
    async fn the_private_half_is_nowhere_to_be_read() {
        let team = team().await;
        let own = SigningKey::generate("own").unwrap();
        let text = own.text().unwrap();
        let set = json!({"action": "set", "private_key": text});
        let now = ok(&team, "git_signing_key", set).await;
        // The end of the private half, before what fills it up.
        let part = text.lines().nth(3).unwrap();
        assert!(!now.to_string().contains(part));
        team.audit.flush().await;
        let seen = team
            .audit
            .find(&crate::audit::Query::default(), None, 50)
            .await
            .unwrap();
        assert!(!format!("{seen:?}").contains(part));
        let bytes = std::fs::read(team.host.data.join("syndarix.db")).unwrap();
        assert!(
            !bytes
                .windows(part.len())
                .any(|found| found == part.as_bytes())
        );
        for bad in [
            json!({"action": "set"}),
            json!({"action": "set", "private_key": "x"}),
            json!({"action": "forget"}),
        ] {
            let refused = refused(&team, "git_signing_key", bad.clone()).await;
            assert_eq!(refused.code, Code::InvalidArgument, "{bad}");
        }
    }
}
