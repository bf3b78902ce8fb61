//! Going elsewhere by https: the checked addresses are pinned, and a password is told by askpass.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::askpass::{self, Askpass};
use crate::{
    base::outbound,
    servers::git::cli::{Command, Word},
    tool::ToolError,
};

/// A way by https, or by http where that is meant.
#[derive(Debug)]
pub struct Web {
    scheme: &'static str,
    /// `host:port:address`: the addresses that were checked, and no others.
    resolved: String,
    ca_file: Option<String>,
    asked: Option<(PathBuf, Askpass)>,
    secret: Option<String>,
}

impl Web {
    /// The way to `target`, and what git is to call it.
    pub fn open(
        target: &outbound::Target,
        ca_file: Option<&Path>,
    ) -> Result<(Self, Word), ToolError> {
        let addresses: Vec<String> = target
            .addresses
            .iter()
            .map(|address| match address {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            })
            .collect();
        let own = Self {
            scheme: if target.url.scheme() == "http" {
                "http"
            } else {
                "https"
            },
            resolved: format!("{}:{}:{}", target.host, target.port, addresses.join(",")),
            ca_file: ca_file.map(|path| path.display().to_string()),
            asked: None,
            secret: None,
        };
        let url = Word::url(target.url.as_str())
            .map_err(|error| ToolError::invalid("/url", error.to_string()))?;
        Ok((own, url))
    }

    /// The same with a password, which `executable` asks for on a socket in `sockets`; and what git is to call it then.
    pub fn with_password(
        mut self,
        target: &outbound::Target,
        (username, secret): (&str, String),
        (executable, sockets): (PathBuf, &Path),
        authority: String,
    ) -> Result<(Self, Word), ToolError> {
        let mut url = target.url.clone();
        url.set_username(username)
            .map_err(|()| ToolError::internal("a user's name does not fit an address"))?;
        let asked = Askpass::answer(sockets, authority, secret.clone())?;
        self.asked = Some((executable, asked));
        self.secret = Some(secret);
        Ok((self, Word::url(url.as_str()).map_err(ToolError::internal)?))
    }

    /// `command` with all that it needs for this way.
    pub fn equip(&self, command: Command) -> Command {
        let mut command = command
            .protocols(&[self.scheme])
            .setting("http.curloptResolve", &self.resolved)
            .setting("http.proxy", "")
            .setting("http.sslVerify", "true")
            .setting("http.lowSpeedLimit", "100")
            .setting("http.lowSpeedTime", "60");
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

    /// What the remote said, without what it was told.
    pub fn scrub(&self, said: String) -> String {
        match &self.secret {
            Some(secret) => said.replace(secret.as_str(), "<secret>"),
            None => said,
        }
    }

    /// What curl's words mean, if it is the credential that the remote does not like.
    pub fn explain(&self, said: &str) -> Option<ToolError> {
        let words = [
            "could not read Username",
            "could not read Password",
            "Authentication failed",
        ];
        if !words.iter().any(|words| said.contains(words)) {
            return None;
        }
        let does = match &self.secret {
            Some(_) => "refuses the credential",
            None => "asks for a credential",
        };
        let refused = ToolError::forbidden(format!("the remote {does}"));
        Some(refused.hint("keep one that opens it with git_credential, and name it"))
    }
}
