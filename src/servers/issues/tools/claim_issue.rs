//! `claim_issue`: take an issue, so that nobody else works on it.

use serde_json::json;

use super::{once, part, text};
use crate::{
    base::clock::rfc3339,
    servers::issues::{
        Issues,
        model::{Kind, State},
        store::{NewClaim, Target},
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct ClaimIssue;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// The issue to claim. Left out, the most urgent ready one is claimed: open, held by nobody, assigned to nobody or
    /// to you; also one in progress whose claim has run out.
    #[garde(range(min = 1))]
    pub number: Option<i64>,
    /// Without a number: only an issue of this type.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Without a number: only an issue with this label.
    #[garde(length(chars, min = 1, max = 50))]
    pub label: Option<String>,
    /// Seconds that the claim lasts; 900 if left out, unless the server is set otherwise.
    #[garde(range(min = 10, max = 86_400))]
    pub lease_s: Option<u32>,
    /// Repeat a call with the same key and it is answered again, with the same token.
    #[garde(length(chars, min = 1, max = 128))]
    pub idempotency_key: Option<String>,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The claimed issue, now in progress.
    pub issue: Brief,
    /// Proof of the claim, for `claim_token` of update_issue and add_issue_comment. It is shown only here.
    pub claim_token: String,
    /// Which claim of this issue it is; grows with every change of hands.
    pub epoch: i64,
    /// When the claim ends and others may take the issue (RFC 3339, UTC).
    pub expires_at: String,
}

/// A claimed issue.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Brief {
    /// Number within the project.
    pub number: i64,
    /// What it is about.
    pub title: String,
    /// The first 4,000 characters of its body.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Whether the body is longer: get_issue has the rest.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// What sort of work it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// 0 is most urgent, 4 least.
    pub priority: u8,
    /// Where it stands.
    pub state: State,
    /// Its labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// For `expected_version` of update_issue.
    pub version: i64,
}

/// Characters of the body in the answer.
const BODY: usize = 4_000;

impl Tool for ClaimIssue {
    type Server = Issues;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "claim_issue";
    const ABOUT: &'static str = "Claim an issue before you work on it: the one with this number, or the next ready one. \
        Exactly one agent holds an issue at a time; a claim ends by itself after lease_s seconds, or when update_issue \
        moves the issue out of in_progress. If another agent holds it, the error says who and until when. Returns the \
        issue, a claim_token, its epoch and when it ends.";
    const ACCESS: Access = Access::Write;
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: false,
        open_world: false,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &Issues, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        text([("/label", args.label.as_deref())])?;
        let lease_s = args.lease_s.unwrap_or(server.config.lease_s);
        let sent = json!([args.number, args.kind, args.label, lease_s]);
        let target = match args.number {
            Some(number) if args.kind.is_none() && args.label.is_none() => Target::Number(number),
            Some(_) => {
                return Err(ToolError::invalid(
                    "/number",
                    "type and label choose the next ready issue: leave them out, or leave out number",
                ));
            }
            None => Target::Next {
                kind: args.kind,
                label: args.label,
            },
        };
        let new = NewClaim {
            target,
            lease_ms: i64::from(lease_s) * 1_000,
            once: once(args.idempotency_key, &sent),
        };
        let claimed = server.store.claim(ctx.scope(), new, ctx.now()).await?;
        ctx.changed(format!("issues/{}", claimed.number));
        let fields = claimed.fields;
        let (body, truncated) = part(&fields.body, 0, BODY);
        Ok(Output {
            issue: Brief {
                number: claimed.number,
                title: fields.title,
                body,
                truncated,
                kind: fields.kind,
                priority: fields.priority,
                state: fields.state,
                labels: fields.labels,
                version: claimed.version,
            },
            claim_token: claimed.token,
            epoch: claimed.epoch,
            expires_at: rfc3339(claimed.expires_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{issue, refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn a_live_claim_is_never_taken_and_says_who_holds_it() {
        let team = team().await;
        issue(&team, "t").await;
        let mine = team
            .call_json("claim_issue", json!({"number": 1}))
            .await
            .unwrap();
        assert_eq!(
            (&mine["issue"]["state"], &mine["epoch"]),
            (&json!("in_progress"), &json!(1))
        );
        let bea = team.at("demo", "bea");
        let error = bea
            .call_json("claim_issue", json!({"number": 1}))
            .await
            .unwrap_err();
        assert!(
            error
                .message
                .starts_with("issue 1 is claimed by ann until 20"),
            "{error}"
        );
        assert_eq!(error.details.unwrap()["expires_at"], mine["expires_at"]);
        let next = refused(bea.call_json("claim_issue", json!({})).await);
        assert_eq!(next.0, "not_found");
    }

    #[tokio::test]
    async fn the_next_issue_is_the_most_urgent_that_is_free_for_this_agent() {
        let team = team().await;
        for more in [
            json!({"priority": 3}),
            json!({"priority": 0, "assignees": ["bea"]}),
            json!({"priority": 1, "labels": ["x"]}),
            json!({"priority": 1, "type": "bug"}),
        ] {
            let mut sent = more;
            sent["title"] = "t".into();
            team.call_json("create_issue", sent).await.unwrap();
        }
        let take = async |sent| {
            let claimed = team.call_json("claim_issue", sent).await.unwrap();
            claimed["issue"]["number"].as_i64().unwrap()
        };
        assert_eq!(take(json!({"type": "bug"})).await, 4);
        assert_eq!(take(json!({"label": "x"})).await, 3);
        assert_eq!(take(json!({})).await, 1);
        assert_eq!(
            refused(team.call_json("claim_issue", json!({})).await).0,
            "not_found"
        );
        let bea = team
            .at("demo", "bea")
            .call_json("claim_issue", json!({}))
            .await
            .unwrap();
        assert_eq!(bea["issue"]["number"], 2);
    }

    #[tokio::test]
    async fn the_same_key_gets_the_same_token_again() {
        let team = team().await;
        issue(&team, "t").await;
        let sent = json!({"number": 1, "idempotency_key": "k"});
        let once = team.call_json("claim_issue", sent.clone()).await.unwrap();
        assert_eq!(once, team.call_json("claim_issue", sent).await.unwrap());
        let work =
            json!({"number": 1, "claim_token": once["claim_token"], "set": {"state": "done"}});
        team.call_json("update_issue", work).await.unwrap();
        let closed = refused(team.call_json("claim_issue", json!({"number": 1})).await);
        assert_eq!(closed.0, "conflict");
    }
}
