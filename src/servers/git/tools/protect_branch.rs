//! `protect_branch`: let branches change by reviewed pull requests alone.

use globset::GlobBuilder;

use crate::{
    servers::git::{Git, model, review},
    tool::prelude::*,
};

/// Marker: mounted in the server's `mod.rs`.
pub struct ProtectBranch;

#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// Repository of the project; `main` when left out.
    pub repo: Option<RepoName>,
    /// The branches: a name, or a pattern in which `*` and `?` stay between slashes and `**` does not.
    #[garde(length(bytes, min = 1, max = 200))]
    pub pattern: String,
    /// How many other agents must have approved the last commit; 1 when left out.
    #[garde(range(max = 10))]
    pub approvals: Option<u32>,
    /// Checks that must be a success for it, by the context that set_commit_status names; a workflow's is `cicd/<name>`.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 100)))]
    pub checks: Vec<String>,
    /// Take the rule away instead.
    #[serde(default)]
    pub remove: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// All rules of the repository now, by pattern.
    pub rules: Vec<Rule>,
}

/// A rule of protected branches.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Rule {
    /// The branches.
    pub pattern: String,
    /// How many other agents must have approved the last commit.
    pub approvals: u32,
    /// Checks that must be a success for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
}

impl Tool for ProtectBranch {
    type Server = Git;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "protect_branch";
    const ABOUT: &'static str = "Protect branches of a repository: they change by merge_pull_request alone, when enough other agents approved \
                                 and the named checks are a success. Replaces the rule of the same pattern; with remove it takes it away. \
                                 Needs admin. Returns all rules.";
    const ACCESS: Access = Access::Admin;
    const HINTS: Hints = Hints {
        idempotent: true,
        ..Hints::of(Access::Admin)
    };

    async fn run(server: &Git, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let key = review::key(ctx, args.repo)?;
        // A rule of a repository that is not there protects nothing.
        server.look_bare(ctx, &key, |_, _| Ok(())).await?;
        if args.remove {
            if !server.store.remove_rule(&key, &args.pattern).await? {
                return Err(ToolError::not_found("rule", args.pattern));
            }
        } else {
            let glob = GlobBuilder::new(&args.pattern)
                .literal_separator(true)
                .build();
            glob.map_err(|error| ToolError::invalid("/pattern", error.kind().to_string()))?;
            let rule = model::Rule {
                pattern: args.pattern,
                approvals: args.approvals.unwrap_or(1),
                checks: args.checks,
            };
            let by = ctx.agent().as_str();
            server.store.set_rule(&key, rule, by, ctx.now()).await?;
        }
        let rules = server
            .store
            .rules(&key)
            .await?
            .into_iter()
            .map(|rule| Rule {
                pattern: rule.pattern,
                approvals: rule.approvals,
                checks: rule.checks,
            });
        Ok(Output {
            rules: rules.collect(),
        })
    }
}
