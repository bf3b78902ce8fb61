//! What the ssh program knows of the world: a config of its own, which says where to go and by which keys, and nothing of the
//! machine's or its user's.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::{Address, Keys};
use crate::base::ids::new_id;

/// How directories with keys are called.
const PREFIX: &str = "ssh";

/// Its whole config, but for where to go. Files are named as they lie in the directory that it is started in.
const SETTINGS: &[(&str, &str)] = &[
    // It is the host that its key says it is, and no other, and nobody is asked.
    ("StrictHostKeyChecking", "yes"),
    ("UserKnownHostsFile", "known_hosts"),
    ("GlobalKnownHostsFile", "/dev/null"),
    ("UpdateHostKeys", "no"),
    ("VerifyHostKeyDNS", "no"),
    ("CheckHostIP", "no"),
    ("CanonicalizeHostname", "no"),
    ("BatchMode", "yes"),
    // One key, and no other way to say who one is.
    ("IdentityFile", "key"),
    ("IdentitiesOnly", "yes"),
    ("IdentityAgent", "none"),
    ("AddKeysToAgent", "no"),
    ("PKCS11Provider", "none"),
    ("PreferredAuthentications", "publickey"),
    ("PubkeyAuthentication", "yes"),
    ("PasswordAuthentication", "no"),
    ("KbdInteractiveAuthentication", "no"),
    ("HostbasedAuthentication", "no"),
    // No program is run, no connection shared, nothing let through.
    ("ProxyCommand", "none"),
    ("ProxyJump", "none"),
    ("PermitLocalCommand", "no"),
    ("ControlMaster", "no"),
    ("ControlPath", "none"),
    ("ControlPersist", "no"),
    ("ClearAllForwardings", "yes"),
    ("ForwardAgent", "no"),
    ("ForwardX11", "no"),
    ("Tunnel", "no"),
    ("RequestTTY", "no"),
    ("EscapeChar", "none"),
    // Which version of its protocol git speaks.
    ("SendEnv", "GIT_PROTOCOL"),
    ("LogLevel", "ERROR"),
    // As long as a slow https remote may say nothing.
    ("ConnectTimeout", "15"),
    ("ServerAliveInterval", "15"),
    ("ServerAliveCountMax", "4"),
];

/// A directory that holds what ssh needs for one run. It is removed when this is dropped.
#[derive(Debug)]
pub struct Prepared(PathBuf);

impl Prepared {
    /// Writes it below the directory `near` of the hub's own: to be at `ip` as `user`, if `address` is there.
    pub fn write(
        near: &Path,
        address: &Address,
        user: &str,
        ip: IpAddr,
        keys: &Keys,
    ) -> io::Result<Self> {
        let dir = near.join(new_id(PREFIX));
        DirBuilder::new().mode(0o700).recursive(true).create(&dir)?;
        let prepared = Self(dir);
        let name = address.bare_host();
        prepared.add("config", &text(address, user, ip))?;
        prepared.add("known_hosts", &keys.known_hosts(name))?;
        prepared.add("key", keys.private_key())?;
        Ok(prepared)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn add(&self, name: &str, text: &str) -> io::Result<()> {
        let mut options = File::options();
        let options = options.write(true).create_new(true).mode(0o600);
        options.open(self.0.join(name))?.write_all(text.as_bytes())
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "a directory with a key could not be removed");
        }
    }
}

fn text(address: &Address, user: &str, ip: IpAddr) -> String {
    let (port, name) = (address.port, address.bare_host());
    let place = format!("HostName {ip}\nPort {port}\nUser {user}\nHostKeyAlias {name}\n");
    let settings = SETTINGS.iter();
    let settings = settings.map(|(name, value)| format!("{name} {value}\n"));
    std::iter::once(place).chain(settings).collect()
}

