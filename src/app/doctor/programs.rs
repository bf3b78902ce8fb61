//! Programs that the hub makes use of.

use std::{env, path::PathBuf};

use super::{Finding, Patient};
use crate::{
    access::ServerId,
    servers::git::cli::{Missing, Program, locate},
};

const GIT: &str = "git";
const SSH: &str = "ssh";
const BUBBLEWRAP: &str = "bubblewrap";

pub fn check(patient: &Patient) -> Vec<Finding> {
    let servers = &patient.settings.servers;
    let mut found = Vec::new();
    if servers.common(ServerId::Git).enabled {
        found.push(git(&servers.git.program));
        found.push(ssh(&servers.git.remotes.ssh_program));
    }
    if servers.common(ServerId::Cicd).enabled {
        found.push(bubblewrap());
    }
    found
}

fn git(name: &str) -> Finding {
    match Program::find(name) {
        Ok(program) => Finding::ok(GIT, format!("version {}", program.version())),
        Err(Missing::Off) => Finding::ok(GIT, "servers.git.program turns it off"),
        Err(missing) => Finding::warning(
            GIT,
            format!("{missing}: no remotes can be used, and large repositories are slow"),
            "install git 2.45 or newer, or name it in servers.git.program",
        ),
    }
}

fn ssh(name: &str) -> Finding {
    match locate(name) {
        Some(path) => Finding::ok(SSH, path.display().to_string()),
        None if name.is_empty() => Finding::ok(SSH, "servers.git.remotes.ssh_program turns it off"),
        None => Finding::warning(
            SSH,
            format!("there is no program {name:?}: remotes cannot be reached by ssh"),
            "install OpenSSH's client, or name it in servers.git.remotes.ssh_program",
        ),
    }
}

fn bubblewrap() -> Finding {
    match on_path("bwrap") {
        Some(path) => Finding::ok(BUBBLEWRAP, path.display().to_string()),
        None => Finding::warning(
            BUBBLEWRAP,
            "it is not there: nothing keeps workflow steps from what the hub's user may do",
            "give cicd:write only to agents that may do what that user can, or disable cicd",
        ),
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
