//! `delete_document`: make documents disappear, one, several, a source's, or those that a filter chooses.

use super::{Owner, filters::Filters, no_document, readable, text};
use crate::{
    servers::knowledge_base::{
        KnowledgeBase,
        engine::filter::Filter,
        model::Realm,
        store::{DocumentRow, facts},
    },
    tool::prelude::*,
};

/// Marker of the tool.
pub struct DeleteDocument;

/// What the caller sends.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
#[schemars(extend("oneOf" = [
    {"required": ["document_id"]}, {"required": ["ids"], "properties": {"ids": {"minItems": 1}}}, {"required": ["source_id"]}, {"required": ["filter"]},
]))]
pub struct Args {
    /// The document, from add_document or a hit of search_knowledge. Give this, ids, source_id or filter.
    #[garde(length(chars, min = 1, max = 64))]
    pub document_id: Option<String>,
    /// Several documents, at most 500.
    #[serde(default)]
    #[garde(length(max = 500), inner(length(chars, min = 1, max = 64)))]
    pub ids: Vec<String>,
    /// All documents of this source, from sync_source.
    #[garde(length(chars, min = 1, max = 64))]
    pub source_id: Option<String>,
    /// All documents that the filter chooses; it must say something. Memories only where `kind` names them.
    #[garde(dive)]
    pub filter: Option<Filters>,
    /// With source_id or filter: whose documents, those of the project if left out. Documents named by their ids are found in
    /// both.
    pub scope: Option<Owner>,
    /// Only tell what would be deleted.
    #[serde(default)]
    pub dry_run: bool,
    /// Erase for good: no version, vector or index entry stays, in no file. Otherwise the text stays on disk, hidden, until
    /// such a purge. Also for documents deleted before, by their ids.
    #[serde(default)]
    pub purge: bool,
}

/// What the caller gets.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Output {
    /// How many documents were deleted, or would be.
    pub count: usize,
    /// The first 100 of them.
    pub documents: Vec<Deleted>,
    /// Whether more than 1,000 were chosen: the first 1,000 are dealt with; call again for the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// Ids that stand for no document that you may read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Whether nothing was done, as `dry_run` asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// With purge: whether nothing of them is in any file of this hub any more. False means that this goes on in the
    /// background and ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased: Option<bool>,
    /// The last change's place in the index's order. No search shows the documents from now on, whatever `min_seq` it sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<i64>,
}

/// A document that is gone.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub struct Deleted {
    /// The document.
    pub document_id: String,
    /// What it was called; left out for one that was deleted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Documents dealt with in one call.
const MOST: usize = 1_000;
/// Documents named in the answer.
const NAMED: usize = 100;
/// How long a purge waits for the files.
const PATIENCE: Duration = Duration::from_secs(20);

impl Tool for DeleteDocument {
    type Server = KnowledgeBase;
    type Args = Args;
    type Output = Output;

    const NAME: &'static str = "delete_document";
    const ABOUT: &'static str = "Delete documents from the knowledge base: one (document_id), several (ids), all of a source, or \
        all that a filter chooses; try a filter with dry_run first. No tool shows them any more, at once. With purge their \
        text, versions and vectors are erased from every file too. To correct a document use add_document with its \
        external_id instead. Returns what was deleted and seq.";
    const HINTS: Hints = Hints {
        irreversible: true,
        ..Hints::of(Access::Write)
    };
    const ACCESS: Access = Access::Write;

    async fn run(server: &KnowledgeBase, ctx: &Ctx, args: Args) -> Result<Output, ToolError> {
        let ids = args.ids.iter().map(|id| ("/ids", Some(id.as_str())));
        text(
            [
                ("/document_id", args.document_id.as_deref()),
                ("/source_id", args.source_id.as_deref()),
            ]
            .into_iter()
            .chain(ids),
        )?;
        let chosen = Chosen::of(server, ctx, &args).await?;
        for (owner, _) in &chosen.documents {
            owner.may_write(ctx)?;
        }
        let mut output = Output {
            count: chosen.documents.len(),
            documents: chosen.named(),
            more: chosen.more,
            missing: chosen.missing,
            dry_run: args.dry_run,
            erased: None,
            seq: None,
        };
        if args.dry_run {
            return Ok(output);
        }
        for owner in [Owner::Project, Owner::Global] {
            let of = chosen.documents.iter().filter(|(whose, _)| *whose == owner);
            let ids: Vec<String> = of
                .map(|(_, document)| document.document_id.clone())
                .collect();
            if ids.is_empty() {
                continue;
            }
            for id in &ids {
                ctx.changed(format!("knowledge/{id}"));
            }
            let realm = owner.realm(ctx);
            let seq = if args.purge {
                let purged = server.purge(&realm, ids, ctx.now(), PATIENCE).await?;
                output.erased = Some(purged.erased && output.erased.unwrap_or(true));
                purged.seq
            } else {
                server.store.delete_all(&realm, ids, ctx.now()).await?
            };
            output.seq = output.seq.max(seq);
        }
        server.indexer.wake();
        Ok(output)
    }
}

