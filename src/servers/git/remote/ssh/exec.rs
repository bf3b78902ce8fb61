//! What the executable does as git's ssh: it becomes the ssh program, with the config that the hub wrote for this run.
//!
//! git names whom to ask and what for, and that is compared with what the hub meant; where that is, and by which keys, is in the
//! config. So nothing that git read anywhere leads ssh elsewhere.
#![allow(
    clippy::disallowed_methods,
    reason = "the ssh program is started here, in the place of this one"
)]

use std::{env, ffi::OsString, io, os::unix::process::CommandExt as _, path::Path, process};

/// The variable that names the directory with the config, and makes an executable of the hub git's ssh.
pub const DIRECTORY: &str = "SYNDARIX_SSH";
/// The one that names the ssh program.
pub const PROGRAM: &str = "SYNDARIX_SSH_PROGRAM";
/// The one that says who to be where, as `user@host`.
pub const TO: &str = "SYNDARIX_SSH_TO";
/// What git asks for at the other end, with a path in quotes after it.
const ASKED: [&str; 2] = ["git-upload-pack '", "git-receive-pack '"];

/// Becomes the ssh program in `directory`; comes back only if it cannot.
pub fn replace(directory: &Path, arguments: impl Iterator<Item = OsString>) -> io::Error {
    let (program, to) = (env::var_os(PROGRAM), env::var(TO));
    let (Some(program), Ok(to)) = (program, to) else {
        return io::Error::other("this is started by git alone");
    };
    let asked = match asked(&to, arguments.collect()) {
        Ok(asked) => asked,
        Err(error) => return error,
    };
    let mut ssh = process::Command::new(program);
    ssh.args(["-F", "config", "--", &to, &asked])
        .env_clear()
        .envs([("LC_ALL", "C"), ("PATH", "/usr/bin:/bin")])
        .current_dir(directory);
    if let Some(version) = env::var_os("GIT_PROTOCOL") {
        ssh.env("GIT_PROTOCOL", version);
    }
    ssh.exec()
}

/// What git asks `to` for, the last of its arguments; options before are in the config already.
fn asked(to: &str, mut arguments: Vec<OsString>) -> io::Result<String> {
    let asked = arguments.pop().and_then(|asked| asked.into_string().ok());
    let meant = arguments.pop().is_some_and(|whom| whom == to);
    asked
        .filter(|asked| meant && ASKED.iter().any(|start| asked.starts_with(start)))
        .ok_or_else(|| io::Error::other("git asks for something else than the hub meant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_hub_meant_is_asked_for() {
        let asked =
            |arguments: &[&str]| asked("git@host", arguments.iter().map(OsString::from).collect());
        let pack = "git-upload-pack '/a.git'";
        let sent = ["-o", "SendEnv=GIT_PROTOCOL", "-p", "2222", "git@host", pack];
        assert_eq!(asked(&sent).unwrap(), pack);
        assert!(asked(&["git@host", "git-receive-pack '/a.git'"]).is_ok());
        for other in [
            &["git@other", pack][..],
            &["-oProxyCommand=x", pack],
            &["git@host", "sh -c x"],
            &["git@host", "-oProxyCommand=x"],
            &["-G", "git@host"],
            &[pack],
            &[],
        ] {
            assert!(asked(other).is_err(), "{other:?}");
        }
    }
}
