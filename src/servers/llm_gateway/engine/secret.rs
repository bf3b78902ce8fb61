//! Keys: from the environment or a file, never printed.

use std::{fmt, path::Path};

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

    /// `text` without the key, should a provider have echoed it.
    pub fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() {
            text.to_owned()
        } else {
            text.replace(&self.0, "***")
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads a key where it is kept, each time, so that it can be replaced while the hub runs.
pub async fn read(env: Option<&str>, file: Option<&Path>) -> Result<Option<Secret>, Failure> {
    let missing = |what: String| Failure::new(Kind::Credentials, what);
    let text = match (env, file) {
        (Some(name), _) => std::env::var(name)
            .map_err(|_| missing(format!("the environment variable {name} is not set")))?,
        (None, Some(path)) => tokio::fs::read_to_string(path).await.map_err(|error| {
            missing(format!("its api_key_file cannot be read: {}", error.kind()))
        })?,
        (None, None) => return Ok(None),
    };
    let key = text.trim();
    if key.is_empty() {
        return Err(missing("its key is empty".to_owned()));
    }
    Ok(Some(Secret::new(key)))
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
}
