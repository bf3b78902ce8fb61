//! Where a remote's address leads, and whether that may be gone to.

use std::net::SocketAddr;

use super::ssh::Address;
use crate::{
    base::outbound::{self, Refused},
    servers::git::{Git, RemotesConfig},
    tool::ToolError,
};

/// Somewhere that may be gone to.
#[derive(Debug, Clone)]
pub enum Target {
    /// By https, or http where that is meant.
    Web(outbound::Target),
    /// By ssh.
    Ssh {
        /// Where it is.
        address: Address,
        /// Where exactly it may be gone to.
        addresses: Vec<SocketAddr>,
    },
}

impl Target {
    /// Its host, with its port if it is not the scheme's own: as credentials name it, and git when it asks for a password.
    pub fn authority(&self) -> String {
        match self {
            Self::Web(target) => match target.url.port() {
                Some(port) => format!("{}:{port}", target.host),
                None => target.host.clone(),
            },
            Self::Ssh { address, .. } => address.authority(),
        }
    }
}

/// An address as it is stored and shown: one of ssh as `ssh://…`, whichever way it was given.
pub fn normal(url: String) -> String {
    match Address::read(&url) {
        Some(Ok(address)) => address.to_string(),
        _ => url,
    }
}

impl Git {
    /// Whether `url` may be gone to.
    pub(in crate::servers::git) async fn target(&self, url: &str) -> Result<Target, ToolError> {
        let config = &self.config.remotes;
        if let Some(address) = Address::read(url) {
            let address = address.map_err(|error| refused(error.to_string()))?;
            let found =
                outbound::resolve(&config.allowed_private, &address.host, address.port).await;
            let addresses = found.map_err(of_refused)?;
            refuse_stranger(
                config,
                &address.host,
                is_meant(config, &address.host, address.port),
            )?;
            return Ok(Target::Ssh { address, addresses });
        }
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(refused(
                "must begin with https:// or ssh://: no other transport is used".to_owned(),
            ));
        }
        let found = outbound::check(&config.allowed_private, url).await;
        let target = found.map_err(of_refused)?;
        let meant = is_meant(config, &target.host, target.port);
        if target.url.scheme() == "http" && !meant {
            return Err(refused("must begin with https://: what is sent over http can be read and changed on the way".to_owned()));
        }
        refuse_stranger(config, &target.host, meant)?;
        Ok(Target::Web(target))
    }
}

fn refused(why: String) -> ToolError {
    ToolError::invalid("/url", why)
}

fn of_refused(error: Refused) -> ToolError {
    match error {
        Refused::Unreachable(_) => ToolError::unavailable(format!("the remote {error}")),
        Refused::Credentials => refused(
            "has credentials in it: keep them with git_credential and name that instead".to_owned(),
        ),
        other => refused(other.to_string()),
    }
}

/// Whether the operator named this place.
fn is_meant(config: &RemotesConfig, host: &str, port: u16) -> bool {
    let place = format!("{host}:{port}");
    let mut allowed = config.allowed_private.iter();
    allowed.any(|allowed| allowed.eq_ignore_ascii_case(&place))
}

fn refuse_stranger(config: &RemotesConfig, host: &str, meant: bool) -> Result<(), ToolError> {
    let mut allowed = config.allowed_hosts.iter();
    let known = config.allowed_hosts.is_empty()
        || meant
        || allowed.any(|allowed| allowed.eq_ignore_ascii_case(host));
    if known {
        return Ok(());
    }
    Err(refused(format!(
        "leads to {host}, which is not among the hosts that the hub's operator allows"
    )))
}
