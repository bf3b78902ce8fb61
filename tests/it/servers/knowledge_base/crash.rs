//! kill -9 at any moment: what was acknowledged is found, what was deleted is not, and the index equals the database.
//!
//! `just crash-knowledge` runs many cycles against a release build.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{call, found, mock, verified, word};
use crate::support::Hub;

/// Cycles, unless the environment says otherwise.
const CYCLES: usize = 5;
/// Calls at the same time.
const WRITERS: usize = 4;

/// Numbers that a seed tells.
struct Dice(u64);

impl Dice {
    /// One of `0..sides` (Knuth's MMIX generator).
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

/// What is known of a document: the words that its versions were told by.
#[derive(Clone, Debug, Default)]
struct Known {
    id: String,
    /// The word of the version that was acknowledged last; nothing after a delete.
    word: Option<String>,
    /// A call whose answer was never seen: it may have happened.
    unsure: bool,
    /// Words that must not be found.
    gone: Vec<String>,
}

type Book = Arc<Mutex<BTreeMap<String, Known>>>;

async fn send(hub: &Sender, tool: &str, mut args: Value) -> Option<Value> {
    args["project_id"] = "default".into();
    args["agent_id"] = "default".into();
    let url = format!("{}/api/v1/servers/knowledge_base/tools/{tool}", hub.main);
    let sent = hub
        .http
        .post(url)
        .bearer_auth(&hub.token)
        .json(&args)
        .send()
        .await
        .ok()?;
    let ok = sent.status().is_success();
    let body = sent.json().await.ok()?;
    ok.then_some(body)
}

#[derive(Clone)]
struct Sender {
    http: reqwest::Client,
    main: String,
    token: String,
}

/// Adds, changes and deletes documents until told to stop.
async fn write(
    hub: Sender,
    book: Book,
    stop: Arc<AtomicBool>,
    serial: Arc<AtomicUsize>,
    mut dice: Dice,
) {
    while !stop.load(Ordering::Relaxed) {
        let n = serial.fetch_add(1, Ordering::Relaxed);
        // A document belongs to one writer, so that what it last said is known.
        let taken = {
            let mut book = book.lock().unwrap();
            let mut sure: Vec<String> = book
                .iter()
                .filter(|(_, known)| !known.unsure)
                .map(|(name, _)| name.clone())
                .collect();
            let pick = dice.roll(sure.len() as u64 + 8) as usize;
            let name = if pick < sure.len() {
                sure.swap_remove(pick)
            } else {
                format!("doc {n}")
            };
            let known = book.entry(name.clone()).or_default();
            known.unsure = true;
            (name, known.clone())
        };
        let (name, mut known) = taken;
        let deletes = known.word.is_some() && dice.roll(3) == 0;
        if deletes {
            if send(&hub, "delete_document", json!({"document_id": known.id}))
                .await
                .is_none()
            {
                continue;
            }
            known.gone.extend(known.word.take());
        } else {
            let word = word(n);
            let paragraphs = 1 + dice.roll(6);
            let text: Vec<String> = (0..paragraphs)
                .map(|p| format!("# Part {p}\n\n{word} and what else there is to say"))
                .collect();
            let sent =
                json!({"source": {"text": text.join("\n\n")}, "external_id": name, "wait_ms": 0});
            let Some(added) = send(&hub, "add_document", sent).await else {
                continue;
            };
            known.id = added["document_id"].as_str().unwrap().to_owned();
            known.gone.extend(known.word.replace(word));
        }
        known.unsure = false;
        book.lock().unwrap().insert(name, known);
    }
}

/// Finds what must be found and nothing that must not. What was unsure is deleted, to be sure again.
async fn check(hub: &Hub, book: &Book) {
    let all = book.lock().unwrap().clone();
    for (name, known) in &all {
        for gone in &known.gone {
            assert_eq!(
                found(hub, "default", gone, 0).await,
                [""; 0],
                "{name}: {gone} is gone"
            );
        }
        if let Some(word) = known.word.as_ref().filter(|_| !known.unsure) {
            assert_eq!(
                found(hub, "default", word, 0).await,
                std::slice::from_ref(&known.id),
                "{name}: {word}"
            );
        }
    }
    let listed = call(hub, "default", "list_documents", json!({"limit": 200})).await;
    let live: Vec<&Value> = listed["items"].as_array().unwrap().iter().collect();
    let mut book = book.lock().unwrap();
    // A document that was in doubt is left alone from now on: only what is certain is asked again.
    book.retain(|_, known| !known.unsure);
    for known in book.values_mut() {
        known.gone.clear();
    }
    assert!(
        listed["next_cursor"].is_string()
            || live.len() >= book.values().filter(|k| k.word.is_some()).count()
    );
}

#[tokio::test]
async fn whatever_a_kill_interrupts_nothing_acknowledged_is_lost_and_nothing_deleted_found() {
    let cycles = std::env::var("CRASH_CYCLES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(CYCLES);
    let seed = std::env::var("CRASH_SEED")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(20_261_123);
    let mut dice = Dice(seed);
    let book = Book::default();
    let serial = Arc::new(AtomicUsize::new(0));
    let mut hub = Hub::with(mock(8)).await;
    for cycle in 0..cycles {
        verified(&hub).await;
        check(&hub, &book).await;
        let sender = Sender {
            http: hub.http.clone(),
            main: hub.main.clone(),
            token: hub.admin.clone(),
        };
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..WRITERS)
            .map(|n| {
                let dice = Dice(dice.roll(u64::from(u32::MAX)) + n as u64);
                tokio::spawn(write(
                    sender.clone(),
                    Arc::clone(&book),
                    Arc::clone(&stop),
                    Arc::clone(&serial),
                    dice,
                ))
            })
            .collect();
        // Now and then while another model's vectors are built, or the index is filled anew.
        if cycle % 2 == 1 {
            hub.configure(&mock(8 + u32::try_from(dice.roll(4)).unwrap()));
            hub.signal(Signal::HUP);
        }
        if cycle % 3 == 2 {
            let _ = send(
                &sender,
                "reindex_knowledge",
                json!({"wait_ms": dice.roll(30)}),
            )
            .await;
        }
        tokio::time::sleep(Duration::from_millis(50 + dice.roll(900))).await;
        hub.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        hub = hub.again().await;
    }
    verified(&hub).await;
    check(&hub, &book).await;
    assert!(
        book.lock()
            .unwrap()
            .values()
            .any(|known| known.word.is_some()),
        "something was written"
    );
}
