use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A server that answers each request with `answer`, and how often it was asked.
async fn server(answer: impl Into<String>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, answer) = (Arc::clone(&asked), answer.into());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (at, asked)
}

fn policy(allowed: &[&String]) -> Policy {
    Policy {
        allowed_private: allowed.iter().map(ToString::to_string).collect(),
        max_bytes: 100,
        deadline: Duration::from_secs(5),
    }
}

fn redirect(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn page(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n{body}")
}

#[tokio::test]
async fn what_is_allowed_is_fetched_with_its_type() {
    let (at, _) = server(page("hello")).await;
    let (first, _) = server(redirect(&format!("http://{at}/b"))).await;
    let fetched = fetch(&policy(&[&at, &first]), &format!("http://{first}/a"))
        .await
        .unwrap();
    assert_eq!(fetched.bytes, b"hello");
    assert_eq!(fetched.content_type.as_deref(), Some("text/plain"));
    assert_eq!(fetched.url, format!("http://{at}/b"));
}

#[tokio::test]
async fn private_addresses_are_not_gone_to_however_they_are_spelled() {
    let (at, asked) = server(page("secret")).await;
    let port = at.rsplit(':').next().unwrap();
    for host in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        let refused = fetch(&policy(&[]), &format!("http://{host}:{port}/"))
            .await
            .unwrap_err();
        assert!(matches!(refused, Refused::Address(..)), "{host}: {refused}");
    }
    // A redirect leads there no more than a caller does.
    let (first, _) = server(redirect(&format!("http://{at}/"))).await;
    let refused = fetch(&policy(&[&first]), &format!("http://{first}/"))
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Address(..)), "{refused}");
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn metadata_services_are_never_gone_to() {
    let meant = "169.254.169.254:80".to_owned();
    let refused = fetch(&policy(&[&meant]), "http://169.254.169.254/latest")
        .await
        .unwrap_err();
    assert!(matches!(refused, Refused::Address(..)), "{refused}");
}

#[tokio::test]
async fn what_is_too_much_is_refused() {
    let (large, _) = server(page(&"x".repeat(101))).await;
    let (claims, _) = server("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\nx").await;
    let (gone, _) = server("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    let (round, asked) = server(redirect("/again")).await;
    for (at, expected) in [
        (&large, Refused::TooLarge(100)),
        (&claims, Refused::TooLarge(100)),
        (&gone, Refused::Status(404)),
        (&round, Refused::Hops),
    ] {
        assert_eq!(
            fetch(&policy(&[at]), &format!("http://{at}/")).await,
            Err(expected)
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), MOST_HOPS + 1);
}

#[tokio::test]
async fn only_web_addresses_without_credentials_are_fetched() {
    let own = policy(&[]);
    for url in [
        "file:///etc/passwd",
        "ftp://x/",
        "no url",
        "gopher://127.0.0.1/",
    ] {
        assert!(
            matches!(fetch(&own, url).await, Err(Refused::Url(_))),
            "{url}"
        );
    }
    let refused = fetch(&own, "https://me:secret@example.com/").await;
    assert_eq!(refused, Err(Refused::Credentials));
}

#[tokio::test]
async fn a_receiver_is_sent_to_without_being_led_elsewhere() {
    let (inside, asked) = server(page("secret")).await;
    let (at, _) = server(redirect(&format!("http://{inside}/"))).await;
    let (busy, _) =
        server("HTTP/1.1 503 Busy\r\nretry-after: 7\r\nconnection: close\r\n\r\n").await;
    let allowed = [at.clone(), busy.clone()];
    let post = async |at: &str| {
        let receiver = Receiver::open(&allowed, &format!("http://{at}/")).await?;
        receiver.post(http::HeaderMap::new(), "{}".to_owned()).await
    };
    let led = post(&at).await.unwrap();
    assert_eq!((led.status, led.retry_after), (StatusCode::FOUND, None));
    let later = post(&busy).await.unwrap();
    assert_eq!(later.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(post(&inside).await, Err(Refused::Plain));
    let refused = Receiver::open(&allowed, &format!("https://{inside}/")).await;
    assert!(matches!(refused.unwrap_err(), Refused::Address(..)));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}
