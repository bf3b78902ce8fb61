//! `save_memory`: keep something the team should know later.

use serde_json::{Map, Value, json};

use super::{
    Owner,
    memory::{Kind, Memory, instant},
    text,
};
use crate::{
    base::clock::Millis,
    servers::knowledge_base::{
        KnowledgeBase,
        engine::{
            chunk::{self, Limits},
            digest::digest,
        },
        memory::Similar,
        model::{Format, NewDocument, Outcome},
        store::NewMemory,
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct SaveMemory;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Args {
    /// The memory: one statement that is understood without its context, e.g. "Deployments to production happen on
    /// Tuesdays, because the payment provider's support is there."
    #[garde(length(chars, min = 1, max = 4_000))]
    pub text: String,
    /// What sort of memory it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Who it is for; `project` if left out.
    pub scope: Option<Owner>,
    /// Words to find it by.
    #[serde(default)]
    #[garde(length(max = 20), inner(length(chars, min = 1, max = 100)))]
    pub tags: Vec<String>,
    /// Where it is known from.
    #[garde(dive)]
    pub provenance: Option<Provenance>,
    /// Since when it is true (RFC 3339); since now if left out.
    #[garde(length(max = 40))]
    #[schemars(extend("format" = "date-time"))]
    pub valid_from: Option<String>,
    /// Until when it is true (RFC 3339); without an end if left out.
    #[garde(length(max = 40))]
    #[schemars(extend("format" = "date-time"))]
    pub valid_until: Option<String>,
    /// Seconds after which it is forgotten; never if left out.
    #[garde(range(min = 60, max = 315_360_000))]
    pub ttl_s: Option<i64>,
    /// Whether it stays on top whatever its age; false if left out.
    #[serde(default)]
    pub pinned: bool,
    /// The memory_id of the memory that this one takes the place of: that one is no longer recalled.
    #[garde(length(chars, min = 1, max = 64))]
    pub supersedes: Option<String>,
    /// What to do when there is a memory that says nearly the same; `report` if left out.
    #[serde(default)]
    pub if_similar: IfSimilar,
}

/// Where a memory is known from. All of it is kept as you say it.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
#[garde(allow_unvalidated)]
pub struct Provenance {
    /// Who or what said so, e.g. "Ana in the planning meeting".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(length(chars, min = 1, max = 500))]
    pub source: Option<String>,
    /// Where that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(length(chars, min = 1, max = 2_000))]
    pub uri: Option<String>,
    /// The chunk of the knowledge base that it was taken from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[garde(length(chars, min = 1, max = 64))]
    pub chunk_id: Option<String>,
}

/// What to do when there is nearly the same memory.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum IfSimilar {
    /// Save nothing, and return those that are similar: decide, then supersede one or save anyway.
    #[default]
    Report,
    /// Save it beside them.
    Save,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Done {
    /// It is kept.
    Created,
    /// It was kept already; what is known of it was renewed.
    Updated,
    /// It was kept already, just so.
    Unchanged,
    /// Nothing was saved: `similar` says nearly the same.
    Similar,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// The memory; none when nothing was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_id: Option<String>,
    /// What was done.
    pub outcome: Done,
    /// Memories that say nearly the same, closest first, at most 5.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<Near>,
    /// Send it as `min_seq` to recall_memory to be sure that it is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
}

/// A memory that says nearly the same.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Near {
    /// How alike the two are, from 0 to 1.
    pub similarity: f64,
    /// The memory.
    #[serde(flatten)]
    pub memory: Memory,
}

/// Longest title made of a text, in characters.
const TITLE: usize = 80;

impl Tool for SaveMemory {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "save_memory";
    const ABOUT: &'static str = "Keep a memory for the team: a fact, decision, preference, procedure or episode that later \
        work needs and no document says. One statement a memory; not what can be read in the code, and nothing that was \
        just recalled. If nearly the same is known, nothing is saved and you get what is known: then supersede it, or save \
        with if_similar save. Returns memory_id and outcome.";
    const ACCESS: Access = Access::Write;
    const CONTENT: &'static [&'static str] = &["text", "tags", "provenance"];
    const HINTS: Hints = Hints {
        destructive: false,
        idempotent: true,
        ..Hints::of(Access::Write)
    };

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let owner = args.scope.unwrap_or(Owner::Project);
        owner.may_write(ctx)?;
        let tags = args.tags.iter().map(|tag| ("/tags", Some(tag.as_str())));
        text(
            [
                ("/text", Some(args.text.as_str())),
                ("/supersedes", args.supersedes.as_deref()),
            ]
            .into_iter()
            .chain(tags),
        )?;
        if args.text.trim().is_empty() {
            return Err(ToolError::invalid("/text", "has nothing but white space"));
        }
        if args.if_similar == IfSimilar::Report && args.supersedes.is_none() {
            let found = server.similar(ctx, &args.text, &owner.realm(ctx)).await?;
            if !found.is_empty() {
                return Ok(Output {
                    memory_id: None,
                    outcome: Done::Similar,
                    similar: found.into_iter().map(near).collect::<Result<_, _>>()?,
                    seq: None,
                });
            }
        }
        let new = new(ctx, owner, args)?;
        let added = server
            .store
            .remember(new, ctx.agent().as_str(), ctx.now())
            .await?;
        server.indexer.wake();
        ctx.changed(format!("knowledge/{}", added.document_id));
        Ok(Output {
            memory_id: Some(added.document_id),
            outcome: match added.outcome {
                Outcome::Created => Done::Created,
                Outcome::Updated => Done::Updated,
                Outcome::Unchanged => Done::Unchanged,
            },
            similar: Vec::new(),
            seq: Some(added.seq),
        })
    }
}

