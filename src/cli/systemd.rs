//! `systemd print`: a unit that runs the hub as a service, with what systemd can keep from it.

use std::{
    fmt::Write,
    path::{Path, absolute},
};

use clap::Subcommand;

use super::out;
use crate::config::Settings;

#[derive(Debug, Subcommand)]
pub enum SystemdCommand {
    /// Print a unit file for this program, this configuration and this data directory.
    Print {
        /// The user that the hub runs as.
        #[arg(long, default_value = "syndarix")]
        user: String,
    },
}

pub fn run(
    settings: &Settings,
    config: Option<&Path>,
    command: SystemdCommand,
) -> anyhow::Result<()> {
    let SystemdCommand::Print { user } = command;
    let program = std::env::current_exe()?;
    let data = absolute(&settings.storage.data)?;
    let config = config.map(absolute).transpose()?;
    out::line(
        unit(
            &program,
            config.as_deref(),
            &data,
            &user,
            settings.http.drain_s,
        )?
        .trim_end(),
    )
}

fn unit(
    program: &Path,
    config: Option<&Path>,
    data: &Path,
    user: &str,
    drain_s: u64,
) -> anyhow::Result<String> {
    let mut start = quoted(program);
    if let Some(config) = config {
        write!(start, " --config {}", quoted(config))?;
    }
    let environment = quoted(Path::new(&format!(
        "SYNDARIX__STORAGE__DATA={}",
        data.display()
    )));
    let stop = drain_s + 10;
    let data = quoted(data);
    Ok(format!(
        "# Put this into /etc/systemd/system/syndarix.service, then:
#   useradd --system --home-dir {data} {user}
#   install -d -m 700 -o {user} {data}
#   systemctl daemon-reload && systemctl enable --now syndarix
[Unit]
Description=Syndarix, MCP servers for teams of AI agents
After=network-online.target
Wants=network-online.target

[Service]
ExecStart={start} serve
ExecReload=/bin/kill -HUP $MAINPID
Environment={environment}
# Keys of providers belong into a file that only root can read:
#EnvironmentFile=/etc/syndarix.env
User={user}
UMask=0077
Restart=on-failure
TimeoutStopSec={stop}
LimitNOFILE=65536
# Workflow steps run as this user too, with all that is left to it here.
ReadWritePaths={data}
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=true
PrivateDevices=true
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectKernelLogs=true
ProtectControlGroups=true
ProtectClock=true
NoNewPrivileges=true
RestrictSUIDSGID=true
LockPersonality=true
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
"
    ))
}

/// A word as systemd reads it: quoted where it must be, with its own specifiers doubled.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string().replace('%', "%%");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-=:%+,@".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('$', "$$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_systemd_reads_them() {
        let of = |text: &str| quoted(Path::new(text));
        assert_eq!(of("/usr/bin/syndarix"), "/usr/bin/syndarix");
        assert_eq!(of("/a b/100%"), "\"/a b/100%%\"");
        assert_eq!(of("/a\"$x\\"), "\"/a\\\"$$x\\\\\"");
    }
}
