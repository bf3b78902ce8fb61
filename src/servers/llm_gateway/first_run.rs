//! What a new user may have already: an Ollama on this machine. It is suggested; nothing is enabled by itself.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Config;
use crate::tool::Tasks;

/// Where Ollama listens unless it is told otherwise.
const OLLAMA: &str = "localhost:11434";
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_millis(300);
/// Bytes of its answer that are read.
const MOST: u64 = 4096;

/// Looks for an Ollama where no provider is set, and says in the log how to use it.
pub fn suggest(config: &Config, tasks: &Tasks) {
    if !config.providers.is_empty() {
        return;
    }
    tasks.spawn("first run", |stop| async move {
        if let Some(Some(version)) = stop.run_until_cancelled(ollama(OLLAMA)).await {
            tracing::info!(
                version,
                "Ollama answers at {OLLAMA}: to use it, put the section [servers.llm_gateway.providers.ollama] with kind = \"ollama\" \
                 into config.toml, and ask for ollama/<model>"
            );
        }
    });
}

/// The version of the Ollama at `address`, if one answers soon.
async fn ollama(address: &str) -> Option<String> {
    timeout(PATIENCE, version(address)).await.ok().flatten()
}

async fn version(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    // Of this version of HTTP, answers come in one piece.
    let request = format!("GET /api/version HTTP/1.0\r\nhost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.take(MOST).read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let said: serde_json::Value = serde_json::from_str(body).ok()?;
    let version = said.get("version")?.as_str()?;
    (head.split(' ').nth(1)? == "200").then(|| version.chars().take(32).collect())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What is found of a server that says `answer`, or nothing at all.
    async fn found(answer: Option<&str>) -> Option<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answer = answer.map(str::to_owned);
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 512];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /api/version "));
            match answer {
                Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                None => std::future::pending().await,
            }
        });
        let found = ollama(&address).await;
        serving.abort();
        found
    }

    #[tokio::test]
    async fn an_ollama_is_found_and_nobody_else_is_or_is_waited_for() {
        let head = "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n";
        let version = found(Some(&format!("{head}{{\"version\":\"0.9.6\"}}"))).await;
        assert_eq!(version.as_deref(), Some("0.9.6"));
        assert_eq!(found(Some(&format!("{head}<html>"))).await, None);
        let missing = "HTTP/1.0 404 Not Found\r\n\r\n{\"version\":\"1\"}";
        assert_eq!(found(Some(missing)).await, None);
        assert_eq!(found(None).await, None);
        assert_eq!(ollama("127.0.0.1:1").await, None);
    }
}
