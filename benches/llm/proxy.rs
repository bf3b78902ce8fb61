//! The least that stands between a client and a provider: `proxy PROVIDER PORT` passes requests on with another key, and answers
//! as they come.

use std::net::SocketAddr;

use bytes::Bytes;
use futures::TryStreamExt;
use http::{Request, Response, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

pub async fn run(provider: SocketAddr, port: u16) {
    let client = super::support::hub::client();
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let client = client.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| pass(client.clone(), provider, request));
            // A client that goes away is no fault.
            let _gone = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

async fn pass(
    client: reqwest::Client,
    provider: SocketAddr,
    request: Request<Incoming>,
) -> Result<
    Response<impl hyper::body::Body<Data = Bytes, Error = reqwest::Error>>,
    Box<dyn std::error::Error + Send + Sync>,
> {
    let url = format!("http://{provider}{}", request.uri());
    let body = request.into_body().collect().await?.to_bytes();
    let answer = client
        .post(url)
        .bearer_auth("sk-another")
        .header(header::CONTENT_TYPE, "application/json")
        .body(body)
        .send()
        .await?;
    let mut response = Response::builder().status(answer.status());
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH] {
        if let Some(value) = answer.headers().get(&name) {
            response = response.header(name, value);
        }
    }
    let body = StreamBody::new(answer.bytes_stream().map_ok(Frame::data));
    Ok(response.body(body)?)
}
