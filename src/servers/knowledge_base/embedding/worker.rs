//! Makes the vectors of one generation: of all documents when it is begun, and of what changes ever after.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use super::{Troubles, provider::Provider};
use crate::{
    base::{
        clock::Clock,
        ids::{AgentId, ProjectId},
    },
    project::{self, Scope},
    servers::knowledge_base::{
        feed::Feed,
        store::{Generation, KnowledgeStore, Made, NewVectors, Op, Passage, Passages},
    },
    tool::{Code, ToolError, Upkeep},
};

/// Documents that are looked at together.
const PAGE: u32 = 32;
/// How long a hub has a generation for itself, in milliseconds, and how often it says so.
const LEASE_MS: i64 = 20_000;
const RENEW: Duration = Duration::from_secs(5);
/// After a failure: doubled each time, up to the last.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);
/// How often it says how far the building is, and asks whether it was cancelled.
const REPORT: Duration = Duration::from_millis(500);

/// Makes the vectors of one generation.
pub struct Worker {
    pub store: KnowledgeStore,
    pub feed: Feed,
    pub upkeep: Upkeep,
    pub clock: Clock,
    /// This hub, for its lease.
    pub owner: Arc<str>,
    pub generation: Generation,
    pub provider: Provider,
    pub troubles: Troubles,
    /// Told when generations change.
    pub changed: Arc<Notify>,
    pub leased: Option<Instant>,
    /// When it last said how far it is.
    pub reported: Option<Instant>,
    /// Passages that the provider does not take.
    pub refused: i64,
}

/// What became of a step.
enum Step {
    Done,
    /// The generation is no more.
    Over,
}

impl Worker {
    /// Works until its generation is no more.
    pub async fn run(mut self) {
        let id = self.generation.id;
        let mut pause = RETRY;
        loop {
            match self.step().await {
                Ok(Step::Done) => {
                    pause = RETRY;
                    self.troubles.clear(id);
                }
                Ok(Step::Over) => break,
                Err(error) => {
                    tracing::warn!(%error, cause = ?error.source, model = self.generation.model, "vectors are not made: trying again");
                    self.troubles.tell(id, error.to_string());
                    // Whoever cancels it meanwhile need not wait for the provider.
                    if self.report().await.unwrap_or(false) {
                        break;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MOST);
                }
            }
        }
        self.troubles.clear(id);
        self.changed.notify_one();
    }

    async fn step(&mut self) -> Result<Step, ToolError> {
        if !self.lease().await? {
            tokio::time::sleep(RENEW).await;
            return Ok(Step::Done);
        }
        if self.generation.state.is_empty() || self.report().await? {
            return Ok(Step::Over);
        }
        if self.generation.dimensions == 0 {
            self.measure().await?;
        }
        let ids = match self.generation.after_id.clone() {
            Some(after) => {
                let ids = self.store.live_after(&after, PAGE).await?;
                self.generation.after_id = ids.last().cloned();
                ids
            }
            None => match self.changes().await? {
                Some(ids) => ids,
                None => return Ok(Step::Done),
            },
        };
        let (seq, after) = (self.generation.seq, self.generation.after_id.clone());
        if let Err(error) = self.documents(ids).await {
            // What was not made is looked at again.
            self.leased = None;
            return Err(error);
        }
        self.store
            .advance_generation(self.generation.id, seq, after)
            .await?;
        Ok(Step::Done)
    }

    /// Whether this hub is the one that makes the vectors. With a new lease it begins where the last holder left off.
    async fn lease(&mut self) -> Result<bool, ToolError> {
        let alone = self.store.is_alone();
        if self.leased.is_some_and(|at| alone || at.elapsed() < RENEW) {
            return Ok(true);
        }
        let (id, now) = (self.generation.id, self.clock.now());
        if !self
            .store
            .lease_generation(id, &self.owner, now, now + LEASE_MS)
            .await?
        {
            self.leased = None;
            // It may be no more.
            self.reload().await?;
            return Ok(self.generation.state.is_empty());
        }
        if self.leased.is_none() {
            self.reload().await?;
        }
        self.leased = Some(Instant::now());
        Ok(true)
    }

