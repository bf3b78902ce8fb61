//! `git_resolve_conflict`: decide a conflict.

use super::integrated::{self, Item};
use crate::{
    servers::git::{
        Git,
        engine::{
            integrate::{self, Resolution},
            name,
        },
        fault,
    },
    tool::prelude::*,
};

/// Most paths that an answer lists.
const MAX_LISTED: usize = 200;

/// Marker: mounted in the server's `mod.rs`.
pub struct GitResolveConflict;

/// Whose version of the file it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Side {
    /// That of what is merged into; in a rebase, of what you rebase onto.
    Ours,
    /// That of what is brought in; in a rebase, of your own commit.
    Theirs,
    /// The one before both changes.
    Base,
    /// The file as it is in your worktree now; gone when it is gone there.
    Worktree,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("oneOf" = [{"required": ["side"]}, {"required": ["content"]}]))]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The path in conflict.
    #[garde(length(bytes, min = 1, max = 4096))]
    pub path: String,
    /// Take the whole file of one side: `ours`, `theirs`, `base`, or `worktree` as you edited it. A side that has deleted
    /// the file deletes it.
    pub side: Option<Side>,
    /// Or the whole new content of the file.
    #[garde(length(bytes, max = 4_194_304))]
    pub content: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The path that is resolved.
    pub path: String,
    /// Paths that are still in conflict, at most 200; when none are, continue.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// The next of them, with its hunks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Item>,
}

