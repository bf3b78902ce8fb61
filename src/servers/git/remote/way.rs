//! The way to a remote: checked, pinned, and with what opens it.

use std::time::Duration;

use super::{
    Target,
    ssh::{Address, Client, Keys, Ssh},
    web::Web,
};
use crate::{
    servers::git::{
        Git,
        cli::{self, Command, Limits, Word},
        store::{CredentialRow, RemoteRow},
    },
    tool::{Code, Ctx, ToolError},
};

/// Answers of the program that are kept, in bytes.
const MAX_ANSWER: usize = 8 << 20;

/// A remote that may be gone to, with all that the program needs for it.
#[derive(Debug)]
pub struct Way {
    url: Word,
    time: Duration,
    by: Transport,
}

#[derive(Debug)]
enum Transport {
    Web(Web),
    Ssh(Ssh),
}

impl Git {
    /// The way to `remote`: checked, and with what opens it.
    pub(in crate::servers::git) async fn way(
        &self,
        ctx: &Ctx,
        remote: &RemoteRow,
    ) -> Result<Way, ToolError> {
        let target = self.target(&remote.url).await?;
        let credential = match &remote.credential {
            Some(name) => Some(self.credential(ctx, name, &target).await?),
            None => None,
        };
        let authority = target.authority();
        let own = &self.remotes;
        let (by, url) = match target {
            Target::Web(target) => {
                let (mut web, mut url) =
                    Web::open(&target, self.config.remotes.ca_file.as_deref())?;
                if let Some((row, secret)) = credential {
                    let asks = (own.executable()?, &*own.sockets);
                    (web, url) =
                        web.with_password(&target, (&row.username, secret), asks, authority)?;
                }
                (Transport::Web(web), url)
            }
            Target::Ssh { address, addresses } => {
                let (row, secret) = credential.ok_or_else(no_key)?;
                refuse_other(&address, &row)?;
                let keys: Keys = serde_json::from_str(&secret).map_err(ToolError::internal)?;
                let client = Client {
                    executable: own.executable()?,
                    program: own.ssh.clone().ok_or_else(no_program)?,
                };
                let who = (row.username, row.fingerprint.unwrap_or_default());
                let (ssh, url) =
                    Ssh::open(client, &own.near, address, &addresses, who, &keys).await?;
                (Transport::Ssh(ssh), url)
            }
        };
        let time = Duration::from_secs(self.config.remotes.max_seconds);
        Ok(Way { url, time, by })
    }
}

fn no_key() -> ToolError {
    ToolError::forbidden("the remote asks for a credential: ssh is opened by a key").hint(
        "keep one with git_credential (username, private_key and known_hosts), and name it with git_remote or git_clone",
    )
}

fn no_program() -> ToolError {
    ToolError::unavailable("the hub has no ssh program").hint(
        "its operator can install OpenSSH's client, or name it in servers.git.remotes.ssh_program",
    )
}

/// Refuses an address of somebody else than the credential is for.
fn refuse_other(address: &Address, row: &CredentialRow) -> Result<(), ToolError> {
    match &address.user {
        Some(user) if *user != row.username => Err(ToolError::forbidden(format!(
            "the credential {:?} is for the user {}, not for {user}",
            row.name, row.username
        ))
        .hint("leave the user out of the address, or set another credential")),
        _ => Ok(()),
    }
}

impl Way {
    /// The remote's address as an operand.
    pub fn url(&self) -> Word {
        self.url.clone()
    }

    /// `command` with all that it needs for this way, and nothing for another.
    pub fn equip(&self, command: Command) -> Command {
        let command = command.setting("protocol.version", "2").limits(Limits {
            time: self.time,
            answer: MAX_ANSWER,
        });
        match &self.by {
            Transport::Web(web) => web.equip(command),
            Transport::Ssh(ssh) => ssh.equip(command),
        }
    }

    /// What a failed run tells the caller: the remote may have sent back what it was told.
    pub fn failed(&self, error: cli::Error) -> ToolError {
        match error {
            cli::Error::Stopped => ToolError::new(Code::Cancelled, "the call was stopped"),
            cli::Error::TimedOut { .. } => {
                ToolError::new(Code::DeadlineExceeded, error.to_string())
                    .hint("its operator can raise servers.git.remotes.max_seconds")
            }
            cli::Error::Failed { command, said, .. } => {
                let (said, known) = match &self.by {
                    Transport::Web(web) => {
                        let said = web.scrub(said);
                        let known = web.explain(&said);
                        (said, known)
                    }
                    Transport::Ssh(ssh) => {
                        let known = ssh.explain(&said);
                        (said, known)
                    }
                };
                known.unwrap_or_else(|| {
                    let said = said.trim();
                    ToolError::unavailable(format!("git {command} did not succeed: {said}"))
                        .hint("look at the remote's address with git_remote")
                })
            }
            other => ToolError::internal(other),
        }
    }
}
