//! Two hubs on one PostgreSQL. Where the environment names no server, this shows nothing.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{call, found, mock, verified, word};
use crate::support::{Hub, database};

#[tokio::test]
async fn what_one_hub_is_told_the_other_finds_within_a_second() {
    let Some(url) = database("syndarix_kb_two").await else {
        return;
    };
    let settings = mock(8).extra(&format!("[database]\nurl = \"{url}\"\n"));
    let one = Hub::with(settings).await;
    let other = one.beside().await;
    verified(&one).await;
    verified(&other).await;
    for (n, (here, there)) in [(&one, &other), (&other, &one)]
        .into_iter()
        .cycle()
        .take(8)
        .enumerate()
    {
        let word = word(n);
        let sent = json!({"source": {"text": word}, "external_id": word, "wait_ms": 0});
        let added = call(here, "default", "add_document", sent).await;
        let acknowledged = Instant::now();
        let id = added["document_id"].as_str().unwrap().to_owned();
        while found(there, "default", &word, 0).await != [id.clone()] {
            assert!(
                acknowledged.elapsed() < Duration::from_secs(1),
                "not found within a second"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if n % 4 == 3 {
            call(
                there,
                "default",
                "delete_document",
                json!({"document_id": id}),
            )
            .await;
            assert_eq!(found(here, "default", &word, 0).await, [""; 0]);
        }
    }
    verified(&one).await;
    verified(&other).await;
}
