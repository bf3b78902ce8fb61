//! Where settings are read from, and when to read them again.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Settings, Shown, show};

/// How often the file is looked at. It is small: reading it costs no more than asking for its time, and tells more.
const POLL: Duration = Duration::from_millis(500);

/// The file's text, or why there is none.
type Read = Result<String, String>;

/// The configuration file.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    /// Whether it is read for a hub inside another program.
    embedded: bool,
    /// Whether the hub may start without it.
    optional: bool,
    /// What was read last.
    last: Option<Read>,
}

impl Source {
    /// `path`, or `config.toml` in the working directory if there is one.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self {
            embedded: false,
            optional: path.is_none(),
            path: path.unwrap_or_else(|| "config.toml".into()),
            last: None,
        }
    }

    /// The same for a hub inside another program: see [`Settings::embedded`].
    #[must_use]
    pub fn embedded(self) -> Self {
        Self {
            embedded: true,
            ..self
        }
    }

    /// Where it is, if it is there.
    pub fn path(&self) -> Option<&Path> {
        self.path.exists().then_some(&*self.path)
    }

    /// Reads the settings: defaults, the file, the environment.
    pub fn load(&mut self) -> anyhow::Result<Settings> {
        let read = self.taken(std::fs::read_to_string(&self.path));
        self.settle(read)
    }

    /// Every one of `settings`, which were loaded last, with where it was said.
    pub fn show(&self, settings: &Settings) -> anyhow::Result<Vec<Shown>> {
        let text = match &self.last {
            Some(Ok(text)) => text,
            _ => "",
        };
        show(settings, text, &self.path.display().to_string(), true)
    }

    fn settle(&mut self, read: Read) -> anyhow::Result<Settings> {
        let text = self.last.insert(read).as_ref();
        let text = text.map_err(|problem| anyhow::anyhow!("{problem}"))?;
        let settings = Settings::parse(text, &self.path.display().to_string(), true)?;
        Ok(if self.embedded {
            settings.embedded()
        } else {
            settings
        })
    }

    /// What reading means. A file that is gone is no wish for the defaults: an editor may be about to write it again.
    fn taken(&self, read: std::io::Result<String>) -> Read {
        let never_was = self
            .last
            .as_ref()
            .is_none_or(|last| *last == Ok(String::new()));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound && self.optional && never_was => {
                Ok(String::new())
            }
            read => read.map_err(|error| format!("cannot read {}: {error}", self.path.display())),
        }
    }

    /// Whether it can be read once only, as a pipe.
    fn is_spent(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| !found.is_file())
    }

    /// Follows the file from now on, and SIGHUP.
    pub fn watch(self) -> std::io::Result<Changes> {
        Ok(Changes {
            hangup: signal(SignalKind::hangup())?,
            source: self,
            seen: None,
        })
    }
}

/// The settings, each time they are to be read again.
#[derive(Debug)]
pub struct Changes {
    source: Source,
    hangup: Signal,
    /// What the last look found, while it is not sure that the file is complete.
    seen: Option<Read>,
}

impl Changes {
    /// Waits for SIGHUP or a change of the file; the new settings, or what is wrong with them. Dropping the future loses
    /// nothing.
    pub async fn next(&mut self) -> anyhow::Result<Settings> {
        loop {
            tokio::select! {
                _ = self.hangup.recv() => {
                    tracing::info!("SIGHUP: reading the configuration again");
                    let path = self.source.path.display();
                    anyhow::ensure!(!self.source.is_spent(), "{path} is no file that can be read again: restart the hub");
                    return self.source.load();
                }
                () = tokio::time::sleep(POLL) => {}
            }
            if self.source.is_spent() {
                continue;
            }
            let found = tokio::fs::read_to_string(&self.source.path).await;
            let found = self.source.taken(found);
            if self.source.last.as_ref() == Some(&found) {
                self.seen = None;
            } else if self.seen.as_ref() == Some(&found) {
                // Found twice alike: whoever writes it is done.
                self.seen = None;
                return self.source.settle(found);
            } else {
                self.seen = Some(found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_once_and_a_lost_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.toml");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("");
        let mut source = Source::new(Some(path.clone()));
        source.load().unwrap();
        let mut changes = source.watch().unwrap();
        let quiet = Duration::from_secs(5);
        assert!(tokio::time::timeout(quiet, changes.next()).await.is_err());

        write("[limits]\ncalls_per_minute = 7\n");
        assert_eq!(changes.next().await.unwrap().limits.calls_per_minute, 7);
        assert!(tokio::time::timeout(quiet, changes.next()).await.is_err());

        write("[limits]\ncalls_per_minut = 7\n");
        let error = changes.next().await.unwrap_err().to_string();
        assert!(error.contains("hub.toml:2:1"), "{error}");
        assert!(tokio::time::timeout(quiet, changes.next()).await.is_err());

        std::fs::remove_file(&path).unwrap();
        let error = changes.next().await.unwrap_err().to_string();
        assert!(error.contains("cannot read"), "{error}");
    }

    #[test]
    fn a_hub_starts_without_the_default_file_but_not_without_the_one_it_was_given() {
        let mut source = Source {
            embedded: false,
            path: "no/such/config.toml".into(),
            optional: true,
            last: None,
        };
        assert!(source.load().is_ok());
        assert!(
            Source::new(Some("no/such/config.toml".into()))
                .load()
                .is_err()
        );
    }
}