    async fn reload(&mut self) -> Result<(), ToolError> {
        let live = self.store.generations().await?;
        match live.into_iter().find(|one| one.id == self.generation.id) {
            Some(known) => self.generation = known,
            None => self.generation.state.clear(),
        }
        Ok(())
    }

    /// Says how far the building is; whether it was cancelled.
    async fn report(&mut self) -> Result<bool, ToolError> {
        if self.reported.is_some_and(|at| at.elapsed() < REPORT) {
            return Ok(false);
        }
        self.reported = Some(Instant::now());
        let Some(job) = self
            .generation
            .job_id
            .clone()
            .filter(|_| !self.generation.serves())
        else {
            return Ok(false);
        };
        let (done, total) = self
            .store
            .count_live(self.generation.after_id.as_deref())
            .await?;
        let done = if self.generation.after_id.as_deref() == Some("") {
            0
        } else {
            done
        };
        let trouble = self.troubles.of(self.generation.id);
        let now = self.clock.now();
        let cancelled = self
            .store
            .report_generation(&job, done, total, self.refused, trouble, now)
            .await?;
        if cancelled {
            self.store
                .cancel_generation(self.generation.id, now)
                .await?;
        }
        Ok(cancelled)
    }

    /// Asks the provider for one vector, to know that it answers and how long its vectors are.
    async fn measure(&mut self) -> Result<(), ToolError> {
        let payer = payer(None, "")?;
        let made = self
            .provider
            .passages(&self.upkeep, &payer, vec!["syndarix".into()])
            .await?;
        let dimensions = made.first().map_or(0, Vec::len) as i64;
        self.store
            .measure_generation(self.generation.id, dimensions)
            .await?;
        self.generation.dimensions = dimensions;
        Ok(())
    }

    /// Documents that changed since. Where none did, a generation that was built is let serve, and one that serves waits.
    async fn changes(&mut self) -> Result<Option<Vec<String>>, ToolError> {
        let entries = self.store.outbox(self.generation.seq, PAGE).await?;
        let Some(last) = entries.last() else {
            if self.generation.serves() {
                let _renew =
                    tokio::time::timeout(RENEW, self.feed.after(self.generation.seq)).await;
            } else if self
                .store
                .switch_generation(self.generation.id, self.clock.now())
                .await?
            {
                tracing::info!(
                    model = self.generation.model,
                    "search by meaning uses this model now"
                );
                self.reload().await?;
                self.changed.notify_one();
            }
            return Ok(None);
        };
        self.generation.seq = last.seq;
        let mut seen = HashSet::new();
        let documents = entries.into_iter().filter(|entry| entry.op == Op::Document);
        let ids: Vec<String> = documents
            .map(|entry| entry.document_id)
            .filter(|id| seen.insert(id.clone()))
            .collect();
        Ok(Some(ids).filter(|ids| !ids.is_empty()))
    }

    /// Makes and keeps the vectors that these documents lack, several documents at a time.
    async fn documents(&mut self, ids: Vec<String>) -> Result<(), ToolError> {
        let most = self.provider.batch();
        let mut together = Vec::new();
        let mut texts = 0;
        for id in ids {
            let Some(document) = self.store.passages(&id).await? else {
                continue;
            };
            texts += document.passages.len();
            together.push(document);
            if texts >= most {
                self.lacking(std::mem::take(&mut together)).await?;
                texts = 0;
            }
        }
        self.lacking(together).await
    }

    async fn lacking(&mut self, documents: Vec<Passages>) -> Result<(), ToolError> {
        // What is known to be there must not be swept before it is used.
        let new = documents.iter().filter(|document| !document.noted);
        self.store.note_passages(new.cloned().collect()).await?;
        let most = self.provider.batch();
        let mut together: Vec<(Passages, BTreeMap<String, String>, bool)> = Vec::new();
        let mut texts = 0;
        for document in documents {
            let parts = document.passages.chunks(most.max(1));
            let last = parts.len().saturating_sub(1);
            for (n, part) in parts.enumerate() {
                let part = Passages {
                    passages: part.to_vec(),
                    ..without_passages(&document)
                };
                let hashes: Vec<String> = part.passages.iter().map(|p| p.hash.clone()).collect();
                let known = self
                    .store
                    .has_vectors(&self.generation.model, &part.scope, &hashes)
                    .await?;
                let lacking = part.lacking(&known);
                texts += lacking.len();
                together.push((part, lacking, n == last));
                if texts >= most {
                    self.make(std::mem::take(&mut together)).await?;
                    texts = 0;
                }
            }
        }
        self.make(together).await
    }

