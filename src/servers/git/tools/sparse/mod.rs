//! What writes a worktree, in one that holds a part of its repository: the rest is neither lost nor brought.

mod alone;
mod joined;

use std::collections::BTreeMap;

use git2::Repository;
use serde_json::json;

use super::testing::{self, git_dir, ok, root, save, write};
use crate::base::beneath::RelPath;
use crate::project::workspace::{TreeId, sparse::Cone};
use crate::servers::git::{
    cli::{Place, Program},
    engine::{porcelain, status},
};
use crate::test::Team;

const FILES: [&str; 8] = [
    "docs/guide/start",
    "docs/index",
    "src/app/deep/main",
    "src/app/lib",
    "src/shared",
    "src/web/page",
    "src/web/style/base",
    "top",
];
/// Those that `src/app` leaves out.
const LEFT_OUT: [&str; 4] = [
    "docs/guide/start",
    "docs/index",
    "src/web/page",
    "src/web/style/base",
];

fn hold(team: &Team, directories: &[&str]) {
    let directories: Vec<RelPath> = directories
        .iter()
        .map(|directory| RelPath::parse(directory).unwrap())
        .collect();
    let bare = Repository::open_bare(git_dir(team)).unwrap();
    Cone::new(&directories).unwrap().write(&bare).unwrap();
}

/// Ann's team, who holds `src/app` of a repository that has [`FILES`].
async fn part() -> Team {
    let team = testing::team().await;
    for path in FILES {
        write(&team, path, &format!("{path}\n"));
    }
    save(&team, "top", "top\n").await;
    hold(&team, &["src/app"]);
    ok(&team, "git_worktree", json!({"action": "remove"})).await;
    clean(&team, &[]).await;
    team
}

fn open(team: &Team) -> Repository {
    let tree = TreeId::new(&team.scope, None).unwrap();
    team.host.workspaces.repository(&tree).unwrap()
}

fn is_there(team: &Team, path: &str) -> bool {
    root(team).join(path).exists()
}

fn text(team: &Team, path: &str) -> String {
    std::fs::read_to_string(root(team).join(path)).unwrap_or_default()
}

/// The files of HEAD, with their ids.
fn committed(repository: &Repository) -> BTreeMap<String, git2::Oid> {
    let mut files = BTreeMap::new();
    let tree = repository.head().unwrap().peel_to_tree().unwrap();
    tree.walk(git2::TreeWalkMode::PreOrder, |at, entry| {
        if entry.kind() == Some(git2::ObjectType::Blob) {
            files.insert(format!("{at}{}", entry.name().unwrap()), entry.id());
        }
        0
    })
    .unwrap();
    files
}

/// What both backends and the git program itself say of the tree, which must be the same.
async fn changes(team: &Team) -> Vec<(String, Option<status::Change>, Option<status::Change>)> {
    let told = ok(team, "git_status", json!({"limit": 200})).await;
    let repository = open(team);
    let of = |items: Vec<status::Item>| -> Vec<_> {
        let items = items.into_iter();
        items
            .map(|item| (item.path, item.staged, item.unstaged))
            .collect()
    };
    let ours = of(status::status(&repository, &[], true).unwrap());
    assert_eq!(told["clean"], ours.is_empty(), "{told}");
    if let Ok(git) = Program::find("git") {
        let theirs = porcelain::status(&repository, &git, &[], false, &|| false).unwrap();
        assert_eq!(of(theirs), ours);
        let check = git
            .command(Place::tree(&repository), "fsck")
            .flag("--strict");
        let said = check.output(&|| false).unwrap();
        assert!(!String::from_utf8_lossy(&said).contains("error"));
    }
    ours
}

/// Nothing differs, and of what is left out `there` alone is there.
async fn clean(team: &Team, there: &[&str]) {
    assert_eq!(changes(team).await, []);
    for path in FILES {
        let held = !LEFT_OUT.contains(&path) || there.contains(&path);
        assert_eq!(is_there(team, path), held, "{path}");
    }
}

async fn staged(team: &Team) -> Vec<String> {
    let all = changes(team).await.into_iter();
    all.filter(|change| change.1.is_some())
        .map(|change| change.0)
        .collect()
}
