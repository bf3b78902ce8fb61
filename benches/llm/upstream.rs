//! A provider that answers at once: `upstream PORT`.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Pieces of an answer that comes as a stream, each in a packet of its own.
pub const PIECES: usize = 32;

const WHOLE: &str = r#"{"id":"chatcmpl-9","object":"chat.completion","created":1750000000,"model":"up","choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog, and the dog does not mind at all.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":42,"completion_tokens":18,"total_tokens":60,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"fp_9"}"#;
const PIECE: &str = r#"data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1750000000,"model":"up","choices":[{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}]}

"#;
const LAST: &str = r#"data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1750000000,"model":"up","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}

data: {"id":"chatcmpl-9","object":"chat.completion.chunk","created":1750000000,"model":"up","choices":[],"usage":{"prompt_tokens":42,"completion_tokens":32,"total_tokens":74}}

data: [DONE]

"#;

pub async fn run(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new();
            // A client that goes away is no fault.
            let _gone = connection
                .serve_connection(TokioIo::new(socket), service_fn(answer))
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let body = request.into_body().collect().await?.to_bytes();
    let streams = holds(&body, b"\"stream\":true") || holds(&body, b"\"stream\": true");
    let (kind, body) = if streams {
        ("text/event-stream; charset=utf-8", pieces().boxed())
    } else {
        ("application/json", Full::from(WHOLE).boxed())
    };
    Ok(Response::builder()
        .header(header::CONTENT_TYPE, kind)
        .header("x-request-id", "req_9")
        .body(body)
        .unwrap())
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|at| at == wanted)
}

fn pieces() -> impl hyper::body::Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static {
    StreamBody::new(stream::unfold(0, |n| async move {
        // What was sent before goes out.
        tokio::task::yield_now().await;
        let text = match n {
            0..PIECES => PIECE,
            PIECES => LAST,
            _ => return None,
        };
        Some((Ok(Frame::data(Bytes::from_static(text.as_bytes()))), n + 1))
    }))
}
