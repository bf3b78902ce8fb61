//! Telling the git program a password: it starts this executable as its askpass, which asks the hub on a socket that only they
//! know. The password is in no command line, no environment and no file.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::{
        fs::DirBuilderExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::base::ids::new_id;

/// The variable that names the socket, and makes an executable of the hub an askpass.
pub const SOCKET: &str = "SYNDARIX_ASKPASS";
/// Longest question, in bytes.
const MAX_QUESTION: u64 = 4_096;
/// How long the other side may take to ask.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers questions for a password until it is dropped.
#[derive(Debug)]
pub struct Askpass {
    dir: PathBuf,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Askpass {
    /// Answers `secret` to whoever asks for a password of `host`, below the directory `near` of the hub's own.
    pub fn answer(near: &Path, host: String, secret: String) -> io::Result<Self> {
        let dir = near.join(new_id("ask"));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&dir)?;
        let listener = UnixListener::bind(dir.join("s"))?;
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for asked in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(asked) = asked {
                    // One that breaks off has its answer no more.
                    let _ = reply(asked, &host, &secret);
                }
            }
        });
        Ok(Self {
            dir,
            over,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("s")
    }
}

impl Drop for Askpass {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the thread.
        let _ = UnixStream::connect(self.socket());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn reply(mut asked: UnixStream, host: &str, secret: &str) -> io::Result<()> {
    asked.set_read_timeout(Some(PATIENCE))?;
    let mut question = String::new();
    (&asked).take(MAX_QUESTION).read_to_string(&mut question)?;
    // `Password for 'https://user@host': `
    let meant = question.starts_with("Password for ")
        && (question.contains(&format!("@{host}'")) || question.contains(&format!("//{host}'")));
    if meant {
        asked.write_all(secret.as_bytes())?;
    }
    Ok(())
}

/// Asks the hub at `socket`, and says its answer: what the executable does as an askpass.
pub fn ask(socket: &Path, question: &str, out: &mut impl io::Write) -> io::Result<()> {
    let mut hub = UnixStream::connect(socket)?;
    hub.write_all(question.as_bytes())?;
    hub.shutdown(std::net::Shutdown::Write)?;
    let mut answer = String::new();
    hub.read_to_string(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::other("no answer for this"));
    }
    writeln!(out, "{answer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_that_it_is_for_is_told_and_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let askpass =
            Askpass::answer(dir.path(), "forge.example:8443".into(), "s3cret".into()).unwrap();
        let socket = askpass.socket();
        let asked = |question: &str| {
            let mut out = Vec::new();
            ask(&socket, question, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        let told = asked("Password for 'https://ann@forge.example:8443': ");
        assert_eq!(told.unwrap(), "s3cret\n");
        for other in [
            "Password for 'https://ann@evil.example': ",
            "Password for 'https://ann@forge.example:8443.evil.example': ",
            "Username for 'https://forge.example:8443': ",
            "",
        ] {
            assert!(asked(other).is_err(), "{other}");
        }
        drop(askpass);
        assert!(!socket.exists() && asked("x").is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