fn near(similar: Similar) -> Result<Near, ToolError> {
    Ok(Near {
        similarity: (similar.similarity * 1_000.0).round() / 1_000.0,
        memory: Memory::of(similar.row)?,
    })
}

fn new(ctx: &Ctx, owner: Owner, args: Args) -> Result<NewMemory, ToolError> {
    let now = ctx.now();
    let time = |field, text: &Option<String>| -> Result<Option<Millis>, ToolError> {
        text.as_deref().map(|text| instant(field, text)).transpose()
    };
    let from = time("/valid_from", &args.valid_from)?.unwrap_or(now);
    let until = time("/valid_until", &args.valid_until)?;
    if until.is_some_and(|until| until <= from) {
        return Err(ToolError::invalid(
            "/valid_until",
            "must be after valid_from",
        ));
    }
    let provenance = match &args.provenance {
        Some(provenance) => serde_json::to_string(provenance).map_err(ToolError::internal)?,
        None => "{}".to_owned(),
    };
    let mut metadata = Map::new();
    if !args.tags.is_empty() {
        metadata.insert("tags".into(), json!(args.tags));
    }
    let text = args.text;
    let chunks = chunk::chunk(&text, Format::Memory.form(), Limits::default());
    let chunks = chunks.into_iter().map(|chunk| {
        let hash = digest(chunk.text(&text));
        (chunk, hash)
    });
    Ok(NewMemory {
        kind: args.kind.as_str(),
        provenance,
        valid_from_ms: from,
        valid_until_ms: until,
        expires_ms: args.ttl_s.map(|ttl| now + ttl * 1_000),
        pinned: args.pinned,
        supersedes: args.supersedes,
        document: NewDocument {
            realm: owner.realm(ctx),
            external_id: None,
            title: text.trim().chars().take(TITLE).collect(),
            uri: None,
            collection: None,
            format: Format::Memory,
            language: None,
            path: None,
            tags: args.tags,
            source_id: None,
            content_hash: None,
            metadata: Value::Object(metadata).to_string(),
            text_hash: digest(&text),
            chunks: chunks.collect(),
            text,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refused, team};
    use serde_json::json;

    #[tokio::test]
    async fn the_same_is_kept_once_and_nearly_the_same_is_reported() {
        let team = team().await;
        let text = "Deployments to production happen on Tuesdays only.";
        let sent = json!({"text": text, "type": "fact"});
        let first = team.call_json("save_memory", sent.clone()).await.unwrap();
        assert_eq!(first["outcome"], "created");
        let mut again = sent.clone();
        again["if_similar"] = json!("save");
        let again = team.call_json("save_memory", again).await.unwrap();
        assert_eq!(
            (&again["outcome"], &again["memory_id"]),
            (&json!("unchanged"), &first["memory_id"])
        );
        let seen = json!({"query": "deployments", "min_seq": first["seq"]});
        team.call_json("recall_memory", seen).await.unwrap();
        let alike = json!({"text": "Production deployments happen on Tuesdays.", "type": "fact"});
        let reported = team.call_json("save_memory", alike.clone()).await.unwrap();
        assert_eq!(
            (&reported["outcome"], reported.get("memory_id")),
            (&json!("similar"), None)
        );
        assert_eq!(reported["similar"][0]["memory_id"], first["memory_id"]);
        let mut instead = alike;
        instead["supersedes"] = first["memory_id"].clone();
        let instead = team.call_json("save_memory", instead).await.unwrap();
        assert_eq!(instead["outcome"], "created");
        let sent = json!({"query": "deployments", "min_seq": instead["seq"]});
        let recalled = team.call_json("recall_memory", sent).await.unwrap();
        let ids: Vec<_> = recalled["memories"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| &m["memory_id"])
            .collect();
        assert_eq!(ids, [&instead["memory_id"]]);
    }

    #[tokio::test]
    async fn what_cannot_be_is_refused_by_field() {
        let team = team().await;
        for (more, field) in [
            (json!({"text": " "}), "/text"),
            (json!({"valid_from": "yesterday"}), "/valid_from"),
            (
                json!({"valid_until": "2001-01-01T00:00:00Z"}),
                "/valid_until",
            ),
            (json!({"type": "rumour"}), "/type"),
            (json!({"ttl_s": 1}), "/ttl_s"),
        ] {
            let mut sent = json!({"text": "x", "type": "fact"});
            for (key, value) in more.as_object().unwrap() {
                sent[key] = value.clone();
            }
            let error = team.call_json("save_memory", sent).await.unwrap_err();
            let problem = serde_json::to_string(&error.problem()).unwrap();
            assert!(problem.contains(field), "{problem}");
        }
        let sent = json!({"text": "x", "type": "fact", "supersedes": "doc_none"});
        assert_eq!(
            refused(team.call_json("save_memory", sent).await).0,
            "not_found"
        );
        let recalled = team.call_json("recall_memory", json!({})).await.unwrap();
        assert_eq!(
            recalled["memories"],
            json!([]),
            "nothing is kept of a refused call"
        );
    }
}