/// What is to be deleted.
#[derive(Default)]
struct Chosen {
    documents: Vec<(Owner, Deleted)>,
    missing: Vec<String>,
    more: bool,
}

impl Chosen {
    async fn of(server: &KnowledgeBase, ctx: &Ctx, args: &Args) -> Result<Self, ToolError> {
        let selectors = [
            args.document_id.is_some(),
            !args.ids.is_empty(),
            args.source_id.is_some(),
            args.filter.is_some(),
        ];
        if selectors.iter().filter(|&&given| given).count() != 1 {
            return Err(ToolError::invalid(
                "/document_id",
                "give exactly one of document_id, ids, source_id and filter",
            ));
        }
        if let Some(id) = &args.document_id {
            let chosen = Self::named_by(server, ctx, std::slice::from_ref(id), args.purge).await?;
            if !chosen.missing.is_empty() {
                return Err(no_document(id));
            }
            return Ok(chosen);
        }
        if !args.ids.is_empty() {
            return Self::named_by(server, ctx, &args.ids, args.purge).await;
        }
        let owner = args.scope.unwrap_or(Owner::Project);
        let realm = owner.realm(ctx);
        let mut filter = match &args.filter {
            Some(filters) if filters.is_empty() => {
                return Err(ToolError::invalid(
                    "/filter",
                    "must choose something: name a collection, kind, language, path_glob, tags or since",
                ));
            }
            Some(filters) => Some(filters.filter("/filter")?),
            None => None,
        };
        if let Some(filter) = &mut filter {
            filter.scopes = vec![realm.to_string()];
        }
        Self::where_(
            server,
            owner,
            &realm,
            args.source_id.as_deref(),
            filter.as_ref(),
        )
        .await
    }

    /// Those of `ids` that the caller may read; for a purge also what was deleted before.
    async fn named_by(
        server: &KnowledgeBase,
        ctx: &Ctx,
        ids: &[String],
        purge: bool,
    ) -> Result<Self, ToolError> {
        let mut chosen = Self::default();
        for id in ids {
            let known = chosen
                .documents
                .iter()
                .any(|(_, known)| known.document_id == *id);
            if known {
                continue;
            }
            let realms = readable(ctx);
            let found = server.store.document(&realms, id).await?;
            let deleted = match found {
                Some(row) => Some((Owner::of(&row), Some(row.title))),
                None if purge => {
                    let row = server.store.deleted(&realms, id).await?;
                    row.map(|row| (Owner::of(&row), None))
                }
                None => None,
            };
            match deleted {
                Some((owner, title)) => {
                    let document_id = id.clone();
                    chosen
                        .documents
                        .push((owner, Deleted { document_id, title }));
                }
                None => chosen.missing.push(id.clone()),
            }
        }
        Ok(chosen)
    }

    /// The live documents of a realm, those of one source or those that a filter chooses.
    async fn where_(
        server: &KnowledgeBase,
        owner: Owner,
        realm: &Realm,
        source: Option<&str>,
        filter: Option<&Filter>,
    ) -> Result<Self, ToolError> {
        let mut chosen = Self::default();
        let mut after = String::new();
        loop {
            let rows = server.store.live_in(realm, source, &after, MOST).await?;
            let Some(last) = rows.last() else {
                return Ok(chosen);
            };
            after.clone_from(&last.id);
            for row in rows {
                if !wanted(&row, filter)? {
                    continue;
                }
                if chosen.documents.len() == MOST {
                    chosen.more = true;
                    return Ok(chosen);
                }
                let document_id = row.id;
                let title = Some(row.title);
                chosen
                    .documents
                    .push((owner, Deleted { document_id, title }));
            }
        }
    }

    fn named(&self) -> Vec<Deleted> {
        let first = self.documents.iter().take(NAMED);
        let named = first.map(|(_, document)| Deleted {
            document_id: document.document_id.clone(),
            title: document.title.clone(),
        });
        named.collect()
    }
}

fn wanted(row: &DocumentRow, filter: Option<&Filter>) -> Result<bool, ToolError> {
    match filter {
        Some(filter) => Ok(filter.matches(&facts(row)?)),
        None => Ok(true),
    }
}

#[cfg(test)]
mod tests;
