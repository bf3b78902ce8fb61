//! More than the hub will serve is turned away at once, and what it serves is not harmed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{Hub, Settings, Sse, eventually};

fn slow() -> Value {
    json!({"project_id": "default", "agent_id": "default", "model": "mock/echo",
           "messages": [{"role": "user", "content": "mock:ttft=1500 slow"}]})
}

async fn two_places() -> Hub {
    Hub::with(Settings::default().extra("max_concurrent_requests = 2\n")).await
}

#[tokio::test]
async fn requests_past_the_cap_get_503_and_probes_do_not() {
    let hub = two_places().await;
    // Open streams take no place.
    let base = &hub.own["issues"];
    let _streams = [
        Sse::open(&hub.http, base, &hub.admin).await,
        Sse::open(&hub.http, base, &hub.admin).await,
        Sse::open(&hub.http, base, &hub.admin).await,
    ];
    let chat = || hub.admin("POST", "/api/v1/servers/llm_gateway/tools/chat", slow());
    let busy = async {
        eventually("both calls to run", || async {
            let url = format!("{}/api/v1/servers", hub.main);
            hub.http.get(url).send().await.unwrap().status() == 503
        })
        .await;
        for url in [
            format!("{}/api/v1/servers", hub.main),
            format!("{base}/mcp"),
            format!("{base}/sse"),
        ] {
            let answer = hub.http.get(&url).bearer_auth("syx_none").send().await;
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 503, "{url}");
            assert_eq!(answer.headers()["retry-after"], "1");
            assert_eq!(answer.json::<Value>().await.unwrap()["code"], "unavailable");
        }
        for path in ["/livez", "/readyz"] {
            assert_eq!(hub.admin("GET", path, Value::Null).await.0, 200, "{path}");
        }
        let url = format!("{}/metrics", hub.main);
        let metrics = hub.http.get(url).bearer_auth(&hub.admin).send().await;
        let metrics = metrics.unwrap().text().await.unwrap();
        assert!(
            metrics.contains("syndarix_requests_shed_total"),
            "{metrics}"
        );
    };
    let (one, two, ()) = tokio::join!(chat(), chat(), busy);
    assert_eq!((one.0, two.0), (200, 200), "{one:?} {two:?}");
    assert_eq!(
        hub.admin("GET", "/api/v1/servers", Value::Null).await.0,
        200
    );
}

#[tokio::test]
async fn calls_behind_an_sse_stream_count() {
    let hub = two_places().await;
    let stream = Sse::open(&hub.http, &hub.own["llm_gateway"], &hub.admin).await;
    let call = |id: u64| {
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "chat", "arguments": slow()}})
            .to_string()
    };
    for id in [10, 11] {
        assert_eq!(stream.post(&hub.admin, call(id)).await, 202);
    }
    eventually("both calls to run", || async {
        stream.post(&hub.admin, "{}".into()).await == 503
    })
    .await;
    assert_eq!(stream.post(&hub.admin, call(12)).await, 503);
    eventually("both calls to end", || async {
        stream.notifications.lock().unwrap().len() == 2
    })
    .await;
    assert_eq!(stream.post(&hub.admin, call(13)).await, 202);
}

#[tokio::test]
async fn a_connection_past_the_cap_is_told_when_to_come_back() {
    let hub = Hub::with(Settings::default().extra("max_connections = 2\n")).await;
    let address = hub.own["issues"].trim_start_matches("http://").to_owned();
    let connect = || async {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!("GET /livez HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let n = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer[..n].to_vec()).unwrap();
        (stream, answer)
    };
    let (one, two) = (connect().await, connect().await);
    assert!(one.1.starts_with("HTTP/1.1 200") && two.1.starts_with("HTTP/1.1 200"));
    let started = Instant::now();
    let (mut third, told) = connect().await;
    assert!(
        told.starts_with("HTTP/1.1 503") && told.contains("Retry-After: 1"),
        "{told}"
    );
    assert_eq!(third.read(&mut [0]).await.unwrap(), 0, "and closed");
    assert!(started.elapsed() < Duration::from_secs(1));
    drop(one);
    eventually("the place of a closed connection", || async {
        connect().await.1.starts_with("HTTP/1.1 200")
    })
    .await;
}