impl Tool for GitResolveConflict {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_resolve_conflict";
    const ABOUT: &'static str = "Decide one conflict of a merge, rebase, cherry-pick or revert: take one side's file, or give the whole new \
                                 content; it is written to your worktree and staged. When none is left, call the tool that stopped with \
                                 action continue. Returns the conflicts that are left.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["content"];

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let path = name::path(&args.path).map_err(fault::of)?;
        let how = match (args.side, args.content) {
            (Some(Side::Ours), None) => Resolution::Ours,
            (Some(Side::Theirs), None) => Resolution::Theirs,
            (Some(Side::Base), None) => Resolution::Base,
            (Some(Side::Worktree), None) => Resolution::Tree,
            (None, Some(content)) => Resolution::Content(content.into_bytes()),
            _ => {
                return Err(ToolError::invalid(
                    "/side",
                    "or content must be given, one of both",
                ));
            }
        };
        server
            .change(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                let left = integrate::resolve(repository, &session.files()?, &path, &how)?;
                let next = left.get(..1).unwrap_or_default();
                Ok(Output {
                    path: path.to_string(),
                    next: integrated::items(repository, next)?.pop(),
                    left: left
                        .into_iter()
                        .take(MAX_LISTED)
                        .map(|conflict| conflict.path)
                        .collect(),
                })
            })
            .await
            .inspect(|_| ctx.changed_own("files", true))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, root, save, team, write};
    use crate::tool::Code;

    #[tokio::test]
    async fn every_kind_of_conflict_can_be_decided_every_way() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let ann = team().await;
        for name in ["both", "ours-gone", "theirs-gone", "bin", "link", "edited"] {
            write(&ann, name, "1\n");
        }
        save(&ann, "start", "1\n").await;
        let bea = ann.at("demo", "bea");
        ok(&bea, "git_status", json!({})).await;
        for (team, text) in [(&ann, "ann\r\n"), (&bea, "bea\n")] {
            let at = root(team);
            for name in ["both", "ours-gone", "theirs-gone", "edited"] {
                write(team, name, text);
            }
            std::fs::write(at.join("bin"), [0, text.as_bytes()[0]]).unwrap();
            std::fs::remove_file(at.join("link")).unwrap();
            symlink(text.trim(), at.join("link")).unwrap();
            std::fs::set_permissions(at.join("both"), std::fs::Permissions::from_mode(0o755))
                .unwrap();
        }
        std::fs::remove_file(root(&ann).join("ours-gone")).unwrap();
        std::fs::remove_file(root(&bea).join("theirs-gone")).unwrap();
        write(&ann, "added", "ann\n");
        write(&bea, "added", "bea\n");
        save(&ann, "x", "1").await;
        save(&bea, "y", "1").await;
        let stopped = ok(&ann, "git_merge", json!({"revision": "agent/bea/work"})).await;
        let kinds: Vec<String> = stopped["conflicts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| {
                format!(
                    "{} {}",
                    c["path"].as_str().unwrap(),
                    c["kind"].as_str().unwrap()
                )
            })
            .collect();
        assert_eq!(
            kinds,
            [
                "added both_added",
                "bin both_modified",
                "both both_modified",
                "edited both_modified",
                "link both_modified",
                "ours-gone deleted_by_us",
                "theirs-gone deleted_by_them"
            ]
        );
        let resolve = async |args| ok(&ann, "git_resolve_conflict", args).await;
        for bad in [
            json!({"path": "added"}),
            json!({"path": "added", "side": "ours", "content": "x"}),
            json!({"path": "../x", "side": "ours"}),
        ] {
            assert_eq!(
                refused(&ann, "git_resolve_conflict", bad).await.code,
                Code::InvalidArgument
            );
        }
        write(&ann, "edited", "by hand\n");
        let next = resolve(json!({"path": "added", "content": "both\r\n"})).await;
        assert_eq!(
            (
                &next["next"]["path"],
                next["left"].as_array().unwrap().len()
            ),
            (&json!("bin"), 6)
        );
        resolve(json!({"path": "bin", "side": "theirs"})).await;
        resolve(json!({"path": "both", "content": "merged"})).await;
        resolve(json!({"path": "edited", "side": "worktree"})).await;
        resolve(json!({"path": "link", "side": "theirs"})).await;
        resolve(json!({"path": "ours-gone", "side": "theirs"})).await;
        let last = resolve(json!({"path": "theirs-gone", "side": "theirs"})).await;
        assert_eq!(last, json!({"path": "theirs-gone"}));
        ok(&ann, "git_merge", json!({"action": "continue"})).await;
        assert_eq!(ok(&ann, "git_status", json!({})).await["clean"], true);
        let at = root(&ann);
        let text = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
        assert_eq!(
            (
                text("added"),
                text("both"),
                text("edited"),
                text("ours-gone")
            ),
            (
                "both\r\n".into(),
                "merged".into(),
                "by hand\n".into(),
                "bea\n".into()
            )
        );
        assert_eq!(std::fs::read(at.join("bin")).unwrap(), b"\0b");
        assert_eq!(
            std::fs::read_link(at.join("link")).unwrap().to_str(),
            Some("bea")
        );
        assert!(!at.join("theirs-gone").exists());
        assert_eq!(
            std::fs::metadata(at.join("both"))
                .unwrap()
                .permissions()
                .mode()
                & 0o111,
            0o111
        );
    }

    #[tokio::test]
    async fn nothing_is_written_through_a_link() {
        let ann = team().await;
        save(&ann, "d/x", "1\n").await;
        let bea = ann.at("demo", "bea");
        ok(&bea, "git_status", json!({})).await;
        save(&bea, "d/x", "bea\n").await;
        save(&ann, "d/x", "ann\n").await;
        ok(&ann, "git_merge", json!({"revision": "agent/bea/work"})).await;
        let outside = ann.host.data.join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::remove_dir_all(root(&ann).join("d")).unwrap();
        std::os::unix::fs::symlink(&outside, root(&ann).join("d")).unwrap();
        for args in [
            json!({"path": "d/x", "side": "theirs"}),
            json!({"path": "d/x", "content": "x"}),
            json!({"path": "d/x", "side": "worktree"}),
        ] {
            assert_eq!(
                refused(&ann, "git_resolve_conflict", args).await.code,
                Code::InvalidArgument
            );
            assert!(std::fs::read_dir(&outside).unwrap().next().is_none());
        }
        ok(&ann, "git_merge", json!({"action": "abort"})).await;
        assert!(std::fs::read_dir(&outside).unwrap().next().is_none());
        assert_eq!(
            std::fs::read_to_string(root(&ann).join("d/x")).unwrap(),
            "ann\n"
        );
    }
}
