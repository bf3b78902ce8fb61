//! A job of kind ingest: documents that a caller listed.

use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::{
    fault, prepare_text,
    request::{Request, Source},
    runner::{Hand, Left},
};
use crate::{
    servers::knowledge_base::{
        model::NewDocument,
        store::{Failed, Step},
    },
    tool::{Stop, ToolError},
};

/// Documents that are looked up at once.
const PAGE: u32 = 256;
/// Documents of one transaction.
const STEP: usize = 64;
/// How long documents that were read wait for others to share their transaction.
const GATHER: Duration = Duration::from_millis(500);
/// Documents that are read at the same time.
pub const ABREAST: usize = 4;

/// Adds what is still to be added, in the caller's order.
pub async fn run(hand: &mut Hand<'_>) -> Result<(), Left> {
    let ingest = hand.ingest;
    loop {
        let queued = ingest.0.store.queued_items(&hand.job.id, PAGE).await?;
        if queued.is_empty() {
            return Ok(());
        }
        let reading = queued
            .into_iter()
            .map(|(ordinal, name, request)| async move {
                (ordinal, name, read(ingest, &request).await)
            });
        let mut reading = stream::iter(reading).buffered(ABREAST);
        let mut step = Step::default();
        let mut until = Instant::now() + GATHER;
        loop {
            let next = timeout_at(until, reading.next()).await;
            let (late, ended) = (next.is_err(), matches!(next, Ok(None)));
            if let Ok(Some((ordinal, name, read))) = next {
                match read {
                    Ok(new) => step.add.push((Some(ordinal), new)),
                    Err(error) => step.failed.push(failed(ordinal, name, &error)),
                }
            }
            let count = step.add.len() + step.failed.len();
            if count > 0 && (late || ended || count >= STEP) {
                hand.step(std::mem::take(&mut step)).await?;
            }
            if ended {
                break;
            }
            if late || count >= STEP {
                until = Instant::now() + GATHER;
            }
        }
    }
}

/// What a job calls each of its documents, and what is left to do for it.
pub type Items = Vec<(String, Option<String>)>;

/// Texts that are there already, cut: as a job lists them, and the step that adds them.
pub fn ready(requests: Vec<Request>, most: usize, stop: &Stop) -> Result<(Items, Step), ToolError> {
    let mut items = Vec::with_capacity(requests.len());
    let mut step = Step::default();
    for (ordinal, request) in (0..).zip(requests) {
        stop.check()?;
        let name = request.name();
        let Source::Text(text) = &request.source else {
            return Err(ToolError::internal("only a text is ready"));
        };
        let cut = request
            .check()
            .and_then(|()| prepare_text(request.about.clone(), text.clone(), most));
        match cut {
            Ok(new) => {
                step.add.push((Some(ordinal), new));
                items.push((name, None));
            }
            Err(error) => {
                step.failed.push(failed(ordinal, name.clone(), &error));
                let left = serde_json::to_string(&request).map_err(ToolError::internal)?;
                items.push((name, Some(left)));
            }
        }
    }
    Ok((items, step))
}

async fn read(ingest: &super::Ingest, request: &str) -> Result<NewDocument, ToolError> {
    let request: Request = serde_json::from_str(request).map_err(ToolError::internal)?;
    request.check()?;
    ingest.read(request).await
}

/// The fate of a document that cannot be added.
pub fn failed(ordinal: i64, name: String, error: &ToolError) -> Failed {
    if let Some(source) = &error.source {
        tracing::warn!(name, %error, cause = ?source, "a document could not be added");
    }
    Failed {
        ordinal,
        name,
        code: fault::word(error),
        message: error.message.chars().take(500).collect(),
    }
}
