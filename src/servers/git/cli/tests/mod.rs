//! The real program on a repository whose config, attributes and hooks are planted with commands.

mod planted;
mod runs;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::*;
use crate::base::beneath::RelPath;
use git2::{IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};

/// `None` on a machine without it: there is nothing to test then.
fn program() -> Option<Program> {
    Program::find("git").ok()
}

fn go() -> bool {
    false
}

/// A repository in which everything that git would run leaves a mark.
struct Planted {
    dir: tempfile::TempDir,
    repository: Repository,
    first: Oid,
    second: Oid,
}

impl Planted {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).unwrap();
        let mut options = RepositoryInitOptions::new();
        options
            .external_template(false)
            .no_dotgit_dir(true)
            .workdir_path(&tree);
        let repository = Repository::init_opts(dir.path().join("repo.git"), &options).unwrap();
        let commit = |text: &str, parents: &[Oid]| {
            fs::write(tree.join("a.txt"), text).unwrap();
            fs::write(tree.join(".gitattributes"), "* filter=x diff=x merge=x\n").unwrap();
            let mut index = repository.index().unwrap();
            index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
            index.write().unwrap();
            let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
            let who = Signature::new("ann", "ann@shop", &Time::new(1_000, 0)).unwrap();
            let parents: Vec<_> = parents
                .iter()
                .map(|id| repository.find_commit(*id).unwrap())
                .collect();
            let parents: Vec<_> = parents.iter().collect();
            repository
                .commit(Some("HEAD"), &who, &who, text, &tree, &parents)
                .unwrap()
        };
        let first = commit("one\n", &[]);
        let second = commit("two\n", &[first]);
        let planted = Self {
            dir,
            repository,
            first,
            second,
        };
        planted.plant();
        planted
    }

    fn mark(&self) -> PathBuf {
        self.dir.path().join("ran")
    }

    fn plant(&self) {
        let script = self.dir.path().join("script");
        executable(
            &script,
            &format!(
                "#!/bin/sh\necho \"$0 $*\" >> {}\ncat\n",
                self.mark().display()
            ),
        );
        let git_dir = self.repository.path();
        let hooks = self.dir.path().join("hooks");
        for dir in [git_dir.join("hooks"), hooks.clone()] {
            fs::create_dir_all(&dir).unwrap();
            for hook in [
                "pre-commit",
                "post-checkout",
                "post-index-change",
                "reference-transaction",
                "pre-auto-gc",
                "fsmonitor-watchman",
                "pre-receive",
                "update",
            ] {
                executable(&dir.join(hook), &fs::read_to_string(&script).unwrap());
            }
        }
        let included = self.dir.path().join("included");
        fs::write(
            &included,
            format!(
                "[alias]\n\tlog = !{0}\n\tversion = !{0}\n[core]\n\tfsmonitor = {0}\n",
                script.display()
            ),
        )
        .unwrap();
        let config = format!(
            "[core]\n\tfsmonitor = {0}\n\thooksPath = {1}\n\tpager = {0}\n\teditor = {0}\n\tsshCommand = {0}\n\taskPass = {0}\n\tgitProxy = {0}\n\
             [diff]\n\texternal = {0}\n[diff \"x\"]\n\ttextconv = {0}\n\tcommand = {0}\n\
             [filter \"x\"]\n\tclean = {0}\n\tsmudge = {0}\n\trequired = true\n[merge \"x\"]\n\tdriver = {0}\n\
             [alias]\n\tlog = !{0}\n\tblame = !{0}\n\tdiff-tree = !{0}\n[credential]\n\thelper = {0}\n[gpg]\n\tprogram = {0}\n\
             [log]\n\tshowSignature = true\n[uploadpack]\n\tpackObjectsHook = {0}\n[pager]\n\tlog = {0}\n\tblame = {0}\n\
             [include]\n\tpath = {2}\n[includeIf \"gitdir:/**\"]\n\tpath = {2}\n",
            script.display(),
            hooks.display(),
            included.display()
        );
        let own = fs::read_to_string(git_dir.join("config")).unwrap();
        fs::write(git_dir.join("config"), own + &config).unwrap();
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
