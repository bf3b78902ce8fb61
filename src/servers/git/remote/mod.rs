//! Repositories elsewhere: where the git program may go for an agent, what it tells there, and what comes back.

pub mod askpass;
pub mod partial;
mod transfer;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Git,
    cli::{self, Command, Limits, Word},
    store::{CredentialRow, RemoteRow, RepoKey},
};
use crate::{
    access::key,
    base::{
        outbound::{self, Refused, Target},
        seal::Seal,
    },
    tool::{Code, Ctx, ToolError},
};
use askpass::Askpass;
pub use transfer::{Moved, Pushed, fetched, head, pushed};

/// The remote that is meant when none is named.
pub const ORIGIN: &str = "origin";
/// Answers of the program that are kept, in bytes.
const MAX_ANSWER: usize = 8 << 20;
/// A socket's path is no longer than this.
const MAX_SOCKET: usize = 60;

/// What going elsewhere needs of the hub.
#[derive(Debug)]
pub struct Remotes {
    seal: Seal,
    /// Where sockets for passwords are made.
    sockets: PathBuf,
    /// The executable that asks on them.
    executable: Option<PathBuf>,
}

impl Remotes {
    /// With the hub's data directory, where the key that seals credentials is made at the first start.
    pub fn open(data: &Path) -> Result<Self, ToolError> {
        let key = key::load_or_create(&data.join("git.key"))?;
        let near = std::path::absolute(data)?.join("tmp");
        Ok(Self {
            seal: Seal::new(&key).map_err(ToolError::internal)?,
            sockets: if near.as_os_str().len() > MAX_SOCKET {
                std::env::temp_dir()
            } else {
                near
            },
            executable: std::env::current_exe().ok(),
        })
    }
}

/// A remote that may be gone to, with all that the program needs for it.
#[derive(Debug)]
pub struct Way {
    url: Word,
    scheme: &'static str,
    /// `host:port:address`: the addresses that were checked, and no others.
    resolved: String,
    ca_file: Option<String>,
    time: Duration,
    asked: Option<(PathBuf, Askpass)>,
    secret: Option<String>,
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

    /// The way to `remote`: checked, and with its password if it has one.
    pub(super) async fn way(&self, ctx: &Ctx, remote: &RemoteRow) -> Result<Way, ToolError> {
        let target = self.target(&remote.url).await?;
        let credential = match &remote.credential {
            Some(name) => Some(self.credential(ctx, name, &target).await?),
            None => None,
        };
        let scheme = if target.url.scheme() == "http" {
            "http"
        } else {
            "https"
        };
        let addresses: Vec<String> = target
            .addresses
            .iter()
            .map(|address| match address {
                std::net::SocketAddr::V4(address) => address.ip().to_string(),
                std::net::SocketAddr::V6(address) => format!("[{}]", address.ip()),
            })
            .collect();
        let mut url = target.url.clone();
        let mut way = Way {
            url: Word::url(url.as_str())
                .map_err(|error| ToolError::invalid("/url", error.to_string()))?,
            scheme,
            resolved: format!("{}:{}:{}", target.host, target.port, addresses.join(",")),
            ca_file: self
                .config
                .remotes
                .ca_file
                .as_ref()
                .map(|path| path.display().to_string()),
            time: Duration::from_secs(self.config.remotes.max_seconds),
            asked: None,
            secret: None,
        };
        if let Some((row, secret)) = credential {
            url.set_username(&row.username)
                .map_err(|()| ToolError::internal("a user's name does not fit an address"))?;
            way.url = Word::url(url.as_str()).map_err(ToolError::internal)?;
            let executable =
                self.remotes.executable.clone().ok_or_else(|| {
                    ToolError::internal("the hub does not know its own executable")
                })?;
            let asked = Askpass::answer(&self.remotes.sockets, authority(&target), secret.clone())?;
            way.asked = Some((executable, asked));
            way.secret = Some(secret);
        }
        Ok(way)
    }

    /// Whether `url` may be gone to.
    pub(super) async fn target(&self, url: &str) -> Result<Target, ToolError> {
        let config = &self.config.remotes;
        let refused = |why: String| ToolError::invalid("/url", why);
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(refused(
                "must begin with https://: no other transport is used".to_owned(),
            ));
        }
        let target = outbound::check(&config.allowed_private, url)
            .await
            .map_err(|error| match error {
                Refused::Unreachable(_) => ToolError::unavailable(format!("the remote {error}")),
                Refused::Credentials => refused(
                    "has credentials in it: keep them with git_credential and name that instead"
                        .to_owned(),
                ),
                other => refused(other.to_string()),
            })?;
        let private = format!("{}:{}", target.host, target.port);
        let meant = config
            .allowed_private
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(&private));
        if target.url.scheme() == "http" && !meant {
            return Err(refused("must begin with https://: what is sent over http can be read and changed on the way".to_owned()));
        }
        let known = config.allowed_hosts.is_empty()
            || meant
            || config
                .allowed_hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(&target.host));
        if !known {
            return Err(refused(format!(
                "leads to {}, which is not among the hosts that the hub's operator allows",
                target.host
            )));
        }
        Ok(target)
    }

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
        let host = authority(target);
        if row.host != host {
            return Err(ToolError::forbidden(format!(
                "the credential {name:?} is for {}, not for {host}",
                row.host
            )));
        }
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

/// A target's host, with its port if it is not the scheme's own: as git says it when it asks for a password.
fn authority(target: &Target) -> String {
    match target.url.port() {
        Some(port) => format!("{}:{port}", target.host),
        None => target.host.clone(),
    }
}

impl Way {
    /// The remote's address as an operand.
    pub fn url(&self) -> Word {
        self.url.clone()
    }

    /// `command` with all that it needs for this way, and nothing for another.
    pub fn equip(&self, command: Command) -> Command {
        let mut command = command
            .protocols(&[self.scheme])
            .setting("http.curloptResolve", &self.resolved)
            .setting("http.proxy", "")
            .setting("http.sslVerify", "true")
            .setting("http.lowSpeedLimit", "100")
            .setting("http.lowSpeedTime", "60")
            .setting("protocol.version", "2")
            .limits(Limits {
                time: self.time,
                answer: MAX_ANSWER,
            });
        if let Some(file) = &self.ca_file {
            command = command.setting("http.sslCAInfo", file);
        }
        if let Some((executable, asked)) = &self.asked {
            command = command
                .variable("GIT_ASKPASS", executable)
                .variable(askpass::SOCKET, asked.socket());
        }
        command
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
                let said = match &self.secret {
                    Some(secret) => said.replace(secret.as_str(), "<secret>"),
                    None => said,
                };
                let unread = ["could not read Username", "could not read Password"];
                let asked = unread.iter().any(|words| said.contains(words));
                if asked || said.contains("Authentication failed") {
                    let does = match &self.secret {
                        Some(_) => "refuses the credential",
                        None => "asks for a credential",
                    };
                    return ToolError::forbidden(format!("the remote {does}"))
                        .hint("keep one that opens it with git_credential, and name it");
                }
                let said = said.trim();
                ToolError::unavailable(format!("git {command} did not succeed: {said}"))
                    .hint("look at the remote's address with git_remote")
            }
            other => ToolError::internal(other),
        }
    }
}