/// Removes the directories below `near` that a dead hub left; says how many.
pub fn sweep(near: &Path) -> usize {
    let Ok(left) = std::fs::read_dir(near) else {
        return 0;
    };
    let left = left.filter_map(Result::ok).filter(|entry| {
        let name = entry.file_name();
        let id = name.as_encoded_bytes().strip_prefix(PREFIX.as_bytes());
        id.is_some_and(|id| id.starts_with(b"_"))
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    left.filter(|entry| std::fs::remove_dir_all(entry.path()).is_ok())
        .count()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::{super::keys, *};

    fn prepared(near: &Path) -> Prepared {
        let address = Address::read("ssh://git@forge.example:2222/a.git")
            .unwrap()
            .unwrap();
        Prepared::write(
            near,
            &address,
            "git",
            [192, 0, 2, 7].into(),
            &keys::tests::kept(),
        )
        .unwrap()
    }

    #[test]
    fn a_key_is_its_owners_alone_and_gone_after_the_run() {
        let dir = tempfile::tempdir().unwrap();
        let prepared = prepared(&dir.path().join("tmp"));
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(prepared.path()), 0o700);
        for name in ["config", "known_hosts", "key"] {
            assert_eq!(mode(&prepared.path().join(name)), 0o600, "{name}");
        }
        drop(prepared);
        assert_eq!(
            std::fs::read_dir(dir.path().join("tmp")).unwrap().count(),
            0
        );
    }

    #[test]
    fn what_a_dead_hub_left_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(sweep(&dir.path().join("tmp")), 0);
        std::mem::forget(prepared(dir.path()));
        std::fs::create_dir(dir.path().join("other")).unwrap();
        std::fs::write(dir.path().join("ssh_file"), "x").unwrap();
        assert_eq!(sweep(dir.path()), 1);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
    /// What the ssh program makes of it, as `name value` lines in lower case.
    #[allow(clippy::disallowed_methods, reason = "the ssh program itself is asked")]
    fn understood(dir: &Path) -> Option<String> {
        let ssh = crate::servers::git::cli::locate("ssh")?;
        let mut ssh = std::process::Command::new(ssh);
        let said = ssh.args(["-G", "-F", "config", "--", "git@forge.example"]);
        let said = said.current_dir(dir).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        Some(String::from_utf8(said.stdout).unwrap())
    }

    #[test]
    fn the_program_understands_it_and_adds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let prepared = prepared(dir.path());
        let Some(all) = understood(prepared.path()) else {
            return;
        };
        let of = |name: &str| {
            let lines = all.lines().filter_map(|line| line.split_once(' '));
            lines
                .filter(|(found, _)| *found == name)
                .map(|(_, value)| value)
                .collect::<Vec<_>>()
        };
        for (name, value) in [
            ("hostname", "192.0.2.7"),
            ("port", "2222"),
            ("user", "git"),
            ("hostkeyalias", "forge.example"),
            ("stricthostkeychecking", "true"),
            ("userknownhostsfile", "known_hosts"),
            ("globalknownhostsfile", "/dev/null"),
            ("updatehostkeys", "false"),
            ("canonicalizehostname", "false"),
            ("identityfile", "key"),
            ("identitiesonly", "yes"),
            ("identityagent", "none"),
            ("batchmode", "yes"),
            ("passwordauthentication", "no"),
            ("kbdinteractiveauthentication", "no"),
            ("hostbasedauthentication", "no"),
            ("permitlocalcommand", "no"),
            ("controlmaster", "false"),
            ("clearallforwardings", "yes"),
            ("forwardagent", "no"),
            ("forwardx11", "no"),
            ("tunnel", "false"),
            ("sendenv", "GIT_PROTOCOL"),
            ("connecttimeout", "15"),
        ] {
            assert_eq!(of(name), [value], "{name}");
        }
        for name in [
            "proxycommand",
            "proxyjump",
            "controlpath",
            "localcommand",
            "remotecommand",
        ] {
            assert!(
                of(name).iter().all(|value| *value == "none"),
                "{name}: {:?}",
                of(name)
            );
        }
    }
}