    async fn make(
        &mut self,
        together: Vec<(Passages, BTreeMap<String, String>, bool)>,
    ) -> Result<(), ToolError> {
        // Each scope has its texts made for itself: what another had made already would show in time and cost.
        let mut groups: BTreeMap<(String, String), BTreeMap<String, String>> = BTreeMap::new();
        for (document, lacking, _) in &together {
            let key = (document.scope.clone(), document.created_by.clone());
            groups.entry(key).or_default().extend(lacking.clone());
        }
        let mut made: HashMap<(String, String), Vec<f32>> = HashMap::new();
        for ((scope, agent), texts) in groups {
            let payer = payer(scope.strip_prefix("project:"), &agent)?;
            for (hash, vector) in self.vectors(&payer, texts).await? {
                made.insert((scope.clone(), hash), vector);
            }
        }
        let announces = self.generation.serves();
        let vectors = together.into_iter().map(|(document, lacking, last)| {
            let vector = |hash: String| {
                let vector = made.get(&(document.scope.clone(), hash.clone()))?.clone();
                Some(Made { hash, vector })
            };
            NewVectors {
                made: lacking.into_keys().filter_map(vector).collect(),
                announced: announces && last,
                document,
            }
        });
        let (model, now) = (&self.generation.model, self.clock.now());
        self.store.put_vectors(model, vectors.collect(), now).await
    }

    /// The vectors of texts by hash. Texts that the provider refuses for what they are have none.
    async fn vectors(
        &mut self,
        payer: &Scope,
        texts: BTreeMap<String, String>,
    ) -> Result<Vec<(String, Vec<f32>)>, ToolError> {
        let mut texts: Vec<(String, String)> = texts.into_iter().collect();
        // Texts of like length cost least together.
        texts.sort_by_key(|(_, text)| text.len());
        let mut waiting: Vec<Vec<(String, String)>> = texts
            .chunks(self.provider.batch())
            .map(<[_]>::to_vec)
            .collect();
        let mut out = Vec::with_capacity(texts.len());
        while let Some(mut batch) = waiting.pop() {
            let sent = batch.iter().map(|(_, text)| text.clone()).collect();
            match self.provider.passages(&self.upkeep, payer, sent).await {
                Ok(vectors) => out.extend(batch.into_iter().map(|(hash, _)| hash).zip(vectors)),
                Err(error) if !matches!(error.code, Code::InvalidArgument | Code::TooLarge) => {
                    return Err(error);
                }
                Err(_) if batch.len() > 1 => {
                    let rest = batch.split_off(batch.len() / 2);
                    waiting.extend([batch, rest]);
                }
                Err(error) => {
                    self.refused += 1;
                    tracing::warn!(%error, "the embedding model does not take a passage: it is found by its words alone");
                }
            }
        }
        Ok(out)
    }
}

fn without_passages(document: &Passages) -> Passages {
    Passages {
        document_id: document.document_id.clone(),
        scope: document.scope.clone(),
        project_id: document.project_id.clone(),
        created_by: document.created_by.clone(),
        passages: Vec::<Passage>::new(),
        noted: true,
    }
}

/// Who bears the cost: the document's project and who added it; of global documents the first project.
fn payer(project: Option<&str>, agent: &str) -> Result<Scope, ToolError> {
    let (project, agent) = match project {
        Some(project) => (project, agent),
        None => (project::DEFAULT, project::DEFAULT),
    };
    Ok(Scope {
        project: ProjectId::new(project).map_err(ToolError::internal)?,
        agent: AgentId::new(agent).map_err(ToolError::internal)?,
    })
}
