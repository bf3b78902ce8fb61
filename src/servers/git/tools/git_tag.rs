//! `git_tag`: names for commits that stay.

use crate::{
    servers::git::{
        Git,
        engine::{name, tag},
    },
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct GitTag;

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Action {
    /// List tags.
    #[default]
    List,
    /// Make one.
    Create,
    /// Delete one.
    Delete,
}

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// `list`, `create` or `delete`.
    #[serde(default)]
    pub action: Action,
    /// The tag, e.g. `v1.0`; for `list`, how the names start.
    #[garde(length(bytes, min = 1, max = 200))]
    pub name: Option<String>,
    /// For `create`: the branch or commit to tag; your HEAD when left out.
    #[garde(length(bytes, min = 1, max = 256))]
    pub revision: Option<String>,
    /// For `create`: makes it an annotated tag, with you as tagger.
    #[garde(length(bytes, min = 1, max = 16_384))]
    pub message: Option<String>,
    /// For `list`: most tags on a page.
    #[serde(default = "fifty")]
    #[garde(range(min = 1, max = 200))]
    pub limit: u32,
    /// For `list`: `next_cursor` of the page before.
    #[garde(length(bytes, max = 2048))]
    pub cursor: Option<String>,
}

fn fifty() -> u32 {
    50
}

/// A tag.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// Its name.
    pub tag: String,
    /// The commit, or another object, that it leads to.
    pub target: String,
    /// Who tagged, as `Name <address>`, for annotated tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tagger: Option<String>,
    /// First line of its message, for annotated tags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The tags by name, or the one that was made or deleted.
    pub items: Vec<Item>,
    /// Pass as `cursor` for the next page, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Tool for GitTag {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "git_tag";
    const ABOUT: &'static str = "List, make or delete tags. A tag is a name for a commit that does not move, such as a release; with a message \
                                 it is annotated. Use git_create_branch for a name that moves on. Returns the tags with the commits they \
                                 lead to.";
    const ACCESS: Access = Access::Write;

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let binding = (ctx.scope().clone(), args.repo.clone(), args.name.clone());
        let after: Option<String> = args
            .cursor
            .map(|cursor| paging::decode(&binding, &cursor))
            .transpose()?;
        if args.action == Action::List {
            let prefix = args.name.unwrap_or_default();
            let limit = args.limit as usize;
            return server
                .look(ctx, args.repo, move |session, _| {
                    let mut names = tag::names(&session.repository, &prefix)?;
                    names.retain(|name| after.as_ref().is_none_or(|after| name > after));
                    let more = names.len() > limit;
                    names.truncate(limit);
                    let next_cursor = names
                        .last()
                        .filter(|_| more)
                        .map(|last| paging::encode(&binding, last));
                    let items = names
                        .iter()
                        .map(|name| tag::find(&session.repository, name).map(Item::from));
                    Ok(Output {
                        items: items.collect::<Result<_, _>>()?,
                        next_cursor,
                    })
                })
                .await;
        }
        let Some(name) = args.name else {
            return Err(ToolError::invalid("/name", "is required"));
        };
        let who = server.who(ctx);
        server
            .change(ctx, args.repo, move |session, _| {
                let repository = &session.repository;
                session.with_refs(|| {
                    let item = if args.action == Action::Delete {
                        tag::delete(repository, &name)?
                    } else {
                        let commit =
                            name::commit(repository, args.revision.as_deref().unwrap_or("HEAD"))?;
                        tag::create(repository, &name, &commit, args.message.as_deref(), &who)?;
                        tag::find(repository, &name)?
                    };
                    Ok(Output {
                        items: vec![item.into()],
                        next_cursor: None,
                    })
                })
            })
            .await
    }
}

impl From<tag::Tag> for Item {
    fn from(tag: tag::Tag) -> Self {
        let first = tag
            .message
            .as_deref()
            .and_then(|message| message.lines().next());
        Self {
            message: first.map(|line| line.chars().take(200).collect()),
            tag: tag.name,
            target: tag.target.to_string(),
            tagger: tag.tagger,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ok, refused, save, team};
    use crate::tool::Code;

    #[tokio::test]
    async fn tags_are_made_listed_and_deleted() {
        let team = team().await;
        let first = save(&team, "a", "1").await;
        save(&team, "a", "2").await;
        let plain = ok(
            &team,
            "git_tag",
            json!({"action": "create", "name": "v1", "revision": first}),
        )
        .await;
        assert_eq!(plain["items"], json!([{"tag": "v1", "target": first}]));
        let noted = ok(
            &team,
            "git_tag",
            json!({"action": "create", "name": "v2", "revision": "v1", "message": "Two\n\nmore"}),
        )
        .await;
        assert_eq!(
            noted["items"],
            json!([{"tag": "v2", "target": first, "tagger": "ann <ann@demo.syndarix.local>", "message": "Two"}])
        );
        ok(&team, "git_tag", json!({"action": "create", "name": "w"})).await;
        let page = ok(&team, "git_tag", json!({"name": "v", "limit": 1})).await;
        assert_eq!(page["items"][0]["tag"], "v1");
        let rest = ok(
            &team,
            "git_tag",
            json!({"name": "v", "cursor": page["next_cursor"]}),
        )
        .await;
        assert_eq!(
            (
                rest["items"].as_array().unwrap().len(),
                &rest["items"][0]["tag"]
            ),
            (1, &json!("v2"))
        );
        assert_eq!(
            ok(
                &team,
                "git_show",
                json!({"revision": "v2", "format": "name_status"})
            )
            .await["commit"],
            first
        );
        assert_eq!(
            ok(&team, "git_tag", json!({"action": "delete", "name": "v2"})).await["items"][0]["target"],
            first
        );
        for (args, code) in [
            (json!({"action": "create", "name": "v1"}), Code::Conflict),
            (json!({"action": "delete", "name": "v2"}), Code::NotFound),
            (json!({"action": "create"}), Code::InvalidArgument),
            (
                json!({"action": "create", "name": "-d"}),
                Code::InvalidArgument,
            ),
            (
                json!({"action": "create", "name": "a..b"}),
                Code::InvalidArgument,
            ),
            (
                json!({"action": "delete", "name": "-d"}),
                Code::InvalidArgument,
            ),
            (
                json!({"action": "create", "name": "x", "revision": "-x"}),
                Code::InvalidArgument,
            ),
        ] {
            assert_eq!(
                refused(&team, "git_tag", args.clone()).await.code,
                code,
                "{args}"
            );
        }
    }
}
