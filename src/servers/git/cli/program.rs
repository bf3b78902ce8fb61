//! Finding the program, once.
#![allow(
    clippy::disallowed_methods,
    reason = "the git program is asked for its version here"
)]

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::{Command as Process, Stdio},
    sync::Arc,
};

use super::{Command, Place};

/// Oldest version with `GIT_NO_LAZY_FETCH`, `GIT_ADVICE` and `--end-of-options` everywhere.
const OLDEST: Version = Version(2, 45);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Why there is no program to use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    #[error("it is turned off")]
    Off,
    #[error("there is no program {0:?}")]
    None(String),
    #[error("its version is {0}, older than {OLDEST}")]
    Old(String),
    #[error("it does not say which version it is")]
    Silent,
}

/// The git program of this machine. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Program(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    version: String,
}

impl Program {
    /// Finds `name`, a name on the hub's `PATH` or a path, and asks it for its version. Blocks for a moment.
    pub fn find(name: &str) -> Result<Self, Missing> {
        if name.is_empty() {
            return Err(Missing::Off);
        }
        let path = locate(name).ok_or_else(|| Missing::None(name.to_owned()))?;
        let said = Process::new(&path)
            .arg("version")
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .map_err(|_| Missing::Silent)?;
        let said = String::from_utf8_lossy(&said.stdout);
        let version = said
            .strip_prefix("git version ")
            .ok_or(Missing::Silent)?
            .trim();
        let numbers = read_version(version).ok_or(Missing::Silent)?;
        if numbers < OLDEST {
            return Err(Missing::Old(version.to_owned()));
        }
        Ok(Self(Arc::new(Inner {
            path,
            version: version.to_owned(),
        })))
    }

    /// The version, as the program says it.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// A run of its subcommand `name` at `place`.
    pub fn command(&self, place: Place, name: &'static str) -> Command {
        Command::new(self.clone(), place, name)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }
}

/// The program `name`, a name on the hub's `PATH` or an absolute path.
pub fn locate(name: &str) -> Option<PathBuf> {
    let given = Path::new(name);
    if given.is_absolute() {
        return given.is_file().then(|| given.to_owned());
    }
    // A relative path would depend on where the hub was started.
    if given.components().count() != 1 {
        return None;
    }
    env::split_paths(&env::var_os("PATH")?)
        .filter(|dir| dir.is_absolute())
        .map(|dir| dir.join(given))
        .find(|path| path.is_file())
}

fn read_version(text: &str) -> Option<Version> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    Some(Version(parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (text, fine) in [
            ("2.45.0", true),
            ("2.47.3", true),
            ("10.0.1", true),
            ("2.9.5", false),
        ] {
            assert_eq!(read_version(text).unwrap() >= OLDEST, fine, "{text}");
        }
        assert_eq!(read_version("2.46.0.windows.1"), Some(Version(2, 46)));
        assert_eq!(read_version("x"), None);
    }

    #[test]
    fn what_is_no_git_is_told_from_what_is_missing() {
        assert_eq!(Program::find("").unwrap_err(), Missing::Off);
        assert!(matches!(
            Program::find("no-such-git"),
            Err(Missing::None(_))
        ));
        assert!(matches!(Program::find("bin/git"), Err(Missing::None(_))));
        assert_eq!(Program::find("/bin/sh").unwrap_err(), Missing::Silent);
    }
}
