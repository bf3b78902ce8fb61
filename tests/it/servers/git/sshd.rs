//! A real ssh server, run as any process by whoever runs the tests, and a repository that it serves.
#![allow(
    clippy::disallowed_methods,
    reason = "the ssh server and the git program at the other end"
)]

use std::{
    fs,
    io::Write as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// Where what servers log is collected, if whoever runs the tests wants to see that they were used.
const LOG: &str = "SYNDARIX_TEST_SSHD_LOG";

/// A running server. It ends when this is dropped.
pub struct Sshd {
    process: Child,
    pub dir: tempfile::TempDir,
    pub port: u16,
    pub user: String,
}

/// What a program says; it must not fail.
pub fn say(program: &str, args: &[&str]) -> String {
    let said = Command::new(program)
        .args(args)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{program} {args:?}: {error}");
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// The programs that a server needs; `None`, and a word of it, on a machine without one of them.
fn server() -> Option<PathBuf> {
    let on_path = |name: &str| {
        let found = std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()));
        if !found {
            eprintln!("there is no {name} here: remotes by ssh were not tested");
        }
        found
    };
    let places = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
    let sshd = places
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.is_file());
    if sshd.is_none() {
        eprintln!("there is no ssh server here: remotes by ssh were not tested");
    }
    sshd.filter(|_| ["git", "ssh", "ssh-keygen"].into_iter().all(on_path))
}

impl Sshd {
    /// Starts one on a port of the system's choice, that lets nobody in but the key `user` in its directory.
    pub fn start() -> Option<Self> {
        let program = server()?;
        let dir = tempfile::tempdir().unwrap();
        for name in ["host", "other_host", "user", "other_user"] {
            keygen(&dir.path().join(name));
        }
        let at = dir.path().display();
        fs::copy(dir.path().join("user.pub"), dir.path().join("authorized")).unwrap();
        if rustix::process::geteuid().is_root() {
            // What it drops its privileges into.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let config = format!(
                "ListenAddress 127.0.0.1\nPort {port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/authorized\nPidFile none\n\
                 StrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n\
                 KbdInteractiveAuthentication no\nAcceptEnv GIT_PROTOCOL\nLogLevel VERBOSE\n"
            );
            fs::write(dir.path().join("sshd_config"), config).unwrap();
            let mut process = Command::new(&program)
                .args([
                    "-D",
                    "-f",
                    &format!("{at}/sshd_config"),
                    "-E",
                    &format!("{at}/log"),
                ])
                .stdin(Stdio::null())
                .spawn()
                .unwrap();
            // Another process may have got the port meanwhile: then it ends.
            let started = Instant::now();
            while process.try_wait().unwrap().is_none()
                && started.elapsed() < Duration::from_secs(20)
            {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    let user = say("id", &["-un"]);
                    return Some(Self {
                        process,
                        dir,
                        port,
                        user,
                    });
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        panic!(
            "sshd does not start: {}",
            fs::read_to_string(dir.path().join("log")).unwrap_or_default()
        );
    }

    /// Where it is, as `allowed_private` has it.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn file(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap()
    }

    /// The path of `name` in its directory.
    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    /// Where git finds the repository `name`.
    pub fn url(&self, name: &str) -> String {
        format!("ssh://{}@{}{}", self.user, self.place(), self.path(name))
    }

    /// What keeps the key `key` for a server that has the key `host`.
    pub fn credential(&self, key: &str, host: &str) -> Value {
        let known = format!(
            "[127.0.0.1]:{} {}",
            self.port,
            self.file(&format!("{host}.pub"))
        );
        json!({"action": "set", "name": "forge", "host": self.place(), "username": self.user,
            "private_key": self.file(key), "known_hosts": known})
    }

    /// A bare repository `name` of `commits` commits on main, each with another text in `a.txt`; their ids.
    pub fn repository(&self, name: &str, commits: &[&str]) -> Vec<String> {
        let (bare, work) = (self.path(name), self.path("work"));
        say("git", &["init", "-q", "--bare", "-b", "main", &bare]);
        say(
            "git",
            &["-C", &bare, "config", "uploadpack.allowFilter", "true"],
        );
        say("git", &["init", "-q", "-b", "main", &work]);
        say("git", &["-C", &work, "remote", "add", "origin", &bare]);
        commits
            .iter()
            .map(|text| self.commit("a.txt", text))
            .collect()
    }

    /// Commits a file there, and its id.
    pub fn commit(&self, path: &str, text: &str) -> String {
        let work = self.path("work");
        fs::write(Path::new(&work).join(path), text).unwrap();
        say("git", &["-C", &work, "add", "."]);
        let who = ["-c", "user.name=ann", "-c", "user.email=ann@forge"];
        let commit = ["-C", &work, "commit", "-q", "-m", text];
        say("git", &[&who[..], &commit].concat());
        say("git", &["-C", &work, "push", "-q", "origin", "HEAD:main"]);
        say("git", &["-C", &work, "rev-parse", "HEAD"])
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _gone = self.process.kill();
        let _gone = self.process.wait();
        let log = fs::read(self.dir.path().join("log")).unwrap_or_default();
        if let Some(path) = std::env::var_os(LOG) {
            let all = fs::File::options().create(true).append(true).open(path);
            all.unwrap().write_all(&log).unwrap();
        }
        if std::thread::panicking() {
            eprintln!(
                "--- the ssh server's log ---\n{}",
                String::from_utf8_lossy(&log)
            );
        }
    }
}

fn keygen(path: &Path) {
    let path = path.to_str().unwrap();
    say(
        "ssh-keygen",
        &["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path],
    );
}
