//! A provider that does as its script says, on a real socket: requests are counted, and those whose client went away.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What the provider does with a request.
#[derive(Clone)]
pub enum Act {
    /// Answers with a status, headers and a body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Answers with a stream, each part after so many milliseconds, and closes.
    Stream(Vec<(u64, String)>),
    /// Answers with a stream and then says nothing more.
    Stall(Vec<(u64, String)>),
    /// Never answers.
    Hang,
    /// Closes the connection.
    Close,
    /// Does the second after so many milliseconds.
    After(u64, Box<Act>),
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Came {
    pub path: String,
    pub head: String,
    pub body: Value,
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Act>>,
    always: Mutex<Option<Act>>,
    came: Mutex<Vec<Came>>,
    gone: AtomicUsize,
    open: AtomicUsize,
}

/// A scripted provider.
#[derive(Clone)]
pub struct Upstream {
    pub url: String,
    state: Arc<State>,
}

impl Upstream {
    /// Starts one that always does `act` when its script is empty.
    pub async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State::default());
        *state.always.lock().unwrap() = Some(act);
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { url, state }
    }

    /// A provider that nobody reaches.
    pub fn nobody() -> Self {
        Self {
            url: "http://127.0.0.1:1".into(),
            state: Arc::default(),
        }
    }

    /// What the next requests meet, one each.
    pub fn next(&self, acts: impl IntoIterator<Item = Act>) {
        self.state.script.lock().unwrap().extend(acts);
    }

    /// What all further requests meet.
    pub fn always(&self, act: Act) {
        *self.state.always.lock().unwrap() = Some(act);
    }

    pub fn came(&self) -> Vec<Came> {
        self.state.came.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.state.came.lock().unwrap().len()
    }

    /// Requests whose client closed the connection before the answer was over.
    pub fn gone(&self) -> usize {
        self.state.gone.load(Ordering::SeqCst)
    }

    /// Requests that are being answered.
    pub fn open(&self) -> usize {
        self.state.open.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    while let Some(came) = read(&mut stream).await {
        state.came.lock().unwrap().push(came);
        let scripted = state.script.lock().unwrap().pop_front();
        let act = scripted
            .or_else(|| state.always.lock().unwrap().clone())
            .unwrap();
        state.open.fetch_add(1, Ordering::SeqCst);
        let (mut reader, mut writer) = stream.split();
        // A client sends nothing while it waits: what can be read is its end.
        let mut byte = [0];
        let goes_on = tokio::select! {
            goes_on = play(act, &mut writer) => goes_on,
            _ = reader.read(&mut byte) => {
                state.gone.fetch_add(1, Ordering::SeqCst);
                false
            }
        };
        state.open.fetch_sub(1, Ordering::SeqCst);
        if !goes_on {
            return;
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Came> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            let head = String::from_utf8(std::mem::replace(&mut bytes, body)).unwrap();
            break head;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let lower = head.to_ascii_lowercase();
    let length: usize = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Came {
        path: head.split(' ').nth(1)?.to_owned(),
        head,
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    })
}

/// Does `act`; false when the connection is over.
async fn play(act: Act, to: &mut (impl AsyncWriteExt + Unpin)) -> bool {
    match act {
        Act::Answer(status, headers, body) => {
            let mut head = format!(
                "HTTP/1.1 {status} Scripted\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
                body.len()
            );
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            to.write_all(format!("{head}\r\n{body}").as_bytes())
                .await
                .is_ok()
        }
        Act::Stream(parts) => {
            stream(parts, to).await;
            to.shutdown().await.unwrap();
            false
        }
        Act::Stall(parts) => {
            stream(parts, to).await;
            std::future::pending().await
        }
        Act::Hang => std::future::pending().await,
        Act::Close => false,
        Act::After(ms, act) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Box::pin(play(*act, to)).await
        }
    }
}

async fn stream(parts: Vec<(u64, String)>, to: &mut (impl AsyncWriteExt + Unpin)) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let _gone = to.write_all(head.as_bytes()).await;
    for (ms, part) in parts {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        let _gone = to.write_all(part.as_bytes()).await;
    }
}

/// An answer of OpenAI's with this text and usage.
pub fn says(text: &str, input: u64, output: u64) -> Act {
    Act::Answer(200, Vec::new(), completion(text, input, output).to_string())
}

pub fn completion(text: &str, input: u64, output: u64) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "up",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    })
}

/// One event of OpenAI's streams.
pub fn chunk(delta: &Value, finish: Option<&str>) -> String {
    let chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    });
    format!("data: {chunk}\n\n")
}

/// A whole stream of OpenAI's that says these pieces, with usage.
pub fn streams(pieces: &[&str], input: u64, output: u64) -> Act {
    let mut parts = vec![(0, chunk(&json!({"role": "assistant", "content": ""}), None))];
    parts.extend(
        pieces
            .iter()
            .map(|text| (0, chunk(&json!({"content": text}), None))),
    );
    parts.push((0, chunk(&json!({}), Some("stop"))));
    let usage = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "up", "choices": [],
        "usage": {"prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output},
    });
    parts.push((0, format!("data: {usage}\n\ndata: [DONE]\n\n")));
    Act::Stream(parts)
}

/// A refusal.
pub fn fails(status: u16, message: &str) -> Act {
    let body = json!({"error": {"message": message, "type": "x", "code": null}});
    Act::Answer(status, Vec::new(), body.to_string())
}
