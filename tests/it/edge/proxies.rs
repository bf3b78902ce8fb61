//! What a proxy says about the client's URL counts where the proxy is trusted, and nowhere else.

use futures::StreamExt;

use crate::support::{Hub, Settings};

/// The status of `GET /sse` with these headers, and the path that its first event names.
async fn open(hub: &Hub, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = hub
        .http
        .get(format!("{}{path}", hub.main))
        .bearer_auth(&hub.admin);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    if status != 200 {
        return (status, String::new());
    }
    let first = response.bytes_stream().next().await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&first).into_owned();
    let named = text.lines().find_map(|l| l.strip_prefix("data: ")).unwrap();
    (status, named.split('?').next().unwrap().to_owned())
}

const HOST: (&str, &str) = ("x-forwarded-host", "hub.example.com");
const PREFIX: (&str, &str) = ("x-forwarded-prefix", "/outer");

#[tokio::test]
async fn nobody_is_trusted_by_default() {
    let settings = Settings::default().extra("public_url = \"https://hub.example.com/base\"\n");
    let hub = Hub::with(settings).await;
    let direct = (200, "/git/messages".to_owned());
    assert_eq!(open(&hub, "/git/sse", &[]).await, direct);
    assert_eq!(open(&hub, "/git/sse", &[HOST, PREFIX]).await, direct);
    let foreign = ("x-forwarded-host", "evil.example");
    assert_eq!(open(&hub, "/git/sse", &[foreign]).await, direct);
    // Where a proxy keeps the client's host, the public URL says the prefix.
    let public = [("host", "hub.example.com")];
    assert_eq!(
        open(&hub, "/git/sse", &public).await,
        (200, "/base/git/messages".to_owned())
    );
}

#[tokio::test]
async fn a_trusted_proxy_names_host_and_prefix() {
    let settings = Settings::default()
        .extra("public_url = \"https://hub.example.com\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n");
    let hub = Hub::with(settings).await;
    let sse = |headers: Vec<(&'static str, &'static str)>| {
        let hub = &hub;
        async move { open(hub, "/sse", &headers).await }
    };
    assert_eq!(sse(vec![]).await, (200, "/messages".into()));
    assert_eq!(
        sse(vec![HOST, PREFIX]).await,
        (200, "/outer/messages".into())
    );
    assert_eq!(
        sse(vec![("host", "inner"), HOST, PREFIX]).await,
        (200, "/outer/messages".into()),
        "the client's host is the one that counts"
    );
    let foreign = ("x-forwarded-host", "evil.example");
    assert_eq!(sse(vec![foreign]).await.0, 403);
    assert_eq!(sse(vec![("host", "evil.example")]).await.0, 403);
    let elsewhere = ("x-forwarded-prefix", "//evil.example");
    assert_eq!(sse(vec![HOST, elsewhere]).await, (200, "/messages".into()));
}
