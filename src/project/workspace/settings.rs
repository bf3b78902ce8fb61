//! A repository's config as a list of what may stand in it.
//!
//! git's config can name programs (drivers, filters, hooks, aliases, helpers) and other files to read. Nothing but this
//! list is left in a repository's own file, whichever way it came there, so neither libgit2 nor the git program sees it.

use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use git2::{Config, ConfigLevel};

use super::Error;
use super::repository::sync_directory;

/// Whole names, in git's lower case.
const ALLOWED: [&str; 12] = [
    "core.autocrlf",
    "core.bare",
    "core.filemode",
    "core.ignorecase",
    "core.logallrefupdates",
    "core.precomposeunicode",
    "core.protecthfs",
    "core.protectntfs",
    "core.repositoryformatversion",
    "core.symlinks",
    "extensions.objectformat",
    "extensions.partialclone",
];
/// Always there, so that files of the hub's user, which libgit2 reads otherwise, say nothing about a repository.
pub(super) const REQUIRED: [(&str, &str); 2] = [
    ("core.attributesfile", "/dev/null"),
    ("core.excludesfile", "/dev/null"),
];
/// `<section>.<any name>.<key>`.
const ALLOWED_OF: [(&str, &[&str]); 2] = [
    (
        "remote",
        &["url", "fetch", "promisor", "partialclonefilter"],
    ),
    ("branch", &["remote", "merge"]),
];

fn is_allowed(name: &str) -> bool {
    if ALLOWED.contains(&name) {
        return true;
    }
    ALLOWED_OF.iter().any(|(section, keys)| {
        let rest = name
            .strip_prefix(section)
            .and_then(|rest| rest.strip_prefix('.'));
        let key = rest
            .and_then(|rest| rest.rsplit_once('.'))
            .map(|(_, key)| key);
        key.is_some_and(|key| keys.contains(&key))
    })
}

/// Opens the config of the repository at `bare`; what is not allowed is taken out of the file first.
pub(super) fn open(bare: &Path) -> Result<Config, Error> {
    static REWRITING: Mutex<()> = Mutex::new(());
    let path = bare.join("config");
    if read(&Config::open(&path)?)?.is_clean() {
        return for_library(bare);
    }
    let _one_at_a_time = REWRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let found = read(&Config::open(&path)?)?;
    if !found.dropped.is_empty() {
        tracing::warn!(settings = ?found.dropped, "settings that may not be there were taken out of a repository's config");
    }
    if !found.is_clean() {
        rewrite(bare, &found.kept)?;
    }
    for_library(bare)
}

/// The config with what libgit2 alone is told: objects and refs are on the disk before a call is answered. In the file itself the
/// git program would complain of that setting, which it has another word for, to whoever clones.
fn for_library(bare: &Path) -> Result<Config, Error> {
    let own = bare.join("config.libgit2");
    if !own.is_file() {
        std::fs::write(&own, "[core]\n\tfsyncObjectFiles = true\n")?;
        sync_directory(bare)?;
    }
    let mut config = Config::new()?;
    config.add_file(&bare.join("config"), ConfigLevel::Local, false)?;
    config.add_file(&own, ConfigLevel::App, false)?;
    Ok(config)
}

/// What a config holds.
#[derive(Default)]
struct Found {
    kept: Vec<(String, String)>,
    dropped: Vec<String>,
    /// How many of [`REQUIRED`] are there.
    required: usize,
}

impl Found {
    fn is_clean(&self) -> bool {
        self.dropped.is_empty() && self.required == REQUIRED.len()
    }
}

fn read(config: &Config) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut entries = config.entries(None)?;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let value = if entry.has_value() {
            String::from_utf8_lossy(entry.value_bytes()).into_owned()
        } else {
            "true".to_owned()
        };
        // What another file says by `include` goes with the `include`.
        let own = entry.include_depth() == 0;
        if own && REQUIRED.contains(&(name.as_str(), value.as_str())) {
            found.required += 1;
        } else if own && is_allowed(&name) && !value.contains(['"', '\\', '\n']) {
            // libgit2 writes no quotes that can be read back.
            found.kept.push((name, value));
        } else {
            found.dropped.push(name);
        }
    }
    Ok(found)
}

/// Writes the config anew, with what is required and `kept`.
fn rewrite(bare: &Path, kept: &[(String, String)]) -> Result<(), Error> {
    let staged = bare.join("config.allowed");
    File::create(&staged)?;
    let mut clean = Config::open(&staged)?;
    for (name, value) in REQUIRED {
        clean.set_str(name, value)?;
    }
    for (name, value) in kept {
        // No value matches this: each becomes one more.
        clean.set_multivar(name, "^$.", value)?;
    }
    File::open(&staged)?.sync_all()?;
    std::fs::rename(&staged, bare.join("config"))?;
    sync_directory(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listed_stays() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other");
        std::fs::write(
            &other,
            "[core]\n\tbare = false\n[alias]\n\tlog = !touch /tmp/x\n",
        )
        .unwrap();
        let text = format!(
            "[core]\n\tbare = true\n\tautocrlf\n\tfsmonitor = x\n\tHooksPath = x\n\texcludesFile = /etc/passwd\n\tsshCommand = x\n[include]\n\tpath = {0}\n\
             [includeIf \"gitdir:/**\"]\n\tpath = {0}\n[alias]\n\tlog = !x\n[filter \"x\"]\n\tclean = x\n[diff]\n\texternal = x\n\
             [remote \"a.b\"]\n\turl = https://host/x\n\turl = https://host/\\\"\n\tfetch = +refs/heads/a:refs/remotes/a/a\n\
             \tfetch = +refs/heads/b:refs/remotes/a/b\n\tuploadpack = x\n\tproxy = x\n",
            other.display()
        );
        std::fs::write(dir.path().join("config"), text).unwrap();
        open(dir.path()).unwrap();
        let clean = std::fs::read_to_string(dir.path().join("config")).unwrap();
        let config = Config::open(&dir.path().join("config")).unwrap();
        let mut seen = Vec::new();
        let entries = config.entries(None).unwrap();
        entries
            .for_each(|entry| {
                seen.push(format!(
                    "{}={}",
                    entry.name().unwrap(),
                    entry.value().unwrap()
                ));
            })
            .unwrap();
        seen.sort();
        let like = [
            "core.attributesfile=/dev/null",
            "core.autocrlf=true",
            "core.bare=true",
            "core.excludesfile=/dev/null",
            "remote.a.b.fetch=+refs/heads/a:refs/remotes/a/a",
            "remote.a.b.fetch=+refs/heads/b:refs/remotes/a/b",
            "remote.a.b.url=https://host/x",
        ];
        assert_eq!(seen, like, "{clean}");
        // Nothing to take out: the file stays as it is.
        open(dir.path()).unwrap();
        assert_eq!(
            std::fs::read_to_string(dir.path().join("config")).unwrap(),
            clean
        );
    }

    #[test]
    fn what_runs_programs_is_not_allowed() {
        for name in [
            "core.fsmonitor",
            "core.worktree",
            "core.hookspath",
            "filter.x.clean",
            "remote.x.vcs",
            "remote.x.receivepack",
            "include.path",
            "remote.url",
            "branch.x.y.rebase",
        ] {
            assert!(!is_allowed(name), "{name}");
        }
        for name in ["core.bare", "remote.origin.url", "branch.a.b.merge"] {
            assert!(is_allowed(name), "{name}");
        }
    }
}
