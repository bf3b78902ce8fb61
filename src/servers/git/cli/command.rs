//! A command line, built of words that are what they look like.
#![allow(
    clippy::disallowed_methods,
    reason = "every run of the git program is built here"
)]

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt as _,
    path::{self, Path, PathBuf},
    process,
    time::Duration,
};

use git2::Repository;

use super::{Program, Word, environment};
use crate::base::beneath::RelPath;

/// Where the program works: never found by looking around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub(super) git_dir: PathBuf,
    pub(super) work_tree: Option<PathBuf>,
}

impl Place {
    /// The objects and refs of a repository, without anybody's tree.
    pub fn bare(repository: &Repository) -> Self {
        Self {
            git_dir: repository.commondir().to_owned(),
            work_tree: None,
        }
    }

    /// The same, by the path of its git directory.
    pub fn of(git_dir: &Path) -> io::Result<Self> {
        Ok(Self {
            git_dir: path::absolute(git_dir)?,
            work_tree: None,
        })
    }

    /// An agent's tree with its own HEAD and index.
    pub fn tree(repository: &Repository) -> Self {
        Self {
            git_dir: repository.path().to_owned(),
            work_tree: repository.workdir().map(Path::to_owned),
        }
    }
}

/// How much a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub time: Duration,
    /// Bytes of its answer that are collected.
    pub answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(60),
            answer: 32 << 20,
        }
    }
}

/// One run of the program, to be [collected](Command::output), [followed](Command::each) or [talked
/// to](Command::start).
#[derive(Debug, Clone)]
pub struct Command {
    program: Program,
    pub(super) place: Place,
    pub(super) name: &'static str,
    pub(super) limits: Limits,
    pub(super) input: Vec<u8>,
    settings: Vec<String>,
    flags: Vec<OsString>,
    words: Vec<Word>,
    paths: Option<Vec<OsString>>,
    variables: Vec<(OsString, OsString)>,
    absent: Vec<&'static str>,
}

impl Command {
    pub(super) fn new(program: Program, place: Place, name: &'static str) -> Self {
        Self {
            program,
            place,
            name,
            limits: Limits::default(),
            input: Vec::new(),
            settings: Vec::new(),
            flags: Vec::new(),
            words: Vec::new(),
            paths: None,
            variables: Vec::new(),
            absent: Vec::new(),
        }
    }

    /// An option as it is, such as `--raw`.
    #[must_use]
    pub fn flag(mut self, flag: &'static str) -> Self {
        self.flags.push(flag.into());
        self
    }

    /// An option with its value glued to it, such as `--max-count=` and `20`: whatever the value is, it stays one.
    #[must_use]
    pub fn option(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        let mut text = OsString::from(name);
        text.push(value);
        self.flags.push(text);
        self
    }

    /// An operand, after all options.
    #[must_use]
    pub fn word(mut self, word: Word) -> Self {
        self.words.push(word);
        self
    }

    /// The repository itself as an operand, as the commands that serve it want it.
    #[must_use]
    pub fn here(self) -> Self {
        let here = Word::directory(&self.place.git_dir);
        self.word(here)
    }

    /// Paths, after `--`. With none of them the `--` still says that no operand is one.
    #[must_use]
    pub fn paths<'p>(mut self, paths: impl IntoIterator<Item = &'p RelPath>) -> Self {
        let all = self.paths.get_or_insert_default();
        for path in paths {
            all.push(path.to_string().into());
        }
        self
    }

    /// Paths from the repository itself, whose names may be no text.
    #[must_use]
    pub fn raw_paths<'p>(mut self, paths: impl IntoIterator<Item = &'p [u8]>) -> Self {
        use std::os::unix::ffi::OsStrExt as _;
        let all = self.paths.get_or_insert_default();
        all.extend(
            paths
                .into_iter()
                .map(|path| OsStr::from_bytes(path).to_owned()),
        );
        self
    }

    /// A setting (`-c`), such as `http.version` and `HTTP/1.1`.
    #[must_use]
    pub fn setting(mut self, name: &'static str, value: &str) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// A variable of its environment, instead of what it would be: where askpass answers, for instance.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().into()));
        self
    }

    /// A variable that its environment is not to have.
    #[must_use]
    pub fn without(mut self, name: &'static str) -> Self {
        self.absent.push(name);
        self
    }

    /// The transports it may use, such as `https` and `ssh`. Without this: none.
    #[must_use]
    pub fn protocols(self, names: &[&str]) -> Self {
        self.variable("GIT_ALLOW_PROTOCOL", names.join(":"))
            .variable("GIT_NO_LAZY_FETCH", "0")
    }

    /// Bytes for its standard input.
    #[must_use]
    pub fn input(mut self, input: Vec<u8>) -> Self {
        self.input = input;
        self
    }

    /// How much it may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The process to start: no shell, a cleared environment, a process group of its own.
    pub(super) fn process(&self) -> process::Command {
        let mut process = process::Command::new(self.program.path());
        process
            .args(self.line())
            .env_clear()
            .envs(environment::VARIABLES.iter().copied())
            .env("GIT_DIR", &self.place.git_dir)
            .current_dir("/")
            .process_group(0);
        if let Some(tree) = &self.place.work_tree {
            process.env("GIT_WORK_TREE", tree);
        }
        for name in &self.absent {
            process.env_remove(name);
        }
        process.envs(self.variables.iter().map(|(name, value)| (name, value)));
        process
    }

    fn line(&self) -> Vec<OsString> {
        let mut line = vec![OsString::from("--no-pager")];
        let fixed = environment::SETTINGS
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        for setting in fixed.chain(self.settings.iter().cloned()) {
            line.extend(["-c".into(), setting.into()]);
        }
        line.push(self.name.into());
        line.extend(self.flags.iter().cloned());
        // `git blame` does not understand it.
        if !self.words.iter().all(Word::is_object) {
            line.push("--end-of-options".into());
        }
        line.extend(self.words.iter().map(|word| word.as_os_str().to_owned()));
        if let Some(paths) = &self.paths {
            line.push("--".into());
            line.extend(paths.iter().cloned());
        }
        line
    }
}
