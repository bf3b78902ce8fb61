//! The knowledge base of a hub, filled and asked through REST.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    hub::{Hub, Settings},
    process::cpu_us,
};

/// Documents and bytes of their texts in one call.
const DOCUMENTS: usize = 250;
const BYTES: usize = 2 << 20;
/// How often the hub is asked how far it is.
const LOOK: Duration = Duration::from_millis(500);

/// What something cost.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub wall: Duration,
    /// Of the hub's process, in seconds.
    pub cpu: f64,
}

impl Cost {
    pub fn per_second(self, count: u64) -> f64 {
        count as f64 / self.wall.as_secs_f64()
    }
}

pub struct Knowledge {
    pub hub: Hub,
}

impl Knowledge {
    pub async fn start(settings: Settings) -> Self {
        let hub = Hub::with(settings).await;
        Self { hub }
    }

    /// Runs `tool` as the first project and agent.
    pub async fn call(&self, tool: &str, mut arguments: Value) -> Value {
        arguments["project_id"] = "default".into();
        arguments["agent_id"] = "default".into();
        let path = format!("/api/v1/servers/knowledge_base/tools/{tool}");
        let (status, answer) = self.hub.admin("POST", &path, arguments).await;
        assert_eq!(status, 200, "{tool}: {answer}");
        answer
    }

    /// Adds all of `documents` and waits until the index holds them; those that were refused, with the reason.
    pub async fn add(
        &self,
        documents: impl IntoIterator<Item = Value>,
    ) -> (Cost, Vec<(String, String)>) {
        let (started, cpu) = (Instant::now(), cpu_us(self.hub.pid()));
        let mut refused = Vec::new();
        let (mut batch, mut bytes, mut seq) = (Vec::new(), 0, 0);
        for document in documents {
            bytes += document["source"]["text"].as_str().map_or(0, str::len);
            batch.push(document);
            if batch.len() == DOCUMENTS || bytes >= BYTES {
                seq = self
                    .add_batch(std::mem::take(&mut batch), &mut refused)
                    .await;
                bytes = 0;
            }
        }
        if !batch.is_empty() {
            seq = self.add_batch(batch, &mut refused).await;
        }
        while self.stats().await["index"]["seq"].as_i64() < Some(seq) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        (self.since(started, cpu), refused)
    }

    async fn add_batch(&self, batch: Vec<Value>, refused: &mut Vec<(String, String)>) -> i64 {
        let sent = json!({"documents": batch, "wait_ms": 20_000});
        let mut job = self.call("add_documents", sent).await;
        let id = job["job_id"].clone();
        while matches!(job["state"].as_str(), Some("queued" | "running")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            job = self.call("get_knowledge_job", json!({"id": id})).await;
        }
        assert_eq!(job["state"], "done", "{job}");
        if job["failed"] != 0 {
            let failed = json!({"id": id, "show": "failed", "limit": 200});
            let failed = self.call("get_knowledge_job", failed).await;
            for item in failed["items"].as_array().unwrap() {
                let word = |key: &str| item[key].as_str().unwrap_or_default().to_owned();
                refused.push((word("name"), word("message")));
            }
        }
        job["seq"].as_i64().unwrap()
    }

    /// Waits until every document has its vectors.
    pub async fn embedded(&self) -> Cost {
        let (started, cpu) = (Instant::now(), cpu_us(self.hub.pid()));
        loop {
            let stats = self.stats().await;
            let model = &stats["models"][0];
            if let Some(trouble) = model["trouble"].as_str() {
                panic!("no vectors are made: {trouble}");
            }
            let all = model["with_vector"].as_u64();
            let ready = model["state"] == "serving" && model["in_memory"].as_u64() >= all;
            if ready && model["without"] == 0 {
                return self.since(started, cpu);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn stats(&self) -> Value {
        self.call("knowledge_stats", json!({})).await
    }

    fn since(&self, started: Instant, cpu: f64) -> Cost {
        Cost {
            wall: started.elapsed(),
            cpu: (cpu_us(self.hub.pid()) - cpu) / 1e6,
        }
    }
}
