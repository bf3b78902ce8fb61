//! Repositories elsewhere: where the git program may go for an agent, what it tells there, and what comes back.

pub mod askpass;
pub mod partial;
pub mod ssh;
pub mod submodules;
mod target;
mod transfer;
mod way;
mod web;

use std::path::{Path, PathBuf};

use super::{
    Git,
    cli::locate,
    model::CredentialKind,
    store::{CredentialRow, RemoteRow, RepoKey},
};
use crate::{
    access::key,
    base::seal::Seal,
    tool::{Ctx, ToolError},
};
pub use target::{Target, normal};
pub use transfer::{Moved, Pushed, fetched, head, pushed};
pub use way::Way;

/// The remote that is meant when none is named.
pub const ORIGIN: &str = "origin";
/// A socket's path is no longer than this.
const MAX_SOCKET: usize = 60;

/// What going elsewhere needs of the hub.
#[derive(Debug)]
pub struct Remotes {
    seal: Seal,
    /// Where keys lie while ssh needs them.
    near: PathBuf,
    /// Where sockets for passwords are made.
    sockets: PathBuf,
    /// The executable that asks on them, and that git starts as its ssh.
    executable: Option<PathBuf>,
    /// The ssh program.
    ssh: Option<PathBuf>,
}

impl Remotes {
    /// With the hub's data directory, where the key that seals credentials is made at the first start, and the ssh program's
    /// name.
    pub fn open(data: &Path, ssh_program: &str) -> Result<Self, ToolError> {
        let key = key::load_or_create(&data.join("git.key"))?;
        let near = std::path::absolute(data)?.join("tmp");
        let left = ssh::sweep(&near);
        if left > 0 {
            tracing::info!(left, "removed keys that a dead hub had in use");
        }
        Ok(Self {
            seal: Seal::new(&key).map_err(ToolError::internal)?,
            sockets: if near.as_os_str().len() > MAX_SOCKET {
                std::env::temp_dir()
            } else {
                near.clone()
            },
            near,
            executable: std::env::current_exe().ok(),
            ssh: locate(ssh_program),
        })
    }

    fn executable(&self) -> Result<PathBuf, ToolError> {
        let known = self.executable.clone();
        known.ok_or_else(|| ToolError::internal("the hub does not know its own executable"))
    }
}

impl Git {
    /// The remote `name` of a repository.
    pub(super) async fn remote(&self, key: &RepoKey, name: &str) -> Result<RemoteRow, ToolError> {
        let known = self.store.remotes(key).await?;
        known
            .into_iter()
            .find(|remote| remote.name == name)
            .ok_or_else(|| {
                ToolError::not_found("remote", name)
                    .hint("git_remote lists them, and adds one with action add")
            })
    }

    /// Keeps a credential's secret sealed.
    pub(super) fn seal(&self, ctx: &Ctx, name: &str, secret: &str) -> Result<String, ToolError> {
        let sealed = self.remotes.seal.seal(secret, &bound(ctx, name));
        sealed.map_err(ToolError::internal)
    }

    /// What was sealed with the same name.
    pub(super) fn unseal(&self, ctx: &Ctx, name: &str, sealed: &str) -> Result<String, ToolError> {
        let secret = self.remotes.seal.open(sealed, &bound(ctx, name));
        secret.map_err(ToolError::internal)
    }

    /// The credential `name` and its secret, if it is one for `target`.
    async fn credential(
        &self,
        ctx: &Ctx,
        name: &str,
        target: &Target,
    ) -> Result<(CredentialRow, String), ToolError> {
        let known = self.store.credentials(ctx.project()).await?;
        let row = known
            .into_iter()
            .find(|row| row.name == name)
            .ok_or_else(|| {
                ToolError::not_found("credential", name).hint("git_credential lists them")
            })?;
        fitting(&row, target)?;
        let secret = self
            .unseal(ctx, name, &row.sealed)
            .map_err(|error| error.hint("set it again with git_credential"))?;
        Ok((row, secret))
    }
}

/// What a secret is sealed for.
fn bound(ctx: &Ctx, name: &str) -> String {
    format!("{}/{name}", ctx.project())
}

/// Refuses a credential of another kind than `target` asks for, and one for another host.
fn fitting(row: &CredentialRow, target: &Target) -> Result<(), ToolError> {
    let name = &row.name;
    let wrong = match (row.kind()?, target) {
        (CredentialKind::Password, Target::Ssh { .. }) => Some((
            "is a password, and ssh is opened by a key",
            "set one with git_credential: username, private_key and known_hosts",
        )),
        (CredentialKind::SshKey, Target::Web(_)) => Some((
            "is a key for ssh, and https is opened by a password or token",
            "set one with git_credential: username and secret; or give the address as ssh://…",
        )),
        _ => None,
    };
    if let Some((why, next)) = wrong {
        return Err(ToolError::forbidden(format!("the credential {name:?} {why}")).hint(next));
    }
    let host = target.authority();
    if row.host != host {
        return Err(ToolError::forbidden(format!(
            "the credential {name:?} is for {}, not for {host}",
            row.host
        )));
    }
    Ok(())
}
