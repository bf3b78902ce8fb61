//! Keys: from the environment or a file, never printed.

mod echo;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use bytes::Bytes;

use super::failure::{Failure, Kind};

/// A key. It prints as `***`, and has no other way out than [`Secret::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key itself, for the one who sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `text` without the key, should a provider have echoed it: whole, encoded, or a good part of it.
    pub fn scrub(&self, text: &str) -> String {
        echo::scrub(text, &self.0)
    }

    /// `bytes` without the key itself; they stay what they are where it is not in them.
    pub fn strike(&self, bytes: Bytes) -> Bytes {
        if !echo::is_in(&bytes, &self.0) {
            return bytes;
        }
        let text = String::from_utf8_lossy(&bytes);
        text.replace(&self.0, "***").into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a key is kept. It is looked for each time, so that it can be replaced while the hub runs.
#[derive(Debug, Default)]
pub struct Keeper {
    env: Option<String>,
    file: Option<PathBuf>,
    /// The file's key, with the file's time and size when it was read.
    read: Mutex<Option<(SystemTime, u64, Secret)>>,
}

impl Keeper {
    pub fn new(env: Option<String>, file: Option<PathBuf>) -> Self {
        Self {
            env,
            file,
            read: Mutex::default(),
        }
    }

    /// The key, where there is to be one.
    pub fn key(&self) -> Result<Option<Secret>, Failure> {
        match (&self.env, &self.file) {
            (Some(name), _) => {
                let text = std::env::var(name)
                    .map_err(|_| missing(format!("the environment variable {name} is not set")))?;
                Ok(Some(trimmed(&text)?))
            }
            (None, Some(path)) => self.of_file(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// A file is read again once it has changed; to look whether it has costs a microsecond.
    fn of_file(&self, path: &Path) -> Result<Secret, Failure> {
        let unread = |error: std::io::Error| {
            missing(format!("its api_key_file cannot be read: {}", error.kind()))
        };
        let meta = fs::metadata(path).map_err(unread)?;
        let (time, size) = (meta.modified().map_err(unread)?, meta.len());
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, len, key)) = &*read
            && (*then, *len) == (time, size)
        {
            return Ok(key.clone());
        }
        let key = trimmed(&fs::read_to_string(path).map_err(unread)?)?;
        *read = Some((time, size, key.clone()));
        Ok(key)
    }
}

fn trimmed(text: &str) -> Result<Secret, Failure> {
    match text.trim() {
        "" => Err(missing("its key is empty".to_owned())),
        key => Ok(Secret::new(key)),
    }
}

fn missing(what: String) -> Failure {
    Failure::new(Kind::Credentials, what)
}

/// Reads a key where it is kept, each time, so that it can be replaced while the hub runs.
pub async fn read(env: Option<&str>, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let text = match (env, file) {
        (Some(name), _) => std::env::var(name)
            .map_err(|_| missing(format!("the environment variable {name} is not set")))?,
        (None, Some(path)) => tokio::fs::read_to_string(path).await.map_err(|error| {
            missing(format!("its api_key_file cannot be read: {}", error.kind()))
        })?,
        (None, None) => return Ok(None),
    };
    trimmed(&text).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_key_is_read_trimmed_and_never_printed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, " sk-123\n").unwrap();
        let key = read(None, Some(&path)).await.unwrap().unwrap();
        assert_eq!(
            (key.reveal(), format!("{key:?}").as_str()),
            ("sk-123", "***")
        );
        assert_eq!(key.scrub("bad key sk-123!"), "bad key ***!");
        assert_eq!(read(None, None).await.unwrap(), None);
        let unset = read(Some("SYNDARIX_NO_SUCH_KEY"), None).await.unwrap_err();
        assert_eq!(unset.kind, Kind::Credentials);
    }

    #[test]
    fn a_replaced_file_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let keeper = Keeper::new(None, Some(path.clone()));
        assert_eq!(keeper.key().unwrap_err().kind, Kind::Credentials);
        for key in ["first", "first", "the second"] {
            std::fs::write(&path, format!("{key}\n")).unwrap();
            assert_eq!(keeper.key().unwrap(), Some(Secret::new(key)));
        }
        std::fs::write(&path, "\n").unwrap();
        assert_eq!(keeper.key().unwrap_err().message, "its key is empty");
        assert_eq!(Keeper::default().key().unwrap(), None);
    }
}
