//! A provider for tests: a socket that answers as it is told to.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{Auth, Http, Timeouts, address};
use crate::servers::llm_gateway::engine::secret::Keeper;

/// The key that tests send, and must not find again.
pub const KEY: &str = "sk-canary-0123456789abcdef";

/// What the server does next.
#[derive(Debug, Clone)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Wait until the other side goes away, and note that.
    Hang,
    Close,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Request line and headers.
    pub head: String,
    pub body: String,
}

/// The server, and what it has seen.
pub struct Script {
    pub base: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    pub connections: Arc<Mutex<usize>>,
    gone: Arc<Semaphore>,
}

impl Script {
    /// Answers every request with what `answer` says.
    pub async fn new(answer: impl Fn(&Asked) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Self {
            base: format!("http://{}/v1", listener.local_addr().unwrap()),
            asked: Arc::default(),
            connections: Arc::default(),
            gone: Arc::new(Semaphore::new(0)),
        };
        let (asked, gone) = (script.asked.clone(), script.gone.clone());
        let (connections, answer) = (script.connections.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                socket.set_nodelay(true).unwrap();
                let (asked, gone, answer) = (asked.clone(), gone.clone(), answer.clone());
                tokio::spawn(async move {
                    while let Some(request) = read(&mut socket).await {
                        let steps = answer(&request);
                        asked.lock().unwrap().push(request);
                        for step in steps {
                            match step {
                                Step::Send(bytes) => {
                                    let _ = socket.write_all(&bytes).await;
                                }
                                Step::Wait(time) => tokio::time::sleep(time).await,
                                Step::Hang => {
                                    while socket.read(&mut [0; 64]).await.is_ok_and(|n| n > 0) {}
                                    gone.add_permits(1);
                                    return;
                                }
                                Step::Close => return,
                            }
                        }
                    }
                });
            }
        });
        script
    }

    /// Waits until the other side has gone away.
    pub async fn gone(&self) {
        let seen = tokio::time::timeout(Duration::from_secs(30), self.gone.acquire()).await;
        seen.expect("the connection stays open").unwrap().forget();
    }

    /// Waits for `asking`, which hears nothing, until its request has come; then gives it up.
    pub async fn give_up<T>(&self, asking: impl Future<Output = T>) {
        let come = async {
            while self.asked.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = asking => panic!("it was answered"),
            () = come => {}
        }
    }

    /// The last request.
    pub fn last(&self) -> Asked {
        self.asked.lock().unwrap().last().cloned().unwrap()
    }

    /// A client for it, with short waits.
    pub fn http(&self, auth: Auth) -> Http {
        let url = address::check_url(&self.base).unwrap();
        let keeper = Keeper::new(None, Some(key_file()));
        Http::new(url, auth, keeper, short(), address::Reach::Public)
    }
}

/// Timeouts that tests can wait for.
pub fn short() -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(500),
        first_byte: Duration::from_millis(500),
        idle: Duration::from_millis(300),
    }
}

/// A file with [`KEY`].
pub fn key_file() -> PathBuf {
    let path = tempfile::tempdir().unwrap().keep().join("key");
    std::fs::write(&path, format!("{KEY}\n")).unwrap();
    path
}

/// A whole answer.
pub fn json(status: u16, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    vec![Step::Send(text.into_bytes())]
}

/// A stream whose bytes come in these pieces, without its end.
pub fn open_stream<'a>(headers: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Step> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n{headers}transfer-encoding: chunked\r\n\r\n"
    );
    let chunk = |piece: &[u8]| {
        let size = format!("{:x}\r\n", piece.len());
        Step::Send([size.as_bytes(), piece, b"\r\n"].concat())
    };
    let pieces = pieces
        .into_iter()
        .filter(|piece| !piece.is_empty())
        .map(chunk);
    std::iter::once(Step::Send(head.into_bytes()))
        .chain(pieces)
        .collect()
}

/// A stream that ends.
pub fn stream(text: &str) -> Vec<Step> {
    ended(open_stream("", [text.as_bytes()]))
}

/// The same with the end of its body.
pub fn ended(mut steps: Vec<Step>) -> Vec<Step> {
    steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
    steps
}

async fn read(socket: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)?
                .split("\r\n")
                .next()?;
            if body.len() >= length.parse().ok()? {
                return Some(Asked {
                    head,
                    body: body.to_owned(),
                });
            }
        }
        if socket.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
