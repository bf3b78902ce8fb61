//! Purging: after it nothing of a document is left, in no version and in no file.
//!
//! Rows go in one transaction. The index forgets the document in its next commit and merges every segment that held a word of
//! it before it says that it is past the purge ([`super::indexer`]); the vectors in memory go by the same entry of the outbox.
//! Then the database's files are written anew. A hub that dies in between goes on where it was.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

use super::{KnowledgeBase, model::Realm, store::KnowledgeStore};
use crate::{
    base::clock::Millis,
    tool::{Tasks, ToolError},
};

/// Before something that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What a purge did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purged {
    /// The documents that were there.
    pub ids: Vec<String>,
    /// Their erasure's place in the index's order; nothing when there were none.
    pub seq: Option<i64>,
    /// Whether this hub's files hold nothing of them any more. Otherwise that goes on in the background.
    pub erased: bool,
}

/// Removes what deleted rows leave in the database's files, when there was a purge.
#[derive(Debug)]
pub struct Scrubber {
    wake: Arc<Notify>,
    /// The last purge whose traces are gone.
    done: watch::Receiver<i64>,
}

impl Scrubber {
    /// Starts with what an earlier hub left to do.
    pub fn start(store: KnowledgeStore, tasks: &Tasks) -> Self {
        let (report, done) = watch::channel(0);
        let wake = Arc::new(Notify::new());
        let woken = Arc::clone(&wake);
        tasks.spawn("knowledge-scrub", |stop| async move {
            let work = async {
                loop {
                    // All purges that are committed by now share one pass.
                    let scrubbed = async {
                        let Some(seq) = store.unscrubbed().await? else {
                            return Ok(None);
                        };
                        store.scrub(seq).await?;
                        Ok::<_, ToolError>(Some(seq))
                    };
                    match scrubbed.await {
                        Ok(Some(seq)) => {
                            report.send_replace(seq);
                        }
                        Ok(None) => woken.notified().await,
                        Err(error) => {
                            tracing::warn!(%error, cause = ?error.source, "traces of what was purged are still in the database's files: trying again");
                            tokio::time::sleep(RETRY).await;
                        }
                    }
                }
            };
            stop.run_until_cancelled(work).await;
        });
        Self { wake, done }
    }

    /// Waits until the traces of the purge at `seq` are gone.
    async fn past(&self, seq: i64) -> bool {
        self.wake.notify_one();
        let mut done = self.done.clone();
        done.wait_for(|done| *done >= seq).await.is_ok()
    }
}

impl KnowledgeBase {
    /// Erases the documents of `realm` among `ids`, live or deleted before, and waits at most `patience` until nothing of them
    /// is in any file of this hub's.
    pub async fn purge(
        &self,
        realm: &Realm,
        ids: Vec<String>,
        now: Millis,
        patience: Duration,
    ) -> Result<Purged, ToolError> {
        let (ids, seq) = self.store.purge(realm, ids, now).await?;
        let Some(last) = seq else {
            return Ok(Purged {
                ids,
                seq,
                erased: true,
            });
        };
        self.embedding.forget_queries();
        self.indexer.wake();
        let gone = async {
            let (indexed, scrubbed) =
                tokio::join!(self.indexer.reach(last, patience), self.scrubber.past(last));
            indexed && scrubbed
        };
        let erased = tokio::time::timeout(patience, gone).await.unwrap_or(false);
        Ok(Purged { ids, seq, erased })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::{
        base::ids::ProjectId,
        servers::{
            knowledge_base::{Config, EmbeddingConfig, ProviderConfig, tools},
            llm_gateway::{self, LlmGateway},
        },
        test,
    };

    const LONG: Duration = Duration::from_secs(60);
    const DOCUMENTS: usize = 24;

    /// What all files below `dir` hold, in small letters.
    fn contents(dir: &Path) -> String {
        let mut all = String::new();
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                all += &contents(&path);
            } else {
                all += &String::from_utf8_lossy(&std::fs::read(&path).unwrap());
            }
        }
        all.to_lowercase()
    }

    #[tokio::test]
    async fn no_file_holds_a_word_of_what_was_purged() {
        let mut base = None;
        let team = test::team(async |builder, host| {
            let config = Config {
                embedding: EmbeddingConfig {
                    provider: ProviderConfig::Gateway,
                    model: Some("mock/embed".into()),
                    dimensions: Some(8),
                },
                ..Config::default()
            };
            let opened = Arc::new(KnowledgeBase::open(config, host).await.unwrap());
            base = Some(Arc::clone(&opened));
            let llm = LlmGateway::open(llm_gateway::Config::default(), host).await;
            builder
                .with(crate::tool::Mounted::shared(&opened))
                .mount(llm.unwrap())
        })
        .await;
        let base = base.unwrap();
        let data = &team.host.data;
        let text = |n: usize| {
            let more = "and much more of that kind, line after line. ".repeat(n * 7 % 60);
            format!("# Heading xyzzy{n}q\n\nplugh{n}q {more}\n\n## Deeper frotz{n}q\n\nend")
        };
        let mut ids = Vec::new();
        for n in 0..DOCUMENTS {
            let more = json!({"external_id": format!("name{n}"), "metadata": {"note": format!("rezrov{n}q")}});
            tools::tests::add(&team, &format!("old gnusto{n}q {}", text(n)), more.clone()).await;
            let added = tools::tests::add(&team, &text(n), more).await;
            ids.push(added["document_id"].as_str().unwrap().to_owned());
        }
        // A job calls a text without a name by its title.
        let sent = json!({"documents": [{"source": {"text": "nitfol"}, "title": "yomin"}], "wait_ms": 20_000});
        let job = team.call_json("add_documents", sent).await.unwrap();
        ids.push(job["items"][0]["document_id"].as_str().unwrap().to_owned());
        for n in 0..DOCUMENTS {
            tools::tests::titles(&team, json!({"query": format!("plugh{n}q")})).await;
        }
        while base.embedding.waiting(&[Realm::Global]).await.unwrap() > 0
            || base
                .store
                .count_vectors("gateway/mock/embed@8", 32)
                .await
                .unwrap()
                .with_vector
                < DOCUMENTS as i64
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        team.audit.flush().await;
        assert!(contents(data).contains("plugh6q"));
        // Some were deleted before, the others are live.
        let gone: Vec<String> = ids.iter().step_by(2).cloned().collect();
        for id in gone.iter().step_by(2) {
            let sent = json!({"document_id": id});
            team.call_json("delete_document", sent).await.unwrap();
        }
        let realm = Realm::Project(ProjectId::new("demo").unwrap());
        let elsewhere = Realm::Project(ProjectId::new("elsewhere").unwrap());
        let none = base.purge(&elsewhere, gone.clone(), 1, LONG).await.unwrap();
        assert_eq!((none.ids.len(), none.seq), (0, None));
        let purged = base.purge(&realm, gone.clone(), 1, LONG).await.unwrap();
        assert_eq!((purged.ids, purged.erased), (gone, true));
        let left = contents(data);
        assert!(!left.contains("nitfol") && !left.contains("yomin"));
        for n in (0..DOCUMENTS).step_by(2) {
            for word in ["xyzzy", "plugh", "frotz", "rezrov", "gnusto"] {
                assert!(!left.contains(&format!("{word}{n}q")), "{word}{n}q");
            }
        }
        assert!(left.contains("plugh7q"), "others stay");
        let verified = team.call_json("verify_knowledge", json!({})).await.unwrap();
        assert_eq!(verified["clean"], true, "{verified}");
    }
}
