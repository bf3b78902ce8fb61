//! A database that was restored from an older backup, beside an index that is ahead of it.

use serde_json::json;

use super::{call, found, mock, verified};
use crate::support::Hub;

#[tokio::test]
async fn a_restored_older_backup_makes_the_index_anew_by_itself() {
    let mut hub = Hub::with(mock(8)).await;
    let add = async |hub: &Hub, word: &str| {
        let sent = json!({"source": {"text": word}, "external_id": word, "wait_ms": 5_000});
        let added = call(hub, "default", "add_document", sent).await;
        added["document_id"].as_str().unwrap().to_owned()
    };
    let old = add(&hub, "before").await;
    verified(&hub).await;
    assert!(hub.terminate().await.1);
    let database = hub.data().join("syndarix.db");
    let backup = hub.dir().join("backup.db");
    std::fs::copy(&database, &backup).unwrap();
    let mut hub = hub.again().await;
    add(&hub, "after").await;
    add(&hub, "later").await;
    verified(&hub).await;
    assert!(hub.terminate().await.1);
    std::fs::copy(&backup, &database).unwrap();
    let hub = hub.again().await;
    verified(&hub).await;
    assert_eq!(found(&hub, "default", "before", 0).await, [old]);
    assert_eq!(found(&hub, "default", "after", 0).await, [""; 0]);
    let stats = call(&hub, "default", "knowledge_stats", json!({})).await;
    assert_eq!(stats["index"]["generation"], 2, "{stats}");
    let new = add(&hub, "again").await;
    assert_eq!(found(&hub, "default", "again", 0).await, [new]);
}
