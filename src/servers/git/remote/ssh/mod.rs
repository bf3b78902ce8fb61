//! Going elsewhere by ssh: OpenSSH's client, started by git through this executable with a config of its own.

mod address;
mod config;
pub mod exec;
mod keys;
#[cfg(test)]
pub mod samples;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{net::TcpStream, time::timeout};

use crate::{
    servers::git::cli::{Command, Word},
    tool::{Code, ToolError},
};
pub use address::{Address, is_user};
use config::Prepared;
pub use config::sweep;
pub use keys::{BadKey, Key, Keys, host_keys};

/// How long one of several addresses may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What going elsewhere by ssh needs of the hub.
#[derive(Debug, Clone)]
pub struct Client {
    /// The executable that git starts.
    pub executable: PathBuf,
    /// The ssh program that it becomes.
    pub program: PathBuf,
}

/// A way by ssh.
#[derive(Debug)]
pub struct Ssh {
    client: Client,
    /// `user@host`.
    to: String,
    authority: String,
    fingerprint: String,
    prepared: Prepared,
}

impl Ssh {
    /// The way to `address`, which may be gone to at `addresses` alone, as `user`; and what git is to call it.
    pub async fn open(
        client: Client,
        near: &Path,
        mut address: Address,
        addresses: &[SocketAddr],
        (user, fingerprint): (String, String),
        keys: &Keys,
    ) -> Result<(Self, Word), ToolError> {
        let at = answering(addresses)
            .await
            .ok_or_else(|| ToolError::unavailable("the remote has no address"))?;
        let prepared = Prepared::write(near, &address, &user, at.ip(), keys)?;
        let own = Self {
            client,
            to: format!("{user}@{}", address.bare_host()),
            authority: address.authority(),
            fingerprint,
            prepared,
        };
        address.user = Some(user);
        let url = Word::url(&address.to_string()).map_err(ToolError::internal)?;
        Ok((own, url))
    }

    /// `command` with all that git needs to start ssh.
    pub fn equip(&self, command: Command) -> Command {
        command
            .protocols(&["ssh"])
            // It would be run by a shell, and comes before the other.
            .without("GIT_SSH_COMMAND")
            .variable("GIT_SSH", &self.client.executable)
            .variable("GIT_SSH_VARIANT", "ssh")
            .variable(exec::DIRECTORY, self.prepared.path())
            .variable(exec::PROGRAM, &self.client.program)
            .variable(exec::TO, &self.to)
    }

    /// What ssh's words mean, if it is ssh that failed.
    pub fn explain(&self, said: &str) -> Option<ToolError> {
        let says = |words: &[&str]| words.iter().any(|words| said.contains(words));
        let at = &self.authority;
        if says(&[
            "HOST IDENTIFICATION HAS CHANGED",
            "host key is known for",
            "Host key verification failed",
        ]) {
            let why =
                format!("the host's key is another than the credential's known_hosts has for {at}");
            return Some(ToolError::forbidden(why).hint(
                "somebody may stand in for it: ask whoever runs it for its keys, then set the credential again with git_credential",
            ));
        }
        if says(&["Permission denied (", "Too many authentication failures"]) {
            return Some(
                ToolError::forbidden("the remote refuses the credential").hint(format!(
                    "the key {} must be allowed there for {}",
                    self.fingerprint, self.to
                )),
            );
        }
        if says(&["during banner exchange", "not responding"]) {
            let why = format!("the remote does not answer in time at {at}");
            return Some(ToolError::new(Code::DeadlineExceeded, why).hint("try again later"));
        }
        if says(&["ssh: connect to host"]) {
            let why = format!("the remote cannot be connected to at {at}");
            return Some(
                ToolError::unavailable(why)
                    .hint("look at its address with git_remote, or try again later"),
            );
        }
        if says(&[
            "kex_exchange_identification",
            "Connection closed by",
            "Connection reset by",
        ]) {
            let why = format!("the remote ends the connection before it says who it is, at {at}");
            return Some(
                ToolError::unavailable(why)
                    .hint("is it an ssh server? look at its address with git_remote"),
            );
        }
        if says(&["does not appear to be a git repository"]) {
            let why = "the remote has no repository at this path";
            return Some(ToolError::new(Code::NotFound, why).hint(
                "paths begin at the root, also in the form host:path; one in the user's home is ssh://host/~/path",
            ));
        }
        None
    }
}

/// The first of `addresses` that answers. ssh is told one only; where there is one, it finds out by itself.
async fn answering(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    if addresses.len() > 1 {
        for address in addresses {
            if let Ok(Ok(_)) = timeout(PATIENCE, TcpStream::connect(address)).await {
                return Some(*address);
            }
        }
    }
    addresses.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn open(addresses: &[SocketAddr]) -> (tempfile::TempDir, Ssh, Word) {
        let near = tempfile::tempdir().unwrap();
        let client = Client {
            executable: "/bin/false".into(),
            program: "/bin/false".into(),
        };
        let address = Address::read("ssh://forge.example:2222/a.git")
            .unwrap()
            .unwrap();
        let who = ("git".to_owned(), "SHA256:x".to_owned());
        let kept = keys::tests::kept();
        let opened = Ssh::open(client, near.path(), address, addresses, who, &kept).await;
        let (ssh, url) = opened.unwrap();
        (near, ssh, url)
    }

    #[tokio::test]
    async fn the_first_address_that_answers_is_gone_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = listener.local_addr().unwrap();
        // Nobody listens at a port that was just given back.
        let closed = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
        let silent = closed.local_addr().unwrap();
        drop(closed);
        for (addresses, ip) in [
            (&[silent, answers][..], "127.0.0.1"),
            (&[answers, silent], "127.0.0.1"),
            (&[silent], "127.0.0.2"),
        ] {
            let (_near, ssh, url) = open(addresses).await;
            let config = std::fs::read_to_string(ssh.prepared.path().join("config")).unwrap();
            assert!(
                config.starts_with(&format!("HostName {ip}\nPort 2222\nUser git\n")),
                "{config}"
            );
            assert_eq!(url.as_os_str(), "ssh://git@forge.example:2222/a.git");
        }
    }

    #[tokio::test]
    async fn what_ssh_says_is_explained() {
        let (_near, ssh, _) = open(&["192.0.2.7:2222".parse().unwrap()]).await;
        for (said, code, means) in [
            (
                "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
                Code::Forbidden,
                "another than",
            ),
            (
                "No ED25519 host key is known for forge.example and you have requested strict checking.",
                Code::Forbidden,
                "another than",
            ),
            (
                "git@192.0.2.7: Permission denied (publickey).",
                Code::Forbidden,
                "refuses the credential",
            ),
            (
                "ssh: connect to host 192.0.2.7 port 2222: Connection refused",
                Code::Unavailable,
                "forge.example:2222",
            ),
            (
                "Connection timed out during banner exchange",
                Code::DeadlineExceeded,
                "in time",
            ),
            (
                "Timeout, server 192.0.2.7 not responding.",
                Code::DeadlineExceeded,
                "in time",
            ),
            (
                "kex_exchange_identification: Connection closed by remote host",
                Code::Unavailable,
                "ends the connection",
            ),
            (
                "fatal: '/x.git' does not appear to be a git repository",
                Code::NotFound,
                "no repository",
            ),
        ] {
            let error = ssh.explain(said).unwrap();
            assert_eq!(error.code, code, "{said}");
            assert!(error.message.contains(means), "{said}: {}", error.message);
        }
        assert!(ssh.explain("fatal: pack has bad object").is_none());
    }
}
